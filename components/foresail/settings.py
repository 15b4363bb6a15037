"""Settings from the environment, read once by whoever starts the program.

Credentials come from here and nowhere else: never from pipeline parameters, files in the
repository or URLs. On a cluster the same names are set from secrets.
"""

import re
from pathlib import Path
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from foresail.errors import UsageError

DEFAULT_BUCKET = "mlpipeline"

AnySettings = TypeVar("AnySettings", bound=BaseSettings)


class Settings(BaseSettings):
    """What the environment says; the field's upper-case name is the variable's.

    Attributes:
        s3_endpoint: Object store, such as `https://minio.example:9000`. Without a scheme it is
            https; inside Kubeflow write `http://seaweedfs.kubeflow:9000` in full.
        s3_access_key: Access key of the object store.
        s3_secret_key: Secret key of the object store.
        s3_region: Region, where the store wants one.
        s3_ca_file: Certificate authority of the object store, where it is a private one.
        s3_timeout_seconds: Deadline for connecting and for each read.
        foresail_prometheus_token: Bearer token for Prometheus.
        foresail_prometheus_username: User of basic authentication.
        foresail_prometheus_password: Password of basic authentication.
        foresail_prometheus_headers: More headers as JSON, such as `{"X-Scope-OrgID": "team-a"}`.
        foresail_prometheus_cluster_headers: Headers for one cluster of several as JSON, such as
            `{"prod": {"X-Scope-OrgID": "team-a"}}`; they stand above those for all.
        foresail_prometheus_aws_region: Signs each request for Amazon Managed Service for Prometheus
            in this region; the credentials are those that AWS clients find by themselves.
        foresail_prometheus_ca_file: Certificate authority of Prometheus, where it is a private one.
        foresail_prometheus_timeout_seconds: Deadline for each answer to be whole.
        mlflow_tracking_uri: MLflow, such as `https://mlflow.example` or `sqlite:///FILE`.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    s3_endpoint: str = ""
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_region: str = "us-east-1"
    s3_ca_file: Path | None = None
    s3_timeout_seconds: float = Field(default=30.0, gt=0)
    foresail_prometheus_token: SecretStr | None = None
    foresail_prometheus_username: str = ""
    foresail_prometheus_password: SecretStr | None = None
    foresail_prometheus_headers: dict[str, SecretStr] = Field(default_factory=dict)
    foresail_prometheus_cluster_headers: dict[str, dict[str, SecretStr]] = Field(
        default_factory=dict
    )
    foresail_prometheus_aws_region: str = ""
    foresail_prometheus_ca_file: Path | None = None
    foresail_prometheus_timeout_seconds: float = Field(default=30.0, gt=0)
    mlflow_tracking_uri: str = ""


def read_settings() -> Settings:
    """Return the settings that the environment holds.

    Raises:
        UsageError: A variable is not what it should be; named, never with its value.
    """
    return read_environment(Settings)


def read_environment(kind: type[AnySettings], /, **given: object) -> AnySettings:
    """Return settings of any kind from the environment.

    Args:
        kind: Which settings.
        given: Fields that stand above the environment, as from the command line.

    Raises:
        UsageError: A variable is not what it should be; named, never with its value.
    """
    try:
        return kind(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        wrong = [_in_words(kind, e["loc"], e["msg"]) for e in error.errors(include_input=False)]
        raise UsageError("; ".join(dict.fromkeys(wrong))) from error
    except SettingsError as error:
        name = re.search(r'field "(\w+)"', str(error))
        where = (name[1],) if name else ()
        raise UsageError(_in_words(kind, where, "expected JSON; check its quotes")) from error


def _in_words(kind: type[BaseSettings], place: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not place:
        return message
    # only the field: what follows may be a key out of the value
    name = str(place[0])
    field = kind.model_fields.get(name)
    if field is None:  # it has a name of its own in the environment
        return f"{name.upper()}: {message}"
    prefix = kind.model_config.get("env_prefix", "")
    variable = field.validation_alias or f"{prefix}{name}".upper()
    return f"{variable}: {message}"
