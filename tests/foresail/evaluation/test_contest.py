"""The contest: who serves which series and lead, and what is promised for it."""

import gc
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from foresail.codes import Code
from foresail.contenders import Contender, Outcome, SeasonalNaive
from foresail.evaluation import Contest, run_contest
from foresail.evaluation.contest import backtest, not_below_zero
from foresail.evaluation.eligibility import eligibility
from foresail.horizons import HORIZONS, NEXT_DAY
from foresail.panel import FloatArray, Panel, SeriesInfo

HOURS = np.arange(90 * 24)


@dataclass(frozen=True)
class Names:
    """A fitted model that is the names of its series."""

    series: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> "Names":
        """Return those of these rows."""
        return Names(tuple(self.series[row] for row in rows))

    def save(self, folder: Path) -> None:
        """Write one file."""
        folder.mkdir()
        (folder / "names.txt").write_text("\n".join(self.series))


@dataclass(frozen=True)
class Level:
    """A contender that answers one level with a band of one; fails where told to."""

    level: float
    name: str = "level"
    fails_at: tuple[int, ...] = ()
    fails_for: str = ""
    fitted: "list[weakref.ref[Names]]" = field(default_factory=list)

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Answer the level for every series."""
        quantiles = np.full((len(panel), hours, 3), self.level) + np.array([-1.0, 0.0, 1.0])
        everywhere = len(panel.ds) in self.fails_at
        failures = {
            row: "it did not fit"
            for row, info in enumerate(panel.index)
            if everywhere and self.fails_for in info.series
        }
        quantiles[list(failures)] = np.nan
        model = Names(tuple(info.series for info in panel.index))
        self.fitted.append(weakref.ref(model))
        return Outcome(quantiles, failures, model)


def panel_of(*rows: FloatArray) -> Panel:
    """Return a panel that starts on New Year."""
    ds = np.datetime64("2026-01-01", "s") + HOURS[: len(rows[0])] * np.timedelta64(1, "h")
    index = tuple(SeriesInfo(f"s{i}", "cpu", unit="cores") for i in range(len(rows)))
    return Panel(ds, np.stack(rows), index)


def noise(level: float, *, seed: int = 0) -> FloatArray:
    """Return a level with noise of one: yesterday's shape says nothing about today's."""
    return level + np.random.default_rng(seed).normal(0, 1, len(HOURS))


def contest(panel: Panel, *others: Contender) -> Contest:
    """Run the contest of the naive against others."""
    contenders: Sequence[Contender] = (SeasonalNaive(24), *others)
    return run_contest(panel, horizons=HORIZONS, contenders=contenders)


def test_who_beats_the_naive_is_served() -> None:
    """On pure noise the level is better than yesterday's shape, at every horizon."""
    result = contest(panel_of(noise(10.0)), Level(10.0))
    (entry,) = result.index
    assert [entry.horizons[h.name].winner for h in HORIZONS] == ["level"] * 3
    assert entry.segments[0].until_hours == 888
    low, middle, high = result.forecast[0, 0]
    assert middle == 10.0
    # nine tenths of the noise on each side, where the contender's own band held less
    assert low == pytest.approx(np.quantile(noise(10.0), 0.1), abs=0.25)
    assert high == pytest.approx(np.quantile(noise(10.0), 0.9), abs=0.25)
    quality = entry.horizons["next_week"].quality
    assert quality
    assert quality.windows == 3
    assert quality.sql < quality.naive_sql
    assert 0.72 < quality.coverage < 0.88  # its own band of +-1 sigma would hold 68 %


def test_who_loses_to_the_naive_is_not_served() -> None:
    """Where the model loses on the held-out windows, the naive is served and named."""
    shape = 10 + np.sin(HOURS / 24 * 2 * np.pi) + 0.01 * noise(0.0)
    result = contest(panel_of(shape), Level(10.0))
    assert result.index[0].horizons["next_day"].winner == "seasonal_naive_24h"
    assert result.models == {}


def test_series_are_judged_one_by_one() -> None:
    """One series' winner says nothing about another's."""
    shape = 10 + np.sin(HOURS / 24 * 2 * np.pi) + 0.01 * noise(0.0)
    result = contest(panel_of(shape, noise(10.0)), Level(10.0))
    winners = [entry.horizons["next_day"].winner for entry in result.index]
    assert winners == ["seasonal_naive_24h", "level"]


def test_a_model_is_kept_for_the_series_it_serves() -> None:
    """Of four series the naive serves one and one fails at last: two are left, by their rows."""
    shape = 10 + np.sin(HOURS / 24 * 2 * np.pi) + 0.01 * noise(0.0)
    panel = panel_of(noise(10.0), shape, noise(10.0, seed=1), noise(10.0, seed=2))
    result = contest(panel, Level(10.0, fails_at=(len(HOURS),), fails_for="s2"))
    assert list(result.models) == ["level"]
    served = result.models["level"]
    assert (served.rows, served.model) == ((0, 3), Names(("s0", "s3")))
    assert served.among([3, 1]) == Names(("s3",))
    assert served.among([1, 2]) is None


