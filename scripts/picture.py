"""Draw docs/answer.svg, the picture in the README: one series' history, forecast and band.

The simulated cluster, the seed and the hour are fixed. It prints the picture's caption.
Run: .venv/bin/python scripts/picture.py [FILE]
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from foresail.contenders import ProphetSettings
from foresail.evaluation import Contest, run_contest
from foresail.evaluation.field import field
from foresail.history.simulate import simulate
from foresail.horizons import HORIZONS, NEXT_WEEK
from foresail.panel import HOUR, Panel
from foresail.reports.charts import forecast_chart

OUT = Path(__file__).parents[1] / "docs" / "answer.svg"
CAPTION = (
    "{coverage:.1f} % of the held-out hours of this forecast lay inside its band "
    "(the aim is 80 %), and its error was {gain:.0f} % less than that of repeating yesterday."
)
UNTIL = datetime(2026, 11, 18, tzinfo=UTC)
SERIES, METRIC, SEED = "demo/namespace/shop", "cpu", 7
DAYS_BACK = 14


def main(out: Path) -> None:
    """Simulate, forecast, draw into `out` and print the caption."""
    usage = simulate(until=UNTIL, days=90, seed=SEED, cluster="demo").usage
    chosen = usage[
        (usage["series"] == SERIES) & (usage["metric"] == METRIC) & (usage["stat"] == "mean")
    ]
    panel = Panel.from_frame(chosen)
    contest = run_contest(panel, horizons=HORIZONS, contenders=field(ProphetSettings()))
    quality = contest.index[0].horizons[NEXT_WEEK.name].quality
    if quality is None:
        raise SystemExit("the picture's series is unmeasured; choose another")
    out.write_text(draw(panel, contest), encoding="utf-8")
    print(CAPTION.format(coverage=100 * quality.coverage, gain=100 * (1 - quality.vs_naive)))


def draw(panel: Panel, contest: Contest) -> str:
    """Return the SVG of the next week."""
    ahead = NEXT_WEEK.hours
    return forecast_chart(
        title=f"{SERIES}  {METRIC}, next_week",
        unit=panel.index[0].unit,
        history_ds=panel.ds[-DAYS_BACK * 24 :],
        history=panel.values[0, -DAYS_BACK * 24 :],
        ds=panel.as_of + HOUR * np.arange(1, ahead + 1),
        quantiles=contest.forecast[0, :ahead],
        size=(8.6, 3.0),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
