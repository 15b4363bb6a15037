"""What went wrong on the way, how often, and until when it is left alone."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from foresail_serving.cache import SyncCount

LONGEST_PAUSE_SECONDS = 300.0


@dataclass(slots=True)
class _Pause:
    """How long one thing is left alone after trouble: twice as long each time, up to a cap."""

    version: str
    failures: int = 0
    until: datetime | None = None


@dataclass(slots=True)
class Troubles:
    """Counts and tells trouble by what it befell: a model, or its challenger.

    Attributes:
        seconds: The first pause after trouble.
        refused: Bundles that were fetched and not accepted, by (what it befell, reason).
        failures: Attempts that did not get that far, alike.
        messages: The latest trouble of each, as a sentence; gone when all is well again.
    """

    seconds: float
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)
    _pauses: dict[str, _Pause] = field(default_factory=dict)

    def may_try(self, told: str, now: datetime, *, version: str = "") -> bool:
        """Say whether it is time to try again.

        Args:
            told: What it would befall.
            now: The present.
            version: Which one would be fetched; none where the registry itself would be asked.
        """
        pause = self._pauses.get(told)
        return (
            pause is None or pause.version != version or pause.until is None or now >= pause.until
        )

    def refuse(self, told: str, reason: str, message: str, now: datetime, *, version: str) -> None:
        """Take down a bundle that was fetched and not accepted; another version is not left."""
        self.refused[told, reason] += 1
        self._tell("refused", told, reason, message)
        self._leave_alone(told, now, version)

    def fail(
        self, told: str, reason: str, message: str, now: datetime, *, version: str = ""
    ) -> None:
        """Take down an attempt that failed; what it befell is left alone for a while."""
        self.failures[told, reason] += 1
        self._tell("failed", told, reason, message)
        self._leave_alone(told, now, version)

    def lack(self, told: str, reason: str, message: str) -> None:
        """Take down what is not there yet: nothing is wrong, and it may come at any moment."""
        self.failures[told, reason] += 1
        self._tell("failed", told, reason, message)
        self._pauses.pop(told, None)

    def clear(self, told: str) -> None:
        """Take down that all is well."""
        self._pauses.pop(told, None)
        self.messages.pop(told, None)

    def _tell(self, event: str, told: str, reason: str, message: str) -> None:
        self.messages[told] = message
        logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("foresail.sync")
        logger.warning(event, model=told, reason=reason, message=message)

    def _leave_alone(self, told: str, now: datetime, version: str) -> None:
        pause = self._pauses.get(told)
        if pause is None or pause.version != version:
            pause = self._pauses[told] = _Pause(version)
        pause.failures += 1
        seconds = min(self.seconds * 2 ** (pause.failures - 1), LONGEST_PAUSE_SECONDS)
        pause.until = now + timedelta(seconds=seconds)


def counts(counter: Counter[tuple[str, str]]) -> tuple[SyncCount, ...]:
    """Return a counter as `sync.json` holds it."""
    return tuple(
        SyncCount(model=told, reason=reason, count=count)
        for (told, reason), count in sorted(counter.items())
    )
