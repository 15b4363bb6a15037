"""The JSON records between the steps."""

from pathlib import Path

import pytest

from foresail.errors import BadInput
from foresail.registry import Decision, Registered, RegisteredModel, Verdict


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Both records survive the file, in a folder that did not exist."""
    registered = Registered(
        tracking_uri="http://m",
        experiment="foresail",
        models=(RegisteredModel(metric="cpu", name="foresail-cpu", version="3"),),
    )
    verdict = Verdict(
        metric="cpu", name="foresail-cpu", version="3", promote=True, reason="better", champion="2"
    )
    decision = Decision(tracking_uri="http://m", verdicts=(verdict,))
    registered.write(tmp_path / "a" / "registered.json")
    decision.write(tmp_path / "decision.json")
    assert Registered.read(tmp_path / "a" / "registered.json") == registered
    assert Decision.read(tmp_path / "decision.json") == decision


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message says which record was expected where."""
    with pytest.raises(BadInput, match=r"expected a Decision record in .*none\.json"):
        Decision.read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("{}", "tracking_uri, verdicts"), ("not json", "the file"), ("[]", "the file")],
)
def test_another_file_is_refused_with_its_fields(text: str, wrong: str, tmp_path: Path) -> None:
    """Everything that is missing is listed at once."""
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(BadInput, match=f"is no Decision record; wrong or missing: {wrong}$"):
        Decision.read(tmp_path / "d.json")
