"""Parse PromQL, within bounds that keep the parser itself safe.

The parser takes time with the square of how deep a query is nested, compiles every pattern, and
breaks off in the middle on times that no clock can hold.
"""

import re
from math import prod

import promql_parser

from foresail_serving.problems import ProblemError

MAX_QUERY = 16_384
_MAX_OUTSIDE = 1_000
_MAX_REPEATS = 1_000
_MAX_CLASSES = 50
_QUOTED = re.compile(r"""(["'`])(?:\\.|(?!\1)[^\\])*(?:\1|\\?\Z)""", re.DOTALL)
"""A text, where the parser ends it: a backslash counts in backquotes too. Also one that is not
closed: looking for its end again and again would take for ever."""
_BRACES = re.compile(r"\{[^{}]*\}")
_CLASS = re.compile(r"\\[wWpP]")
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_SPAN = r"(?:\d{1,6}(?:ms|[smhdwy]))+"
_RANGE = re.compile(rf"\[\s*{_SPAN}\s*(?::\s*(?:{_SPAN})?\s*)?\]")
_OFFSET = re.compile(rf"\boffset\b\s*[-+]?\s*{_SPAN}\b", re.IGNORECASE)
_WRITTEN = re.compile(r"\[|\boffset\b", re.IGNORECASE)


def parse(text: str) -> promql_parser.Expr:
    """Return what a query says.

    Raises:
        ProblemError: It is not PromQL, or larger than a query that a person or a tool writes.
    """
    _check_bounds(text)
    try:
        return promql_parser.parse(text)
    except ValueError as error:
        raise ProblemError("bad-request", f"not PromQL: {error}") from error


def _check_bounds(text: str) -> None:
    if len(text) > MAX_QUERY:
        raise ProblemError(
            "bad-request", f"expected a query of at most {MAX_QUERY} characters, got {len(text)}"
        )
    bare = _QUOTED.sub("", text)
    if "#" in bare:  # a quote in a comment begins a text for us, and none for the parser
        raise ProblemError("bad-request", "comments are not supported in queries")
    outside = _BRACES.sub("", bare)
    if len(outside) > _MAX_OUTSIDE:
        raise ProblemError(
            "bad-request",
            f"expected at most {_MAX_OUTSIDE} characters outside the label matchers, "
            f"got {len(outside)}",
        )
    if "@" in outside:
        raise ProblemError("bad-request", "the @ modifier is not supported; ask with time=")
    if len(_WRITTEN.findall(outside)) != len(_RANGE.findall(outside) + _OFFSET.findall(outside)):
        raise ProblemError("bad-request", "expected times with their unit, such as [1d] offset -1d")
    if len(_CLASS.findall(text)) > _MAX_CLASSES:  # each stands for hundreds of ranges of Unicode
        raise ProblemError(
            "bad-request", rf"expected \w, \W and \p at most {_MAX_CLASSES} times; use [a-z0-9]"
        )
    # As in RE2: a pattern that counts further than this would cost more than it finds.
    counts = [max(int(n[:9]) for n in found if n) for found in _REPEAT.findall(text)]
    if prod(max(count, 1) for count in counts) > _MAX_REPEATS:
        raise ProblemError(
            "bad-request", f"expected patterns that repeat at most {_MAX_REPEATS} times in all"
        )
