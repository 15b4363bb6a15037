"""Errors as Prometheus writes them."""

from typing import Literal

ErrorType = Literal["bad_data", "execution", "unavailable", "timeout", "not_found"]
STATUS: dict[ErrorType, int] = {
    "bad_data": 400,
    "not_found": 404,
    "execution": 422,
    "timeout": 503,
    "unavailable": 503,
}


class QueryError(Exception):
    """A query that is not answered.

    Attributes:
        error_type: Prometheus' word for what kind of error it is; it decides the status.
    """

    def __init__(self, error_type: ErrorType, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def bad_data(message: str) -> QueryError:
    """Return the error of a query that is wrong or asks for what there is not."""
    return QueryError("bad_data", message)
