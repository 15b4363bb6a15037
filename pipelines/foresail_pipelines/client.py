"""Upload a compiled pipeline to Kubeflow and schedule it. Imports kfp only when it is called."""

import contextlib
import io
import json
import ssl
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresail.errors import AccessDenied, BadInput, ForesailError, NotFound, Unreachable, UsageError
from foresail_pipelines import spec as specs

_PROBE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Backend:
    """A Kubeflow Pipelines API server and how to be let in.

    Attributes:
        host: Its URL, such as `https://kubeflow.example/pipeline`.
        namespace: The profile in a multi-user Kubeflow; empty in a single-user one.
        token_file: Holds the bearer token, such as a service account's projected token.
        ca_file: Certificate authority, where it is a private one.
    """

    host: str
    namespace: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A version of a pipeline in Kubeflow."""

    pipeline_id: str
    version_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A recurring run in Kubeflow, and the one of the same name that it replaced."""

    recurring_run_id: str
    replaced: tuple[str, ...]


def upload(backend: Backend, file: Path, *, version: str, name: str = "") -> Uploaded:
    """Upload a compiled pipeline as a new version; the pipeline is made where there is none.

    Args:
        backend: Where to.
        file: Compiled YAML.
        version: Name of the version; one name can be taken once.
        name: Name of the pipeline; empty means the one in the file.

    Raises:
        BadInput: The version is there already, or Kubeflow refuses the file.
        Unreachable: The server does not answer.
        AccessDenied: It refuses the token.
    """
    name = name or specs.name(specs.load(file))
    client = _connect(backend)
    with _told(backend, f"version {version!r} of {name!r}"):
        pipeline = (
            _pipeline(client, name, backend)
            or client.pipelines.pipeline_service_create_pipeline(
                pipeline=_new_pipeline(name, backend)
            ).pipeline_id
        )
        made = client.upload_pipeline_version(
            str(file), pipeline_version_name=version, pipeline_id=pipeline
        )
    return Uploaded(
        pipeline,
        made.pipeline_version_id,
        f"{backend.host.rstrip('/')}/#/pipelines/details/{pipeline}/version/{made.pipeline_version_id}",
    )


def schedule(
    backend: Backend,
    *,
    pipeline: str,
    job: str,
    cron: str,
    arguments: Mapping[str, Any],
    version: str = "",
    experiment: str = "foresail",
    replace: bool = False,
) -> Scheduled:
    """Let Kubeflow run an uploaded pipeline again and again.

    A missed run is not caught up: the next one reads what the last would have read. Two never run
    at once.

    Args:
        backend: Where to.
        pipeline: Name of the uploaded pipeline.
        job: Name of the recurring run.
        cron: Six fields, seconds first, such as `0 0 3 * * *` for 03:00 every night.
        arguments: Values of the pipeline's parameters.
        version: Name of the version; empty means the newest.
        experiment: Kubeflow experiment that shows the runs.
        replace: Put the new schedule in the place of one of the same name.

    Raises:
        UsageError: `cron` has no six fields, or a recurring run of that name exists.
        NotFound: The pipeline or the version is not there.
        Unreachable: The server does not answer.
        AccessDenied: It refuses the token.
    """
    if len(cron.split()) != 6:  # noqa: PLR2004  # Kubeflow's cron has seconds
        raise UsageError(f"expected six cron fields, seconds first ('0 0 3 * * *'), got {cron!r}")
    client = _connect(backend)
    with _told(backend, f"the schedule {job!r}"):
        pipeline_id = _pipeline(client, pipeline, backend)
        if pipeline_id is None:
            raise NotFound(f"no pipeline {pipeline!r}; upload it with `foresail pipeline upload`")
        version_id = _version(client, pipeline_id, version, pipeline)
        group = client.create_experiment(experiment, namespace=backend.namespace or None)
        old = _recurring(client, job, experiment=group.experiment_id)
        if old and not replace:
            raise UsageError(f"a recurring run {job!r} exists; pass --replace or another --job")
        made = client.create_recurring_run(
            experiment_id=group.experiment_id,
            job_name=job,
            cron_expression=cron,
            no_catchup=True,
            params=dict(arguments),
            pipeline_id=pipeline_id,
            version_id=version_id,
        )
        for recurring_run_id in old:
            client.delete_recurring_run(recurring_run_id)
    return Scheduled(made.recurring_run_id, old)


