"""The registry on a laptop: a sqlite file and a folder beside it."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from factories.registry_bundle import TRAINED_UNTIL, write_registry_bundle

from foresail.bundle import Bundle
from foresail.errors import NotFound, UsageError
from foresail.registry import Registry, RegistryClient

pytestmark = pytest.mark.integration


def test_the_whole_round_works_on_a_sqlite_file(tmp_path: Path) -> None:
    """Register, promote, fetch, roll back; everything lands beside the file."""
    home = tmp_path / "home"
    registry = Registry(f"sqlite:///{home / 'mlflow.db'}")
    for day in range(2):
        folder = tmp_path / f"b{day}"
        write_registry_bundle(folder, trained_until=TRAINED_UNTIL + timedelta(days=day))
        made = registry.register(folder, experiment="foresail")
        assert registry.register(folder, experiment="foresail") == made
        assert registry.promote(made.name, made.version).promoted
    assert registry.version_of("foresail-cpu", "champion") == "2"
    target = registry.fetch("foresail-cpu", "2", tmp_path / "cache" / "2")
    assert Bundle.open(target).manifest.trained_until == TRAINED_UNTIL + timedelta(days=1)
    assert registry.rollback("foresail-cpu").champion == "1"
    assert sorted(p.name for p in home.iterdir()) == [
        "mlflow-artifacts",
        "mlflow.db",
        "mlflow.db.lock",
    ]
    assert not Path("mlruns").exists()


@pytest.mark.heavy
def test_two_processes_may_start_on_a_fresh_file(tmp_path: Path) -> None:
    """Whoever comes first makes MLflow's tables; the other waits for them."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    program = """
import sys
from pathlib import Path
from foresail.registry import Registry
Registry(sys.argv[1]).register(Path(sys.argv[2]), experiment="foresail")
"""
    for metric in ("cpu", "memory"):
        write_registry_bundle(tmp_path / metric, metric=metric)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, uri, str(tmp_path / metric)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for metric in ("cpu", "memory")
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    found = Registry(uri).models()
    assert [(v.name, v.version) for v in found] == [("foresail-cpu", "1"), ("foresail-memory", "1")]


def test_reading_makes_no_database(tmp_path: Path) -> None:
    """A mistyped file is an error, not a new empty registry."""
    with pytest.raises(NotFound, match=r"there is no MLflow database .*typo\.db; run the pipeline"):
        RegistryClient(f"sqlite:///{tmp_path / 'typo.db'}").version("foresail-cpu", "1")
    assert not (tmp_path / "typo.db").exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """MLflow would retry for minutes."""
    (tmp_path / "notes.txt").write_text("this is not a database, but long enough to be read" * 9)
    with pytest.raises(UsageError, match=r"expected a sqlite database in .*notes\.txt; it is none"):
        Registry(f"sqlite:///{tmp_path / 'notes.txt'}").models()
