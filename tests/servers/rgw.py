"""A real S3 on loopback: Ceph's RADOS Gateway over one in-memory disk."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from minio import Minio

from foresail.settings import Settings
from servers.base import free_port, require, wait_http

_OSD_PORTS = 60
_FSID = "00000000-0000-4000-8000-000000000001"
_CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon}/0,v1:127.0.0.1:{mon_v1}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}/run
pid file = {folder}/run/$name.pid
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
mon cluster log file = {folder}/log/cluster.log
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
mon lease = 1
mon tick interval = 1
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms bind port min = {osd}
ms bind port max = {osd_end}

[mon.a]
mon data = {folder}/mon

[osd]
osd objectstore = memstore
memstore device bytes = 2147483648
osd data = {folder}/osd

[client.rgw.t]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw dns name = 127.0.0.1
rgw cache enabled = false
rgw thread pool size = 64
"""


@dataclass(frozen=True)
class S3Server:
    """A running object store and its one user.

    Attributes:
        endpoint: Its address.
        access_key: Of the user.
        secret_key: Of the user.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)

    def client(self) -> Minio:
        """Return a client with the right credentials."""
        return Minio(
            self.endpoint.removeprefix("http://"),
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            region="us-east-1",
        )

    def environment(self) -> dict[str, str]:
        """Return the variables under which Foresail finds it."""
        return {
            "S3_ENDPOINT": self.endpoint,
            "S3_ACCESS_KEY": self.access_key,
            "S3_SECRET_KEY": self.secret_key,
        }

    def settings(self) -> Settings:
        """Return settings that reach it."""
        return Settings.model_validate(
            {name.lower(): value for name, value in self.environment().items()}
        )


@dataclass(slots=True)
class OwnStore:
    """An object store whose gateway can be killed; what it holds stays.

    Attributes:
        server: The object store.
        gateway: Its process.
        start: Starts another gateway at the same address.
    """

    server: S3Server
    gateway: subprocess.Popen[bytes]
    start: Callable[[], subprocess.Popen[bytes]]

    def kill(self) -> None:
        """End the gateway as a power cut does."""
        self.gateway.send_signal(signal.SIGKILL)
        self.gateway.wait(timeout=20)

    def restart(self) -> None:
        """Return when a gateway answers again."""
        self.gateway = self.start()
        wait_http(self.server.endpoint, seconds=60)


@pytest.fixture(scope="session")
def rgw() -> Iterator[S3Server]:
    """Return a running RADOS Gateway."""
    with _running() as store:
        yield store.server


@pytest.fixture
def own_store() -> Iterator[OwnStore]:
    """Return a RADOS Gateway that no other test uses."""
    with _running() as store:
        yield store


@contextmanager
def _running() -> Iterator[OwnStore]:
    programs = {
        name: require(name, package=package)
        for name, package in (
            ("monmaptool", "ceph-mon"),
            ("ceph-mon", "ceph-mon"),
            ("ceph-osd", "ceph-osd"),
            ("ceph", "ceph-common"),
            ("radosgw", "radosgw"),
            ("radosgw-admin", "radosgw"),
        )
    }
    # short: the path of a unix socket holds 107 characters
    folder = Path(tempfile.mkdtemp(prefix="rgw", dir="/tmp"))
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield _start(folder, programs, started)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGKILL)  # its data are thrown away
            process.wait(timeout=20)
        shutil.rmtree(folder)


@pytest.fixture
def new_bucket(rgw: S3Server) -> Callable[[], str]:
    """Return `new_bucket() -> name`: an empty bucket of its own."""

    def make() -> str:
        name = f"test-{secrets.token_hex(6)}"
        rgw.client().make_bucket(name)
        return name

    return make


@pytest.fixture
def s3_environment(rgw: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Set the variables under which steps find the object store."""
    for name, value in rgw.environment().items():
        monkeypatch.setenv(name, value)
    return rgw


def _start(
    folder: Path, programs: dict[str, str], started: list[subprocess.Popen[bytes]]
) -> OwnStore:
    for name in ("run", "log", "osd"):
        (folder / name).mkdir()
    port, mon, mon_v1 = free_port(), free_port(), free_port()
    osd = 20000 + secrets.randbelow(8000)  # below the range from which free_port draws
    config = folder / "ceph.conf"
    config.write_text(
        _CONFIG.format(
            fsid=_FSID,
            folder=folder,
            mon=mon,
            mon_v1=mon_v1,
            osd=osd,
            osd_end=osd + _OSD_PORTS,
            port=port,
        )
    )
    environment = os.environ | {"CEPH_CONF": str(config)}
    log = folder / "log" / "output"

    def run(program: str, *arguments: str) -> None:
        with log.open("ab") as out:
            subprocess.run(
                [programs[program], *arguments],
                check=True,
                env=environment,
                stdout=out,
                stderr=out,
                timeout=60,
            )

    def serve(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            started.append(
                subprocess.Popen(
                    [programs[program], *arguments, "-f"],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )
        return started[-1]

    monmap, address = f"{folder}/monmap", f"[v2:127.0.0.1:{mon},v1:127.0.0.1:{mon_v1}]"
    disk = "00000000-0000-4000-8000-0000000000aa"
    user = S3Server(f"http://127.0.0.1:{port}", secrets.token_hex(10), secrets.token_hex(20))
    run("monmaptool", "--create", "--fsid", _FSID, "--addv", "a", address, monmap)
    run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
    serve("ceph-mon", "-i", "a")
    run("ceph", "osd", "new", disk)
    run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
    serve("ceph-osd", "-i", "0")
    account = ["--uid", "test", "--display-name", "test"]
    keys = ["--access-key", user.access_key, "--secret", user.secret_key]
    run("radosgw-admin", "--name", "client.rgw.t", "user", "create", *account, *keys)
    gateway = partial(serve, "radosgw", "--name", "client.rgw.t")
    store = OwnStore(user, gateway(), gateway)
    wait_http(user.endpoint, seconds=60, log=log)
    return store
