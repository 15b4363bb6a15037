"""A cluster that did not answer, as the server tells of it: its own as-of beside each series."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from pydantic import TypeAdapter
from servers.foresail import Client, SetClock, serving

from foresail.bundle import Bundle, HorizonEntry, Segment
from foresail.bundle.carry import carry, complete
from foresail_serving.answers.schemas import ForecastAnswer, Health, SeriesPage
from foresail_serving.cache import version_folder

START = bundles.TRAINED_UNTIL
LATER = 20
"""Hours between the two trainings: until then dev answered."""
WHY = "cluster dev did not answer; the forecast as of 2026-11-20T23:00:00Z goes on serving"
CONSTANT = "dev/workload/shop/deployment/still"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Serve cpu of prod, trained at eight in the evening, and of dev from midnight before."""
    home = tmp_path_factory.mktemp("carried")
    told = {"next_day": HorizonEntry(winner="constant", code=101, reason="3 cores for 28 days")}
    labels = {"cluster": "dev", "scope": "workload", "workload": "still"}
    segments = [Segment(until_hours=888, model="constant")]
    still = bundles.entry(CONSTANT, labels, horizons=told, segments=segments)
    prod, dev = bundles.cluster_entries(), bundles.cluster_entries(cluster="dev")
    bundles.write(home / "older", index=[*prod, *dev, still])
    until = START + timedelta(hours=LATER)
    bundles.write(home / "newer", index=prod, trained_until=until, level=50.0)
    older, newer = Bundle.open(home / "older"), Bundle.open(home / "newer")
    folder = version_folder(home / "cache", "foresail-cpu", "2")
    complete(home / "newer", folder, carry(older, newer, clusters={"dev"}))
    bundles.point(home / "cache", {"foresail-cpu": "2"})
    bundles.publish(home / "cache", metric="memory")
    return home / "cache"


def after(hours: float) -> SetClock:
    """Return a clock that stands so many hours after the older forecast's first."""
    return SetClock(START + timedelta(hours=hours))


@pytest.fixture(scope="module")
def soon(cache: Path) -> Iterator[Client]:
    """Return a server at 21:30, when the newer forecast has been served for an hour."""
    with serving(cache, after(21.5)) as client:
        yield client


def test_each_series_tells_its_own_as_of(soon: Client) -> None:
    """The older one says since when it is, and why; the newer one beside it knows nothing of it."""
    dev = TypeAdapter(ForecastAnswer).validate_json(soon.get("/v1/next_day?cluster=dev").body)
    assert (dev.status, dev.code, dev.code_name, dev.reason) == (
        "degraded",
        402,
        "carried-over",
        WHY,
    )
    assert (dev.trained_until, dev.covers_until) == ("2026-11-21T00:00:00Z", "2026-12-28T00:00:00Z")
    assert (dev.ds[0], dev.complete) == ("2026-11-21T21:00:00Z", True)
    assert dev.p50 is not None
    assert dev.p50[:3].tolist() == [31, 32, 33]
    prod = soon.get("/v1/next_day?cluster=prod").json()
    assert (prod["status"], prod["code"], prod["trained_until"]) == (
        "ok",
        0,
        "2026-11-21T20:00:00Z",
    )


def test_leads_count_from_what_was_known_of_the_series(soon: Client) -> None:
    """The same hours are 22 to 45 hours ahead of dev's history, and 2 to 25 of prod's."""
    dev, prod = (soon.get(f"/v1/next_day?cluster={c}").json() for c in ("dev", "prod"))
    assert (dev["lead_hours"], dev["quality"]["lead_hours"]) == ([22, 45], [22, 45])
    assert (prod["lead_hours"], prod["quality"]["lead_hours"]) == ([2, 25], [2, 25])


def test_the_promise_is_that_of_its_own_leads(soon: Client) -> None:
    """Three hours are left of the day that was easy to forecast, and ets serves just these."""
    shop = soon.get("/v1/next_day?cluster=dev&namespace=shop").json()
    assert shop["segments"] == [
        {"start": "2026-11-21T21:00:00Z", "end": "2026-11-22T00:00:00Z", "model": "ets"},
        {"start": "2026-11-22T00:00:00Z", "end": "2026-11-22T21:00:00Z", "model": "prophet"},
    ]
    assert shop["quality"]["sql"] == pytest.approx((3 * 0.32 + 21 * 0.42) / 24)


