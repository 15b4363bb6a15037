"""Gradient boosting with quantile loss: one model over all series of a panel."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog

from foresail.contenders.booster_features import DAY, MEMORY, WEEK, lead_rows, snapshot
from foresail.contenders.booster_files import read_models, write_models
from foresail.contenders.booster_training import Examples, examples
from foresail.contenders.protocol import Outcome
from foresail.horizons import QUANTILES
from foresail.panel import BoolArray, FloatArray, IntArray, Panel

if TYPE_CHECKING:
    import lightgbm

log = structlog.get_logger()

MIN_SERIES = 8
MIN_DAYS = 12
MIN_VALUES = 7 * DAY
"""Values within the last 28 days; with fewer a series has no daily shape to go by."""
MIN_EXAMPLES = 1000
"""With fewer a segment of leads is not learnt, nor are those beyond."""
STRIDE_DAYS = 5
"""Beyond a week every fifth day is forecast, and what lies between them is interpolated."""
SEGMENTS = ((0, DAY), (DAY, WEEK), (WEEK, 720))
"""Leads that share a model: the next day, the rest of the week, all that follows."""
_LEAVES = (24, 10, 8)
_TREES = (90, 60, 60)
_BEND = 0.2
"""Targets are learnt as asinh(target / bend): one outlier must not move a leaf by its size."""
_MARGIN = 0.25
"""A forecast may leave the range that the series has shown by this share of that range."""
_CHUNK_ROWS = 256
"""Series forecast at once: what describes them stays below 25 MB."""


@dataclass(frozen=True, slots=True)
class PanelBooster:
    """LightGBM, trained on the panel's own history, one model per segment of leads and quantile.

    What one series did next after looking like another one does today is the forecast. The same
    panel gives the same numbers, whatever the order of its rows and the number of threads.

    Attributes:
        seed: Of the choice of origins, leads and series to train on.
        threads: How many models are trained, or groups of series forecast, at a time.
        name: As served.
    """

    seed: int = 0
    threads: int = 2
    name: str = "booster"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Train on the panel and forecast it; see `Contender.forecast`."""
        return self.learn(panel, hours=hours).forecast(panel, hours=hours)

    def learn(self, panel: Panel, *, hours: int) -> "TrainedBooster":
        """Train on the panel; see `Learner.learn`."""
        able = _known(panel) >= MIN_VALUES
        reason = _too_small(panel, able)
        if not reason and (reason := _not_loaded()):
            log.warning("the booster takes no part", reason=reason)
        if reason:
            return TrainedBooster((), f"{self.name}: {reason}", self.threads, self.name)
        rows = sorted(np.flatnonzero(able).tolist(), key=lambda row: panel.index[row].key)
        segments = [segment for segment in SEGMENTS if segment[0] < hours]
        learnt = examples(
            panel.values,
            np.array(rows),
            segments,
            first_hour=_hour_of(panel.ds[0]),
            seed=self.seed,
        )
        # a short history has no examples of a month ahead
        learnt = list(takewhile(lambda one: len(one.targets) >= MIN_EXAMPLES, learnt))
        with ThreadPoolExecutor(self.threads) as pool:
            models = pool.map(self._fit, learnt, _LEAVES, _TREES)
            return TrainedBooster(tuple(models), "", self.threads, self.name)

    def load(self, folder: Path) -> "TrainedBooster":
        """Return what `TrainedBooster.save` wrote; see `Portable.load`."""
        models, reason = read_models(folder)
        return TrainedBooster(models, reason, self.threads, self.name)

    def _fit(self, learnt: Examples, leaves: int, trees: int) -> tuple["lightgbm.Booster", ...]:
        # loading LightGBM takes a second and needs libgomp: only who boosts shall pay for it
        import lightgbm  # noqa: PLC0415  # as above

        fixed = {
            "learning_rate": 0.1,
            "num_leaves": leaves,
            "min_data_in_leaf": 100,
            "lambda_l2": 1.0,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.5,
            "bagging_freq": 1,
            "max_bin": 63,
            "seed": self.seed,
            "force_row_wise": True,
            "deterministic": True,
            # OpenMP's threads burn time waiting for each other on a busy machine, and the order of
            # their sums is not fixed: whole models run side by side instead
            "num_threads": 1,
            "verbose": -1,
        }
        data = lightgbm.Dataset(learnt.rows, np.arcsinh(learnt.targets / _BEND), params=fixed)
        return tuple(
            lightgbm.train({**fixed, "objective": "quantile", "alpha": level}, data, trees)
            for level in QUANTILES
        )


