"""The steps register and promote, on a sqlite file."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from factories.registry_bundle import TRAINED_UNTIL, write_registry_bundle

from foresail.bundle import Bundle
from foresail.errors import BadBundle, BadInput, UsageError
from foresail.registry import Decision, Registered, Registry, Verdict
from foresail.steps import promote, register
from foresail.steps.artifacts import HistoryFacts


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a fresh registry, set in the environment as a pod has it."""
    value = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    return value


def write_model(folder: Path, *, day: int = 0) -> Path:
    """Write what train writes: a bundle per metric."""
    for metric in ("cpu", "memory"):
        until = TRAINED_UNTIL + timedelta(days=day)
        write_registry_bundle(folder / metric / "bundle", metric=metric, trained_until=until)
    return folder


def test_register_records_names_and_versions(uri: str, tmp_path: Path) -> None:
    """One version a metric; the record holds what promote needs, and no credentials."""
    measured = register.run(
        model=write_model(tmp_path / "model"),
        registered=tmp_path / "registered.json",
        pipeline_run="run-1",
    )
    assert measured == {
        "registered": 2.0,
        "cpu.version": 1.0,
        "cpu.series": 3.0,
        "memory.version": 1.0,
        "memory.series": 3.0,
    }
    record = Registered.read(tmp_path / "registered.json")
    assert record.tracking_uri == uri
    assert [(m.metric, m.name, m.version) for m in record.models] == [
        ("cpu", "foresail-cpu", "1"),
        ("memory", "foresail-memory", "1"),
    ]
    assert Registry(uri).tags("foresail-cpu", "1")["foresail.pipeline_run"] == "run-1"


def test_register_run_again_gives_the_same_record(uri: str, tmp_path: Path) -> None:
    """A retried step makes no second version and writes the same bytes."""
    model = write_model(tmp_path / "model")
    for name in ("first.json", "second.json"):
        register.run(model=model, registered=tmp_path / name, tracking_uri=uri)
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


@pytest.mark.usefixtures("uri")
def test_register_sends_nothing_when_one_bundle_is_broken(tmp_path: Path) -> None:
    """All are verified before the first is registered."""
    model = write_model(tmp_path / "model")
    (model / "memory" / "bundle" / "index.json").write_text("[]")
    with pytest.raises(BadBundle, match=r"index\.json is not the file that was published"):
        register.run(model=model, registered=tmp_path / "registered.json")
    assert not (tmp_path / "mlflow").exists()
    assert not (tmp_path / "registered.json").exists()


@pytest.mark.usefixtures("uri")
def test_register_without_a_bundle_says_so(tmp_path: Path) -> None:
    """An empty model folder is no success."""
    with pytest.raises(BadInput, match="found none; run train first"):
        register.run(model=tmp_path, registered=tmp_path / "registered.json")


def test_register_without_a_place_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither parameter nor variable."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UsageError, match="set MLFLOW_TRACKING_URI"):
        register.run(model=tmp_path, registered=tmp_path / "registered.json")


def write_clusters(folder: Path, *clusters: str, hours: int, silent: tuple[str, ...] = ()) -> Path:
    """Write what train writes of some clusters, when others did not answer."""
    start = bundles.TRAINED_UNTIL + timedelta(hours=hours)
    for metric in ("cpu", "memory"):
        index = [e for c in clusters for e in bundles.cluster_entries(metric, cluster=c)]
        bundles.write(folder / metric / "bundle", metric=metric, index=index, trained_until=start)
    HistoryFacts(history_digest="d" * 64, as_of=start, silent=silent).write(folder)
    return folder


def test_a_silent_cluster_s_series_are_registered_with_the_others(uri: str, tmp_path: Path) -> None:
    """Of cpu the champion goes on; of memory there is none. Record and figures tell both."""
    home = write_clusters(tmp_path / "first", "prod", "dev", hours=0)
    register.run(model=home, registered=tmp_path / "r")
    Registry(uri).promote("foresail-cpu", "1")
    model = write_clusters(tmp_path / "model", "prod", hours=24, silent=("dev",))
    measured = register.run(model=model, registered=tmp_path / "registered.json")
    assert measured == {
        "registered": 2.0,
        "cpu.version": 2.0,
        "cpu.series": 16.0,
        "cpu.carried": 8.0,
        "memory.version": 2.0,
        "memory.series": 8.0,
        "memory.carried": 0.0,
    }
    cpu, memory = Registered.read(tmp_path / "registered.json").models
    assert (cpu.carried, cpu.silent) == (
        8,
        "cluster dev did not answer: 8 series go on with their forecast as of 2026-11-20T23:00:00Z",
    )
    assert (memory.carried, memory.silent) == (
        0,
        "cluster dev did not answer, and there is no champion to carry its series over from",
    )
    fetched = Registry(uri).fetch("foresail-cpu", "2", tmp_path / "fetched", files=None)
    assert sum(entry.is_carried_over for entry in Bundle.open(fetched).index) == 8
    assert Bundle.open(model / "cpu" / "bundle").manifest.series == 8


