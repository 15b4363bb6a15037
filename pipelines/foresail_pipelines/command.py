"""`foresail pipeline ...`: compile, check, run, upload and schedule."""

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from foresail.errors import ForesailError, UsageError

app = typer.Typer(
    name="pipeline",
    help="Compile, check, run, upload and schedule the Kubeflow pipelines.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_COMPILED = Path(__file__).parent / "compiled"


class Ours(StrEnum):
    """The pipelines that come with Foresail, by the names of their files."""

    FORECAST = "forecast"
    FORECAST_SHARDED = "forecast_sharded"
    MONITOR = "monitor"


_NIGHTLY = {
    Ours.FORECAST: ("foresail-nightly", "0 30 3 * * *"),
    Ours.FORECAST_SHARDED: ("foresail-nightly", "0 30 3 * * *"),
    # a champion knows the hours up to 03:00; a day later it is judged just before the next one
    Ours.MONITOR: ("foresail-monitor", "0 10 3 * * *"),
}
"""The recurring run of each, and when."""

_Ours = Annotated[Ours, typer.Option("--pipeline", help="Which of Foresail's own pipelines.")]
_File = Annotated[
    Path | None,
    typer.Option("--file", help="Compiled pipeline YAML, where it is not the one we ship."),
]
_Host = Annotated[
    str,
    typer.Option(envvar="KF_PIPELINES_ENDPOINT", help="URL of the Kubeflow Pipelines API."),
]
_Namespace = Annotated[
    str, typer.Option(help="Your profile's namespace in a multi-user Kubeflow; else leave it out.")
]
_TokenFile = Annotated[Path | None, typer.Option(help="File that holds a bearer token.")]
_CaFile = Annotated[Path | None, typer.Option(help="Certificate authority, if a private one.")]
_Param = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="A pipeline parameter; repeatable."),
]


@app.callback()
def _needs_kfp() -> None:
    if find_spec("kfp_server_api") is None:  # the train image holds kfp, but not what it needs
        raise ForesailError(
            "`foresail pipeline` needs kfp and its dependencies, which are not installed; "
            "install the extra: pip install 'foresail[pipelines]'"
        )


@app.command("compile")
def compile_command(
    out: Annotated[Path, typer.Option(help="Folder that gets the YAML files.")] = Path("compiled"),
    image: Annotated[
        str, typer.Option(help="Train image to name instead of ours: a tag or a digest.")
    ] = "",
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; name the files that differ and fail.")
    ] = False,
) -> None:
    """Write the pipelines, and each component alone, as YAML. The same input gives the same bytes.

    Example: foresail pipeline compile --out build --image registry.example/foresail/train:0.1.0
    """
    from foresail_pipelines.compiler import compile_all, stale

    if not check:
        for path in compile_all(out, image=image):
            typer.echo(path)
        return
    differing = stale(out, image=image)
    for name in differing:
        typer.echo(f"{out / name}: differs from a fresh compilation", err=True)
    if differing:
        raise typer.Exit(1)
    typer.echo(f"{len(list(out.rglob('*.yaml')))} files are up to date")


@app.command("check")
def check_command(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Compiled YAML; ours where none is named.")
    ] = None,
) -> None:
    """Check compiled pipelines: references, inputs, cycles, images, secrets, caching.

    Example: foresail pipeline check build/forecast.yaml
    """
    from foresail_pipelines import spec
    from foresail_pipelines.check import check

    faults = 0
    for file in files or [_compiled(ours, None) for ours in Ours]:
        problems = check(spec.load(file))
        faults += len(problems)
        for problem in problems:
            typer.echo(f"{file}: {problem}")
        if not problems:
            typer.echo(f"{file}: no problem found")
    if faults:
        raise typer.Exit(1)


