"""Charts: SVG that stands alone and does not change by itself."""

import numpy as np

from foresail.reports.charts import forecast_chart, rows_to_chart

START = np.datetime64("2026-01-01", "s")
HOUR = np.timedelta64(1, "h")


def chart(title: str = "demo/cluster  memory") -> str:
    """Return a chart with a gap and a capacity line."""
    history = np.linspace(1, 2, 48) * 2**30
    history[5:9] = np.nan
    middle = np.linspace(2, 3, 24) * 2**30
    return forecast_chart(
        title=title,
        unit="bytes",
        history_ds=START + HOUR * np.arange(48),
        history=history,
        ds=START + HOUR * np.arange(48, 72),
        quantiles=np.stack([middle * 0.9, middle, middle * 1.1], axis=1),
        ceiling=4.0 * 2**30,
    )


def test_the_same_input_gives_the_same_bytes() -> None:
    """No date and no random id inside."""
    assert chart() == chart()


def test_a_chart_is_one_svg_element_with_readable_text() -> None:
    """It can stand inside a page, and words in it can be found."""
    text = chart()
    assert text.startswith("<svg")
    assert text.rstrip().endswith("</svg>")
    assert "demo/cluster  memory" in text
    assert "GiB" in text


def test_clusters_are_drawn_first() -> None:
    """Then nodes, namespaces, workloads, in the order of the index."""
    scopes = ["workload", "namespace", "cluster", "node", "namespace"]
    assert rows_to_chart(scopes, most=4) == [2, 3, 1, 4]


def test_a_name_with_dollars_or_control_characters_is_text() -> None:
    """A series may be called anything; its picture is still a picture."""
    assert "a$_$b" in chart("a$_$b")
    assert "x?y" in chart("x\x01y")
