"""Names in MLflow."""

import pytest

from foresail.errors import BadBundle, BadInput
from foresail.registry.names import is_model_name, model_name, safe_bundle_path


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("cpu", "foresail-cpu"),
        ("memory", "foresail-memory"),
        ("Disk IO_bytes/s", "foresail-disk-io-bytes-s"),
    ],
)
def test_a_metric_names_its_model(metric: str, name: str) -> None:
    """Lower case, one dash for anything that is no letter or digit."""
    assert model_name(metric) == name
    assert is_model_name(name)


def test_a_metric_without_letters_has_no_model() -> None:
    """There would be nothing to tell it by."""
    with pytest.raises(BadInput, match=r"a letter or digit in its name, got '%'"):
        model_name("%")


@pytest.mark.parametrize("name", ["foresail-", "foresail-CPU", "foresail-a'b", "iris"])
def test_other_models_are_not_ours(name: str) -> None:
    """The list shows Foresail's models only."""
    assert not is_model_name(name)


@pytest.mark.parametrize(
    "path", ["../up", "/etc", "a/../b", "a\\b", "a//b", "", "a\x00b", "%2e%2e"]
)
def test_a_bundle_path_that_leads_elsewhere_is_refused(path: str) -> None:
    """A tag is written by whoever can write to the registry; it is no path of ours."""
    with pytest.raises(BadBundle, match="no path inside the model"):
        safe_bundle_path(path)


def test_a_plain_bundle_path_is_kept() -> None:
    """Folders below the model are fine."""
    assert safe_bundle_path("artifacts/bundle") == "artifacts/bundle"
