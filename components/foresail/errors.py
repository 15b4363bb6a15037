"""Every error a user can meet, as one tree.

ForesailError                  exit code 1: the world is not as it should be
|-- UsageError                 exit code 2: the call itself is wrong (an option, a date, a name)
|-- BadInput                   data that cannot be used; lists everything wrong with it at once
|-- Unreachable                a server did not answer (Prometheus, object store, MLflow)
|-- AccessDenied               a server refused the credentials
|-- NotFound                   a bucket, object, model, alias or series that is not there
`-- BadBundle                  a published forecast that fails its own checks; never served

Every message is one line that says what was expected, what came and what to do.
"""

from collections.abc import Sequence


class ForesailError(Exception):
    """Base of all errors that Foresail raises on purpose."""

    exit_code = 1


class UsageError(ForesailError):
    """The call is wrong; the message says what it should be."""

    exit_code = 2


class BadInput(ForesailError):  # noqa: N818  # the tree names conditions, not "...Error" everywhere
    """Data that cannot be used.

    Attributes:
        problems: Everything that was found wrong, one sentence each.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("; ".join(self.problems))


class Unreachable(ForesailError):  # noqa: N818
    """A server did not answer within its deadline."""


class AccessDenied(ForesailError):  # noqa: N818
    """A server refused the credentials."""


class NotFound(ForesailError):  # noqa: N818
    """A named thing is not there."""


class BadBundle(ForesailError):  # noqa: N818
    """A published forecast fails its own checks and is not served.

    Attributes:
        check: Which check, as a word for metrics: `sha256`, `schema`, `shape`, `not-finite`, ...
    """

    def __init__(self, message: str, *, check: str = "invalid") -> None:
        self.check = check
        super().__init__(message)
