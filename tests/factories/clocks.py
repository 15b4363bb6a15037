"""A clock that a test turns by hand."""

import threading
from dataclasses import dataclass, field


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
