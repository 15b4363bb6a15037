"""The registry against a real MLflow server over HTTP."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from factories.registry_bundle import TRAINED_UNTIL, write_registry_bundle
from servers.mlflow import MlflowServer

from foresail.bundle import Bundle
from foresail.errors import BadBundle, NotFound
from foresail.registry import Registry, RegistryClient
from foresail.registry.address import parse_address
from foresail.registry.connection import connect
from foresail.registry.registry import Move

pytestmark = pytest.mark.integration


@pytest.fixture
def registry(mlflow_server: MlflowServer) -> Registry:
    """Return a registry on the real server."""
    return Registry(mlflow_server.uri)


@pytest.fixture
def metric() -> str:
    """Return a metric that no other test registers."""
    return f"m{uuid.uuid4().hex[:8]}"


def _register(registry: Registry, folder: Path, metric: str, *, day: int = 0) -> str:
    until = TRAINED_UNTIL + timedelta(days=day)
    write_registry_bundle(folder, metric=metric, trained_until=until)
    return registry.register(folder, experiment="tests").version


def _files_of(server: MlflowServer, registry: Registry, name: str, version: str) -> Path:
    digest = registry.tags(name, version)["foresail.manifest_sha256"]
    for manifest in server.artifacts.rglob("bundle/manifest.json"):
        if hashlib.sha256(manifest.read_bytes()).hexdigest() == digest:
            return manifest.parent
    pytest.fail(f"no artifacts of {name} {version}")


def test_a_registered_bundle_is_the_challenger_and_carries_its_facts(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """A version says until when it was trained, on which history, and where its bundle is."""
    write_registry_bundle(tmp_path / "bundle", metric=metric)
    made = registry.register(
        tmp_path / "bundle", experiment="tests", tags={"foresail.pipeline_run": "run-7"}
    )
    assert (made.metric, made.name, made.version) == (metric, f"foresail-{metric}", "1")
    assert registry.version_of(made.name, "challenger") == "1"
    assert registry.version_of(made.name, "champion") is None
    tags = registry.tags(made.name, "1")
    assert tags["foresail.trained_until"] == "2026-11-21T08:00:00Z"
    assert tags["foresail.history_digest"] == "d" * 64
    assert tags["foresail.schema_version"] == "1"
    assert tags["foresail.bundle_path"] == "artifacts/bundle"
    assert tags["foresail.pipeline_run"] == "run-7"


def test_the_run_holds_params_and_measured_metrics(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """The run behind a version tells its settings, horizons and the mean of its promises."""
    version = _register(registry, tmp_path / "bundle", metric)
    client = connect(parse_address(registry.tracking_uri), create=False)
    found = client.get_model_version(f"foresail-{metric}", version)
    run = client.get_run(found.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params[f"{metric}.horizons"] == "next_day"
    assert run.data.params[f"{metric}.prophet.changepoint_prior_scale"] == "0.05"
    assert run.data.metrics[f"{metric}.next_day.coverage"] == pytest.approx(0.8)
    assert run.data.metrics[f"{metric}.next_day.served"] == 2.0


def test_mlflow_understands_the_model_and_nothing_in_it_is_pickled(
    registry: Registry, mlflow_server: MlflowServer, metric: str, tmp_path: Path
) -> None:
    """The columns, an example and the requirement are told; the code is a text file."""
    version = _register(registry, tmp_path / "bundle", metric)
    bundle = _files_of(mlflow_server, registry, f"foresail-{metric}", version)
    model = bundle.parent.parent
    assert sorted(p.name for p in model.iterdir() if p.is_file()) == [
        "MLmodel",
        "conda.yaml",
        "input_example.json",
        "pyfunc.py",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
    ]
    assert [p.name for p in sorted(bundle.iterdir())] == [
        "forecast.npy",
        "forecast.parquet",
        "history.npy",
        "index.json",
        "manifest.json",
        "recipe.json",
    ]
    told = (model / "MLmodel").read_text()
    for column in ("series", "metric", "stat", "ds", "p10", "p50", "p90", "model"):
        assert f'"name": "{column}"' in told
    assert "foresail[train]==" in (model / "requirements.txt").read_text()
    assert "2026-11-21T08:00:00Z" in (model / "input_example.json").read_text()


def test_the_same_bundle_is_registered_once(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """A step that is run again makes no second version."""
    first = _register(registry, tmp_path / "bundle", metric)
    again = registry.register(tmp_path / "bundle", experiment="tests")
    assert (first, again.version) == ("1", "1")
    assert len(registry.versions(f"foresail-{metric}")) == 1


_REGISTER = """
import sys
from pathlib import Path
from foresail.registry import Registry
made = Registry(sys.argv[1]).register(Path(sys.argv[2]), experiment=sys.argv[3])
print(made.version)
"""


def test_two_that_register_the_same_at_once_end_with_one_version(
    mlflow_server: MlflowServer, metric: str, tmp_path: Path
) -> None:
    """Experiment, model and version are made once, whoever comes first; neither fails."""
    write_registry_bundle(tmp_path / "bundle", metric=metric)
    words = [mlflow_server.uri, str(tmp_path / "bundle"), f"race-{metric}"]
    trainers = [
        subprocess.Popen([sys.executable, "-c", _REGISTER, *words], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    versions = [trainer.communicate(timeout=120)[0].decode().strip() for trainer in trainers]
    left = Registry(mlflow_server.uri).versions(f"foresail-{metric}")
    assert versions == [left[0].version] * 3
    assert len(left) == 1


def test_a_promoted_version_is_fetched_whole_and_verified(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """What the alias champion names arrives as the same bytes, beside nothing temporary."""
    version = _register(registry, tmp_path / "bundle", metric)
    name = f"foresail-{metric}"
    move = registry.promote(name, version)
    assert move == Move(
        name,
        "1",
        promoted=True,
        champion="1",
        reason="version 1 (trained until 2026-11-21T08:00:00Z) follows no champion",
    )
    champion = registry.version_of(name, "champion")
    assert champion == "1"
    target = registry.fetch(name, champion, tmp_path / "cache" / "1")
    assert sorted(p.name for p in target.iterdir()) == [
        "forecast.npy",
        "history.npy",
        "index.json",
        "manifest.json",
    ]
    assert (target / "forecast.npy").read_bytes() == (
        tmp_path / "bundle" / "forecast.npy"
    ).read_bytes()
    assert Bundle.open(target).manifest.metric == metric
    assert [p.name for p in target.parent.iterdir()] == ["1"]


def test_all_files_can_be_fetched_for_refitting(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """`files=None` brings the recipe and the table too."""
    version = _register(registry, tmp_path / "bundle", metric)
    target = registry.fetch(f"foresail-{metric}", version, tmp_path / "all", files=None)
    assert (target / "recipe.json").exists()
    assert (target / "forecast.parquet").exists()


def test_rollback_gives_the_alias_back_and_marks_it(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """Readers take the older version because it is tagged as a rollback."""
    name = f"foresail-{metric}"
    for day in range(3):
        registry.promote(name, _register(registry, tmp_path / f"b{day}", metric, day=day))
    move = registry.rollback(name)
    assert (move.champion, registry.version_of(name, "champion")) == ("2", "2")
    assert registry.version(name, "2").is_rollback
    assert not registry.version(name, "3").is_rollback
    assert registry.rollback(name).champion == "1"
    with pytest.raises(NotFound, match="no champion is recorded before version 1"):
        registry.rollback(name)


def test_after_a_rollback_a_newer_version_is_promoted_and_the_mark_goes(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """A rollback does not stop what comes after it; promoted again, a version is no rollback."""
    name = f"foresail-{metric}"
    for day in range(2):
        registry.promote(name, _register(registry, tmp_path / f"b{day}", metric, day=day))
    registry.rollback(name)
    assert not registry.promote(name, "2").promoted
    assert registry.promote(name, "2", insist=True).promoted
    registry.rollback(name)
    newest = _register(registry, tmp_path / "b9", metric, day=9)
    assert registry.promote(name, newest).promoted
    assert registry.version_of(name, "champion") == newest


def test_an_older_version_is_not_promoted(registry: Registry, metric: str, tmp_path: Path) -> None:
    """A slow trainer cannot replace the newer champion."""
    name = f"foresail-{metric}"
    newer = _register(registry, tmp_path / "new", metric, day=1)
    older = _register(registry, tmp_path / "old", metric, day=0)
    registry.promote(name, newer)
    move = registry.promote(name, older)
    assert not move.promoted
    assert move.reason == (
        "version 1 (trained until 2026-11-22T08:00:00Z) is newer than "
        "version 2 (trained until 2026-11-21T08:00:00Z); roll it back first"
    )
    assert registry.version_of(name, "champion") == newer


def test_of_two_promoters_the_newest_version_wins_in_either_order(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """The older one overwrites the alias between the newer one's checks, and reports losing."""

    class Slow(Registry):
        """Lets another promoter act just before its own alias move."""

        def _move(self, name: str, version: str) -> None:
            if not raced:
                raced.append(registry.promote(name, newer))
            super()._move(name, version)

    name, raced = f"foresail-{metric}", []  # type: tuple[str, list[Move]]
    older = _register(registry, tmp_path / "old", metric, day=0)
    newer = _register(registry, tmp_path / "new", metric, day=1)
    move = Slow(registry.tracking_uri).promote(name, older)
    assert raced[0].promoted
    assert not move.promoted
    assert move.reason == (
        "version 2 (trained until 2026-11-22T08:00:00Z) was promoted at the same time and is newer"
    )
    assert registry.version_of(name, "champion") == newer


