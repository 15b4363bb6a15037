"""What a path gives away, and so what a token must open."""

from functools import lru_cache

PROBES = "probes"
"""Whether the process answers: for whoever restarts it, always."""
PUBLIC = "public"
"""The pages' own files, the same everywhere; what they show is asked for with a token."""
_AREAS = {
    "/livez": PROBES,
    "/readyz": PROBES,
    "/health": "health",
    "/metrics": "metrics",
    "/": PUBLIC,
    "/docs": PUBLIC,
    "/openapi.json": PUBLIC,
    "/favicon.ico": PUBLIC,
}
_STATIC = "/assets/"
_REMEMBERED = 512


@lru_cache(maxsize=_REMEMBERED)
def area_of(path: str) -> str:
    """Return the scope that opens a path, or one of the areas that need none.

    What is not known is `forecasts`: whoever has no token cannot try out which pages there are.
    """
    area = _AREAS.get(path)
    if area is not None:
        return area
    return PUBLIC if path.startswith(_STATIC) else "forecasts"
