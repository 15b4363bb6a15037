"""One structured line per event, on stderr: JSON for machines, plain for a terminal.

Whatever is logged, by us or by a library, what looks like a credential is masked in it.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

MASK = "***"
_MASKS = (
    (re.compile(r"\b(bearer|basic)[ \t:=]+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    # a token of this server, whole or cut short
    (re.compile(r"fs_[0-9a-f]{16,}"), f"fs_{MASK}"),
    # user and password of a URL; up to the last @ before the path, as clients read it
    (re.compile(r"://[^/?#\s]*@"), f"://{MASK}@"),
    (
        re.compile(
            r"(?<![A-Za-z0-9])((?:api|access|secret)?[_-]?key|token|password|secret)=[^&\s#;,'\"]+",
            re.IGNORECASE,
        ),
        rf"\1={MASK}",
    ),
)
_SECRET_FIELDS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "password", "secret", "token")
)


def configure_logs() -> None:
    """Send structlog's events, and those of `logging`, to stderr. Called by programs alone.

    `logging` from warnings on: uvicorn and asyncio speak there.
    """
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    before: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_credentials,
    ]
    structlog.configure(
        processors=[*before, renderer],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for earlier in [h for h in root.handlers if isinstance(h, _Stderr)]:
        root.removeHandler(earlier)
    root.addHandler(handler)


class _Stderr(logging.Handler):
    """Writes to whatever stderr is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return  # stderr is gone or closed, and with it the place to say so


def mask(text: str) -> str:
    """Return a text with everything that looks like a credential masked."""
    for pattern, masked in _MASKS:
        text = pattern.sub(masked, text)
    return text


def mask_credentials(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask credentials in every field of an event; a processor of structlog."""
    del logger, method
    return {name: _masked(value, name=name) for name, value in event.items()}


def _masked(value: object, *, name: object = "") -> object:
    # what structlog's own formatter passes along is taken out again before it is rendered
    if name in ("_record", "_from_structlog"):
        return value
    if isinstance(name, str) and name.lower() in _SECRET_FIELDS:
        return MASK
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _masked(held, name=key) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(held) for held in value]
    return mask(value if isinstance(value, str) else repr(value))
