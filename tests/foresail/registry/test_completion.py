"""A bundle completed from the champion, on a sqlite registry."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from factories.mlflow_files import fresh_mlflow

from foresail.bundle import Bundle
from foresail.errors import BadBundle
from foresail.registry import Registry
from foresail.registry.completion import Completion, completed
from foresail.registry.publish import promises

HOUR = timedelta(hours=1)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Return a registry without a model."""
    return Registry(fresh_mlflow(tmp_path))


def bundle_of(folder: Path, *clusters: str, hours: int, level: float = 10.0) -> Path:
    """Write a bundle of these clusters that begins so many hours after the first one."""
    index = [e for cluster in clusters for e in bundles.cluster_entries(cluster=cluster)]
    start = bundles.TRAINED_UNTIL + hours * HOUR
    bundles.write(folder, index=index, trained_until=start, level=level)
    return folder


def register(registry: Registry, folder: Path, *clusters: str, hours: int, level: float) -> str:
    """Register a bundle and return its version."""
    bundle_of(folder, *clusters, hours=hours, level=level)
    return registry.register(folder, experiment="tests").version


def promoted(registry: Registry, home: Path, *clusters: str) -> None:
    """Make a bundle of these clusters the champion, from whose level 10 it is known."""
    version = register(registry, home / "champion", *clusters, hours=0, level=10.0)
    registry.promote("foresail-cpu", version)


def complete(
    registry: Registry, home: Path, *, hours: int = 24, silent: Collection[str] = ("dev",)
) -> Completion:
    """Complete a bundle of prod that was trained so many hours later."""
    fresh = bundle_of(home / "fresh", "prod", hours=hours)
    return completed(registry, fresh, silent=silent, scratch=home / "scratch")


def test_the_champion_s_series_go_on(registry: Registry, tmp_path: Path) -> None:
    """Neither the newest challenger nor what is only watched: people see the champion's."""
    promoted(registry, tmp_path, "prod", "dev")
    shadow = register(registry, tmp_path / "shadow", "dev", hours=6, level=60.0)
    registry.shadow("foresail-cpu", shadow)
    register(registry, tmp_path / "challenger", "dev", hours=12, level=70.0)
    found = complete(registry, tmp_path)
    assert (found.carried, found.told) == (
        8,
        "cluster dev did not answer: 8 series go on with their forecast as of 2026-11-20T23:00:00Z",
    )
    bundle = Bundle.open(found.folder)
    assert (bundle.manifest.series, bundle.forecast[8, 0, 1]) == (16, 10.0)


def test_what_was_trained_is_left_as_it_is(registry: Registry, tmp_path: Path) -> None:
    """The completed bundle is a copy; a step that breaks off has changed nothing."""
    promoted(registry, tmp_path, "prod", "dev")
    found = complete(registry, tmp_path)
    assert found.folder != tmp_path / "fresh"
    assert Bundle.open(tmp_path / "fresh").manifest.series == 8


def test_figures_are_those_of_what_was_forecast_anew(registry: Registry, tmp_path: Path) -> None:
    """The run behind a version tells no promise twice; only its series are all counted."""
    promoted(registry, tmp_path, "prod", "dev")
    found = promises(Bundle.open(complete(registry, tmp_path).folder))
    assert found == promises(Bundle.open(tmp_path / "fresh")) | {"series": 16.0}


@pytest.mark.parametrize("known", [False, True], ids=["no model", "no champion"])
def test_without_a_champion_the_series_are_absent(
    registry: Registry, tmp_path: Path, *, known: bool
) -> None:
    """The bundle goes on as it was trained, and the sentence says so."""
    if known:
        register(registry, tmp_path / "first", "prod", "dev", hours=0, level=10.0)
    assert complete(registry, tmp_path) == Completion(
        tmp_path / "fresh",
        0,
        "cluster dev did not answer, and there is no champion to carry its series over from",
    )


