"""What an answer must be: what a server over the published files gives that is never disturbed.

And beside it the numbers themselves, from how the bundles were made, without the server's code.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from factories.clocks import SetClock
from servers.foresail import Client, serving
from structlog.testing import capture_logs

from benchmarks.faults_bundles import Good, Versions
from foresail_serving.clock import hour_of, utc_now

_HOUR = timedelta(hours=1)
_OK = 200


@dataclass(frozen=True, slots=True)
class _Reference:
    good: Good
    client: Client
    clock: SetClock


@dataclass(slots=True)
class Truth:
    """Tells of a body whether it is right.

    A body is looked at once: the next with the same bytes is known.

    Attributes:
        references: One undisturbed server for each good version.
    """

    references: tuple[_Reference, ...]
    _known: dict[tuple[str, bytes, datetime], str] = field(default_factory=dict)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(self, path: str, body: bytes) -> str:
        """Return the version of a body, or `mixed`, or `wrong`."""
        hour = hour_of(utc_now())
        key = (path, hashlib.sha256(body).digest(), hour)
        if key not in self._known:
            async with self._alone:  # a reference's clock is set for one question at a time
                if key not in self._known:
                    self._known[key] = await asyncio.to_thread(self._look, path, body, hour)
        return self._known[key]

    def _look(self, path: str, body: bytes, hour: datetime) -> str:
        version = self._published(path, body, hour)
        if urlsplit(path).path.endswith(".csv"):
            return version or "wrong"
        own = self._own_numbers(body)
        if own is None:
            return "mixed"
        return version if version == own else "wrong"

    def _published(self, path: str, body: bytes, hour: datetime) -> str:
        """Return the version whose undisturbed answer has the same bytes, or nothing.

        The answer may have been made in the hour that has just ended.
        """
        metric = parse_qs(urlsplit(path).query)["metric"][0]
        for reference in self.references:
            if reference.good.model != f"foresail-{metric}":
                continue
            for at in (hour, hour - _HOUR):
                reference.clock.now = at
                answer = reference.client.get(path)
                if answer.status == _OK and answer.body == body:
                    return reference.good.version
        return ""

    def _own_numbers(self, body: bytes) -> str | None:
        """Return the version that a body names, if every number of it is that version's."""
        answer = json.loads(body)
        model = answer["model"]
        level = {
            r.good.level
            for r in self.references
            if (r.good.model, r.good.version) == (model["name"], model["version"])
        }
        hours = [datetime.fromisoformat(stamp).hour for stamp in answer["ds"]]
        made = {value - hour for value, hour in zip(answer["p50"], hours, strict=True)}
        return str(model["version"]) if made == level else None


@contextlib.contextmanager
def truth(versions: Versions) -> Iterator[Truth]:
    """Run the undisturbed servers."""
    with contextlib.ExitStack() as stack:
        references = []
        for good in versions.good:
            clock = SetClock(hour_of(utc_now()))
            with capture_logs():  # each says what it serves
                client = stack.enter_context(serving(good.cache, clock, access_log=False))
            references.append(_Reference(good, client, clock))
        yield Truth(tuple(references))
