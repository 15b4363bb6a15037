"""AWS Signature Version 4 for Amazon Managed Service for Prometheus, by botocore's own signer."""

import importlib
from typing import Any

import requests
from requests.auth import AuthBase

from foresail.errors import AccessDenied, UsageError

SERVICE = "aps"


class AwsAuth(AuthBase):
    """Signs each request with the credentials that botocore finds, renewed when they end.

    It looks where every AWS client looks: AWS_ACCESS_KEY_ID and its kin, the shared files, the role
    of a pod or of a machine.
    """

    def __init__(self, region: str) -> None:
        """Find the credentials.

        Args:
            region: Such as `eu-central-1`.

        Raises:
            UsageError: botocore is not installed.
            AccessDenied: There are no credentials.
        """
        self._region = region
        self._signer = _botocore("auth").SigV4Auth
        self._request = _botocore("awsrequest").AWSRequest
        self._problem = _botocore("exceptions").BotoCoreError
        self._credentials = self._found()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the signature to a request.

        Raises:
            AccessDenied: The credentials have ended and could not be renewed.
        """
        # only what no proxy on the way changes; botocore adds the host by itself
        kept = {
            name: value for name, value in request.headers.items() if name.lower() == "content-type"
        }
        signed = self._request(request.method, request.url, headers=kept, data=request.body or b"")
        try:
            frozen = self._credentials.get_frozen_credentials()
            self._signer(frozen, SERVICE, self._region).add_auth(signed)
        except self._problem as error:
            raise AccessDenied(
                f"the AWS credentials could not be renewed ({type(error).__name__}); check the "
                "role of this pod or machine"
            ) from error
        request.headers.update(dict(signed.headers.items()))
        return request

    def _found(self) -> Any:  # noqa: ANN401  # botocore publishes no types
        try:
            credentials = _botocore("session").get_session().get_credentials()
        except self._problem as error:
            raise AccessDenied(
                f"the AWS credentials cannot be read ({type(error).__name__}); check AWS_PROFILE "
                "and the shared files"
            ) from error
        if credentials is None:
            raise AccessDenied(
                "FORESAIL_PROMETHEUS_AWS_REGION asks for signed requests, but there are no AWS "
                "credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod a "
                "role"
            )
        return credentials


def _botocore(module: str) -> Any:  # noqa: ANN401  # a module without types
    try:
        return importlib.import_module(f"botocore.{module}")
    except ModuleNotFoundError as error:
        raise UsageError(
            "FORESAIL_PROMETHEUS_AWS_REGION asks for signed requests, which need botocore; "
            "pip install 'foresail[aws]'"
        ) from error
