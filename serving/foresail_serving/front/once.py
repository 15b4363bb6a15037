"""What is made once, in a thread, by the first who needs it."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Once(Generic[_T]):
    """A value that is made when it is first asked for, and kept.

    A failure is told to all who wait for it, and forgotten: whoever asks next tries again.

    Args:
        make: Returns the value; called in a thread, never twice at a time.
    """

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._making: asyncio.Future[_T] | None = None

    async def get(self) -> _T:
        """Return the value as soon as it is there."""
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
            self._making.add_done_callback(self._forget_failure)
        # a client that leaves does not stop what others wait for
        return await asyncio.shield(self._making)

    def _forget_failure(self, made: asyncio.Future[_T]) -> None:
        if made.cancelled() or made.exception() is not None:
            self._making = None
