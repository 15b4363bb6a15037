"""Which pages of other sites may ask from a browser (CORS).

Credentials in the sense of CORS, that is cookies, are never allowed: there are none. A page that
has a token sends it as a header, which a preflight allows.
"""

from collections.abc import Mapping, Sequence

from starlette.responses import Response

Headers = tuple[tuple[bytes, bytes], ...]

_EXPOSED = "ETag, Forecast-Status, Forecast-Generated, Forecast-Covers-Until, Retry-After"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST",
    "Access-Control-Allow-Headers": "Authorization, Accept, Content-Type, If-None-Match",
    "Access-Control-Max-Age": "600",
    "Cache-Control": "no-store",
}
_VARY = (b"vary", b"Origin")


class Cors:
    """Answers for the pages of these origins.

    Args:
        origins: Such as `https://grafana.example.com`; `*` is any.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, origin: bytes | None) -> Headers:
        """Return what an answer carries for a page of this origin."""
        if self._any:
            allowed = b"*"
        elif origin is not None and origin.lower() in self._origins:
            allowed = origin
        else:
            return (_VARY,)
        grant = (
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", _EXPOSED.encode()),
        )
        return grant if self._any else (*grant, _VARY)

    def preflight(self, method: str, headers: Mapping[bytes, bytes]) -> Response | None:
        """Return the answer to a browser that asks whether it may ask; None for anything else."""
        asked = method == "OPTIONS" and b"access-control-request-method" in headers
        origin = headers.get(b"origin")
        if not asked or origin is None:
            return None
        if not self._any and origin.lower() not in self._origins:
            return None
        return Response(status_code=204, headers=_PREFLIGHT)