def test_a_champion_that_is_damaged_gives_nothing(registry: Registry, tmp_path: Path) -> None:
    """No row of a bundle that fails its checks goes on; the sentence names the check."""
    promoted(registry, tmp_path, "prod", "dev")
    (file,) = (tmp_path / "mlflow-artifacts").rglob("bundle/forecast.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    found = complete(registry, tmp_path)
    assert (found.folder, found.carried) == (tmp_path / "fresh", 0)
    assert found.told.startswith(
        "cluster dev did not answer, and none of its series can be carried over: "
    )
    assert "forecast.npy is not the file that was published (sha256)" in found.told


def test_a_champion_whose_files_are_gone_gives_nothing(registry: Registry, tmp_path: Path) -> None:
    """Its version is listed, its artifacts were removed."""
    promoted(registry, tmp_path, "prod", "dev")
    (file,) = (tmp_path / "mlflow-artifacts").rglob("bundle/index.json")
    file.unlink()
    found = complete(registry, tmp_path)
    assert (found.folder, found.carried) == (tmp_path / "fresh", 0)
    assert found.told.endswith("the version's artifacts lack index.json")


def test_a_champion_that_knows_more_gives_nothing(registry: Registry, tmp_path: Path) -> None:
    """A run over older hours is not completed from the future."""
    promoted(registry, tmp_path, "prod", "dev")
    found = complete(registry, tmp_path, hours=-5)
    assert found.carried == 0
    assert "begins at 2026-11-21T00:00:00Z, after the newer one" in found.told


def test_what_has_run_out_is_counted(registry: Registry, tmp_path: Path) -> None:
    """Some go on and one does not; later none does."""
    promoted(registry, tmp_path, "prod", "dev")
    assert complete(registry, tmp_path / "a", hours=400).told == (
        "cluster dev did not answer: 7 series go on with their forecast as of "
        "2026-11-20T23:00:00Z, the forecast of 1 series has run out"
    )
    found = complete(registry, tmp_path / "b", hours=900)
    assert (found.carried, found.told) == (
        0,
        "cluster dev did not answer: the forecast of 8 series has run out",
    )


def test_clusters_that_the_champion_never_saw_are_said_so(
    registry: Registry, tmp_path: Path
) -> None:
    """Several are named in their order."""
    promoted(registry, tmp_path, "prod")
    found = complete(registry, tmp_path, silent=("test", "dev"))
    assert (found.folder, found.told) == (
        tmp_path / "fresh",
        "clusters dev, test did not answer: the champion has none of their series",
    )


def test_a_second_cluster_that_falls_silent_has_an_as_of_of_its_own(
    registry: Registry, tmp_path: Path
) -> None:
    """One is silent in two runs, the other in the second alone: both ends of the span are told."""
    promoted(registry, tmp_path, "prod", "dev", "test")
    first = bundle_of(tmp_path / "first", "prod", "test", hours=24)
    found = completed(registry, first, silent=("dev",), scratch=tmp_path / "s1")
    version = registry.register(found.folder, experiment="tests").version
    assert registry.tags("foresail-cpu", version)["foresail.carried"] == "8"
    registry.promote("foresail-cpu", version)
    second = complete(registry, tmp_path, hours=48, silent=("dev", "test"))
    assert second.told == (
        "clusters dev, test did not answer: 16 series go on with their forecast as of "
        "2026-11-20T23:00:00Z to 2026-11-21T23:00:00Z"
    )


def test_a_bundle_that_fails_its_checks_is_not_completed(
    registry: Registry, tmp_path: Path
) -> None:
    """Whatever the champion has."""
    promoted(registry, tmp_path, "prod", "dev")
    fresh = bundle_of(tmp_path / "fresh", "prod", hours=24)
    (fresh / "index.json").write_text("[]")
    with pytest.raises(BadBundle, match=r"index\.json is not the file that was published"):
        completed(registry, fresh, silent=("dev",), scratch=tmp_path / "scratch")
