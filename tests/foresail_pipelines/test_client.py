"""Upload and schedule over HTTP, against a small server that speaks Kubeflow's endpoints."""

import socket
from pathlib import Path

import pytest
import yaml
from servers.kfp_api import TOKEN, KubeflowApi

from foresail.errors import AccessDenied, BadInput, NotFound, Unreachable, UsageError
from foresail_pipelines.client import Backend, Uploaded, schedule, upload
from foresail_pipelines.compiler import FORECAST


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Give a file with the token, and the line break that every such file ends with."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def backend(kfp_api: KubeflowApi, token_file: Path) -> Backend:
    """Give the server's address and a token that it takes."""
    return Backend(kfp_api.url, "team-a", token_file)


def test_the_first_upload_makes_the_pipeline_and_its_version(
    kfp_api: KubeflowApi, backend: Backend
) -> None:
    """One pipeline, one version of the name asked for, in the profile's namespace."""
    done = upload(backend, FORECAST, version="0.1.0-abc1234")
    assert done == Uploaded(
        "pipeline-1",
        "pipeline_version-1",
        f"{kfp_api.url}/#/pipelines/details/pipeline-1/version/pipeline_version-1",
    )
    assert [p["display_name"] for p in kfp_api.pipelines] == ["foresail-forecast"]
    assert kfp_api.pipelines[0]["namespace"] == "team-a"
    assert [v["display_name"] for v in kfp_api.versions] == ["0.1.0-abc1234"]
    sent = yaml.safe_load(kfp_api.versions[0]["yaml"])
    assert sent == yaml.safe_load(FORECAST.read_text())
    assert set(kfp_api.authorizations) == {f"Bearer {TOKEN}"}


def test_the_next_upload_adds_a_version(kfp_api: KubeflowApi, backend: Backend) -> None:
    """The pipeline is found by its name again."""
    upload(backend, FORECAST, version="1")
    upload(backend, FORECAST, version="2")
    assert len(kfp_api.pipelines) == 1
    assert [v["display_name"] for v in kfp_api.versions] == ["1", "2"]


def test_a_version_is_never_overwritten(backend: Backend) -> None:
    """The same name again is refused in words."""
    upload(backend, FORECAST, version="1")
    with pytest.raises(BadInput, match="has version '1' of 'foresail-forecast' already; choose"):
        upload(backend, FORECAST, version="1")


def test_a_schedule_runs_the_newest_version(kfp_api: KubeflowApi, backend: Backend) -> None:
    """It names version, parameters and cron, one run at a time, and never catches up."""
    upload(backend, FORECAST, version="1")
    upload(backend, FORECAST, version="2")
    done = schedule(
        backend,
        pipeline="foresail-forecast",
        job="nightly",
        cron="0 0 3 * * *",
        arguments={"source": "http://prometheus:9090", "days": 30},
    )
    assert done.replaced == ()
    (made,) = kfp_api.recurring
    assert made["display_name"] == "nightly"
    assert made["pipeline_version_reference"] == {
        "pipeline_id": "pipeline-1",
        "pipeline_version_id": "pipeline_version-2",
    }
    assert made["runtime_config"] == {
        "parameters": {"source": "http://prometheus:9090", "days": 30}
    }
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert (made["max_concurrency"], made["no_catchup"]) == (1, True)
    assert kfp_api.experiments[0]["display_name"] == "foresail"
    assert kfp_api.experiments[0]["namespace"] == "team-a"


def test_a_schedule_of_the_same_name_is_replaced_only_when_asked(
    kfp_api: KubeflowApi, backend: Backend
) -> None:
    """Two schedules of one name would train twice a night."""
    upload(backend, FORECAST, version="1")

    def plan(*, replace: bool) -> tuple[str, ...]:
        return schedule(
            backend,
            pipeline="foresail-forecast",
            job="nightly",
            cron="0 0 3 * * *",
            arguments={"source": "x"},
            replace=replace,
        ).replaced

    plan(replace=False)
    with pytest.raises(UsageError, match="a recurring run 'nightly' exists; pass --replace"):
        plan(replace=False)
    assert plan(replace=True) == ("recurring_run-1",)
    assert [r["recurring_run_id"] for r in kfp_api.recurring] == ["recurring_run-2"]


def test_a_schedule_needs_an_uploaded_pipeline(backend: Backend) -> None:
    """The message says how to come by one."""
    with pytest.raises(NotFound, match="no pipeline 'other'; upload it with `foresail pipeline"):
        schedule(backend, pipeline="other", job="n", cron="0 0 3 * * *", arguments={})


def test_a_schedule_of_an_unknown_version_is_refused(backend: Backend) -> None:
    """A named version must be there."""
    upload(backend, FORECAST, version="1")
    with pytest.raises(NotFound, match="'foresail-forecast' has no version 9; upload one"):
        schedule(
            backend,
            pipeline="foresail-forecast",
            job="n",
            cron="0 0 3 * * *",
            arguments={},
            version="9",
        )


def test_cron_has_six_fields(backend: Backend) -> None:
    """Five fields mean something else to Kubeflow than to crontab."""
    with pytest.raises(UsageError, match=r"six cron fields, seconds first .* got '0 3 \* \* \*'"):
        schedule(backend, pipeline="p", job="n", cron="0 3 * * *", arguments={})


def test_a_wrong_token_is_told_without_the_token(kfp_api: KubeflowApi, tmp_path: Path) -> None:
    """The message names the option to look at."""
    file = tmp_path / "token"
    file.write_text("wrong-token")
    with pytest.raises(AccessDenied, match=r"refuses access to its health \(401\)") as caught:
        upload(Backend(kfp_api.url, token_file=file), FORECAST, version="1")
    assert "wrong-token" not in str(caught.value)


def test_an_empty_or_missing_token_file_is_told(kfp_api: KubeflowApi, tmp_path: Path) -> None:
    """Neither is sent as an empty token."""
    empty = tmp_path / "token"
    empty.write_text("\n")
    with pytest.raises(UsageError, match=r"expected a bearer token in .*token, it is empty"):
        upload(Backend(kfp_api.url, token_file=empty), FORECAST, version="1")
    with pytest.raises(UsageError, match=r"cannot read the token file .*gone: No such file"):
        upload(Backend(kfp_api.url, token_file=tmp_path / "gone"), FORECAST, version="1")


def test_a_wrong_path_is_told(kfp_api: KubeflowApi, token_file: Path) -> None:
    """Behind the dashboard the API has a path of its own."""
    backend = Backend(f"{kfp_api.url}/dashboard", token_file=token_file)
    with pytest.raises(NotFound, match="Behind the dashboard it ends in /pipeline"):
        upload(backend, FORECAST, version="1")


def test_a_server_that_is_down_is_told_at_once(token_file: Path) -> None:
    """No minutes of retries."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match=rf"{url} does not answer: .*Connection refused"):
        upload(Backend(url, token_file=token_file), FORECAST, version="1")


def test_the_host_is_a_url(token_file: Path) -> None:
    """Without one, kfp would look into the caller's kubeconfig."""
    with pytest.raises(UsageError, match="expected --host as http"):
        upload(Backend("kubeflow.example", token_file=token_file), FORECAST, version="1")
