"""What stands beside an exported file and tells whether it is whole."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from foresail.errors import BadInput, NotFound
from foresail.history import read_table
from foresail.history.sidecar import SUFFIX, Sidecar, read_with_sidecar
from foresail.settings import Settings

SETTINGS = Settings()
WHOLE = (
    b'series,metric,ds,y,workload\n"a,1",cpu,2025-01-01T00:00:00Z,1.25,web\n'
    b'"a,1",cpu,2025-01-01T01:00:00Z,2.5,"sh""op"\n'
)
SIDECAR = Sidecar(rows=2, size=len(WHOLE), sha256=hashlib.sha256(WHOLE).hexdigest())


def write(folder: Path, data: bytes, sidecar: bytes = SIDECAR.encoded()) -> str:
    """Write a file and its sidecar, and return the file's path."""
    (folder / "h.csv").write_bytes(data)
    (folder / "h.csv.sha256.json").write_bytes(sidecar)
    return str(folder / "h.csv")


def test_it_says_rows_size_and_checksum() -> None:
    """As JSON that people can read."""
    assert SIDECAR.encoded().decode().split() == [
        "{",
        '"rows":',
        "2,",
        '"size":',
        f"{len(WHOLE)},",
        '"sha256":',
        f'"{SIDECAR.sha256}"',
        "}",
    ]


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Its rows are those that the sidecar counts."""
    assert len(read_table(write(tmp_path, WHOLE), settings=SETTINGS)) == 2


def test_a_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    """Within a number, a name, quotes or the header, after a separator, after a line: anywhere."""
    path = write(tmp_path, WHOLE)
    for length in range(len(WHOLE)):
        Path(path).write_bytes(WHOLE[:length])
        with pytest.raises(BadInput, match=f"is cut: it has {length} bytes, .* {len(WHOLE)}; fet"):
            read_table(path, settings=SETTINGS)


@pytest.mark.parametrize("place", range(0, len(WHOLE), 7))
def test_a_flipped_bit_is_refused(tmp_path: Path, place: int) -> None:
    """Of the right length or not, it is another file."""
    changed = WHOLE[:place] + bytes([WHOLE[place] ^ 1]) + WHOLE[place + 1 :]
    with pytest.raises(BadInput, match=r"is not the file that .*h\.csv\.sha256\.json describes"):
        read_table(write(tmp_path, changed), settings=SETTINGS)


def test_an_edited_file_says_how_to_go_on(tmp_path: Path) -> None:
    """Who edited it knows that the sidecar has to go."""
    path = write(tmp_path, WHOLE.replace(b"2.5", b"2.75"))
    with pytest.raises(BadInput, match=r"or remove the \.sha256\.json if you edited it yourself"):
        read_table(path, settings=SETTINGS)
    Path(path + SUFFIX).unlink()
    assert read_table(path, settings=SETTINGS)["y"].tolist() == [1.25, 2.75]


def test_other_rows_than_counted_are_refused(tmp_path: Path) -> None:
    """The reader's own count is held to the writer's."""
    three = SIDECAR.model_copy(update={"rows": 3}).encoded()
    with pytest.raises(BadInput, match=r"has 2 rows, .*h\.csv\.sha256\.json says 3"):
        read_table(write(tmp_path, WHOLE, three), settings=SETTINGS)


@pytest.mark.parametrize("sidecar", [b"", b"{", SIDECAR.encoded()[:40], b'{"rows": -1}'])
def test_a_damaged_sidecar_is_refused(tmp_path: Path, sidecar: bytes) -> None:
    """It proves nothing."""
    with pytest.raises(BadInput, match=r"h\.csv\.sha256\.json is damaged; export the file again"):
        read_table(write(tmp_path, WHOLE, sidecar), settings=SETTINGS)


def test_a_missing_file_is_missing_whatever_stands_beside_it(tmp_path: Path) -> None:
    """The message names the file, not its sidecar."""
    path = write(tmp_path, WHOLE)
    Path(path).unlink()
    with pytest.raises(NotFound, match=r"there is no file h\.csv in"):
        read_with_sidecar(path, SETTINGS)


@contextmanager
def object_store(objects: dict[str, bytes], *, otherwise: tuple[int, str]) -> Iterator[Settings]:
    """Run an object store of a few objects that gives one answer for all others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = objects.get(self.path)
            status, code = (200, "") if data is not None else otherwise
            body = data if data is not None else f"<Error><Code>{code}</Code></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Settings(
                s3_endpoint=f"http://127.0.0.1:{server.server_port}",
                s3_access_key="key",  # type: ignore[arg-type]  # pydantic makes it a secret
                s3_secret_key="secret",  # type: ignore[arg-type]  # noqa: S106  # of a fake
            )
        finally:
            server.shutdown()
            thread.join()


def test_an_object_is_held_to_its_sidecar_too() -> None:
    """As a file is."""
    objects = {"/bucket/h.csv": WHOLE[:-5], f"/bucket/h.csv{SUFFIX}": SIDECAR.encoded()}
    with (
        object_store(objects, otherwise=(404, "NoSuchKey")) as settings,
        pytest.raises(BadInput, match=re.escape("s3://bucket/h.csv is cut")),
    ):
        read_table("s3://bucket/h.csv", settings=settings)


def test_an_object_without_a_sidecar_is_read() -> None:
    """Nothing is said: most files have none."""
    with (
        object_store({"/bucket/h.csv": WHOLE}, otherwise=(404, "NoSuchKey")) as settings,
        capture_logs() as lines,
    ):
        assert len(read_table("s3://bucket/h.csv", settings=settings)) == 2
    assert lines == []


def test_a_store_that_hides_what_is_missing_is_told_of() -> None:
    """S3 refuses an object that is not there to those who may not list the bucket."""
    with (
        object_store({"/bucket/h.csv": WHOLE}, otherwise=(403, "AccessDenied")) as settings,
        capture_logs() as lines,
    ):
        assert len(read_table("s3://bucket/h.csv", settings=settings)) == 2
    assert [line["log_level"] for line in lines] == ["warning"]
