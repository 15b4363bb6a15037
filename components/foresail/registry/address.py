"""Where MLflow is: `http(s)://HOST` or `sqlite:///FILE`, without credentials."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from foresail.errors import UsageError

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Address:
    """A tracking URI without its credentials.

    Attributes:
        uri: As MLflow and people get it; a sqlite file is absolute.
        username: What the URI held, or empty.
        password: As above.
    """

    uri: str
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Return it without credentials."""
        return f"Address({self.uri!r})"

    @property
    def file(self) -> Path | None:
        """Return the sqlite file, or None for a server."""
        if not self.uri.startswith(_SQLITE):
            return None
        return Path(self.uri.removeprefix(_SQLITE))


def parse_address(tracking_uri: str) -> Address:
    """Return the address that a tracking URI means.

    Raises:
        UsageError: It is empty or neither `http(s)://HOST` nor `sqlite:///FILE`.
    """
    if tracking_uri.startswith(_SQLITE) and tracking_uri != _SQLITE:
        return Address(_SQLITE + str(Path(tracking_uri.removeprefix(_SQLITE)).absolute()))
    try:
        parts = urlsplit(tracking_uri)
        _ = parts.port
    except ValueError as error:
        raise _no_address("one whose host or port is none") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _no_address(f"{parts.scheme}://..." if parts.scheme else repr(tracking_uri))
    host = parts.netloc.rpartition("@")[2]
    clean = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return Address(clean, unquote(parts.username or ""), unquote(parts.password or ""))


def _no_address(came: str) -> UsageError:
    return UsageError(
        "expected MLflow's address as http(s)://HOST or sqlite:///FILE, "
        f"got {came}; set MLFLOW_TRACKING_URI"
    )


def given_address(tracking_uri: str, *, configured: str) -> str:
    """Return the URI to connect to: the one given, or the environment's where none was given.

    Args:
        tracking_uri: A pipeline parameter or a record; may be empty.
        configured: `MLFLOW_TRACKING_URI`.

    Raises:
        UsageError: Both are empty, or the one given holds credentials.
    """
    if not tracking_uri:
        parse_address(configured)
        return configured
    given = parse_address(tracking_uri)
    if given.username or given.password:
        raise UsageError(
            f"the tracking URI of {given.uri} holds credentials, which pipelines record; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"
        )
    return given.uri


def with_credentials(address: Address, *, configured: str) -> Address:
    """Return an address with the credentials of the environment's URI, if that is the same place.

    Records hold no credentials; whoever reads one may still have them in `MLFLOW_TRACKING_URI`.
    """
    if address.username or not configured.startswith(("http://", "https://")):
        return address
    there = parse_address(configured)
    return there if there.uri == address.uri else address