def test_a_completed_bundle_is_registered_once(uri: str, tmp_path: Path) -> None:
    """Run again, also after its version became champion, the step finds the very same bundle."""
    home = write_clusters(tmp_path / "first", "prod", "dev", hours=0)
    register.run(model=home, registered=tmp_path / "r")
    Registry(uri).promote("foresail-cpu", "1")
    model = write_clusters(tmp_path / "model", "prod", hours=24, silent=("dev",))
    for _ in range(2):
        register.run(model=model, registered=tmp_path / "again.json")
        versions = [m.version for m in Registered.read(tmp_path / "again.json").models]
        assert versions == ["2", "2"]
        Registry(uri).promote("foresail-cpu", "2")


@pytest.mark.usefixtures("uri")
def test_a_model_that_says_nothing_of_silent_clusters_is_registered_as_it_is(
    tmp_path: Path,
) -> None:
    """One that an earlier release trained; facts that are there must be whole."""
    model = write_clusters(tmp_path / "model", "prod", hours=0)
    (model / "facts.json").unlink()
    assert "cpu.carried" not in register.run(model=model, registered=tmp_path / "r.json")
    (model / "facts.json").write_text("{")
    with pytest.raises(BadInput, match=r"model holds no facts\.json"):
        register.run(model=model, registered=tmp_path / "r.json")


def test_promote_moves_what_the_gate_lets_through_and_tells_people(
    uri: str, tmp_path: Path
) -> None:
    """Of two metrics cpu moves, memory stays; the table says both with the reason."""
    register.run(model=write_model(tmp_path / "model"), registered=tmp_path / "r.json")
    Decision(
        tracking_uri=uri,
        verdicts=(
            Verdict(
                metric="cpu",
                name="foresail-cpu",
                version="1",
                promote=True,
                reason="no champion yet; 12 % better than the seasonal naive",
            ),
            Verdict(
                metric="memory",
                name="foresail-memory",
                version="1",
                promote=False,
                reason="worse than the seasonal naive | by 4 %",
            ),
        ),
    ).write(tmp_path / "decision.json")
    measured = promote.run(decision=tmp_path / "decision.json", summary=tmp_path / "s" / "out.md")
    assert measured == {"promoted": 1.0, "cpu.promoted": 1.0, "memory.promoted": 0.0}
    assert (tmp_path / "s" / "out.md").read_text() == (
        "# Promotion\n\n"
        "| metric | model | version | outcome | champion now | why |\n"
        "|---|---|---|---|---|---|\n"
        "| cpu | foresail-cpu | 1 | **promoted** | 1 "
        "| no champion yet; 12 % better than the seasonal naive |\n"
        "| memory | foresail-memory | 1 | stays a challenger | none "
        "| worse than the seasonal naive \\| by 4 % |\n"
    )
    assert Registry(uri).version_of("foresail-cpu", "champion") == "1"
    assert Registry(uri).version_of("foresail-memory", "champion") is None


def test_a_forecast_only_run_promotes_nothing_whatever_was_decided(
    uri: str, tmp_path: Path
) -> None:
    """The version has the alias shadow; the next one takes it over, and no champion moves."""
    for day in range(2):
        register.run(model=write_model(tmp_path / f"{day}", day=day), registered=tmp_path / "r")
        verdict = Verdict(
            metric="cpu", name="foresail-cpu", version=f"{day + 1}", promote=True, reason="better"
        )
        Decision(tracking_uri=uri, verdicts=(verdict,)).write(tmp_path / "decision.json")
        measured = promote.run(
            decision=tmp_path / "decision.json",
            summary=tmp_path / "out.md",
            promotion="forecast-only",
        )
        assert measured == {"promoted": 0.0, "cpu.promoted": 0.0}
        assert Registry(uri).version_of("foresail-cpu", "shadow") == f"{day + 1}"
    assert Registry(uri).version_of("foresail-cpu", "champion") is None
    assert Registry(uri).version_of("foresail-memory", "shadow") is None
    assert (
        "| cpu | foresail-cpu | 2 | shadow | none | forecast-only: would be promoted, better |"
        in (tmp_path / "out.md").read_text()
    )


