"""Which format a request wants, by RFC 9110: `Accept` and `Accept-Encoding` with their weights."""

import re
from collections.abc import Iterator
from typing import Literal

Format = Literal["json", "csv", "xlsx"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""In the order in which they are preferred."""
_NAMES = {form: media.partition(";")[0] for form, media in MEDIA_TYPES.items()}
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE = re.compile(rf"{_WORD}/{_WORD}")
_CODING = re.compile(_WORD)
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_LONGEST = 4096
"""A header beyond it is read up to here."""


def preferred(accept: str) -> Format | None:
    """Return the format that an `Accept` header weighs most; None where it accepts none.

    What is no media range is passed over; a header with nothing else is as good as none.
    """
    weights = {name.lower(): q for name, q in _weighted(accept) if _RANGE.fullmatch(name)}
    if not weights:
        return "json"
    best: Format | None = None
    most = 0.0
    for form, media in _NAMES.items():
        for name in (media, f"{media.partition('/')[0]}/*", "*/*"):  # the most specific decides
            if name in weights:
                if weights[name] > most:
                    best, most = form, weights[name]
                break
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a body may come compressed with gzip."""
    weights = {name.lower(): q for name, q in _weighted(accept_encoding) if _CODING.fullmatch(name)}
    for name in ("gzip", "x-gzip", "*"):
        if name in weights:
            return weights[name] > 0
    return False


def of_extension(path: str) -> Format | None:
    """Return the format that a path ends in, if it does."""
    for form in MEDIA_TYPES:
        if path.endswith(f".{form}"):
            return form
    return None


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    for part in header[:_LONGEST].split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        weight = "1"
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                weight = value.strip()
        if name and _WEIGHT.fullmatch(weight):
            yield name, float(weight)
