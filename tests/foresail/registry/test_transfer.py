"""Files come whole and in time or not at all, and never from where they should not."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from factories.folder_registry import FolderRegistry
from servers.fault_proxy import Fault, FaultProxy, Kind, fault_proxy
from servers.small_disk import small_disk
from servers.small_mlflow import SmallMlflow, small_mlflow

from foresail.bundle import Bundle
from foresail.bundle.schema import FORECAST, MANIFEST
from foresail.errors import AccessDenied, BadBundle, ForesailError, Unreachable
from foresail.registry.client import RegistryClient

CPU = "foresail-cpu"


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[SmallMlflow]:
    """Serve one version of cpu."""
    registry = FolderRegistry(tmp_path / "registry")
    registry.add("1")
    registry.promote("1")
    with small_mlflow(registry) as running:
        yield running


def fetch(url: str, cache: Path, *, seconds: float = 60) -> Path:
    """Fetch version 1 to `cache`/1, with a question answered within two seconds."""
    client = RegistryClient(url, timeout_seconds=2, transfer_seconds=seconds)
    return client.fetch(CPU, "1", cache / "1")


def test_each_file_is_asked_for_once(mlflow: SmallMlflow, tmp_path: Path) -> None:
    """The manifest first; one list tells the sizes of all."""
    Bundle.open(fetch(mlflow.url, tmp_path / "cache"))
    assert mlflow.files_asked == ["manifest.json", "forecast.npy", "history.npy", "index.json"]
    assert [path for path, _ in mlflow.asked].count("/api/2.0/mlflow-artifacts/artifacts") == 1


def test_a_file_of_ten_gigabytes_is_refused_unread(mlflow: SmallMlflow, tmp_path: Path) -> None:
    """What is announced is held to the manifest before a byte is taken."""
    mlflow.announced[FORECAST] = 10**10
    with pytest.raises(
        BadBundle, match=r"forecast\.npy has 10000000000 bytes, expected 85376"
    ) as e:
        fetch(mlflow.url, tmp_path / "cache")
    assert e.value.check == "size"
    assert mlflow.files_asked == ["manifest.json"]


def test_a_manifest_of_ten_gigabytes_is_refused_unread(mlflow: SmallMlflow, tmp_path: Path) -> None:
    """It has a limit of its own."""
    mlflow.announced[MANIFEST] = 10**10
    with pytest.raises(BadBundle, match="expected 67108864 at most"):
        fetch(mlflow.url, tmp_path / "cache")
    assert mlflow.files_asked == []


def test_a_file_that_does_not_end_is_cut_off(mlflow: SmallMlflow, tmp_path: Path) -> None:
    """A server that announces the right size and sends more is left after that size."""
    mlflow.sent[FORECAST] = lambda data: (200, {"Content-Length": ""}, data + bytes(50_000_000))
    with pytest.raises(BadBundle, match=r"forecast\.npy has more than 85376 bytes"):
        fetch(mlflow.url, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_drips_has_a_deadline(mlflow: SmallMlflow, tmp_path: Path) -> None:
    """However steadily: the time for all of it counts, not that between two bytes."""
    plan = of_file(FORECAST, "drip", seconds=5)
    with (
        fault_proxy(mlflow.url, plan) as proxy,
        pytest.raises(Unreachable, match=r"is too slow: forecast\.npy did not come within"),
    ):
        fetch(proxy.url, tmp_path / "cache", seconds=1)
    assert list((tmp_path / "cache").iterdir()) == []


def of_file(file: str, kind: Kind, *, seconds: float = 0) -> Callable[..., Fault | None]:
    """Return a plan for the requests of one file."""
    fault = Fault(kind, seconds=seconds)
    return lambda request: fault if request.path.endswith(file) else None


@pytest.mark.parametrize(
    ("file", "kind", "expected"),
    [
        (FORECAST, "cut", "the transfer of forecast.npy from MLflow at .* broke off"),
        (FORECAST, "flip", "forecast.npy is not the file that was published"),
        (FORECAST, "html", "forecast.npy is not the file that was published"),
        (FORECAST, "refuse", "refused the credentials for file forecast.npy"),
        (MANIFEST, "flip", "manifest.json is not the one that was registered|is not JSON"),
        (MANIFEST, "html", "manifest.json is not JSON of a manifest"),
    ],
)
def test_what_went_wrong_on_the_way_is_refused(
    mlflow: SmallMlflow, tmp_path: Path, file: str, kind: Kind, expected: str
) -> None:
    """Nothing of it stays, and the next fetch is as if nothing had been."""
    with fault_proxy(mlflow.url, of_file(file, kind)) as proxy:
        with pytest.raises(ForesailError, match=expected):
            fetch(proxy.url, tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []
        forgive(proxy)
        Bundle.open(fetch(proxy.url, tmp_path / "cache"))


def forgive(proxy: FaultProxy) -> None:
    """Let every request pass from now on."""
    proxy.plan = lambda _: None


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of another host, and what it was asked."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}", heard
        server.shutdown()
        thread.join()


def test_a_redirect_is_not_followed(
    mlflow: SmallMlflow, tmp_path: Path, stranger: tuple[str, list[str]]
) -> None:
    """Another host would get our credentials, and might send anything."""
    host, heard = stranger
    mlflow.sent[FORECAST] = lambda _: (302, {"Location": f"http://{host}/forecast.npy"}, b"")
    with pytest.raises(Unreachable, match=r"answered 302 for file forecast\.npy"):
        fetch(mlflow.url, tmp_path / "cache")
    assert heard == []


@pytest.mark.parametrize("scheme", ["http", "mlflow-artifacts"])
def test_files_of_another_host_are_refused(
    mlflow: SmallMlflow, tmp_path: Path, stranger: tuple[str, list[str]], scheme: str
) -> None:
    """Where a version lies is told by whoever registered it."""
    host, heard = stranger
    mlflow.uri = f"{scheme}://{host}/api/2.0/mlflow-artifacts/artifacts/x"
    with pytest.raises(BadBundle, match=f"the version's files lie at http://{host}") as refused:
        fetch(mlflow.url, tmp_path / "cache")
    assert refused.value.check == "path"
    assert heard == []


@pytest.mark.parametrize("place", ["{}", "file://{}"])
def test_files_of_this_machine_are_refused(mlflow: SmallMlflow, tmp_path: Path, place: str) -> None:
    """A server's version does not make us read our own disk, even of a sound bundle."""
    mlflow.uri = place.format(tmp_path / "registry" / CPU)
    mlflow.bundle_path = "1"
    with pytest.raises(BadBundle, match="lie in a folder of some machine"):
        fetch(mlflow.url, tmp_path / "cache")


