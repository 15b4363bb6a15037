"""From bytes to an answer: each way it can be none has its own error."""

import pytest
from factories.wire import matrix, refusal

from foresail.errors import BadInput
from foresail.history.answers import Answer, Cut, answer_in
from foresail.history.refusals import TooManySamples

NOTHING = {"resultType": "matrix", "result": []}


def read(text: str | bytes) -> Answer:
    """Read a body."""
    return answer_in(bytearray(text.encode() if isinstance(text, str) else text), what="p")


def test_warnings_are_kept_and_notes_are_not() -> None:
    """Prometheus writes harmless notes: since 3.0 under `infos`, before among the warnings."""
    told = ["PromQL info: metric might not be a counter", "store down", "PromQL warning: mixed"]
    answer = read(matrix(warnings=told, infos=["PromQL info: another"]))
    assert answer == Answer(NOTHING, ("store down", "PromQL warning: mixed"))


def test_a_partial_answer_of_victoriametrics_is_a_warning() -> None:
    """It says so with a field of its own."""
    assert read(matrix(isPartial=True)).warnings == ("isPartial: not every storage node answered",)
    assert read(matrix(isPartial=False)).warnings == ()


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (matrix()[:-3], Cut, "bytes"),
        ("no JSON", BadInput, r"the answer to p is no whole JSON \(7 bytes\)"),
        ("", BadInput, r"the answer to p is no whole JSON \(0 bytes\)"),
        (b'{"status":"success","data":"\xff"}', BadInput, "the answer to p is not UTF-8"),
        ("[" * 100_000, BadInput, "the answer to p is not of the query API"),
        ("[1]", BadInput, "the answer to p is not of the query API"),
        ('{"status":"fine"}', BadInput, "the answer to p is not of the query API"),
        (refusal("would load too many samples"), TooManySamples, "refused p as too large"),
        (refusal("no"), BadInput, r"could not answer p \(200: no\)"),
    ],
)
def test_what_is_no_answer_is_named(
    body: str | bytes, error: type[Exception], message: str
) -> None:
    """Cut, no JSON, not UTF-8, of another API, or an error after all."""
    with pytest.raises(error, match=message):
        read(body)
