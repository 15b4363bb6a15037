"""Settings from the environment, read once by whoever starts the program.

Credentials come from here and nowhere else: never from pipeline parameters, files in the
repository or URLs. On a cluster the same names are set from secrets.
"""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_BUCKET = "mlpipeline"


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
        foresail_prometheus_ca_file: Certificate authority of Prometheus, where it is a private one.
        foresail_prometheus_timeout_seconds: Deadline for each query.
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
    foresail_prometheus_ca_file: Path | None = None
    foresail_prometheus_timeout_seconds: float = Field(default=30.0, gt=0)
    mlflow_tracking_uri: str = ""
