"""Both images are built from the lock and run as a user without rights."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from servers.base import free_port, wait_http
from servers.engine import Engine

from foresail_components._image import SERVE_IMAGE, TRAIN_IMAGE
from foresail_pipelines.compiler import FORECAST
from foresail_pipelines.spec import load

pytestmark = [pytest.mark.integration, pytest.mark.images, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
# what a hardened cluster gives a container: no root, nothing to write to but /tmp, no capabilities
HARDENED = ("--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--network=none")


@pytest.fixture(scope="module")
def train_image(engine: Engine) -> str:
    """Give the name of the built train image."""
    engine.build(ROOT / "images/train/Dockerfile", context=ROOT, tag=TRAIN_IMAGE)
    return TRAIN_IMAGE


@pytest.fixture(scope="module")
def serve_image(engine: Engine) -> str:
    """Give the name of the built serve image."""
    engine.build(ROOT / "images/serve/Dockerfile", context=ROOT, tag=SERVE_IMAGE)
    return SERVE_IMAGE


@pytest.fixture
def serving(engine: Engine, serve_image: str) -> Iterator[str]:
    """Give the URL of a server in its container."""
    port = free_port()
    hardened = [o for o in HARDENED if not o.startswith("--network")]
    container = engine.podman(
        "run",
        "--detach",
        "--network=host",
        *hardened,
        f"--env=FORESAIL_LISTEN_PORT={port}",
        "--env=FORESAIL_LISTEN_HOST=127.0.0.1",
        serve_image,
    ).strip()
    try:
        wait_http(f"http://127.0.0.1:{port}/livez", seconds=30)
        yield f"http://127.0.0.1:{port}"
    finally:
        engine.podman("stop", "--time=2", container)


def test_both_images_run_as_a_user_without_a_name(
    engine: Engine, train_image: str, serve_image: str
) -> None:
    """The uid is 65532 unless the cluster chooses another."""
    program = "import os, getpass; print(os.getuid(), getpass.getuser())"
    for image in (train_image, serve_image):
        told = engine.podman("run", *HARDENED, image, "python3", "-c", program)
        assert told == "65532 foresail\n"


def test_both_images_hold_the_released_version(
    engine: Engine, train_image: str, serve_image: str
) -> None:
    """The tag is the version inside."""
    program = "import foresail; print(foresail.__version__)"
    for image in (train_image, serve_image):
        assert image.endswith(f":{version('foresail')}")
        told = engine.podman("run", *HARDENED, image, "python3", "-c", program)
        assert told == f"{version('foresail')}\n"


def test_the_train_image_lists_the_commands(engine: Engine, train_image: str) -> None:
    """It is the command line too: `foresail --help` shows the steps."""
    told = engine.podman("run", *HARDENED, train_image)
    for command in ("forecast", "stage", "registry"):
        assert command in told


def test_the_train_image_runs_every_component_as_kubeflow_starts_it(
    engine: Engine, train_image: str
) -> None:
    """Kubeflow's executor loads each compiled program there: kfp needs none of its dependencies."""
    for label, executor in load(FORECAST)["deploymentSpec"]["executors"].items():
        container = executor["container"]
        # the executor's own help comes after the program of the component was imported
        told = engine.podman(
            "run", *HARDENED, "--user=20001:0", train_image, *container["command"], "--help"
        )
        assert "--function_to_execute" in told, label


def test_the_train_image_forecasts(engine: Engine, train_image: str) -> None:
    """The engine and real Prophet's compiled model run as any user, with a read-only root."""
    program = (
        "import numpy as np\n"
        "from foresail.panel import HOUR, Panel, SeriesInfo\n"
        "from foresail.panel_prophet import PanelProphet\n"
        "ds = np.datetime64('2026-01-01', 's') + HOUR * np.arange(96)\n"
        "y = 2 + np.sin(np.arange(96) * np.pi / 12)\n"
        "panel = Panel(ds, y[None], (SeriesInfo('web', 'cpu'),))\n"
        "models = [PanelProphet(engine=engine).fit(panel) for engine in ('panel', 'stan')]\n"
        "print(*(round(model.predict(6)[0, -1, 1], 1) for model in models))\n"
    )
    told = engine.podman("run", *HARDENED, "--user=20001:0", train_image, "python3", "-c", program)
    assert told.splitlines()[-1] == "3.0 3.0"


def test_the_serve_image_answers(serving: str) -> None:
    """The server lives, and says that it has no forecast yet."""
    with urllib.request.urlopen(f"{serving}/livez", timeout=5) as answer:  # noqa: S310  # loopback
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{serving}/readyz", timeout=5)  # noqa: S310  # loopback


def test_the_serve_image_holds_no_training_library(engine: Engine, serve_image: str) -> None:
    """What is not there cannot be attacked, and need not be patched."""
    program = (
        "import importlib.util as u, json; "
        "print(json.dumps([n for n in ('prophet', 'pandas', 'scipy', 'statsmodels', 'kfp', "
        "'pyarrow', 'matplotlib', 'cmdstanpy', 'uv') if u.find_spec(n)]))"
    )
    told = engine.podman("run", *HARDENED, serve_image, "python3", "-c", program)
    assert json.loads(told) == []


def test_a_command_without_its_libraries_names_the_extra(engine: Engine, serve_image: str) -> None:
    """No traceback: the message says what to install."""
    program = "foresail pipeline check 2>&1; echo code $?"
    told = engine.podman("run", *HARDENED, serve_image, "sh", "-c", program)
    assert told.endswith("install the extra: pip install 'foresail[pipelines]'\ncode 1\n")
