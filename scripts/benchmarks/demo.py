"""How long `scripts/demo` takes to its first answer."""

import re
import subprocess
from pathlib import Path

from benchmarks.figure import Figure, below

ROOT = Path(__file__).parents[2]
PIPELINE = re.compile(r"the pipeline took (\d+) s")
FIRST_ANSWER = re.compile(r"first answer (\d+) s after the start")


def full() -> list[Figure]:
    """Return the seconds of a warm `scripts/demo --once`: the second run counts."""
    command = [str(ROOT / "scripts" / "demo"), "--once", "--port", "18080"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [
        below("pipeline", float(_found(PIPELINE, done.stdout)), "s", limit=60),
        below("first answer", float(_found(FIRST_ANSWER, done.stdout)), "s", limit=90),
    ]


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if not match:
        raise SystemExit(f"bench: the demo did not print {pattern.pattern!r}:\n{text}")
    return match.group(1)
