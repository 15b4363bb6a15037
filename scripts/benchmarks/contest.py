"""What the contest of a large cluster costs: time and memory, in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.engine_panels import complete_series, hours
from benchmarks.figure import Figure, below
from foresail.contenders import ProphetSettings
from foresail.evaluation.eligibility import eligibility
from foresail.evaluation.field import field
from foresail.evaluation.held_out import measure
from foresail.evaluation.windows import plan_windows
from foresail.horizons import HORIZONS
from foresail.panel import Panel, SeriesInfo

SERIES = 10_000
DAYS = 60
LIMIT_SECONDS = 300.0
LIMIT_BYTES = 4e9


def full() -> list[Figure]:
    """Return the seconds and the peak memory of all contenders on all windows."""
    return _run(SERIES)


def small() -> list[Figure]:
    """Return the same of 300 series; the bars are those of the large one."""
    return _run(300)


def _run(series: int) -> list[Figure]:
    command = [sys.executable, "-m", "benchmarks.contest", str(series)]
    home = Path(__file__).parents[1]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=home)
    found = json.loads(done.stdout.splitlines()[-1])
    note = (
        f"{found['windows']} held-out windows of {found['contenders']} contenders and their blend, "
        f"{series:,} series, {DAYS} days"
    )
    return [
        below("contest", found["seconds"], "s", limit=LIMIT_SECONDS, note=note),
        below("contest, peak memory", found["bytes"] / 1e9, "GB", limit=LIMIT_BYTES / 1e9),
    ]


def _measure(series: int) -> None:
    values = complete_series(series, DAYS).astype("float64")
    index = tuple(SeriesInfo(f"s{i:05d}", "cpu") for i in range(series))
    panel = Panel(hours(DAYS), values, index)
    contenders = field(ProphetSettings())
    started = time.perf_counter()
    fits = [eligibility(row, HORIZONS) for row in panel.values]
    measure(panel, fits, horizons=HORIZONS, contenders=contenders, windows=3)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "windows": len(plan_windows(values, fits, HORIZONS, windows=3)),
                "contenders": len(contenders),
            }
        )
    )


if __name__ == "__main__":
    _measure(int(sys.argv[1]))
