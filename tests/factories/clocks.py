"""Clocks that a test turns by hand."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class HandClock:
    """Seconds that pass only when somebody sleeps, or the test says so.

    Attributes:
        seconds: The time.
        slept: How long each sleep was.
    """

    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        """Return the time."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds


@dataclass
class SetClock:
    """A clock that stands where it is put."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the present."""
        return self.now

    def forward(self, **span: float) -> None:
        """Let time pass, in the units of `timedelta`."""
        self.now += timedelta(**span)