@dataclass(frozen=True, slots=True)
class TrainedBooster:
    """What a booster has learnt, ready to forecast any series from any origin.

    Attributes:
        models: One model per segment that it was trained for and quantile; empty if it was not.
        reason: Why it was not trained, or an empty string.
        threads: How many groups of series are forecast at a time.
        name: As served.
    """

    models: tuple[tuple["lightgbm.Booster", ...], ...]
    reason: str
    threads: int
    name: str

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Forecast every series; see `Contender.forecast`. Hours untrained for are NaN."""
        quantiles = np.full((len(panel.values), hours, len(QUANTILES)), np.nan)
        if not self.models:
            reason = self.reason or f"{self.name}: too few examples"
            return Outcome(quantiles, dict.fromkeys(range(len(quantiles)), reason))
        known = _known(panel)
        rows = np.flatnonzero(known >= MIN_VALUES)
        chunks = [rows[i : i + _CHUNK_ROWS] for i in range(0, len(rows), _CHUNK_ROWS)]
        predict = partial(self._predict, first_hour=_hour_of(panel.ds[-1]) + 1, hours=hours)
        with ThreadPoolExecutor(self.threads) as pool:
            found = pool.map(predict, (panel.values[chunk] for chunk in chunks))
            for chunk, forecast in zip(chunks, found, strict=True):
                quantiles[chunk] = forecast
        failures = {
            row: f"{self.name}: need {MIN_VALUES} hourly values within the last 28 days, "
            f"got {known[row]}"
            for row in np.flatnonzero(known < MIN_VALUES).tolist()
        }
        return Outcome(quantiles, failures)

    def save(self, folder: Path) -> None:
        """Write what was learnt; see `Learnt.save`."""
        write_models(folder, self.models, self.reason)

    def _predict(self, values: FloatArray, *, first_hour: int, hours: int) -> FloatArray:
        """Return `(n, hours, 3)` for the hours from `first_hour` on, which follows the values."""
        seen = snapshot(values)
        scaled = []
        for (start, stop), levels in zip(SEGMENTS, self.models, strict=False):
            if start >= hours:
                break
            end = hours if stop == SEGMENTS[-1][1] else min(stop, hours)
            days, between = _days(start, end)
            leads = (days[:, None] * DAY + np.arange(DAY)).reshape(-1)
            rows = lead_rows(seen, leads, first_hour=first_hour)
            flat = rows.reshape(-1, rows.shape[2])
            bent = np.stack([np.asarray(one.predict(flat, num_threads=1)) for one in levels])
            some = (np.sinh(bent) * _BEND).reshape(len(levels), len(values), len(days), DAY)
            filled = np.einsum("qnch,cd->ndhq", some, between, optimize=True)
            scaled.append(filled.reshape(len(values), -1, len(levels))[:, : end - start])
        z = np.concatenate(scaled, axis=1)
        z = z + seen.expected(np.arange(z.shape[1]))[:, :, None]
        quantiles = seen.centre[:, None, None] + seen.unit[:, None, None] * z
        bounded = np.sort(_within_range(quantiles, values), axis=2)
        short = hours - bounded.shape[1]
        return np.pad(bounded, ((0, 0), (0, short), (0, 0)), constant_values=np.nan)


def _known(panel: Panel) -> IntArray:
    return np.asarray(np.isfinite(panel.values[:, -MEMORY:]).sum(axis=1))


def _hour_of(stamp: np.datetime64) -> int:
    return int(stamp.astype("datetime64[h]").astype(np.int64))


def _not_loaded() -> str:
    """Return why LightGBM cannot be used here, or an empty string."""
    try:
        import lightgbm  # noqa: F401, PLC0415  # to see whether it loads
    except (ImportError, OSError) as error:
        return f"LightGBM cannot be loaded ({error}); on Debian install libgomp1"
    return ""


def _too_small(panel: Panel, able: BoolArray) -> str:
    """Return why the panel cannot be trained on, or an empty string."""
    if able.sum() < MIN_SERIES:
        return (
            f"need {MIN_SERIES} series with {MIN_VALUES} hourly values within the last 28 days, "
            f"got {able.sum()}"
        )
    # the history counts from where there is something to train on
    begun = np.sort(np.isfinite(panel.values).argmax(axis=1)[able])
    days = int(len(panel.ds) - begun[MIN_SERIES - 1]) / DAY
    if days < MIN_DAYS:
        return f"need {MIN_DAYS} days of history of {MIN_SERIES} series, got {days:.1f}"
    return ""


def _days(start: int, end: int) -> tuple[IntArray, FloatArray]:
    """Return the days to forecast, `(C,)`, and what each has to say on every day, `(C, D)`."""
    wanted = np.arange(start // DAY, -(-end // DAY))
    if start < WEEK:
        return wanted, np.eye(len(wanted))
    coarse = np.unique(np.append(wanted[::STRIDE_DAYS], wanted[-1]))
    return coarse, np.stack([np.interp(wanted, coarse, one) for one in np.eye(len(coarse))])


def _within_range(quantiles: FloatArray, values: FloatArray) -> FloatArray:
    lowest, highest = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    margin = _MARGIN * (highest - lowest)
    return np.clip(quantiles, (lowest - margin)[:, None, None], (highest + margin)[:, None, None])
