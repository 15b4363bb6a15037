"""What became of the champions, in Prometheus' text format and for people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from foresail.evaluation.live import WORDS, HorizonLive, LiveReport, Ratio

Samples = list[tuple[Mapping[str, str], float]]

_HEADER = (
    "| metric | version | horizon | hours | series | vs promise | vs naive "
    "| coverage (promised) | bias / scale |"
)
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_BY_HORIZON: Mapping[str, tuple[str, Callable[[HorizonLive], float | None]]] = {
    "foresail_live_sql_ratio": (
        "Live error (scaled quantile loss) by the promised one, geometric mean over series.",
        lambda row: _part(row.ratio, "middle"),
    ),
    "foresail_live_sql_ratio_low": (
        "Lower end of its 90 % interval.",
        lambda row: _part(row.ratio, "low"),
    ),
    "foresail_live_sql_ratio_high": (
        "Upper end of its 90 % interval.",
        lambda row: _part(row.ratio, "high"),
    ),
    "foresail_live_sql_vs_naive": (
        "Live error by the seasonal naive's on the same hours, geometric mean over series.",
        lambda row: _part(row.versus_naive, "middle"),
    ),
    "foresail_live_sql": (
        "Scaled quantile loss of the hours that came, mean over series.",
        lambda row: row.sql,
    ),
    "foresail_live_promised_sql": (
        "Scaled quantile loss that was promised of the same hours.",
        lambda row: row.promised_sql,
    ),
    "foresail_live_coverage": (
        "Share of the hours that came inside p10 to p90, mean over series.",
        lambda row: row.coverage,
    ),
    "foresail_live_promised_coverage": (
        "Share that was promised of the same hours.",
        lambda row: row.promised_coverage,
    ),
    "foresail_live_bias_scaled": (
        "Mean of p50 - y by the series' scale: positive means the forecast was too high.",
        lambda row: row.scaled_bias,
    ),
    "foresail_live_series": (
        "Series with hours enough to be compared.",
        lambda row: row.series,
    ),
    "foresail_live_series_promised": (
        "Series with a measured promise.",
        lambda row: row.promised,
    ),
    "foresail_live_hours": (
        "Hours that came and were forecast, of the series that has most.",
        lambda row: row.hours,
    ),
}
"""Name -> help and value; a row without the value has no sample."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One model that was watched.

    Attributes:
        model: Registered model.
        version: The version that was judged.
        alias: The alias that named it.
        live: What became of its forecast.
        rolled_back: Whether the alias was moved back.
        serving: The version that the alias names now.
        outcome: One sentence on what was done, or why not; empty where nothing was to be done.
    """

    model: str
    version: str
    alias: str
    live: LiveReport
    rolled_back: bool
    serving: str
    outcome: str


def exposition(watched: Sequence[Watched]) -> str:
    """Return the gauges as a page of Prometheus' text format."""
    lines: list[str] = []
    for name, (text, value) in _BY_HORIZON.items():
        samples: Samples = [
            ({"metric": one.live.metric, "horizon": row.horizon}, figure)
            for one in watched
            for row in (*one.live.horizons, one.live.overall)
            if (figure := value(row)) is not None
        ]
        lines += _family(name, text, samples)
    for name, (text, samples) in _by_metric(watched).items():
        lines += _family(name, text, samples)
    return "\n".join(lines) + "\n"


def markdown(watched: Sequence[Watched], *, problems: Sequence[str] = ()) -> str:
    """Return a short summary: a line a metric and horizon, then a sentence a metric.

    Args:
        watched: One a metric.
        problems: Why other models could not be watched.
    """
    lines = ["# Live error", "", _HEADER, "|---|--:|---|--:|--:|--:|--:|--:|--:|"]
    for one in watched:
        for row in (*one.live.horizons, one.live.overall):
            cells = (
                one.live.metric,
                one.version,
                row.horizon,
                str(row.hours),
                f"{row.series} of {row.promised}",
                *figures_of(row),
            )
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    lines.append("")
    lines += [
        f"- **{_cell(one.live.metric)}: {one.live.verdict}.** {_cell(told(one))}" for one in watched
    ]
    lines += [f"- **not watched.** {_cell(problem)}" for problem in problems]
    return "\n".join(lines) + "\n"


def figures_of(row: HorizonLive) -> tuple[str, str, str, str]:
    """Return error by promise, error by naive's, coverage and bias as text; `-` where unknown."""
    covered = "-" if row.coverage is None else f"{row.coverage:.0%}"
    promised = "" if row.promised_coverage is None else f" ({row.promised_coverage:.0%})"
    return (
        "-" if row.ratio is None else f"{row.ratio.middle:.2f}",
        "-" if row.versus_naive is None else f"{row.versus_naive.middle:.2f}",
        covered + promised,
        "-" if row.scaled_bias is None else f"{row.scaled_bias:+.2f}",
    )


def told(one: Watched) -> str:
    """Return why the verdict, and what was done about it."""
    return f"{one.live.reason}. {one.outcome}" if one.outcome else one.live.reason


def _by_metric(watched: Sequence[Watched]) -> Mapping[str, tuple[str, Samples]]:
    return {
        "foresail_live_verdict": (
            "1 for the verdict that holds: better, as promised, worse or too early.",
            [
                ({"metric": one.live.metric, "verdict": word}, float(one.live.verdict == word))
                for one in watched
                for word in WORDS
            ],
        ),
        "foresail_live_rolled_back": (
            "1 where this run has moved the alias back.",
            [({"metric": one.live.metric}, float(one.rolled_back)) for one in watched],
        ),
        "foresail_live_observed_until_timestamp_seconds": (
            "End of the last hour that was compared.",
            [({"metric": one.live.metric}, one.live.observed_until.timestamp()) for one in watched],
        ),
        "foresail_live_version_info": (
            "The version that was judged.",
            [
                (
                    {
                        "metric": one.live.metric,
                        "model": one.model,
                        "version": one.version,
                        "alias": one.alias,
                    },
                    1.0,
                )
                for one in watched
            ],
        ),
    }


def _family(name: str, text: str, samples: Samples) -> list[str]:
    return [
        f"# HELP {name} {text}",
        f"# TYPE {name} gauge",
        *(f"{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in samples),
    ]


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _part(ratio: Ratio | None, end: str) -> float | None:
    return None if ratio is None else float(getattr(ratio, end))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
