"""Which series a selector means, written as Prometheus writes them: `{namespace=~"shop.*"}`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import promql_parser
from pydantic_core import SchemaError, SchemaValidator, core_schema

from foresail_serving.problems import ProblemError
from foresail_serving.promql.parse import parse

FORECAST = "foresail_forecast"
NAME = "__name__"
Op = Literal["=", "!=", "=~", "!~"]
_OPS: tuple[tuple[promql_parser.MatchOp, Op], ...] = (
    (promql_parser.MatchOp.Equal, "="),
    (promql_parser.MatchOp.NotEqual, "!="),
    (promql_parser.MatchOp.Re, "=~"),
    (promql_parser.MatchOp.NotRe, "!~"),
)
"""The parser's operators can be compared, not hashed."""


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One condition on one label; a label that a series does not have is empty.

    Attributes:
        name: Of the label.
        op: How it is compared.
        value: With what: a text, or for `=~` and `!~` a pattern that the whole label must fit.
    """

    name: str
    op: Op
    value: str
    _pattern: SchemaValidator | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def of(name: str, op: Op, value: str) -> "LabelMatcher":
        """Return the matcher, its pattern compiled.

        Raises:
            ProblemError: The pattern is none.
        """
        return LabelMatcher(name, op, value, _pattern(value) if op in ("=~", "!~") else None)

    def fits(self, value: str) -> bool:
        """Say whether a label's value is one of those that are meant."""
        if self._pattern is None:
            return (value == self.value) is (self.op == "=")
        return self._pattern.isinstance_python(value) is (self.op == "=~")


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that a series must all meet.

    Attributes:
        matchers: The conditions; the name before the braces is one on `__name__`.
    """

    matchers: tuple[LabelMatcher, ...]

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Say whether a series with these labels is meant.

        Args:
            labels: Its labels, `metric`, `stat` and `series` among them. Without `__name__` they
                are those of a forecast.
        """
        return all(
            m.fits(labels.get(m.name, FORECAST if m.name == NAME else "")) for m in self.matchers
        )


def parse_selector(text: str) -> Selector:
    """Return the selector that a text writes, such as `{scope="namespace",cluster=~"prod-.*"}`.

    Raises:
        ProblemError: It is not a selector, with the parser's reason.
    """
    found = parse(text)
    if not isinstance(found, promql_parser.VectorSelector) or found.offset:
        raise ProblemError(
            "bad-request", f'expected a selector such as {{namespace="shop"}}, got {text[:100]!r}'
        )
    return selector_of(found)


def selector_of(found: promql_parser.VectorSelector) -> Selector:
    """Return the selector within a parsed query.

    Raises:
        ProblemError: It combines matchers with `or`, or a pattern is none.
    """
    if found.matchers.or_matchers:
        raise ProblemError(
            "bad-request", 'expected matchers with commas between them, got or; use =~"a|b"'
        )
    matchers = [LabelMatcher.of(m.name, _op(m.op), m.value) for m in found.matchers.matchers]
    if found.name is not None:
        matchers.insert(0, LabelMatcher.of(NAME, "=", found.name))
    return Selector(tuple(matchers))


def _op(parsed: promql_parser.MatchOp) -> Op:
    return next(op for known, op in _OPS if known == parsed)


def _pattern(text: str) -> SchemaValidator:
    """Compile a pattern that must fit a whole label.

    pydantic brings the regular expressions of Rust, which are those of RE2: they take time with the
    length of the text alone, whereas one pattern from outside can keep Python's busy for ever.
    """
    anchored = f"^(?s:{text})$"
    # alone too, as `a)|(b` is none; each time costs
    for whole in (text, anchored) if ")" in text else (anchored,):
        try:
            compiled = SchemaValidator(
                core_schema.str_schema(pattern=whole, regex_engine="rust-regex")
            )
        except SchemaError as error:
            reason = str(error).strip().splitlines()[-1].strip().removeprefix("error: ")
            raise ProblemError(
                "bad-request", f"not a regular expression of RE2: {text[:100]!r}: {reason}"
            ) from error
    return compiled