def test_the_csv_has_the_same_leads_and_reason(soon: Client) -> None:
    """A spreadsheet sees in every row since when its number is known."""
    text = soon.get("/v1/next_day.csv?cluster=dev").body.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["lead_hour"] for row in rows] == [str(lead) for lead in range(22, 46)]
    assert {(row["status"], row["code"], row["reason"]) for row in rows} == {
        ("degraded", "402", WHY)
    }


def test_the_headers_are_those_of_the_series(soon: Client) -> None:
    """They tell how old the answer is without its body."""
    headers = soon.get("/v1/next_day?cluster=dev").headers
    assert headers["forecast-generated"] == "2026-11-21T00:00:00Z"
    assert headers["forecast-covers-until"] == "2026-12-28T00:00:00Z"


def test_the_list_tells_it_of_each_series(soon: Client) -> None:
    """Since when, until when, and the code of each horizon."""
    page = SeriesPage.model_validate_json(soon.get("/v1/series?scope=cluster&stat=mean").body)
    told = {
        (s.labels["cluster"], s.metric): (s.trained_until, s.horizons["next_week"].code)
        for s in page.series
    }
    assert told == {
        ("dev", "cpu"): ("2026-11-21T00:00:00Z", 402),
        ("prod", "cpu"): ("2026-11-21T20:00:00Z", 0),
        ("prod", "memory"): ("2026-11-21T00:00:00Z", 0),
    }


def test_health_and_metrics_count_them(soon: Client) -> None:
    """By model, and in the metrics by cluster; a model that has none has no sample."""
    health = Health.model_validate_json(soon.get("/health").body)
    assert {m.name: m.carried_over for m in health.models} == {
        "foresail-cpu": 9,
        "foresail-memory": 0,
    }
    text = soon.get("/metrics").body.decode()
    assert re.findall(r"^foresail_bundle_series_carried_over.*$", text, re.MULTILINE) == [
        'foresail_bundle_series_carried_over{model="foresail-cpu",cluster="dev"} 9'
    ]


def test_a_constant_is_unmeasured_because_it_has_no_scale(soon: Client) -> None:
    """Also where its code tells of the cluster; the metrics count it as a constant."""
    answer = soon.get(f"/v1/next_day?series={CONSTANT}").json()
    assert (answer["code"], answer["reason"]) == (402, f"{WHY}; 3 cores for 28 days")
    assert answer["quality"]["reason"] == "the series is constant: its errors have no scale"
    text = soon.get("/metrics").body.decode()
    constant = 'metric="cpu",horizon="next_day",promise="constant"'
    assert f"foresail_promised_series{{{constant}}} 1\n" in text


def test_only_the_older_forecast_is_stale(cache: Path) -> None:
    """A day and a half after dev was known, prod is fresh still."""
    with serving(cache, after(37)) as client:
        dev, prod = (client.get(f"/v1/next_day?cluster={c}") for c in ("dev", "prod"))
        assert (dev.json()["status"], prod.json()["status"]) == ("stale", "ok")
        assert dev.json()["reason"] == f"{WHY}; the forecast is 37 hours old"
        assert (dev.headers["forecast-status"], prod.headers["forecast-status"]) == (
            "stale",
            "fresh",
        )


def test_it_is_shorter_and_then_gone_before_the_others(cache: Path) -> None:
    """Twenty hours earlier than prod's: a month is partial first, and the end is told."""
    with serving(cache, after(888 - 720 + 1)) as client:
        dev, prod = (client.get(f"/v1/next_month?cluster={c}").json() for c in ("dev", "prod"))
        assert (dev["status"], dev["complete"], len(dev["ds"])) == ("partial", False, 719)
        assert dev["reason"].endswith("; the forecast ends at 2026-12-28T00:00:00Z")
        assert prod["complete"]
    with serving(cache, after(888)) as client:
        gone = client.get("/v1/next_day?cluster=dev")
        assert (gone.status, gone.problem) == (503, "forecast-expired")
        assert client.get("/v1/next_day?cluster=prod").status == 200
