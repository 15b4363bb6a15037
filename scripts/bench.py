"""Benchmarks by name, each with its bars. Called by `scripts/bench`."""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
PIPELINE = re.compile(r"the pipeline took (\d+) s")
FIRST_ANSWER = re.compile(r"first answer (\d+) s after the start")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure and the bar it is held to."""

    name: str
    value: float
    unit: str
    bar: str
    ok: bool


def demo() -> list[Figure]:
    """Return the seconds of a warm `scripts/demo --once`: the second run counts."""
    command = [str(ROOT / "scripts" / "demo"), "--once", "--port", "18080"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    pipeline = float(_found(PIPELINE, done.stdout))
    answer = float(_found(FIRST_ANSWER, done.stdout))
    return [
        Figure("pipeline", pipeline, "s", "< 60", ok=pipeline < 60),  # noqa: PLR2004  # the bar
        Figure("first answer", answer, "s", "< 90", ok=answer < 90),  # noqa: PLR2004  # the bar
    ]


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if not match:
        raise SystemExit(f"bench: the demo did not print {pattern.pattern!r}:\n{text}")
    return match.group(1)


BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {"demo": demo}


def main(argv: list[str]) -> int:
    """Run one benchmark; return 0 when every bar is met."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure one part of Foresail against its bars.",
        epilog="Example: scripts/bench demo --json demo.json",
    )
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args(argv)
    figures = BENCHMARKS[arguments.name]()
    table = Table(box=None, pad_edge=False)
    for name in ("figure", "value", "unit", "bar", "met"):
        table.add_column(name)
    for figure in figures:
        met = "yes" if figure.ok else "no"
        table.add_row(figure.name, f"{figure.value:g}", figure.unit, figure.bar, met)
    Console().print(table)
    if arguments.json:
        rows = [asdict(figure) for figure in figures]
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0 if all(figure.ok for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
