"""The parameters of a request, from its address and its form, as Prometheus reads them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import promql_parser
from starlette.requests import Request

from foresail_serving.problems import ProblemError
from foresail_serving.promql.errors import bad_data
from foresail_serving.promql.selector import Selector, parse_selector

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?")
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:(\.\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE
)
_FARTHEST = 1 << 53
"""Milliseconds that a float holds exactly."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was sent; of a name that is sent more than once, mostly the first counts."""

    values: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """Return a parameter, empty where it was not sent."""
        return next(iter(self.values.get(name, ())), "")

    def time(self, name: str, default: datetime | None = None) -> int:
        """Return a time in milliseconds since 1970.

        Raises:
            QueryError: It is none, or was not sent and has no default.
        """
        text = self.text(name)
        if not text and default is not None:
            return round(default.timestamp() * 1000)
        found = _milliseconds(text)
        if found is None:
            raise bad_data(
                f'invalid parameter "{name}": cannot parse {_shown(text)} to a valid timestamp'
            )
        return found

    def span(self, name: str) -> int:
        """Return a length of time in milliseconds.

        Raises:
            QueryError: It is none.
        """
        text = self.text(name)
        if _NUMBER.fullmatch(text):
            found: float | None = float(text) * 1000
        else:
            try:
                found = promql_parser.parse_duration(text[:100]) / timedelta(milliseconds=1)
            except (ValueError, OverflowError):
                found = None
        if found is None or abs(found) > _FARTHEST:
            raise bad_data(
                f'invalid parameter "{name}": cannot parse {_shown(text)} to a valid duration'
            )
        return round(found)

    def limit(self) -> int | None:
        """Return how many results are wanted at most, None for all.

        Raises:
            QueryError: It is no whole number from 0 on.
        """
        text = self.text("limit")
        if text and not re.fullmatch(r"\d{1,9}", text, re.ASCII):
            raise bad_data(
                f'invalid parameter "limit": cannot parse {_shown(text)} to a number from 0 on'
            )
        return int(text or 0) or None

    def matches(self) -> list[Selector]:
        """Return the selectors of `match[]`.

        Raises:
            QueryError: One is none.
        """
        try:
            return [parse_selector(text) for text in self.values.get("match[]", ())]
        except ProblemError as error:
            raise bad_data(f'invalid parameter "match[]": {error.detail}') from error


async def parameters_of(request: Request) -> Parameters:
    """Read the parameters of a request; what a form says comes before what the address says.

    Raises:
        QueryError: They are more than a query needs, or not text.
    """
    pairs: list[tuple[str, str]] = []
    if request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM):
        pairs += _pairs(await request.body())  # the connection has held it to its limit
    pairs += _pairs(request.scope["query_string"])
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Parameters(values)


def _pairs(sent: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            sent.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise bad_data(
            f"error parsing form values: expected at most {_MOST_FIELDS}, percent-encoded UTF-8"
        ) from error


def _milliseconds(text: str) -> int | None:
    if _NUMBER.fullmatch(text):
        number = float(text) * 1000
        return round(number) if math.fabs(number) <= _FARTHEST else None
    written = _RFC3339.fullmatch(text)
    if written is None:
        return None
    try:
        parsed = datetime.fromisoformat("".join(part or "" for part in written.groups()).upper())
        return round((parsed - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        return None


def _shown(text: str) -> str:
    return f'"{text[:100]}"'
