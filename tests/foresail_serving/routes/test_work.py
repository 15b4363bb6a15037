"""What an answer costs its client, where work is limited.

The cache has 16 series of two metrics; 14 of them are forecast, each with three quantiles.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from factories import bundles
from servers.foresail import SetClock, serving

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)
RATE = 0.0001
"""Work per second: too little to be paid back while a test runs."""
PROMETHEUS = "/prometheus/api/v1"
MONTH_AHEAD = "max(max_over_time(foresail_forecast[37d] offset -37d))"
STEPS = {"start": "1795219200", "end": "1795339200", "step": "60"}


def charged(cache: Path, path: str, parameters: Mapping[str, str | list[str]]) -> float:
    """Return the work of one question beyond 1, as the refusal of the next one tells it."""
    with serving(cache, SetClock(NOON), rate_limit=RATE, rate_burst=1) as client:
        assert client.get(f"{path}?{urlencode(parameters, doseq=True)}").status == 200
        refusal = client.get("/v1/models")
        assert refusal.problem == "too-many-requests"
    return int(refusal.headers["retry-after"]) * RATE - 1


@pytest.mark.parametrize(
    ("path", "parameters", "work"),
    [
        # 14 series x 3 quantiles at 2001 times, or over 888 hours; one line or value comes back
        (f"{PROMETHEUS}/query_range", {"query": "max(foresail_forecast)", **STEPS}, 84.042),
        (f"{PROMETHEUS}/query", {"query": MONTH_AHEAD}, 37.296),
        # selectors that fit none of 16 series
        (f"{PROMETHEUS}/labels", {"match[]": ["{a=`1`}", "{a=`2`}"]}, 0.032),
        ("/metrics", {"match": [f"{{a=`{n}`}}" for n in range(20)]}, 0.32),
        # 7 series have to be ordered, at a hundredth; 1 of them is told; 720 hours each
        ("/v1/overview", {"horizon": "next_month", "limit": "1"}, 0.77),
        ("/v1/series", {}, 0.016),
    ],
)
def test_heavy_work_is_charged_whatever_the_answer_weighs(
    cache: Path, path: str, parameters: Mapping[str, str | list[str]], work: float
) -> None:
    """A thousand rows that had to be looked at are 1."""
    assert charged(cache, path, parameters) == pytest.approx(work, abs=0.002)


def test_standings_that_are_there_cost_nothing_more(cache: Path) -> None:
    """The next page of an overview costs its own rows: 1 + 0.72 after 1 + 0.72 + 0.05."""
    with serving(cache, SetClock(NOON), rate_limit=RATE, rate_burst=3) as client:
        for offset in (0, 1):
            page = f"/v1/overview?horizon=next_month&limit=1&offset={offset}"
            assert client.get(page).status == 200
        refusal = client.get("/v1/models")
    assert int(refusal.headers["retry-after"]) * RATE == pytest.approx(1.49, abs=0.002)


def test_a_large_answer_is_charged_by_its_bytes(cache: Path) -> None:
    """One series at 2001 times is work of 2 by its values, and more by what is written of them."""
    query = 'foresail_forecast{scope="cluster",stat="mean",metric="cpu",quantile="0.5"} / 3'
    assert 2.1 < charged(cache, f"{PROMETHEUS}/query_range", {"query": query, **STEPS}) < 4
