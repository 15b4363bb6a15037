"""What stands beside an exported file and tells whether it is whole: `FILE.sha256.json`."""

import hashlib

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foresail.errors import AccessDenied, BadInput, NotFound
from foresail.objects.uri import read_object
from foresail.settings import Settings

SUFFIX = ".sha256.json"

_log = structlog.get_logger(__name__)


class Sidecar(BaseModel):
    """The whole sidecar.

    Attributes:
        rows: Of the file, without its header.
        size: Of the file, in bytes.
        sha256: Of the file.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    rows: int = Field(ge=0)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    def encoded(self) -> bytes:
        """Return it as it is stored."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    def check(self, data: bytes, *, name: str) -> None:
        """Hold a file to it.

        Raises:
            BadInput: The file is shorter, longer or another.
        """
        if len(data) < self.size:
            raise BadInput(
                f"{name} is cut: it has {len(data)} bytes, {name}{SUFFIX} says {self.size}; fetch "
                "or export it again"
            )
        if len(data) > self.size or hashlib.sha256(data).hexdigest() != self.sha256:
            raise BadInput(
                f"{name} is not the file that {name}{SUFFIX} describes: it was damaged or edited; "
                "fetch or export it again, or remove the .sha256.json if you edited it yourself"
            )

    def check_rows(self, rows: int, *, name: str) -> None:
        """Hold the number of rows that were read to it.

        Raises:
            BadInput: It is another.
        """
        if rows != self.rows:
            raise BadInput(
                f"{name} has {rows} rows, {name}{SUFFIX} says {self.rows}; export it again"
            )


def read_with_sidecar(path_or_uri: str, settings: Settings) -> tuple[bytes, Sidecar | None]:
    """Return a whole file, held to its sidecar if there is one.

    Raises:
        BadInput: The file is not what its sidecar says, or the sidecar is damaged.
        NotFound: There is no such file; AccessDenied and Unreachable as the store says.
    """
    data = read_object(path_or_uri, settings)
    try:
        text = read_object(path_or_uri + SUFFIX, settings)
    except NotFound:
        return data, None
    except AccessDenied:  # S3 says so of an object that is not there to those who may not list
        _log.warning(
            "no sidecar may be read; whether the file is whole is not checked", file=path_or_uri
        )
        return data, None
    try:
        sidecar = Sidecar.model_validate_json(text)
    except ValidationError as error:
        raise BadInput(
            f"{path_or_uri}{SUFFIX} is damaged; export the file again, or remove the .sha256.json"
        ) from error
    sidecar.check(data, name=path_or_uri)
    return data, sidecar
