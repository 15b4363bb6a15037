"""What MLflow's exceptions mean, in one line each and without credentials."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from foresail.errors import AccessDenied, ForesailError, NotFound, Unreachable
from foresail.registry.address import Address

_DENIED = {"UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED"}
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}


@contextmanager
def translated(address: Address, *, what: str) -> Iterator[None]:
    """Turn MLflow's exceptions into Foresail's.

    Args:
        address: Where.
        what: The thing that was asked for, as in `version 3 of foresail-cpu`.

    Raises:
        NotFound: It is not there.
        AccessDenied: The server refused the credentials.
        Unreachable: The server did not answer, or not like MLflow.
    """
    import requests  # noqa: PLC0415  # comes with mlflow
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  # as above

    try:
        yield
    except MlflowException as error:
        raise _meaning(error, address, what) from error
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise _status(status, address, what) from error
    except requests.RequestException as error:
        raise _silent(address, str(error)) from error


def _meaning(error: Exception, address: Address, what: str) -> ForesailError:
    from mlflow.exceptions import RestException  # noqa: PLC0415  # as in the caller

    code = getattr(error, "error_code", "")
    text = str(error)
    if code in _DENIED:
        return _status(401, address, what)
    if code in _ABSENT and (isinstance(error, RestException) or address.file is not None):
        return NotFound(f"MLflow at {address.uri} has no {what}")
    if isinstance(error, RestException):
        return Unreachable(f"MLflow at {address.uri} failed on {what}: {_first_line(text)}")
    if "API request to http" in text:
        return _silent(address, text)
    if code == "ENDPOINT_NOT_FOUND" or "valid JSON" in text or "error code 3" in text:
        return Unreachable(
            f"what answers at {address.uri} is not MLflow (asked for {what}); "
            "check MLFLOW_TRACKING_URI"
        )
    return Unreachable(f"MLflow at {address.uri} failed on {what} ({code})")


def _status(status: int, address: Address, what: str) -> ForesailError:
    if status in {401, 403}:
        return AccessDenied(
            f"MLflow at {address.uri} refused the credentials for {what}; check "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if status == 404:  # noqa: PLR2004  # HTTP's number
        return NotFound(f"MLflow at {address.uri} has no {what}")
    return Unreachable(f"MLflow at {address.uri} answered {status} for {what}; try again later")


def _silent(address: Address, text: str) -> Unreachable:
    if "timed out" in text or "timeout" in text:
        waited = os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "?")
        return Unreachable(
            f"MLflow at {address.uri} does not answer within {waited} s; is it overloaded?"
        )
    if "certificate" in text.lower():
        return Unreachable(
            f"the TLS certificate of {address.uri} cannot be verified; set "
            "MLFLOW_TRACKING_SERVER_CERT_PATH to its authority"
        )
    if "too many" in text:
        return Unreachable(f"MLflow at {address.uri} answers with errors; try again later")
    return Unreachable(
        f"MLflow at {address.uri} cannot be reached; check MLFLOW_TRACKING_URI and that it runs"
    )


def _first_line(text: str) -> str:
    limit = 200
    return text.splitlines()[0][:limit] if text else "no reason given"
