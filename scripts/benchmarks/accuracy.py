"""How good the served forecast is on real series, against every contender and others' models.

The served forecast is what `foresail forecast` writes, each call a process of its own; the
contenders and stock Prophet forecast the same series from the same hours in this process, and
statsforecast some of them in an environment of its own. Writes `docs/accuracy.md`.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

from benchmarks import accuracy_yardstick
from benchmarks.accuracy_bars import BARS, figures
from benchmarks.accuracy_cells import DATASETS, ROOT, Cell, cells_of, file_of, folder, read_panel
from benchmarks.accuracy_forecasts import reference, served, singles
from benchmarks.accuracy_page import Run, page
from benchmarks.accuracy_scores import Part, Scored, joined, score
from benchmarks.figure import Figure
from foresail.panel import FloatArray

PAGE = ROOT / "docs" / "accuracy.md"
PACKAGES = ("foresail", "lightgbm", "numpy", "prophet", "scikit-learn", "scipy", "statsmodels")


def full() -> list[Figure]:
    """Measure everything, write the page and return the figures.

    Raises:
        SystemExit: The series are not there; names them.
    """
    begun = time.perf_counter()
    place = folder()
    files = {one.name: file_of(one, place) for one in DATASETS}
    cells = [c for one in DATASETS for c in cells_of(one, read_panel(files[one.name]))]
    yardstick = accuracy_yardstick.measure(cells)
    scored = [_measured(cell, files[cell.dataset.name], yardstick.of(cell)) for cell in cells]
    parts = parts_of(scored)
    minutes = (time.perf_counter() - begun) / 60
    run = Run(f"{datetime.now(UTC):%Y-%m-%d}", _machine(), _versions(), minutes)
    PAGE.write_text(page(run, parts, yardstick), encoding="utf-8")
    print(f"bench: wrote {PAGE.relative_to(ROOT)} after {minutes:.1f} minutes", file=sys.stderr)
    return figures(parts)


def parts_of(scored: Sequence[Scored]) -> list[Part]:
    """Return the cells joined by group and horizon, in the order of the bars."""
    order = list(BARS)

    def key(one: Scored) -> int:
        return order.index((one.cell.dataset.group, one.cell.horizon.name))

    return [joined(list(some)) for _, some in groupby(sorted(scored, key=key), key=key)]


def _measured(cell: Cell, file: Path, yardstick: Mapping[str, FloatArray]) -> Scored:
    with tempfile.TemporaryDirectory() as out:
        answer = served(cell, file, folder=Path(out))
    begun = time.perf_counter()
    found = score(cell, answer, {**singles(cell), **yardstick}, naive=reference(cell))
    alone = time.perf_counter() - begun
    print(
        f"bench: {cell}, {len(cell.rows)} series: served after {answer.seconds:.1f} s, "
        f"the others after {alone:.1f} s",
        file=sys.stderr,
    )
    return found


def _machine() -> str:
    """Return the processor and its cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        told = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = told[0].partition(":")[2].strip() if told else name
    return f"{name}, {os.cpu_count()} cores"


def _versions() -> str:
    """Return the versions of what is installed of the packages that decide a forecast."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
