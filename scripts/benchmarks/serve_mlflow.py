"""What the registry's own server does with a Prophet: it predicts anew at every request."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.serve_load import Cores, Server, Target, free_port, running

DAYS = 60
CONNECTIONS = 4
"""More only wait longer: it answers one at a time."""


@contextmanager
def scoring(folder: Path, cores: Cores) -> Iterator[Server]:
    """Run `mlflow models serve` on a Prophet that knows the 60 days before this hour."""
    import mlflow.prophet  # noqa: PLC0415  # seconds, and only one comparison needs it

    model = folder / "prophet"
    mlflow.prophet.save_model(_fitted(), model)
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model)),
        *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
    ]
    # it starts its server through the shell, as `uvicorn`
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with running(
        command, port, cores, path="/ping", environment={"PATH": path}, group=True
    ) as server:
        yield server


def asking(server: Server, *, hours: int, folder: Path) -> Target:
    """Return a target that asks for the next hours of the series."""
    begin = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "h")
    stamps = [str(stamp) for stamp in np.datetime_as_string(begin + np.arange(hours), unit="s")]
    body = json.dumps({"dataframe_split": {"columns": ["ds"], "data": [[s] for s in stamps]}})
    script = folder / f"mlflow-{hours}.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        f"wrk.body = [=[{body}]=]\n",
        encoding="utf-8",
    )
    return Target(server, "/invocations", script=script)


def _fitted() -> object:
    import pandas as pd  # noqa: PLC0415  # with prophet
    from prophet import Prophet  # noqa: PLC0415  # as above

    logging.getLogger("cmdstanpy").setLevel(logging.WARNING)
    hours = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "h") - np.arange(24 * DAYS, 0, -1)
    rng = np.random.default_rng(0)
    wave = 3 * np.sin(2 * np.pi * (np.arange(len(hours)) % 24) / 24)
    frame = pd.DataFrame({"ds": hours, "y": 10 + wave + rng.normal(0, 0.5, len(hours))})
    return Prophet(interval_width=0.8).fit(frame)
