"""Answer (series, hour) questions from a bundle, also beyond the hours that it stores.

Stored hours come straight from `forecast.npy`, with the code that their horizon has. Of other hours
two contenders say something, where they serve the longest lead: the fitted Prophet in
`models/prophet/` for those after the stored ones, and the seasonal naives, which repeat the
history. Those are not calibrated and nobody has measured them. A constant goes on as its constant.
Of every other contender a bundle holds the stored hours and no more: beyond them it is code 202.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foresail.bundle import Bundle, HorizonEntry, SeriesEntry
from foresail.bundle.reader import verify_folder
from foresail.bundle.schema import MODELS
from foresail.codes import Code
from foresail.errors import BadBundle, BadInput
from foresail.horizons import HORIZONS, QUANTILES
from foresail.panel import HOUR, FloatArray, SeriesKey
from foresail.panel_prophet import PanelProphet
from foresail.times import isoformat, to_numpy

FARTHEST_HOURS = 366 * 24
"""How far from the first stored hour an answer goes: nobody knows a cluster in a year."""
NAIVE_SEASONS = {"seasonal_naive_24h": 24, "seasonal_naive_168h": 168}
PROPHET = f"{MODELS}/prophet"

_SHOWN = 3


@dataclass(slots=True)
class _Answer:
    """The columns that come out, one row a question."""

    quantiles: FloatArray
    model: NDArray[np.object_]
    code: NDArray[np.int64]
    reason: NDArray[np.object_]

    def note(self, rows: NDArray[np.int64], horizons: Sequence[HorizonEntry | None]) -> None:
        for row, horizon in zip(rows, horizons, strict=True):
            if horizon is not None:
                self.code[row], self.reason[row] = horizon.code, horizon.reason

    def abstain(self, rows: NDArray[np.int64], code: int, reason: str) -> None:
        self.code[rows] = code
        self.reason[rows] = reason


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The bundle's Prophet, and the row of each series in it."""

    model: PanelProphet
    rows: dict[SeriesKey, int]


