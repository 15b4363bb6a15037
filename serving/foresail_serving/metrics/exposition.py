"""Write Prometheus' text format."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Exposition:
    """A page of metrics, written one family after the other."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(
        self,
        name: str,
        kind: str,
        text: str,
        samples: Iterable[tuple[Mapping[str, Any], float]],
    ) -> None:
        """Add a metric: its kind, its help, and its samples by labels."""
        self._lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        self._lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]

    def histogram(
        self,
        name: str,
        text: str,
        *,
        bounds: Sequence[float],
        samples: Iterable[tuple[Mapping[str, Any], Sequence[int], float]],
    ) -> None:
        """Add a histogram.

        Args:
            name: Of the metric.
            text: Its help.
            bounds: Upper bounds of the buckets, the last one (infinity) left out.
            samples: Labels, how many fell into each bucket, and the sum of all that was observed.
        """
        self._lines += [f"# HELP {name} {text}", f"# TYPE {name} histogram"]
        ends = [*map(_number, bounds), "+Inf"]
        for labels, buckets, total in samples:
            for end, count in zip(ends, accumulate(buckets), strict=True):
                self._lines.append(f"{name}_bucket{_labels({**labels, 'le': end})} {count}")
            self._lines.append(f"{name}_sum{_labels(labels)} {_number(total)}")
            self._lines.append(f"{name}_count{_labels(labels)} {sum(buckets)}")

    def text(self) -> str:
        """Return the page."""
        return "\n".join(self._lines) + "\n"


def _labels(labels: Mapping[str, Any]) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{name}="{str(v).translate(_ESCAPES)}"' for name, v in labels.items())
    return f"{{{inside}}}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
