"""The README is true: every command in it is run here, as it stands there."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from servers.base import free_port
from servers.foresail import Client
from servers.kfp_api import TOKEN, KubeflowApi
from servers.prometheus import StartPrometheus

from foresail.history.simulate import simulate

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
PROGRAMS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def commands(*starts: str) -> list[str]:
    """Return the README's commands that start so."""
    return [line for line in COMMANDS if line.startswith(starts)]


def shell(line: str, *, cwd: Path, seconds: float = 240) -> "subprocess.CompletedProcess[str]":
    """Run one line; it must succeed."""
    done = subprocess.run(
        shlex.split(line),
        cwd=cwd,
        env=os.environ | {"PATH": PROGRAMS},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done


@dataclass(frozen=True)
class Demo:
    """A demo that runs until Ctrl-C."""

    output: str
    client: Client


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """Start `scripts/demo` as in the README, on a free port."""
    assert "scripts/demo" in COMMANDS
    port = free_port()
    process = subprocess.Popen(
        [str(ROOT / "scripts" / "demo"), "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "until Ctrl-C" in line:
            break
    output = "".join(lines)
    assert "until Ctrl-C" in output, output
    yield Demo(output, Client(port))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    process.stdout.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the usage.csv that the README speaks of."""
    path = tmp_path_factory.mktemp("readme")
    usage = simulate(until=datetime(2026, 11, 1, tzinfo=UTC), days=16, seed=2).usage
    chosen = usage[usage["scope"] == "cluster"][["series", "metric", "ds", "y", "stat"]]
    mean = chosen[chosen["stat"] == "mean"].drop(columns="stat")
    mean.assign(ds=mean["ds"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(
        path / "usage.csv", index=False
    )
    return path


def test_every_command_is_run_by_a_test_of_this_file() -> None:
    """A command added to the README must be added here; scripts/test is what runs this."""
    run_here = [
        *("scripts/demo", "scripts/test", *commands("scripts/demo --prometheus", "curl ")),
        *commands("foresail forecast", "foresail pipeline", "foresail registry", "foresail serve"),
    ]
    assert sorted(COMMANDS) == sorted(run_here)


def test_the_demo_prints_what_the_readme_shows(demo: Demo) -> None:
    """The same lines, but for figures, times and paths."""
    shown = re.search(r"and prints:\n\n```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert shown
    assert skeleton(shown.group(1)) == skeleton(demo.output)


WINNERS = {
    *("blend", "booster", "ets", "naive", "prophet", "flat", "no", "week", "recent", "hour", "of"),
    *("quantiles", "mean", "median", "day", "profile", "last", "value", "h"),
}
"""Words of contenders' names: who wins changes with the hour."""


def skeleton(text: str) -> list[str]:
    """Return the words of each line that do not change from run to run."""
    kept = []
    for line in text.splitlines():
        words = re.sub(r"\S*[\d/%]\S*|[-+%]", " ", line).split()
        kept.append(" ".join(w for w in words if w not in WINNERS))
    return [line for line in kept if line]


def test_the_demo_fits_eighty_columns(demo: Demo) -> None:
    """All but addresses and paths, which must stay whole to be copied."""
    long = [line for line in demo.output.splitlines() if len(line) > 80]
    assert all("/" in line for line in long), long


def test_the_picture_and_its_caption_are_true(tmp_path: Path) -> None:
    """The script that drew it says the same again."""
    caption = shell(
        f"python {ROOT}/scripts/picture.py {tmp_path / 'answer.svg'}", cwd=tmp_path
    ).stdout.strip()
    assert caption in README
    drawn = (tmp_path / "answer.svg").read_text(encoding="utf-8")
    assert "demo/namespace/shop  cpu, next_week" in drawn
    assert "demo/namespace/shop  cpu, next_week" in (ROOT / "docs/answer.svg").read_text("utf-8")


def test_every_curl_is_answered(demo: Demo) -> None:
    """Each curl line of the README gets a 200."""
    lines = commands("curl ")
    assert len(lines) >= 4
    for line in lines:
        url = shlex.split(line)[-1].replace("http://127.0.0.1:8080", "")
        answer = demo.client.get(url)
        assert answer.status == 200, line
        assert len(answer.body) > 200


def test_the_demo_asks_everything_once(tmp_path: Path) -> None:
    """`scripts/demo --once` prints all three horizons for CPU and memory and exits 0."""
    assert "`scripts/demo --once`" in README
    done = shell(f"{ROOT}/scripts/demo --once --port {free_port()}", cwd=tmp_path)
    for horizon in ("next_day", "next_week", "next_month"):
        for metric in ("cpu", "memory"):
            assert re.search(rf"^{horizon} +{metric} .*\d", done.stdout, re.MULTILINE)


def test_the_demo_reads_a_real_prometheus(start_prometheus: StartPrometheus, folder: Path) -> None:
    """`scripts/demo --prometheus URL` forecasts what that Prometheus has seen."""
    (line,) = commands("scripts/demo --prometheus")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    text = folder / "cluster.txt"
    simulate(until=now, days=5, seed=4).write_openmetrics(text)
    url = start_prometheus(text)
    words = line.replace("http://127.0.0.1:9090", url).replace("scripts/demo", "")
    done = shell(f"{ROOT}/scripts/demo {words} --once --port {free_port()}", cwd=folder)
    assert re.search(r"^next_week +cpu .*\d", done.stdout, re.MULTILINE)


def test_a_forecast_of_a_file(folder: Path) -> None:
    """The one-shot command writes the workbook."""
    (line,) = commands("foresail forecast")
    shell(line, cwd=folder)
    rows = pd.read_excel(folder / "week.xlsx")
    assert len(rows) == 2 * 168
    assert rows["ds (UTC)"].iloc[0] == pd.Timestamp("2026-11-01")


def test_the_compiled_pipeline_is_whole_and_current() -> None:
    """Check and compile --check succeed on the committed files."""
    for line in commands("foresail pipeline check", "foresail pipeline compile"):
        shell(line, cwd=ROOT)


def test_upload_and_schedule_reach_kubeflow(kfp_api: KubeflowApi, folder: Path) -> None:
    """Against a server that speaks the endpoints kfp.Client calls."""
    (folder / "token").write_text(TOKEN)
    for line in commands("foresail pipeline upload", "foresail pipeline schedule"):
        there = line.replace("http://localhost:8888", kfp_api.url)
        shell(f"{there} --namespace team-a --token-file token", cwd=folder)
    assert len(kfp_api.recurring) == 1


def test_the_pipeline_runs_here_and_is_served(folder: Path) -> None:
    """Run --local, registry list and serve, one after the other on the same MLflow file."""
    (folder / ".foresail").mkdir()
    (local,) = commands("foresail pipeline run --local")
    shell(local, cwd=folder)
    (listing,) = commands("foresail registry list")
    assert "foresail-memory" in shell(listing, cwd=folder).stdout
    (serve,) = commands("foresail serve")
    shell(f"{serve.replace('8080', str(free_port()))} --once-ready", cwd=folder)