def _connect(backend: Backend) -> Any:  # noqa: ANN401  # kfp publishes no types
    if not backend.host.startswith(("http://", "https://")):
        raise UsageError(f"expected --host as http(s)://..., got {backend.host!r}")
    token = _token(backend.token_file)
    _probe(backend, token)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kfp announces its own future at each start
        import kfp

        return kfp.Client(
            host=backend.host,
            namespace=backend.namespace or "kubeflow",
            existing_token=token or None,
            ssl_ca_cert=str(backend.ca_file) if backend.ca_file else None,
        )


def _token(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"cannot read the token file {file}: {error.strerror}") from error
    if not token:
        raise UsageError(f"expected a bearer token in {file}, it is empty")
    return token


def _probe(backend: Backend, token: str) -> None:
    """Ask for the server's health once: kfp.Client itself tries for minutes without a deadline."""
    url = f"{backend.host.rstrip('/')}/apis/v2beta1/healthz"
    request = urllib.request.Request(url)  # noqa: S310  # the scheme was checked
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        context = ssl.create_default_context(cafile=backend.ca_file)
        urllib.request.urlopen(request, timeout=_PROBE_SECONDS, context=context).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        raise _refusal(backend, error.code, "its health", str(error.reason)) from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(f"Kubeflow at {backend.host} does not answer: {reason}") from error


def _refusal(backend: Backend, status: int, what: str, reason: str) -> ForesailError:
    if status in {401, 403}:
        return AccessDenied(
            f"Kubeflow at {backend.host} refuses access to {what} ({status}); "
            "check --token-file and --namespace"
        )
    if status == 404:  # noqa: PLR2004  # HTTP: not found
        return NotFound(
            f"Kubeflow at {backend.host} does not know {what} (404); is the URL the API's? "
            "Behind the dashboard it ends in /pipeline"
        )
    if status in {409, 412}:
        return BadInput(f"Kubeflow has {what} already; choose another name")
    return ForesailError(f"Kubeflow at {backend.host} answers {status} to {what}: {reason}")


@contextlib.contextmanager
def _told(backend: Backend, what: str) -> Iterator[None]:
    """Turn what kfp raises into our errors, and keep its prints to itself."""
    import kfp_server_api
    import urllib3.exceptions

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except kfp_server_api.ApiException as error:
        raise _refusal(backend, error.status or 0, what, _message(error.body)) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(f"Kubeflow at {backend.host} stopped answering: {error}") from error


def _message(body: str | bytes | None) -> str:
    try:
        content = json.loads(body or "{}")
    except json.JSONDecodeError:
        return "no reason given"
    text = content.get("message") or content.get("error_message") or "no reason given"
    return " ".join(str(text).split())[:300]


def _named(name: str) -> str:
    """Return Kubeflow's filter for one display name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})


def _pipeline(client: Any, name: str, backend: Backend) -> str | None:  # noqa: ANN401
    found = client.list_pipelines(filter=_named(name), namespace=backend.namespace or None)
    return found.pipelines[0].pipeline_id if found.pipelines else None


def _new_pipeline(name: str, backend: Backend) -> Any:  # noqa: ANN401
    import kfp_server_api

    return kfp_server_api.V2beta1Pipeline(
        display_name=name,
        description="Forecasts the CPU and memory of a Kubernetes cluster.",
        namespace=backend.namespace or None,
    )


def _version(client: Any, pipeline_id: str, version: str, pipeline: str) -> str:  # noqa: ANN401
    found = client.list_pipeline_versions(
        pipeline_id,
        page_size=1,
        sort_by="created_at desc",
        filter=_named(version) if version else None,
    )
    if not found.pipeline_versions:
        raise NotFound(
            f"the pipeline {pipeline!r} has no version {version or 'at all'}; upload one"
        )
    newest: str = found.pipeline_versions[0].pipeline_version_id
    return newest


def _recurring(client: Any, job: str, *, experiment: str) -> tuple[str, ...]:  # noqa: ANN401
    found = client.list_recurring_runs(experiment_id=experiment, filter=_named(job), page_size=100)
    return tuple(r.recurring_run_id for r in found.recurring_runs or ())
