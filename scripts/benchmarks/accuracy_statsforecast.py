"""Forecasts many histories with statsforecast, in an environment that holds nothing of Foresail.

A program: `accuracy_statsforecast.py IN OUT`. IN is a Parquet file of the columns `job`, `hours`,
`y`: whole histories, one after the other, without gaps. OUT gets `job`, `model`, `p10`, `p50`,
`p90`, a row an hour; a model that refuses a history is absent there. The last line it prints is
JSON: the seconds that each model took, summed over the cores, and how many it refused.
"""

import json
import multiprocessing
import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pandas as pd

LEVEL = 80
DAY, WEEK = 24, 168
REPORT_EVERY = 50

Forecasts = list[tuple[str, float, pd.DataFrame | None]]
"""Model, seconds, and its rows; None where it refused."""


def models() -> dict[str, Callable[[], Any]]:
    """Return what is measured: name -> maker."""
    # imported where it is asked for: Foresail's own environment does not hold it
    from statsforecast.models import (  # type: ignore[import-not-found]  # noqa: PLC0415  # as above
        MSTL,
        AutoETS,
        AutoTheta,
    )

    return {
        "AutoETS": lambda: AutoETS(season_length=DAY),
        "MSTL": lambda: MSTL(season_length=[DAY, WEEK]),
        "AutoTheta": lambda: AutoTheta(season_length=DAY),
    }


def forecast(job: tuple[int, int, Any]) -> Forecasts:
    """Forecast one history with every model."""
    number, hours, y = job
    found: Forecasts = []
    for name, make in models().items():
        begun = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = make().forecast(y=y, h=hours, level=[LEVEL])
        except Exception as error:  # noqa: BLE001  # it raises Exception itself for "no model fits"
            print(f"yardstick: {name} refused history {number}: {error!r}", file=sys.stderr)
            found.append((name, time.process_time() - begun, None))
            continue
        quantiles = {"p10": made[f"lo-{LEVEL}"], "p50": made["mean"], "p90": made[f"hi-{LEVEL}"]}
        rows = pd.DataFrame({"job": number, "model": name, **quantiles})
        found.append((name, time.process_time() - begun, rows))
    return found


def main(source: str, target: str) -> int:
    """Forecast a file on all cores."""
    frame = pd.read_parquet(source)
    jobs = [
        (int(str(job)), int(rows["hours"].iloc[0]), rows["y"].to_numpy())
        for job, rows in frame.groupby("job")
    ]
    seconds: dict[str, float] = defaultdict(float)
    refused: dict[str, int] = defaultdict(int)
    parts = []
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for done, forecasts in enumerate(pool.imap_unordered(forecast, jobs), start=1):
            for name, took, rows in forecasts:
                seconds[name] += took
                refused[name] += rows is None
                parts += [] if rows is None else [rows]
            if done % REPORT_EVERY == 0:
                print(f"bench: statsforecast {done} of {len(jobs)} histories", file=sys.stderr)
    pd.concat(parts).to_parquet(target, index=False)
    print(json.dumps({"seconds": seconds, "refused": refused}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
