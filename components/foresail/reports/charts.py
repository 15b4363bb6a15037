"""Charts as SVG text. The same input gives the same bytes."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from foresail.panel import FloatArray, TimeArray

BLUE, GREY, RED = "#1f6feb", "#57606a", "#cf222e"
_STYLE = {
    "svg.hashsalt": "foresail",  # ids inside the SVG, else random
    "svg.fonttype": "none",  # text stays text: small, selectable, readable to a screen reader
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_SCALES = {"bytes": (2.0**30, "GiB")}


def forecast_chart(  # what one sees in the picture
    *,
    title: str,
    unit: str,
    history_ds: TimeArray,
    history: FloatArray,
    ds: TimeArray,
    quantiles: FloatArray,
    ceiling: float | None = None,
    size: tuple[float, float] = (7.6, 2.6),
) -> str:
    """Return history, forecast and band of one series as an `<svg>` element.

    Args:
        title: Above the picture.
        unit: Of the values; bytes are drawn as GiB.
        history_ds: Shape `(T,)`.
        history: Shape `(T,)`, NaN for gaps.
        ds: Shape `(hours,)`.
        quantiles: Shape `(hours, 3)`.
        ceiling: Capacity to draw as a line, where it is known.
        size: Width and height in inches.
    """
    factor, shown = _SCALES.get(unit, (1.0, unit))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.plot(history_ds, history / factor, color=GREY, linewidth=0.9, label="history")
        low, middle, high = (quantiles[:, i] / factor for i in range(3))
        axes.fill_between(ds, low, high, color=BLUE, alpha=0.2, linewidth=0, label="p10 to p90")
        axes.plot(ds, middle, color=BLUE, linewidth=1.2, label="forecast (p50)")
        if ceiling is not None:
            axes.axhline(ceiling / factor, color=RED, linewidth=0.9, linestyle="--", label="full")
        axes.axvline(ds[0], color=GREY, linewidth=0.6, linestyle=":")
        axes.set_ylim(bottom=min(0.0, float(np.nanmin(low))))
        axes.set_ylabel("" if shown == "1" else shown)
        _title(axes, title)
        above = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.98)}
        axes.legend(**above, ncols=4, frameon=False, fontsize=8)
        _dates(axes)
        return _svg(figure, title)


def share_chart(*, title: str, ds: TimeArray, share: FloatArray) -> str:
    """Return a share between 0 and 1 per day as bars in an `<svg>` element."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 1.7), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(ds, 100 * share, width=0.9, color=BLUE)
        axes.set_ylim(0, 100)
        axes.set_ylabel("%")
        _title(axes, title)
        _dates(axes)
        return _svg(figure, title)


def _title(axes: Any, title: str) -> None:  # noqa: ANN401  # matplotlib's axes
    # a name from outside: dollars are no formula, and control characters have no place in XML
    axes.set_title(_printable(title), loc="left", fontsize=10, parse_math=False)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _dates(axes: Any) -> None:  # noqa: ANN401  # matplotlib's axes
    locator = matplotlib.dates.AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator))


def _svg(figure: Figure, title: str) -> str:
    buffer = io.StringIO()
    metadata: dict[str, Any] = dict.fromkeys(("Date", "Creator"))
    FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata | {"Title": _printable(title)})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def rows_to_chart(scopes: Sequence[str], *, most: int) -> list[int]:
    """Return which rows to draw: clusters first, then nodes and namespaces, `most` in all."""
    order = {"cluster": 0, "node": 1, "namespace": 2}
    ranked = sorted(range(len(scopes)), key=lambda i: (order.get(scopes[i], 3), i))
    return ranked[:most]
