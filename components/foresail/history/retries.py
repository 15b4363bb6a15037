"""One plain line for each attempt that failed and is made again."""

import stamina.instrumentation
import structlog
from stamina.instrumentation import RetryDetails

_log = structlog.get_logger(__name__)


def tell_retries_plainly() -> None:
    """Replace stamina's own line, which repeats the client's exception, for this whole process."""
    stamina.instrumentation.set_on_retry_hooks([_tell])


def tell_retry(what: str, *, attempt: int, wait_seconds: float) -> None:
    """Tell that a request is made again.

    Args:
        what: What is asked for.
        attempt: Which one comes next; the first was 1.
        wait_seconds: Until then.
    """
    _log.warning(
        "no answer, asking again",
        what=what,
        attempt=attempt,
        wait_seconds=round(wait_seconds, 1),
    )


def _tell(details: RetryDetails) -> None:
    tell_retry(
        str(details.kwargs.get("what", "the object store")),
        attempt=details.retry_num + 1,
        wait_seconds=details.wait_for,
    )
