"""Benchmarks by name, each with its bars. Called by `scripts/bench`."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks import accuracy, contest, demo, engine, faults, history, serve, soak
from benchmarks.figure import Figure, show
from rich.console import Console

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "accuracy": accuracy.full,
    "contest": contest.full,
    "demo": demo.full,
    "engine": engine.full,
    "faults": faults.full,
    "history": history.full,
    "serve": serve.full,
    "soak": soak.full,
}
SMALL: dict[str, Callable[[], list[Figure]]] = {
    "contest": contest.small,
    "engine": engine.small,
    "faults": faults.small,
    "history": history.small,
    "serve": serve.small,
    "soak": soak.small,
}


def main(argv: list[str]) -> int:
    """Run one benchmark; return 0 when every bar is met."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure one part of Foresail against its bars.",
        epilog="Example: scripts/bench demo --json demo.json",
    )
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--small", action="store_true", help=f"under a minute, for CI; only {', '.join(SMALL)}"
    )
    arguments = parser.parse_args(argv)
    if arguments.small and arguments.name not in SMALL:
        parser.error(f"{arguments.name} has no small form; only {', '.join(SMALL)}")
    figures = (SMALL if arguments.small else BENCHMARKS)[arguments.name]()
    show(figures, Console())
    if arguments.json:
        rows = [asdict(figure) for figure in figures]
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 1 if any(figure.ok is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
