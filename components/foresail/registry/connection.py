"""A connection to MLflow that never hangs: what its client reads, and a sqlite file made once.

Credentials in a URI are moved to the variables that MLflow reads, and the URI goes on without
them: neither MLflow's messages nor its logs can then hold them.
"""

import importlib.util
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foresail.errors import AccessDenied, NotFound, UsageError
from foresail.registry.address import Address, with_credentials

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_USERNAME, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_TOKEN, _TOKEN_FILE = "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_TOKEN_FILE"
_set_by_us: dict[str, str] = {}
"""What `prepare_environment` has set in this process, to tell it from what the user has set."""


def prepare_environment(address: Address, *, timeout_seconds: float) -> None:
    """Set what MLflow reads from the environment, each only if nobody has set it.

    MLflow's own defaults wait 246 s for a server that is down. One retry and half the time for
    each attempt keep a call within `timeout_seconds`.
    """
    defaults = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        # started inside somebody's uv project, MLflow would copy its pyproject.toml into the model
        "MLFLOW_UV_AUTO_DETECT": "false",
        "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
        # a redirect leads to a login page or to another host, which gets no credentials from us
        "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
        # a server may not make us sleep for as long as it likes
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        _TIMEOUT: str(max(1, int(timeout_seconds / 2))),
    }
    known = with_credentials(address, configured=os.environ.get("MLFLOW_TRACKING_URI", ""))
    for name in (_USERNAME, _PASSWORD):
        # what an earlier URI of this process has brought is for its server only
        if name in _set_by_us and os.environ.get(name) == _set_by_us.pop(name):
            del os.environ[name]
    if known.username and _USERNAME not in os.environ:
        defaults |= {_USERNAME: known.username, _PASSWORD: known.password}
    for name, value in defaults.items():
        if name not in os.environ:
            os.environ[name] = _set_by_us[name] = value


def refresh_token() -> None:
    """Read the file of the token again, where one is named: a mounted secret is rotated.

    MLflow takes the token from the environment for each request, and knows no file of it.

    Raises:
        AccessDenied: It cannot be read.
    """
    name = os.environ.get(_TOKEN_FILE)
    if not name:
        return
    try:
        os.environ[_TOKEN] = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessDenied(f"cannot read the token in {name}; check {_TOKEN_FILE}") from error


def connect(address: Address, *, create: bool) -> "MlflowClient":
    """Return MLflow's client.

    Args:
        address: Where.
        create: Whether a sqlite file that is not there is made.

    Raises:
        NotFound: The sqlite file is not there and shall not be made.
        UsageError: The file is no database, or sqlite needs the full mlflow.
    """
    from mlflow import MlflowClient  # noqa: PLC0415  # reads the environment when imported

    # its news are about its own workings; what fails reaches the caller as an exception
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    if address.file is None:
        return MlflowClient(tracking_uri=address.uri, registry_uri=address.uri)
    _check_sqlite(address.file, create=create)
    with _exclusive(address.file.with_name(address.file.name + ".lock")):
        client = MlflowClient(tracking_uri=address.uri, registry_uri=address.uri)
        client.search_registered_models(max_results=1)
    return client


def _check_sqlite(file: Path, *, create: bool) -> None:
    if importlib.util.find_spec("sqlalchemy") is None:
        raise UsageError(
            "a sqlite registry needs the full mlflow: install foresail[train], or use a server"
        )
    if not create and not file.exists():
        raise NotFound(f"there is no MLflow database {file}; run the pipeline first")
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size:
        try:
            with closing(sqlite3.connect(file)) as database:
                database.execute("pragma schema_version")
        except sqlite3.Error as error:
            raise UsageError(f"expected a sqlite database in {file}; it is none") from error


@contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    """Let one process at a time make MLflow's tables: two at once crash in its migrations."""
    import fcntl  # noqa: PLC0415  # POSIX only, like sqlite's users here

    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Give file transfers more time: a server answers only when it has stored the whole file.

    A timeout that the user has set is left alone.

    Args:
        seconds: For each attempt.
    """
    before = os.environ.get(_TIMEOUT)
    if before is None or before != _set_by_us.get(_TIMEOUT):
        yield
        return
    os.environ[_TIMEOUT] = str(max(seconds, int(before)))
    try:
        yield
    finally:
        os.environ[_TIMEOUT] = before
