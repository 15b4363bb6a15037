"""The manifests say what the rest of the project says."""

from pathlib import Path
from typing import Any

import yaml

from foresail_components._image import SERVE_IMAGE

BASE = Path(__file__).parents[2] / "manifests" / "base"


def load(name: str) -> Any:
    """Return one file's only document."""
    return yaml.safe_load((BASE / name).read_text(encoding="utf-8"))


def pod() -> Any:
    """Return the pod of the deployment."""
    return load("deployment.yaml")["spec"]["template"]["spec"]


def test_the_kustomization_names_every_file() -> None:
    """No manifest lies beside it unused."""
    there = {path.name for path in BASE.iterdir()} - {"kustomization.yaml"}
    assert set(load("kustomization.yaml")["resources"]) == there


def test_both_containers_run_the_released_image() -> None:
    """The tag is the package's version."""
    assert {container["image"] for container in pod()["containers"]} == {SERVE_IMAGE}


def test_no_container_may_do_more_than_it_needs() -> None:
    """Non-root, read-only root, no capability, no token of the cluster."""
    assert pod()["securityContext"]["runAsNonRoot"]
    assert not pod()["automountServiceAccountToken"]
    for container in pod()["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"]["drop"] == ["ALL"]


def test_the_server_has_no_credentials_and_cannot_write_the_cache() -> None:
    """Only sync knows where MLflow is and who we are there."""
    server, sync = pod()["containers"]
    assert "envFrom" not in server
    assert [m["readOnly"] for m in server["volumeMounts"] if m["name"] == "cache"] == [True]
    assert {"secretRef", "configMapRef"} == {key for e in sync["envFrom"] for key in e}
