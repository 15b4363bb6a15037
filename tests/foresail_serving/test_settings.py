"""What the environment tells the server."""

import pytest
from pydantic import ValidationError

from foresail_serving.settings import ServeSettings, SyncSettings


def test_ranges_are_written_as_two_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """FORESAIL_PLANNING_MONTH=0.5,2 is read as such."""
    monkeypatch.setenv("FORESAIL_PLANNING_MONTH", "0.5,2")
    assert ServeSettings().planning("next_month") == (0.5, 2.0)
    assert ServeSettings().planning("next_day") == (0.8, 1.2)


def test_a_range_must_hold_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range that leaves the forecast itself out is a slip."""
    monkeypatch.setenv("FORESAIL_PLANNING_DAY", "1.2,0.8")
    with pytest.raises(ValidationError, match=r"such as 0\.8,1\.2"):
        ServeSettings()


def test_a_service_called_foresail_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes sets FORESAIL_PORT=tcp://... beside a Service of that name."""
    monkeypatch.setenv("FORESAIL_PORT", "tcp://10.0.0.1:8080")
    assert ServeSettings().listen_port == 8080


def test_sync_reads_what_mlflow_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is named as MLflow names it; models as a list with commas."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    monkeypatch.setenv("FORESAIL_MODELS", "foresail-cpu, foresail-latency")
    settings = SyncSettings()
    assert settings.tracking_uri == "http://mlflow.example:5000"
    assert settings.models == ("foresail-cpu", "foresail-latency")
