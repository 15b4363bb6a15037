"""Charts as SVG text. The same input gives the same bytes."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from foresail.panel import HOUR, FloatArray, TimeArray

BLUE, GREY, RED = "#1f6feb", "#57606a", "#cf222e"
PALE, BLACK = "#afb8c1", "#1f2328"
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


def ratio_chart(*, title: str, names: Sequence[str], ratios: Sequence[float]) -> str:
    """Return one bar a name, read against the line at 1, as an `<svg>` element.

    Args:
        title: Above the picture.
        names: The first is the one that counts, and is drawn in colour.
        ratios: One a name; below 1 is better.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _rows(names)
        places, most = np.arange(len(names)), max(1.0, *ratios)
        axes.barh(places, ratios, height=0.7, color=_colours(len(names)))
        for place, ratio in zip(places, ratios, strict=True):
            axes.text(1.02 * most, place, f"{ratio:.2f}", va="center")
        axes.axvline(1.0, color=RED, linewidth=0.9, linestyle="--")
        axes.set_xlim(0, 1.1 * most)
        axes.set_xlabel("error relative to the same hour yesterday (1)")
        _title(axes, title)
        return _svg(figure, title)


def coverage_chart(
    *, title: str, names: Sequence[str], shares: Sequence[float], lows: Sequence[float]
) -> str:
    """Return the coverage of each name, read against the line at 80 %, as an `<svg>` element.

    Args:
        title: Above the picture.
        names: The first is the one that counts, and is drawn in colour.
        shares: Share of all hours inside the band.
        lows: Share that nine tenths of the single windows exceed.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _rows(names)
        places = np.arange(len(names))
        axes.hlines(places, 100 * np.array(lows), 100 * np.array(shares), color=PALE, linewidth=2)
        axes.scatter(100 * np.array(lows), places, marker="|", color=GREY, s=60)
        axes.scatter(100 * np.array(shares), places, color=_colours(len(names)), s=45, zorder=3)
        for place, share in zip(places, shares, strict=True):
            axes.text(101, place, f"{100 * share:.0f} %", va="center")
        axes.axvline(80, color=RED, linewidth=0.9, linestyle="--")
        axes.set_xlim(0, 110)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(
            "% of hours inside p10 to p90 (aim: 80); tick: nine windows in ten reach it"
        )
        _title(axes, title)
        return _svg(figure, title)


def windows_chart(
    *,
    title: str,
    unit: str,
    ds: TimeArray,
    values: FloatArray,
    starts: TimeArray,
    forecasts: FloatArray,
) -> str:
    """Return forecasts of several windows under what came, as an `<svg>` element without a key.

    Args:
        title: Above the picture.
        unit: Of the values; bytes are drawn as GiB.
        ds: Shape `(T,)`.
        values: What was observed, shape `(T,)`, NaN for gaps.
        starts: First hour of each window, shape `(K,)`; the windows do not overlap.
        forecasts: Shape `(K, hours, 3)`; NaN where nothing was forecast.
    """
    factor, shown = _SCALES.get(unit, (1.0, unit))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 2.3), layout="constrained")
        axes = figure.add_subplot()
        for start, forecast in zip(starts, forecasts / factor, strict=True):
            hours = start + HOUR * np.arange(len(forecast))
            low, middle, high = forecast.T
            axes.fill_between(hours, low, high, color=BLUE, alpha=0.2, linewidth=0)
            axes.plot(hours, middle, color=BLUE, linewidth=1.3)
            axes.axvline(start, color=GREY, linewidth=0.6, linestyle=":")
        before = ds < starts[0]
        axes.plot(ds[before], values[before] / factor, color=PALE, linewidth=0.8)
        # above the forecast: a good one would hide what came
        axes.plot(ds[~before], values[~before] / factor, color=BLACK, linewidth=0.7)
        if np.nanmin(values) >= 0:
            axes.set_ylim(bottom=0)
        axes.set_ylabel("" if shown == "1" else shown)
        _title(axes, title)
        _dates(axes)
        return _svg(figure, title)


def _rows(names: Sequence[str]) -> tuple[Figure, Any]:
    """Return a figure with a row a name, the first on top."""
    figure = Figure(figsize=(7.6, 1.1 + 0.26 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks(range(len(names)), labels=[_printable(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    return figure, axes


def _colours(count: int) -> list[str]:
    return [BLUE, *[PALE] * (count - 1)]


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
