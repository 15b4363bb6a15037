"""What is sent with every request to a Prometheus: its address checked, headers, credentials."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from requests.auth import AuthBase, HTTPBasicAuth
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity

from foresail import __version__
from foresail.errors import UsageError
from foresail.history.aws import AwsAuth
from foresail.settings import Settings


class _Bearer(AuthBase):
    """Sets the bearer token, or nothing; with any `auth` set, requests leaves `.netrc` alone."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def checked_url(url: str) -> str:
    """Return the base address without a slash at its end.

    Raises:
        UsageError: It is no http(s) address, or holds credentials or a query.
    """
    example = "expected a Prometheus address such as https://prometheus.example:9090"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:  # brackets that do not close, a port beyond 65535
        raise UsageError(example) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(example)
    if "@" in parts.netloc:
        raise UsageError(
            f"credentials do not belong into the address of {parts.hostname}; set "
            "FORESAIL_PROMETHEUS_USERNAME and FORESAIL_PROMETHEUS_PASSWORD"
        )
    if parts.query or parts.fragment:
        raise UsageError(
            f"expected the bare address of Prometheus at {parts.hostname}, without ? and #"
        )
    return url.rstrip("/")


def headers_for(settings: Settings, cluster: str) -> dict[str, str]:
    """Return the headers for all clusters, and over them those for one.

    Raises:
        UsageError: One of them cannot be sent.
    """
    merged: CaseInsensitiveDict[str] = CaseInsensitiveDict(
        {"User-Agent": f"foresail/{__version__}"}
    )
    for variable, given in (
        ("FORESAIL_PROMETHEUS_HEADERS", settings.foresail_prometheus_headers),
        ("FORESAIL_PROMETHEUS_CLUSTER_HEADERS", _own_headers(settings, cluster)),
    ):
        for name, value in given.items():
            merged[name] = _sendable(name, value.get_secret_value(), variable=variable)
    return dict(merged)


def auth_for(settings: Settings, cluster: str) -> AuthBase:
    """Return what proves who asks; a cluster's own header stands above what is meant for all.

    Raises:
        UsageError: Two ways are set at once, or what is set cannot be sent.
        AccessDenied: Requests are to be signed, and there are no AWS credentials.
    """
    token = settings.foresail_prometheus_token
    bearer = token.get_secret_value().strip() if token else ""
    user = settings.foresail_prometheus_username
    region = settings.foresail_prometheus_aws_region
    if sum(map(bool, (bearer, user, region))) > 1:
        raise UsageError(
            "set one of FORESAIL_PROMETHEUS_TOKEN, FORESAIL_PROMETHEUS_USERNAME and "
            "FORESAIL_PROMETHEUS_AWS_REGION, not both or all"
        )
    if any(name.lower() == "authorization" for name in _own_headers(settings, cluster)):
        return _Bearer("")
    if region:
        return AwsAuth(region)
    if user:
        password = settings.foresail_prometheus_password
        secret = password.get_secret_value() if password else ""
        return HTTPBasicAuth(user.encode(), secret.encode())
    return _Bearer(_sendable("Authorization", bearer, variable="FORESAIL_PROMETHEUS_TOKEN"))


def what_to_check(auth: AuthBase) -> str:
    """Return the settings that a refusal of the credentials speaks of."""
    if isinstance(auth, AwsAuth):
        return "the AWS credentials, their policy and FORESAIL_PROMETHEUS_AWS_REGION"
    return "FORESAIL_PROMETHEUS_TOKEN, or _USERNAME and _PASSWORD"


def trusted_by(settings: Settings) -> str | bool:
    """Return the file of the certificate authority, or True for those that everyone trusts.

    Raises:
        UsageError: There is no such file.
    """
    ca_file = settings.foresail_prometheus_ca_file
    if ca_file is None:
        return True
    if not ca_file.is_file():
        raise UsageError(f"FORESAIL_PROMETHEUS_CA_FILE names {ca_file}, but there is no such file")
    return str(ca_file)


def _own_headers(settings: Settings, cluster: str) -> Mapping[str, SecretStr]:
    return settings.foresail_prometheus_cluster_headers.get(cluster, {})


def _sendable(name: str, value: str, *, variable: str) -> str:
    try:
        check_header_validity((name, value))
        name.encode("ascii")
        value.encode("latin-1")
    except (requests.exceptions.InvalidHeader, UnicodeError) as error:
        raise UsageError(
            f"{variable} holds what no HTTP header can carry, such as a line break; correct it"
        ) from error
    return value
