"""A container engine from Debian's own packages, for building and starting the images.

It needs root and works in a storage of its own below `.foresail/engine`, which is kept: base image
and layers are made once. The base is a stand-in for `python:3.11-slim` from Debian's archive, so
that no image registry is needed; it is for tests only.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.base import require

BASE_IMAGE = "docker.io/library/python:3.11-slim"
PROGRAMS = ("podman", "buildah", "runc", "mmdebstrap")
_SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine.

    Attributes:
        folder: Its storage.
        environment: Variables under which `podman` talks to it.
    """

    folder: Path
    environment: Mapping[str, str]

    def podman(self, *arguments: str, seconds: float = 120) -> str:
        """Return what podman printed; fail the test with its messages where it fails."""
        done = subprocess.run(
            ["podman", *arguments],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(
                f"podman {' '.join(arguments)}: {done.returncode}\n"
                f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return done.stdout

    def build(self, dockerfile: Path, *, context: Path, tag: str) -> None:
        """Build an image on the host's network, trusting the host's certificate authorities."""
        ca = Path(os.environ.get("SSL_CERT_FILE", _SYSTEM_CA))
        secret = ("--secret", f"id=ca,src={ca}") if ca.is_file() else ()
        self.podman(
            "build",
            "--network=host",
            "--pull=never",
            "--format=docker",
            *secret,
            *("--file", str(dockerfile), "--tag", tag, str(context)),
            seconds=1500,
        )


@pytest.fixture(scope="session")
def engine(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Give a container engine that knows the base image."""
    for program in PROGRAMS:
        require(program, package="podman buildah runc catatonit mmdebstrap")
    if os.geteuid() != 0:
        require("a root shell", package="none; run the tests as root")
    folder = pytestconfig.rootpath / ".foresail" / "engine"
    folder.mkdir(parents=True, exist_ok=True)
    # podman's locks and sockets need a short path that ends with the session
    made = Engine(folder, _environment(folder, tmp_path_factory.mktemp("engine")))
    _import_base(made)
    yield made
    made.podman("rm", "--all", "--force", "--time", "1")
    # layers of earlier builds would fill the disk; the newest make the next build quick
    made.podman("image", "prune", "--force", "--filter", "until=3h")


def _environment(folder: Path, run: Path) -> dict[str, str]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    (run / "containers.conf").write_text(
        "[containers]\n"
        f'default_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    (run / "storage.conf").write_text(
        "[storage]\n"
        'driver = "overlay"\n'
        f'graphroot = "{folder / "storage"}"\n'
        f'runroot = "{run / "state"}"\n'
    )
    return {
        **os.environ,
        "CONTAINERS_CONF": str(run / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(run / "storage.conf"),
        "XDG_RUNTIME_DIR": str(run),
        "BUILDAH_ISOLATION": "chroot",  # works inside a container too, as in most CI
    }


def _import_base(engine: Engine) -> None:
    if BASE_IMAGE in engine.podman("images", "--format", "{{.Repository}}:{{.Tag}}"):
        return
    archive = engine.folder / "base311.tar"
    if not archive.exists():
        _make_base(archive)
    engine.podman("import", "--quiet", "--change", "CMD=python3", str(archive), BASE_IMAGE)


def _make_base(archive: Path) -> None:
    """Write a minimal Debian with Python 3.11, pip and venv, as python:3.11-slim has them."""
    part = archive.with_suffix(".part.tar")
    done = subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--include=python3,python3-pip,python3-venv,ca-certificates",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            # pip must install as freely as in the official image
            '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
            '--customize-hook=ln -s python3 "$1"/usr/bin/python',
            "bookworm",
            str(part),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"mmdebstrap could not make the base image:\n{done.stderr[-3000:]}")
    shutil.move(part, archive)
