"""`foresail pipeline ...` on the command line."""

from pathlib import Path

import pytest
from servers.kfp_api import TOKEN, KubeflowApi
from servers.tinypipelines import tiny
from typer.testing import CliRunner

from foresail.errors import UsageError
from foresail_pipelines.command import app
from foresail_pipelines.compiler import COMPILED, FORECAST


def test_compile_writes_the_golden_files(tmp_path: Path) -> None:
    """`compile --out FOLDER` names what it wrote."""
    done = CliRunner().invoke(app, ["compile", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == str(tmp_path / "out" / "forecast.yaml")
    assert len(done.stdout.splitlines()) == 14
    assert (tmp_path / "out" / "forecast.yaml").read_bytes() == FORECAST.read_bytes()


def test_compile_check_names_what_differs(tmp_path: Path) -> None:
    """`compile --check` writes nothing; exit code 1 tells CI that someone forgot to compile."""
    out = str(tmp_path)
    assert CliRunner().invoke(app, ["compile", "--out", out]).exit_code == 0
    fresh = CliRunner().invoke(app, ["compile", "--check", "--out", out])
    assert (fresh.exit_code, fresh.stdout) == (0, "14 files are up to date\n")
    (tmp_path / "forecast.yaml").write_text("old")
    done = CliRunner().invoke(app, ["compile", "--check", "--out", out])
    assert done.exit_code == 1
    assert done.stderr == f"{tmp_path}/forecast.yaml: differs from a fresh compilation\n"
    assert (tmp_path / "forecast.yaml").read_text() == "old"


def test_compile_says_where_it_cannot_write(tmp_path: Path) -> None:
    """A file in the place of the folder is one line, not a traceback."""
    (tmp_path / "afile").write_text("x")
    with pytest.raises(UsageError, match=r"cannot write below .*afile: (File exists|Not a dir)"):
        CliRunner().invoke(
            app, ["compile", "--out", str(tmp_path / "afile")], catch_exceptions=False
        )


def test_a_secret_starts_no_run_and_leaves_no_trace(tmp_path: Path) -> None:
    """Runs keep their parameters in job.json and run.log, so nothing is even begun."""
    root = tmp_path / "runs"
    words = ["run", "--local", "--root", str(root), "-p", "source=http://u:canary123@host"]
    with pytest.raises(UsageError, match="source holds what looks like a secret") as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert "canary123" not in str(caught.value)
    assert not root.exists()


def test_check_is_silent_about_our_own_and_fails_on_a_fault(tmp_path: Path) -> None:
    """Exit code 1 and a line per problem, for CI."""
    ours = CliRunner().invoke(app, ["check"])
    assert ours.exit_code == 0
    assert [line.rpartition("/")[2] for line in ours.stdout.splitlines()] == [
        "forecast.yaml: no problem found",
        "forecast_sharded.yaml: no problem found",
        "monitor.yaml: no problem found",
    ]
    broken = tmp_path / "broken.yaml"
    text = (COMPILED / "forecast.yaml").read_text()
    broken.write_text(text.replace("train:0.1.0", "train:latest"))
    done = CliRunner().invoke(app, ["check", str(broken)])
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 7
    assert done.stdout.startswith(f"{broken}: exec-featurize: expected an image with a fixed tag")


def test_run_local_prints_the_tasks_and_where_the_outputs_are(tmp_path: Path) -> None:
    """One line per task, and the folder."""
    root = tmp_path / "runs"
    options = ["run", "--local", "--file", str(tiny(tmp_path)), "--root", str(root), "-p", "text=x"]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.stderr
    write, read, where = done.stdout.splitlines()
    assert write.startswith("write ")
    assert write.endswith("s  lines 1")
    assert read.startswith("read ")
    assert where.startswith(f"outputs and log: {root}/run-")


def test_run_without_local_says_what_to_do() -> None:
    """A cluster is reached by upload and schedule."""
    with pytest.raises(UsageError, match="say --local to run here; on a cluster use"):
        CliRunner().invoke(app, ["run", "-p", "source=x"], catch_exceptions=False)


def test_upload_and_schedule_go_to_the_host(kfp_api: KubeflowApi, tmp_path: Path) -> None:
    """The version is the package's where none is named; the host may come from the environment."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    environment = {"KF_PIPELINES_ENDPOINT": kfp_api.url}
    done = CliRunner().invoke(app, ["upload", "--token-file", str(token)], env=environment)
    assert done.exit_code == 0, done.exception
    assert done.stdout.startswith("pipeline pipeline-1, version pipeline_version-1\n")
    assert kfp_api.versions[0]["display_name"] == "0.1.0"
    options = ["schedule", "--token-file", str(token), "-p", "source=http://prometheus:9090"]
    done = CliRunner().invoke(app, options, env=environment)
    assert done.stdout == "recurring run recurring_run-1, replaced: 0\n"
    assert kfp_api.recurring[0]["trigger"] == {"cron_schedule": {"cron": "0 30 3 * * *"}}
    assert kfp_api.recurring[0]["display_name"] == "foresail-nightly"


def test_the_monitor_is_uploaded_and_scheduled_by_its_name(
    kfp_api: KubeflowApi, tmp_path: Path
) -> None:
    """Beside the nightly run, twenty minutes before it, and neither is in the other's way."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    options = ["--token-file", str(token), "-p", "source=http://prometheus:9090"]
    environment = {"KF_PIPELINES_ENDPOINT": kfp_api.url}
    for name in ("forecast", "monitor"):
        words = ["upload", "--pipeline", name, "--token-file", str(token)]
        assert CliRunner().invoke(app, words, env=environment).exit_code == 0
        words = ["schedule", "--pipeline", name, *options]
        assert CliRunner().invoke(app, words, env=environment).exit_code == 0
    assert [one["display_name"] for one in kfp_api.pipelines] == [
        "foresail-forecast",
        "foresail-monitor",
    ]
    assert [
        (one["display_name"], one["trigger"]["cron_schedule"]["cron"]) for one in kfp_api.recurring
    ] == [("foresail-nightly", "0 30 3 * * *"), ("foresail-monitor", "0 10 3 * * *")]


@pytest.mark.parametrize("name", ["compile", "check", "run", "upload", "schedule"])
def test_every_command_has_an_example(name: str) -> None:
    """`--help` shows one call that works."""
    done = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert f"Example: foresail pipeline {name}" in done.stdout
