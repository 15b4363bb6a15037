"""The description of the HTTP API: committed, complete, and true of every answer."""

import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests
import schemathesis
from factories import bundles
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi import checks
from servers.foresail import Client, SetClock, serving

from foresail_serving.problems import MEDIA_TYPE, PROBLEMS

ROOT = Path(__file__).parents[2]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS")
KNOWN = {
    "metric": ["cpu", "memory", "disk"],
    "series": ["prod/cluster", "prod/namespace/shop", "prod/workload/shop/deployment/ended"],
    "cluster": ["prod"],
    "namespace": ["shop"],
    "workload": ["api", "young", "ended"],
    "node": ["n1"],
    "kind": ["deployment", "statefulset"],
    "quantiles": ["p50", "p90,p10", "0.5"],
    "tz": ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati"],
    "match": ['{scope="namespace"}', '{cluster=~"prod.*",metric!="cpu"}', "foresail_forecast"],
    "match[]": ['{scope="namespace"}', "foresail_forecast"],
    "query": [
        'foresail_forecast{scope="cluster"}',
        "max_over_time(foresail_forecast[1d:1h] offset -1d) > 3",
        'max by (namespace) (foresail_forecast{quantile="0.9"})',
        "sum(foresail_forecast)",
        "rate(foresail_forecast[5m])",
    ],
    "time": ["2026-11-21T12:00:00Z", "1795262400"],
    "start": ["2026-11-21T12:00:00Z", "1795262400"],
    "end": ["2026-11-22T12:00:00Z", "1795348800"],
}
"""What there is to ask for: what is drawn at random hardly ever meets a series."""
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
TOO_LONG = (414, 431)
"""These refuse wrong data too; the last check does not know them."""


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[Client]:
    """A server at noon on the day the forecast begins."""
    with serving(
        cache, SetClock(bundles.TRAINED_UNTIL + timedelta(hours=12)), access_log=False
    ) as client:
        yield client


@pytest.fixture(scope="module")
def document(server: Client) -> dict[str, Any]:
    """What the server tells of itself."""
    told: dict[str, Any] = server.get("/openapi.json").json()
    return told


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each operation by its method and path."""
    return {
        f"{method} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_the_committed_description_is_the_servers() -> None:
    """A change of the API shows as a change of a file, and is seen before it is released."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        script = importlib.import_module("openapi")
    committed = script.FILE.read_text(encoding="utf-8")
    assert committed == script.document(), "docs/openapi.json differs: run scripts/openapi"


def test_every_operation_has_a_name_of_its_own(operations: dict[str, dict[str, Any]]) -> None:
    """Clients are generated from these names; people read the summary."""
    names = Counter(operation.get("operationId") for operation in operations.values())
    assert {name: count for name, count in names.items() if not name or count > 1} == {}
    assert [at for at, operation in operations.items() if not operation.get("summary")] == []
    assert [at for at, operation in operations.items() if not operation.get("tags")] == []