@pytest.mark.usefixtures("uri")
def test_promote_refuses_an_unknown_promotion(tmp_path: Path) -> None:
    """Before the decision is read, so that nothing has moved."""
    with pytest.raises(UsageError, match="must be auto or forecast-only, got 'Auto'"):
        promote.run(decision=tmp_path / "none", summary=tmp_path / "out.md", promotion="Auto")


def test_promote_run_again_changes_nothing(uri: str, tmp_path: Path) -> None:
    """A retried step finds its version champion already."""
    register.run(model=write_model(tmp_path / "model"), registered=tmp_path / "r.json")
    verdict = Verdict(metric="cpu", name="foresail-cpu", version="1", promote=True, reason="better")
    Decision(tracking_uri=uri, verdicts=(verdict,)).write(tmp_path / "decision.json")
    texts = []
    for name in ("first.md", "second.md"):
        promote.run(decision=tmp_path / "decision.json", summary=tmp_path / name)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]


def test_promote_reports_an_older_version_as_staying(uri: str, tmp_path: Path) -> None:
    """The gate said yes, but a newer version has become champion meanwhile."""
    for day, name in ((1, "new"), (0, "old")):
        register.run(
            model=write_model(tmp_path / name, day=day), registered=tmp_path / f"{name}.json"
        )
    Registry(uri).promote("foresail-cpu", "1")
    verdict = Verdict(metric="cpu", name="foresail-cpu", version="2", promote=True, reason="better")
    Decision(tracking_uri=uri, verdicts=(verdict,)).write(tmp_path / "decision.json")
    measured = promote.run(decision=tmp_path / "decision.json", summary=tmp_path / "out.md")
    assert measured["cpu.promoted"] == 0.0
    assert (
        "| stays a challenger | 1 | version 1 (trained until 2026-11-22T08:00:00Z) is newer"
        in (tmp_path / "out.md").read_text()
    )


def test_promote_leaves_what_a_person_rolled_back(uri: str, tmp_path: Path) -> None:
    """Run again over unchanged history, the pipeline registers the same version and leaves it."""
    for day in range(2):
        register.run(model=write_model(tmp_path / f"{day}", day=day), registered=tmp_path / "r")
        Registry(uri).promote("foresail-cpu", str(day + 1))
    Registry(uri).rollback("foresail-cpu")
    register.run(model=tmp_path / "1", registered=tmp_path / "again")
    assert Registered.read(tmp_path / "again").models[0].version == "2"
    verdict = Verdict(metric="cpu", name="foresail-cpu", version="2", promote=True, reason="better")
    Decision(tracking_uri=uri, verdicts=(verdict,)).write(tmp_path / "decision.json")
    measured = promote.run(decision=tmp_path / "decision.json", summary=tmp_path / "out.md")
    assert measured == {"promoted": 0.0, "cpu.promoted": 0.0}
    assert (
        "| stays a challenger | 1 | version 2 was rolled back by hand; "
        "`foresail registry promote foresail-cpu 2` to insist |"
        in (tmp_path / "out.md").read_text()
    )
    assert Registry(uri).version_of("foresail-cpu", "champion") == "1"


def test_a_bad_environment_is_an_error_of_usage(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named in one line."""
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "soon")
    Decision(tracking_uri=uri, verdicts=()).write(tmp_path / "decision.json")
    with pytest.raises(UsageError, match=r"^S3_TIMEOUT_SECONDS: "):
        register.run(model=tmp_path, registered=tmp_path / "r.json")
    with pytest.raises(UsageError, match=r"^S3_TIMEOUT_SECONDS: "):
        promote.run(decision=tmp_path / "decision.json", summary=tmp_path / "out.md")


def test_the_records_are_json_that_others_can_read(uri: str, tmp_path: Path) -> None:
    """Kubeflow shows them as artifacts."""
    register.run(model=write_model(tmp_path / "model"), registered=tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["tracking_uri"] == uri
    assert told["experiment"] == "foresail"