@app.command()
def run(
    local: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--local", help="Run on this machine; says so because clusters differ.")
    ] = False,
    param: _Param = None,
    pipeline: _Ours = Ours.FORECAST,
    file: _File = None,
    root: Annotated[Path, typer.Option(help="Folder that gets a folder per run.")] = Path(
        ".foresail/runs"
    ),
) -> None:
    """Run a compiled pipeline on this machine; credentials come from the environment.

    Example: foresail pipeline run --local -p source=usage.csv -p history_uri=.foresail/history
    """
    from foresail_pipelines import spec
    from foresail_pipelines.local import run as run_local
    from foresail_pipelines.progress import TaskProgress

    if not local:
        raise UsageError(
            "say --local to run here; on a cluster use `foresail pipeline upload`, then start it "
            "from the dashboard or with `foresail pipeline schedule`"
        )
    compiled = _compiled(pipeline, file)
    arguments = spec.arguments(spec.load(compiled), param or [])
    with TaskProgress() as progress:
        done = run_local(compiled, arguments, root=root, on_task=progress)
    for task in done.tasks:
        numbers = [f"{k} {v:g}" for k, v in task.metrics.items()]
        more = f", {len(numbers) - 4} more" if len(numbers) > 4 else ""  # noqa: PLR2004  # a line
        typer.echo(f"{task.name:<16} {task.seconds:6.1f} s  {', '.join(numbers[:4])}{more}")
    typer.echo(f"outputs and log: {done.folder}")


@app.command()
def upload(
    host: _Host,
    version: Annotated[str, typer.Option(help="Name of the version; empty: our version.")] = "",
    name: Annotated[str, typer.Option(help="Name of the pipeline; empty: the file's.")] = "",
    pipeline: _Ours = Ours.FORECAST,
    file: _File = None,
    namespace: _Namespace = "",
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
) -> None:
    """Upload a compiled pipeline to Kubeflow as a new version.

    Example: foresail pipeline upload --host https://kubeflow.example/pipeline --token-file token
    """
    from foresail import __version__
    from foresail_pipelines.client import Backend
    from foresail_pipelines.client import upload as upload_file

    backend = Backend(host, namespace, token_file, ca_file)
    compiled = _compiled(pipeline, file)
    done = upload_file(backend, compiled, version=version or __version__, name=name)
    typer.echo(f"pipeline {done.pipeline_id}, version {done.version_id}\n{done.url}")


@app.command()
def schedule(
    host: _Host,
    param: _Param = None,
    cron: Annotated[
        str,
        typer.Option(
            help="Six fields, seconds first; UTC unless Kubeflow is told otherwise. Empty: 03:30 "
            "every night, the monitor 03:10."
        ),
    ] = "",
    job: Annotated[
        str, typer.Option(help="Name of the recurring run; empty: foresail-nightly or -monitor.")
    ] = "",
    name: Annotated[str, typer.Option(help="Name of the pipeline; empty: the file's.")] = "",
    version: Annotated[str, typer.Option(help="Version to run; empty: the newest.")] = "",
    experiment: Annotated[str, typer.Option(help="Experiment that shows the runs.")] = "foresail",
    replace: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--replace", help="Replace a recurring run of the same name.")
    ] = False,
    pipeline: _Ours = Ours.FORECAST,
    file: _File = None,
    namespace: _Namespace = "",
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
) -> None:
    """Let Kubeflow run the uploaded pipeline on a schedule. Secrets are no parameters.

    Example: foresail pipeline schedule --host http://localhost:3000 -p source=http://prometheus:9090
    """
    from foresail_pipelines import spec
    from foresail_pipelines.client import Backend
    from foresail_pipelines.client import schedule as schedule_run

    loaded = spec.load(_compiled(pipeline, file))
    usual_job, usual_cron = _NIGHTLY[pipeline]
    done = schedule_run(
        Backend(host, namespace, token_file, ca_file),
        pipeline=name or spec.name(loaded),
        job=job or usual_job,
        cron=cron or usual_cron,
        arguments=spec.arguments(loaded, param or []),
        version=version,
        experiment=experiment,
        replace=replace,
    )
    typer.echo(f"recurring run {done.recurring_run_id}, replaced: {len(done.replaced)}")


def _compiled(pipeline: Ours, file: Path | None) -> Path:
    return file or _COMPILED / f"{pipeline}.yaml"
