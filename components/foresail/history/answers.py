"""From the bytes of the query API to its data, its warnings, or the error that it is."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from foresail.errors import BadInput
from foresail.history.refusals import Refusal, Refused, TooManySamples, refusal_of

JsonHook = Callable[[dict[str, Any]], Any]

_NOTES = "PromQL info:"
"""How Prometheus 2.48 to 2.53 began among its warnings what stands under `infos` since."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the query API answered.

    Attributes:
        data: The JSON value under `data`.
        warnings: What Thanos and others say of a partial answer.
    """

    data: Any
    warnings: tuple[str, ...]


class Cut(Exception):  # noqa: N818  # never leaves the package
    """The beginning of an answer; another attempt may bring all of it."""


def answer_in(body: bytearray, *, what: str, hook: JsonHook | None = None) -> Answer:
    """Return what a body of status 200 holds.

    Args:
        body: JSON of the query API.
        what: What was asked for, as messages name it.
        hook: Called with each JSON object; what it returns takes its place.

    Raises:
        Cut: The end of it is missing.
        TooManySamples: The server wants a smaller query.
        BadInput: It is no answer of the query API, or tells an error.
    """
    answer = _loaded(body, hook, what=what)
    if not isinstance(answer, dict) or answer.get("status") not in {"success", "error"}:
        raise BadInput(f"the answer to {what} is not of the query API; correct the address")
    if answer["status"] == "error":
        raise refused(refusal_of(requests.codes.ok, body), what=what)
    told = [str(text) for text in answer.get("warnings") or ()]
    if answer.get("isPartial"):  # how VictoriaMetrics says it
        told.append("isPartial: not every storage node answered")
    return Answer(answer.get("data"), tuple(t for t in told if not t.startswith(_NOTES)))


def refused(refusal: Refusal, *, what: str) -> Refused:
    """Return the error that says why a query was refused, and what to do."""
    why = f"({refusal.status}: {refusal.detail or 'no reason given'})"
    if refusal.meaning == "smaller":
        return TooManySamples(
            f"Prometheus refused {what} as too large {why}; raise its limit (--query.max-samples "
            "and its kin) or stage fewer scopes"
        )
    if refusal.meaning == "slow":
        return TooManySamples(
            f"Prometheus ran out of time over {what} {why}; raise "
            "FORESAIL_PROMETHEUS_TIMEOUT_SECONDS and its own --query.timeout, or stage fewer scopes"
        )
    if refusal.status == requests.codes.bad:
        return Refused(f"Prometheus does not understand {what} {why}; correct its PromQL text")
    return Refused(f"Prometheus could not answer {what} {why}")


def _loaded(body: bytearray, hook: JsonHook | None, *, what: str) -> Any:  # noqa: ANN401  # JSON
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"the answer to {what} is not UTF-8; look for a broken exporter") from error
    try:
        return json.loads(text, object_hook=hook)
    except ValueError as error:
        if text.lstrip().startswith("{"):
            raise Cut(f"{len(body)} bytes") from error
        raise BadInput(
            f"the answer to {what} is no whole JSON ({len(body)} bytes); correct the address"
        ) from error
    except RecursionError as error:
        raise BadInput(f"the answer to {what} is not of the query API") from error
