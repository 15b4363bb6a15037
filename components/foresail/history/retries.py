"""One plain line for each attempt that failed and is made again."""

import stamina.instrumentation
import structlog
from stamina.instrumentation import RetryDetails

_log = structlog.get_logger(__name__)


def tell_retries_plainly() -> None:
    """Replace stamina's own line, which repeats the client's exception, for this whole process."""
    stamina.instrumentation.set_on_retry_hooks([_tell])


def _tell(details: RetryDetails) -> None:
    _log.warning(
        "no answer, asking again",
        what=details.kwargs.get("what", "the object store"),
        attempt=details.retry_num + 1,
        wait_seconds=round(details.wait_for, 1),
    )