def resolved(document: Mapping[str, Any], response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a response, also where it stands among those that are shared."""
    name = str(response.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["responses"][name] if name else response
    return found


def test_every_answer_has_an_example(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    """Of each kind that is text: the schema alone shows nobody what comes."""
    bare = [
        f"{at} {status} {kind}"
        for at, operation in operations.items()
        for status, response in operation["responses"].items()
        if status != "default"
        for kind, content in resolved(document, response).get("content", {}).items()
        if "spreadsheetml" not in kind and not {"example", "examples"} & set(content)
    ]
    assert bare == []


def test_every_example_fits_its_schema(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    """An example that the server could not give would be a lie."""
    wrong = []
    for at, operation in operations.items():
        for status, response in operation["responses"].items():
            for kind, content in resolved(document, response).get("content", {}).items():
                named = [example["value"] for example in content.get("examples", {}).values()]
                if "example" in content:
                    named.append(content["example"])
                schema = {**content["schema"], "components": document["components"]}
                validator = jsonschema_rs.Draft202012Validator(schema)
                wrong += [
                    f"{at} {status} {kind}: {error.message}"
                    for example in named
                    for error in validator.iter_errors(example)
                ]
    assert wrong == []


def test_every_problem_is_told_of(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    """Each type stands under its own status, and each error of an operation is a problem."""
    found: dict[str, set[int]] = {}
    for at, operation in operations.items():
        for status, response in operation["responses"].items():
            if status == "default" or int(status) < 400 or at == "get /health":
                continue
            content = resolved(document, response)["content"]
            if at.split()[1].startswith("/prometheus/") and MEDIA_TYPE not in content:
                continue  # errors as Prometheus has them
            assert content[MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
            for slug in content[MEDIA_TYPE]["examples"]:
                found.setdefault(slug, set()).add(int(status))
    elsewhere = {"not-found", "method-not-allowed"}  # of pages that are none
    told = {slug: {status} for slug, (status, _) in PROBLEMS.items() if slug not in elsewhere}
    assert {slug: statuses for slug, statuses in found.items() if slug not in elsewhere} == told


def test_a_page_is_only_asked_as_it_is_described(server: Client, document: dict[str, Any]) -> None:
    """Any other method is a 405 that names those there are; HEAD goes wherever GET does."""
    for path, item in document["paths"].items():
        place = re.sub(r"\{\w+\}", "x", path)
        allowed = {method.upper() for method in item}
        for method in set(METHODS) - allowed - ({"HEAD"} if "GET" in allowed else set()):
            answer = server.ask(method, place)
            if path.startswith("/prometheus/") and answer.status == 404:
                continue  # POST of what is only read; said in Prometheus' words
            assert answer.status == 405, f"{method} {path}"
            assert allowed <= set(answer.headers["allow"].split(", ")), f"{method} {path}"
            assert method == "HEAD" or answer.problem == "method-not-allowed"


@pytest.fixture(scope="module")
def schema(document: dict[str, Any]) -> Any:
    """The description without its `default` answers: those would excuse every status."""
    strict = deepcopy(document)
    for item in strict["paths"].values():
        for operation in item.values():
            operation["responses"].pop("default", None)
    return schemathesis.openapi.from_dict(strict)


@st.composite
def cases(draw: st.DrawFn, schema: Any, mode: GenerationMode) -> Case:
    """Return a request as described, or one that is wrong somewhere.

    Of what is drawn as described some parameters are left out, and some name what there is.
    """
    case: Case = draw(schema.as_strategy(mode))
    if mode is GenerationMode.POSITIVE:
        query = dict(case.query)
        for name in sorted(query):
            choice = draw(st.integers(0, 3))
            if choice == 0 and name != "query":
                del query[name]
            elif choice > 1 and name in KNOWN:
                query[name] = draw(st.sampled_from(KNOWN[name]))
        case.query = query
    return case


def campaign(server: Client, schema: Any, mode: GenerationMode, examples: int) -> Counter[int]:
    """Send so many requests, hold each answer to the description, and count the statuses."""
    seen: Counter[int] = Counter()
    with requests.Session() as session:

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=examples < MANY,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(cases(schema, mode))
        def ask(case: Case) -> None:
            response = case.call(base_url=server.url, session=session, timeout=20)
            seen[response.status_code] += 1
            assert response.status_code < 500, f"{response.request.url}: {response.text[:300]}"
            refused = response.status_code in TOO_LONG
            case.validate_response(response, checks=CHECKS[:-1] if refused else CHECKS)

        ask()
    print(f"{mode.value}: {dict(seen)}")  # noqa: T201  # what the campaign met
    return seen


MANY = 1_000


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_some_answers_are_as_described(server: Client, schema: Any, mode: GenerationMode) -> None:
    """No 5xx, and status, type, headers and body as the description says; wrong data is refused."""
    seen = campaign(server, schema, mode, 80)
    assert mode is GenerationMode.NEGATIVE or seen[200] > 5


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_ten_thousand_answers_are_as_described(
    server: Client, schema: Any, mode: GenerationMode
) -> None:
    """The same of five thousand requests as described, and of five thousand that are wrong."""
    seen = campaign(server, schema, mode, 5_000)
    assert sum(seen.values()) >= 5_000
    assert mode is GenerationMode.NEGATIVE or seen[200] > 500


def test_the_description_is_sound(document: dict[str, Any]) -> None:
    """Every reference leads to something that the document holds."""
    text = json.dumps(document)
    for reference in set(re.findall(r'"\$ref": "(#/[^"]+)"', text)):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found
