"""A sqlite MLflow for each test, whose tables are made once: MLflow's migrations take seconds."""

import tempfile
from functools import cache
from pathlib import Path

from foresail.errors import NotFound
from foresail.registry import Registry


def fresh_mlflow(folder: Path) -> str:
    """Write `mlflow.db` without a model into the folder and return its tracking URI."""
    file = folder / "mlflow.db"
    file.write_bytes(_tables())
    return f"sqlite:///{file}"


@cache
def _tables() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mlflow.db"
        file.touch()
        try:
            Registry(f"sqlite:///{file}").versions("foresail-none")
        except NotFound:  # but asking has made the tables
            return file.read_bytes()
    raise AssertionError("a model that nobody registered was found")