class Answers:
    """A bundle that answers frames."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self._folder = folder
        self._bundle = bundle
        self._rows = {SeriesKey(e.series, e.metric, e.stat): i for i, e in enumerate(bundle.index)}
        self._fitted: _Fitted | None = None

    @staticmethod
    def open(folder: Path) -> "Answers":
        """Verify and map a bundle.

        Raises:
            BadBundle: It fails its checks.
        """
        return Answers(folder, Bundle.open(folder))

    def to(self, asked: pd.DataFrame) -> pd.DataFrame:
        """Return series, ds, p10, p50, p90, model, code, reason for each row asked.

        Where there is no forecast the quantiles are NaN, the model is empty, and code and reason
        say why. A time within an hour is answered with that hour.

        Args:
            asked: Columns `series` and `ds` (UTC; without a zone it is taken as UTC), optionally
                `metric` (the bundle's if absent) and `stat` (`mean` if absent).

        Raises:
            BadInput: A column is missing, a series is unknown, or a time is too far away.
        """
        keys, hours = self._questions(asked)
        rows = np.array([self._rows[key] for key in keys], dtype=np.int64)
        leads = (hours - to_numpy(self._bundle.manifest.trained_until)) // HOUR
        size = len(asked)
        answer = _Answer(
            np.full((size, 3), np.nan),
            np.full(size, "", dtype=object),
            np.zeros(size, dtype=np.int64),
            np.full(size, "", dtype=object),
        )
        for row in np.unique(rows):
            self._fill(answer, int(row), np.flatnonzero(rows == row), leads)
        p10, p50, p90 = answer.quantiles.T
        return pd.DataFrame(
            {
                "series": asked["series"].to_numpy(),
                "ds": pd.DatetimeIndex(hours).tz_localize("UTC"),
                "p10": p10,
                "p50": p50,
                "p90": p90,
                "model": answer.model,
                "code": answer.code,
                "reason": answer.reason,
            }
        )

    def _questions(self, asked: pd.DataFrame) -> tuple[list[SeriesKey], NDArray[np.datetime64]]:
        missing = [name for name in ("series", "ds") if name not in asked]
        if missing:
            raise BadInput(f"expected the columns series and ds, missing: {', '.join(missing)}")
        try:
            stamps = pd.DatetimeIndex(pd.to_datetime(asked["ds"], utc=True))
        except (ValueError, TypeError) as error:
            raise BadInput("expected times such as 2026-11-21T08:00:00Z in ds") from error
        if stamps.hasnans:
            raise BadInput("expected a time in every row of ds, some are empty")
        hours = stamps.tz_localize(None).to_numpy().astype("datetime64[h]")
        metric = self._column(asked, "metric", self._bundle.manifest.metric)
        stat = self._column(asked, "stat", "mean")
        keys = [SeriesKey(*key) for key in zip(asked["series"], metric, stat, strict=True)]
        unknown = sorted({str(key) for key in keys if key not in self._rows})
        if unknown:
            shown = ", ".join(unknown[:_SHOWN])
            raise BadInput(f"{len(unknown)} of the series asked are not in this version: {shown}")
        start = to_numpy(self._bundle.manifest.trained_until)
        far = hours[np.abs((hours - start) // HOUR) > FARTHEST_HOURS]
        if len(far):
            raise BadInput(
                f"{isoformat(far[0])} is more than {FARTHEST_HOURS // 24} days from "
                f"{isoformat(start)}, where this version's forecast starts"
            )
        return keys, hours.astype("datetime64[s]")

    @staticmethod
    def _column(asked: pd.DataFrame, name: str, default: str) -> list[str]:
        if name not in asked:
            return [default] * len(asked)
        return [value if isinstance(value, str) and value else default for value in asked[name]]

    def _fill(
        self, answer: _Answer, row: int, at: NDArray[np.int64], leads: NDArray[np.int64]
    ) -> None:
        """Answer the questions `at` about one series."""
        entry = self._bundle.index[row]
        stored = (leads[at] >= 0) & (leads[at] < entry.hours)
        inside, outside = at[stored], at[~stored]
        answer.quantiles[inside] = self._bundle.forecast[row, leads[inside]]
        answer.model[inside] = [_serving(entry, int(lead)) for lead in leads[inside]]
        answer.note(inside, [_horizon(entry, int(lead)) for lead in leads[inside]])
        if not len(outside):
            return
        refused = [h for h in entry.horizons.values() if h.winner is None]
        if refused or not entry.segments:
            code, reason = (
                (refused[-1].code, refused[-1].reason)
                if refused
                else (int(Code.HORIZON_TOO_LONG), Code.HORIZON_TOO_LONG.meaning)
            )
            answer.abstain(outside, code, reason)
            return
        model = entry.segments[-1].model
        beyond = self._beyond(row, model, leads[outside])
        answer.quantiles[outside] = beyond
        known = np.isfinite(beyond[:, 1])
        answer.model[outside[known]] = model
        answer.note(outside[known], [_horizon(entry, int(lead)) for lead in leads[outside[known]]])
        answer.abstain(
            outside[~known],
            int(Code.HORIZON_TOO_LONG),
            f"{model} gives no value outside the {entry.hours} stored hours here",
        )

    def _beyond(self, row: int, model: str, leads: NDArray[np.int64]) -> FloatArray:
        """Return the quantiles of hours that are not stored; NaN where the model has none."""
        history = np.asarray(self._bundle.history[row], dtype=np.float64)
        entry = self._bundle.index[row]
        constant = _is_constant(entry)
        if model in NAIVE_SEASONS:
            stored = np.asarray(self._bundle.forecast[row, : entry.hours], dtype=np.float64)
            quantiles = repeat_season(history, stored, leads, season=NAIVE_SEASONS[model])
        elif constant or model != "prophet":
            quantiles = np.full((len(leads), len(QUANTILES)), np.nan)
        else:
            quantiles = self._prophet(row, leads)
        if constant:
            quantiles[leads >= 0] = self._bundle.forecast[row, entry.hours - 1]
        if not (history < 0).any():  # usage is never below zero; another metric may be
            quantiles = np.maximum(quantiles, 0.0)
        return np.sort(quantiles, axis=1)

    def _prophet(self, row: int, leads: NDArray[np.int64]) -> FloatArray:
        """Return what Prophet says of hours after the history; of those before, nothing."""
        entry = self._bundle.index[row]
        found = np.full((len(leads), len(QUANTILES)), np.nan)
        if f"{PROPHET}/model.json" not in self._bundle.manifest.files:
            return found
        fitted = self._load()
        place = fitted.rows.get(SeriesKey(entry.series, entry.metric, entry.stat))
        ahead = leads >= 0  # a fit tells its own past too, but that is no forecast
        if place is not None and ahead.any():
            # always the whole year: an hour's numbers do not depend on those asked with it
            future = fitted.model.select([place]).predict(FARTHEST_HOURS + 1, QUANTILES)
            found[ahead] = future[0, leads[ahead]]
        return found

    def _load(self) -> _Fitted:
        """Return the bundle's Prophet, verified and read once.

        Raises:
            BadBundle: A file of it is not the one that was published, or it was fitted to a
                history that ends elsewhere.
        """
        if self._fitted is None:
            manifest = self._bundle.manifest
            verify_folder(self._folder, PROPHET, manifest)
            model = PanelProphet.load(self._folder / PROPHET)
            first = model.panel.as_of + HOUR
            if first != to_numpy(manifest.trained_until):
                raise BadBundle(
                    f"{self._folder.name}: {PROPHET} forecasts from {isoformat(first)} on, "
                    f"expected {isoformat(to_numpy(manifest.trained_until))}",
                    check="covers",
                )
            rows = {info.key: place for place, info in enumerate(model.panel.index)}
            self._fitted = _Fitted(model, rows)
        return self._fitted


def repeat_season(
    history: FloatArray, stored: FloatArray, leads: NDArray[np.int64], *, season: int
) -> FloatArray:
    """Return the seasonal naive at hours outside the stored forecast, with the stored band's width.

    The p50 at lead `i` is the last known value at the same hour of the season; before the first
    hour it is the value one season earlier. The band keeps the width that the stored forecast has
    at that hour of its last season (its first, before the first hour).

    Args:
        history: Values before the forecast's first hour, shape `(H,)`; NaN is a gap.
        stored: p10, p50, p90, shape `(hours, 3)`.
        leads: Hours from the first hour; negative is the past.
        season: Hours of one season.

    Returns:
        p10, p50, p90, shape `(len(leads), 3)`; NaN where the history has no value.
    """
    size = len(history)
    middle = np.full(len(leads), np.nan)
    source = np.where(leads < 0, size + leads - season, size - season + leads % season)
    while True:
        open_ = np.isnan(middle) & (source >= 0)
        if not open_.any():
            break
        middle[open_] = history[source[open_]]
        source = source - season
    width = min(season, len(stored))
    first = len(stored) - width
    at = np.where(leads < 0, leads % width, first + (leads - first) % width)
    offsets = stored[at] - stored[at, 1:2]
    return middle[:, None] + offsets


def without_nan(answered: pd.DataFrame) -> pd.DataFrame:
    """Return answers whose missing quantiles are None: `NaN` is no JSON."""
    quantiles = ["p10", "p50", "p90"]
    if not answered[quantiles].isna().to_numpy().any():
        return answered
    columns = {name: answered[name].astype(object) for name in quantiles}
    return answered.assign(**{name: c.where(c.notna(), None) for name, c in columns.items()})


def _horizon(entry: SeriesEntry, lead: int) -> HorizonEntry | None:
    """Return the shortest horizon with a forecast that reaches an hour, counted from 0.

    Beyond the longest it is the longest: its forecast goes on.
    """
    found = None
    for horizon in HORIZONS:
        known = entry.horizons.get(horizon.name)
        if known is not None and known.winner is not None:
            found = known
            if lead < horizon.hours:
                break
    return found


def _is_constant(entry: SeriesEntry) -> bool:
    return any(horizon.is_constant for horizon in entry.horizons.values())


def _serving(entry: SeriesEntry, lead: int) -> str:
    """Return the model that serves a stored hour, counted from 0."""
    return next((s.model for s in entry.segments if lead < s.until_hours), "")