def test_a_rollback_while_a_pipeline_promotes_stands(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """A person rolls back just after the alias has moved: the second look does not undo it."""

    class Slow(Registry):
        """Lets a person act just after its own alias move."""

        def _move(self, name: str, version: str) -> None:
            super()._move(name, version)
            if not acted:
                acted.append(registry.rollback(name))

    name, acted = f"foresail-{metric}", []  # type: tuple[str, list[Move]]
    older = _register(registry, tmp_path / "old", metric, day=0)
    newer = _register(registry, tmp_path / "new", metric, day=1)
    registry.promote(name, older)
    move = Slow(registry.tracking_uri).promote(name, newer)
    assert not move.promoted
    assert move.reason == (
        f"version 2 was rolled back by hand; `foresail registry promote {name} 2` to insist"
    )
    assert registry.version_of(name, "champion") == older


def test_a_damaged_copy_gives_way(registry: Registry, metric: str, tmp_path: Path) -> None:
    """What stands in the folder is kept while it is sound, and fetched anew when it is not."""
    name, version = f"foresail-{metric}", _register(registry, tmp_path / "bundle", metric)
    folder = registry.fetch(name, version, tmp_path / "cache" / "1")
    inode = folder.stat().st_ino
    assert registry.fetch(name, version, folder).stat().st_ino == inode
    data = bytearray((folder / "forecast.npy").read_bytes())
    data[-7] ^= 1
    (folder / "forecast.npy").write_bytes(data)
    assert registry.fetch(name, version, folder).stat().st_ino != inode
    Bundle.open(folder)
    assert [p.name for p in folder.parent.iterdir()] == ["1"]


def test_what_is_not_there_is_none_or_named(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """A missing alias or model is no champion; a missing version is an error that names it."""
    assert registry.version_of(f"foresail-{metric}", "champion") is None
    with pytest.raises(NotFound, match=f"has no version 4 of foresail-{metric}"):
        registry.promote(f"foresail-{metric}", "4")
    _register(registry, tmp_path / "bundle", metric)
    with pytest.raises(NotFound, match=f"has no version 99 of foresail-{metric}"):
        registry.fetch(f"foresail-{metric}", "99", tmp_path / "x")
    with pytest.raises(NotFound, match="has no champion, so there is nothing to roll back"):
        registry.rollback(f"foresail-{metric}")


@pytest.mark.parametrize("file", ["forecast.npy", "history.npy", "index.json", "manifest.json"])
def test_a_changed_artifact_is_refused(
    file: str, registry: Registry, mlflow_server: MlflowServer, metric: str, tmp_path: Path
) -> None:
    """One flipped bit in any served file is found, and nothing is left behind."""
    version = _register(registry, tmp_path / "bundle", metric)
    stored = _files_of(mlflow_server, registry, f"foresail-{metric}", version) / file
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 1
    stored.write_bytes(data)
    with pytest.raises(BadBundle, match="sha256"):
        registry.fetch(f"foresail-{metric}", version, tmp_path / "cache" / "v")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_truncated_and_a_missing_artifact_are_refused(
    registry: Registry, mlflow_server: MlflowServer, metric: str, tmp_path: Path
) -> None:
    """A shorter file is refused before it is read, a missing one is named."""
    version = _register(registry, tmp_path / "bundle", metric)
    stored = _files_of(mlflow_server, registry, f"foresail-{metric}", version) / "forecast.npy"
    with stored.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(BadBundle, match=r"forecast\.npy has 100 bytes, expected 7040"):
        registry.fetch(f"foresail-{metric}", version, tmp_path / "cache")
    stored.unlink()
    with pytest.raises(BadBundle, match=r"artifacts lack forecast\.npy"):
        registry.fetch(f"foresail-{metric}", version, tmp_path / "cache")


def test_a_version_that_foresail_did_not_register_is_refused(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """Without its tags, or with a path that leads elsewhere, a version is no bundle."""
    version = _register(registry, tmp_path / "bundle", metric)
    name = f"foresail-{metric}"
    client = connect(parse_address(registry.tracking_uri), create=False)
    client.set_model_version_tag(name, version, "foresail.bundle_path", "../../etc")
    with pytest.raises(BadBundle, match="no path inside the model"):
        registry.fetch(name, version, tmp_path / "cache")
    client.delete_model_version_tag(name, version, "foresail.bundle_path")
    with pytest.raises(BadBundle, match="Foresail did not register it"):
        registry.fetch(name, version, tmp_path / "cache")


class _Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_planted_pickle_is_never_loaded(
    registry: Registry, mlflow_server: MlflowServer, metric: str, tmp_path: Path
) -> None:
    """Neither a pickle beside the bundle nor one inside an .npy runs when it is fetched."""
    canary = tmp_path / "canary"
    version = _register(registry, tmp_path / "bundle", metric)
    name = f"foresail-{metric}"
    stored = _files_of(mlflow_server, registry, name, version)
    poison = pickle.dumps(_Canary(canary))
    (stored / "python_model.pkl").write_bytes(poison)
    (stored.parent.parent / "python_model.pkl").write_bytes(poison)
    target = registry.fetch(name, version, tmp_path / "cache" / "1", files=None)
    assert not (target / "python_model.pkl").exists()
    (stored / "forecast.npy").write_bytes(poison)
    with pytest.raises(BadBundle):
        registry.fetch(name, version, tmp_path / "cache" / "2")
    assert not canary.exists()


def test_the_read_side_needs_neither_pandas_nor_the_full_mlflow(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """mlflow-skinny is enough: fetch works where pandas, sqlalchemy and prophet do not exist."""
    version = _register(registry, tmp_path / "bundle", metric)
    program = """
import sys
for name in ("pandas", "sqlalchemy", "pyarrow", "prophet", "alembic", "sklearn", "kfp", "flask"):
    sys.modules[name] = None
from pathlib import Path
from foresail.registry.client import RegistryClient
client = RegistryClient(sys.argv[1])
print(client.version_of(sys.argv[2], "challenger"))
client.fetch(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
"""
    target = tmp_path / "skinny"
    done = subprocess.run(
        [
            *(sys.executable, "-c", program),
            *(registry.tracking_uri, f"foresail-{metric}", version, str(target)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"
    assert done.stderr == ""
    assert Bundle.open(target).manifest.metric == metric


def test_a_second_fetch_keeps_the_folder(registry: Registry, metric: str, tmp_path: Path) -> None:
    """A folder that already holds the verified bundle is not downloaded again."""
    version = _register(registry, tmp_path / "bundle", metric)
    reader = RegistryClient(registry.tracking_uri)
    target = reader.fetch(f"foresail-{metric}", version, tmp_path / "v")
    before = (target / "manifest.json").stat().st_ino
    reader.fetch(f"foresail-{metric}", version, tmp_path / "v")
    assert (target / "manifest.json").stat().st_ino == before


def test_the_run_that_kubeflow_has_started_is_used(
    registry: Registry, metric: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With MLFLOW_RUN_ID set nothing starts or ends a run."""
    client = connect(parse_address(registry.tracking_uri), create=False)
    experiment = client.create_experiment(f"kubeflow-{metric}")
    run_id = client.create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    version = _register(registry, tmp_path / "bundle", metric)
    assert client.get_model_version(f"foresail-{metric}", version).run_id == run_id
    run = client.get_run(run_id)
    assert run.info.status == "RUNNING"
    assert run.data.metrics[f"{metric}.series"] == 3.0
    assert client.search_runs([experiment])[0].info.run_id == run_id


def test_the_list_shows_every_version_with_its_alias(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """`models` is by name, newest version first."""
    name = f"foresail-{metric}"
    for day in range(2):
        registry.promote(name, _register(registry, tmp_path / f"b{day}", metric, day=day))
    mine = [v for v in registry.models() if v.name == name]
    assert [(v.version, v.aliases) for v in mine] == [
        ("2", ("challenger", "champion")),
        ("1", ()),
    ]
    assert json.loads(json.dumps(dict(mine[0].tags)))["foresail.series"] == "3"