def test_a_model_that_serves_one_segment_only_is_kept() -> None:
    """It answers beyond the stored hours, or tells how its leads came about."""
    steps = noise(10.0) + np.where(HOURS // 168 % 2, 3.0, 0.0)
    result = contest(panel_of(steps), Level(11.5))
    models = [segment.model for segment in result.index[0].segments]
    assert "level" in models
    assert "seasonal_naive_24h" in models
    assert result.models["level"].rows == (0,)


def test_a_backtest_keeps_no_model_alive() -> None:
    """Each fit of a held-out window is gone before the next begins."""
    level = Level(10.0)
    alive: list[int] = []

    @dataclass(frozen=True)
    class Counting:
        name: str = "counting"

        def forecast(self, panel: Panel, *, hours: int) -> Outcome:
            gc.collect()
            alive.append(sum(one() is not None for one in level.fitted))
            return SeasonalNaive(24).forecast(panel, hours=hours)

    contenders = (SeasonalNaive(24), level, Counting())
    fits = [eligibility(row, HORIZONS) for row in panel_of(noise(10.0)).values]
    backtest(panel_of(noise(10.0)), fits, horizons=HORIZONS, contenders=contenders, windows=3)
    assert alive == [0, 0, 0]


def test_without_three_windows_the_naive_is_served_unmeasured() -> None:
    """A model that could not be measured is not trusted, and no promise is made."""
    result = contest(panel_of(noise(10.0)[: 20 * 24]), Level(10.0))
    month = result.index[0].horizons["next_month"]
    assert month.winner == "seasonal_naive_24h"
    assert month.quality is None
    assert result.index[0].horizons["next_day"].quality


def test_a_short_history_gets_a_shorter_forecast() -> None:
    """Under 14 days the month is refused and the stored forecast ends after week and slack."""
    result = contest(panel_of(noise(10.0)[: 10 * 24]), Level(10.0))
    (entry,) = result.index
    assert entry.horizons["next_month"].winner is None
    assert entry.horizons["next_month"].code == Code.HORIZON_TOO_LONG
    assert entry.hours == 336
    assert (result.forecast[0, 336:] == 0).all()
    assert (result.forecast[0, :336, 1] != 0).all()


def test_a_series_that_cannot_be_forecast_stays_in_the_index() -> None:
    """It has no hours, a code and a reason."""
    ended = noise(10.0)
    ended[-10 * 24 :] = np.nan
    (entry,) = contest(panel_of(ended)).index
    assert entry.hours == 0
    assert entry.horizons["next_day"].code == Code.SERIES_ENDED


def test_a_model_that_fails_at_last_is_replaced_and_said_so() -> None:
    """The naive serves in its place, with the code of a degraded forecast."""
    result = contest(panel_of(noise(10.0)), Level(10.0, fails_at=(len(HOURS),)))
    horizon = result.index[0].horizons["next_day"]
    assert horizon.winner == "seasonal_naive_24h"
    assert (horizon.code, horizon.reason) == (Code.DEGRADED, "it did not fit")
    assert np.isfinite(result.forecast).all()


def test_a_model_that_fails_in_a_window_is_not_measured_there() -> None:
    """Two good windows are fewer than three: the naive serves."""
    result = contest(panel_of(noise(10.0)), Level(10.0, fails_at=(len(HOURS) - 720,)))
    assert result.index[0].horizons["next_day"].winner == "seasonal_naive_24h"


def test_the_future_cannot_change_a_forecast() -> None:
    """A panel cut at an hour gives the same scores and forecast whatever came later."""
    one, other = noise(10.0), noise(10.0)
    other[-24:] = 1e6
    cut = panel_of(one).ds[-25]
    forecasts = [contest(panel_of(y).until(cut), Level(10.0)).forecast for y in (one, other)]
    np.testing.assert_array_equal(*forecasts)


def test_usage_is_never_forecast_below_zero() -> None:
    """A series that has never been negative is clipped at zero; another is not."""
    quantiles = np.full((2, 1, 3), [-1.0, 0.5, 2.0])
    clipped = not_below_zero(quantiles, np.array([[0.0, np.nan], [-3.0, 1.0]]))
    np.testing.assert_array_equal(clipped[:, 0], [[0.0, 0.5, 2.0], [-1.0, 0.5, 2.0]])


def test_the_slack_continues_the_last_horizon() -> None:
    """A one-shot forecast has none; a bundle holds a week more than its longest horizon."""
    panel = panel_of(noise(10.0))
    bundle = run_contest(panel, horizons=(NEXT_DAY,), contenders=(SeasonalNaive(24),))
    one_shot = run_contest(panel, horizons=(NEXT_DAY,), contenders=(SeasonalNaive(24),), slack=0)
    assert bundle.forecast.shape[1] == 192
    assert one_shot.forecast.shape[1] == 24
