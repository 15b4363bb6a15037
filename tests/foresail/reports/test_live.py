"""The gauges and the summary of what became of the champions."""

import re
from pathlib import Path

import pytest
from factories.live_bundles import came, write_live_bundle

from foresail.evaluation.live import compare
from foresail.reports.live import Watched, exposition, markdown

SAMPLE = re.compile(r'(\w+)\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\} (-?[0-9.]+(?:e-?[0-9]+)?)')


def watched(folder: Path, *, value: float = 10.0, hours: int = 24, model: str = "m") -> Watched:
    """Return a model of which this came."""
    live = compare(write_live_bundle(folder), came(hours, value=value))
    return Watched(
        model=model,
        version="2",
        alias="champion",
        live=live,
        rolled_back=False,
        serving="2",
        outcome="",
    )


def test_every_line_is_of_the_text_format(tmp_path: Path) -> None:
    """Each family has its help and its type before its samples, and no name stands twice."""
    page = exposition([watched(tmp_path, model='a "b"\\\n')])
    assert page.endswith("\n")
    families: list[str] = []
    for line in page.splitlines():
        if line.startswith("# HELP "):
            families.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line.split()[2:] == [families[-1], "gauge"]
        else:
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            assert match[1] == families[-1]
    assert len(families) == len(set(families)) == 16
    assert r'model="a \"b\"\\\n"' in page


def test_the_gauges_hold_the_figures(tmp_path: Path) -> None:
    """Per metric and horizon; the verdict is 1 where it holds and 0 elsewhere."""
    page = exposition([watched(tmp_path, value=20.0)])
    found = {
        (m[1], m[2]): float(m[3]) for line in page.splitlines() if (m := SAMPLE.fullmatch(line))
    }
    for horizon in ("next_day", "next_week", "all"):
        labels = f'metric="cpu",horizon="{horizon}"'
        assert found["foresail_live_sql_ratio", labels] == pytest.approx(66.1163, abs=1e-4)
        assert found["foresail_live_coverage", labels] == 0.0
        assert found["foresail_live_bias_scaled", labels] == pytest.approx(-10.0)
        assert found["foresail_live_hours", labels] == 24
    verdicts = {
        word: found["foresail_live_verdict", f'metric="cpu",verdict="{word}"']
        for word in ("better", "as promised", "worse", "too early")
    }
    assert verdicts == {"better": 0, "as promised": 0, "worse": 1, "too early": 0}
    until = found["foresail_live_observed_until_timestamp_seconds", 'metric="cpu"']
    assert until == 1769904000  # 2026-02-01T00:00:00Z


def test_what_is_not_known_has_no_sample(tmp_path: Path) -> None:
    """After three hours there is no ratio, and no NaN in its place."""
    page = exposition([watched(tmp_path, hours=3)])
    assert "foresail_live_sql_ratio{" not in page
    assert 'foresail_live_series{metric="cpu",horizon="all"} 0\n' in page
    assert "nan" not in page.lower().replace("seasonal naive", "")


def test_the_summary_is_a_table_and_a_sentence(tmp_path: Path) -> None:
    """A row a horizon, then why; a model that could not be watched is named."""
    text = markdown([watched(tmp_path)], problems=["foresail-memory: MLflow is away | so"])
    row = "| 24 | 6 of 6 | 1.00 | 0.46 | 100% (80%) | +0.00 |\n"
    assert text == (
        "# Live error\n\n"
        "| metric | version | horizon | hours | series | vs promise | vs naive "
        "| coverage (promised) | bias / scale |\n"
        "|---|--:|---|--:|--:|--:|--:|--:|--:|\n"
        f"| cpu | 2 | next_day {row}| cpu | 2 | next_week {row}| cpu | 2 | all {row}\n"
        "- **cpu: as promised.** the live error is 1.00 (90 % interval 1.00 to 1.00) times the "
        "promise over 6 series and 24 hours\n"
        "- **not watched.** foresail-memory: MLflow is away \\| so\n"
    )