@pytest.mark.parametrize(
    "path",
    ["..", "../bundle", "a/../../b", "%2e%2e/b", "..\\b", "/etc", "a//b", "a\0b", ".hidden", ""],
)
def test_a_path_that_leads_out_is_refused(mlflow: SmallMlflow, tmp_path: Path, path: str) -> None:
    """No file is asked for under it."""
    mlflow.bundle_path = path
    with pytest.raises(BadBundle, match=r"no path inside the model|has no tag"):
        fetch(mlflow.url, tmp_path / "cache")
    assert mlflow.files_asked == []


def test_a_rotated_token_is_read_again(
    mlflow: SmallMlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its file, while the program runs; the one before is forgotten."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "")  # so that what is set later is taken back
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    file = tmp_path / "token"
    file.write_text("first\n")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN_FILE", str(file))
    mlflow.tokens = {"first"}
    client = RegistryClient(mlflow.url)
    assert client.version_of(CPU, "champion") == "1"
    mlflow.tokens = {"second"}
    with pytest.raises(AccessDenied, match="refused the credentials for model foresail-cpu"):
        client.version_of(CPU, "champion")
    file.write_text("second\n")
    assert client.fetch(CPU, "1", tmp_path / "cache" / "1").name == "1"
    assert {authorization for _, authorization in mlflow.asked[-8:]} == {"Bearer second"}
    file.unlink()
    with pytest.raises(AccessDenied, match=r"cannot read the token in .*; check MLFLOW_TR"):
        client.version_of(CPU, "champion")


def test_a_disk_without_room_is_not_filled(mlflow: SmallMlflow, tmp_path: Path) -> None:
    """Where the rest of the bundle has no room nothing more is fetched of it."""
    with small_disk(tmp_path / "disk", kilobytes=96) as disk:
        with pytest.raises(OSError, match="No space left on device"):
            fetch(mlflow.url, disk)
        assert list(disk.iterdir()) == []
    assert mlflow.files_asked == ["manifest.json"]
