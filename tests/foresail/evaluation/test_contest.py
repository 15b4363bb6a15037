"""The contest: who serves which series and lead, and what is promised for it."""

import gc
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foresail.codes import Code
from foresail.contenders import Contender, Outcome, SeasonalNaive
from foresail.evaluation import Contest, run_contest
from foresail.evaluation.eligibility import eligibility
from foresail.evaluation.held_out import measure
from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_MONTH
from foresail.panel import FloatArray, Panel, SeriesInfo

HOURS = np.arange(90 * 24)


@dataclass(frozen=True)
class Names:
    """A fitted model that is the names of its series."""

    series: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> "Names":
        """Return those of these rows."""
        return Names(tuple(self.series[row] for row in rows))

    def join(self, others: Sequence["Names"]) -> "Names":
        """Return these and the others."""
        return Names(sum((other.series for other in others), self.series))

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
    assert entry.segments[-1].until_hours == 888
    low, middle, high = result.forecast[0, 0]
    assert middle == 10.0
    # on the way to nine tenths of the noise on each side, where its own band held less
    assert np.quantile(noise(10.0), 0.1) < low < 9.0
    assert 11.0 < high < np.quantile(noise(10.0), 0.9)
    quality = entry.horizons["next_week"].quality
    assert quality
    assert quality.windows == 7  # four of a week, and the first week of three months
    assert quality.sql < quality.naive_sql
    assert 0.685 < quality.coverage < 0.88  # its own band of +-1 sigma would hold 68 %


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
    """Of thirteen fits of held-out windows none is left, though models hold their history."""
    level = Level(10.0)
    panel = panel_of(noise(10.0))
    fits = [eligibility(row, HORIZONS) for row in panel.values]
    measure(panel, fits, horizons=HORIZONS, contenders=(SeasonalNaive(24), level), windows=3)
    gc.collect()
    assert [one() for one in level.fitted] == [None] * 13


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


def test_a_model_that_fails_in_every_window_does_not_serve() -> None:
    """It was never measured where others were, so it is not trusted."""
    result = contest(panel_of(noise(10.0)), Level(10.0, fails_at=tuple(range(len(HOURS)))))
    assert result.index[0].horizons["next_day"].winner == "seasonal_naive_24h"


def test_the_future_cannot_change_a_forecast() -> None:
    """A panel cut at an hour gives the same scores and forecast whatever came later."""
    one, other = noise(10.0), noise(10.0)
    other[-24:] = 1e6
    cut = panel_of(one).ds[-25]
    forecasts = [contest(panel_of(y).until(cut), Level(10.0)).forecast for y in (one, other)]
    np.testing.assert_array_equal(*forecasts)


def test_the_slack_continues_the_last_horizon() -> None:
    """A one-shot forecast has none; a bundle holds a week more than its longest horizon."""
    panel = panel_of(noise(10.0))
    bundle = run_contest(panel, horizons=(NEXT_DAY,), contenders=(SeasonalNaive(24),))
    one_shot = run_contest(panel, horizons=(NEXT_DAY,), contenders=(SeasonalNaive(24),), slack=0)
    assert bundle.forecast.shape[1] == 192
    assert one_shot.forecast.shape[1] == 24


def test_each_segment_of_leads_carries_its_own_promise() -> None:
    """A bundle that has grown old answers from later leads: their promise is there to be joined."""
    (entry,) = contest(panel_of(noise(10.0)), Level(10.0)).index
    assert [segment.until_hours for segment in entry.segments] == [24, 168, 888]
    windows = [segment.quality.windows for segment in entry.segments if segment.quality]
    assert windows == [13, 7, 3]


def test_days_and_weeks_have_quantiles_of_their_own() -> None:
    """No week lies mostly within a first day; the highest of 168 hours is above that of 24."""
    (entry,) = contest(panel_of(noise(10.0)), Level(10.0)).index
    first, *later = entry.segments
    assert first.peak is not None
    assert (first.week_peak, first.weekly_mean) == (None, None)
    for segment in later:
        assert segment.peak is not None
        assert segment.week_peak is not None
        assert segment.weekly_mean is not None
        assert segment.week_peak[1] > segment.peak[1] > 0
        assert segment.weekly_mean[0] < 0 < segment.weekly_mean[2]


def test_a_horizon_alone_is_cut_into_the_same_leads() -> None:
    """Asked for the month only, the first day and week are still judged for themselves."""
    panel = panel_of(noise(10.0))
    contenders = (SeasonalNaive(24), Level(10.0))
    (entry,) = run_contest(panel, horizons=(NEXT_MONTH,), contenders=contenders, slack=0).index
    assert list(entry.horizons) == ["next_month"]
    assert [segment.until_hours for segment in entry.segments] == [24, 168, 720]


def test_a_constant_series_is_its_constant() -> None:
    """Its band has no width, and a code says why."""
    result = contest(panel_of(np.full(len(HOURS), 3.0)), Level(10.0))
    assert (result.forecast == 3.0).all()
    (entry,) = result.index
    assert entry.horizons["next_week"].code == Code.CONSTANT
    assert (entry.scale, entry.segments[0].peak) == (None, None)
    assert entry.segments[-1].week_peak is None


def test_a_large_and_calm_series_is_scored_by_its_own_changes() -> None:
    """A sine of a kilobyte on 64 GB, whose digits 32 bits do not hold: the shape is found."""
    wave = 6.4e10 + 1000 * np.sin(HOURS / 24 * 2 * np.pi) + 300 * noise(0.0)
    quality = contest(panel_of(wave), Level(6.4e10)).index[0].horizons["next_day"].quality
    assert quality
    assert 0.6 < quality.coverage < 0.95
    assert quality.naive_sql < 1.0


def test_a_panel_without_a_series_has_an_empty_forecast() -> None:
    """Nothing in, nothing out."""
    empty = panel_of(noise(10.0)).select([])
    assert contest(empty, Level(10.0)).index == ()
