"""Prophet, one series at a time, in a pool of processes."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foresail.contenders.protocol import Outcome
from foresail.errors import UsageError
from foresail.panel import FloatArray, Panel, TimeArray

SAMPLES = 400
"""Paths that Prophet draws for its band."""


@dataclass(frozen=True, slots=True)
class ProphetSettings:
    """What a pipeline may set of Prophet; the names are Prophet's own.

    Attributes:
        changepoint_prior_scale: How easily the trend bends.
        yearly_seasonality: `auto`, `true` or `false`. `auto` needs two years of history; forcing it
            on a 60-day history lets 20 free terms explain the trend (docs/forecasts.md).
        weekly_seasonality: As above; `auto` needs two weeks.
        daily_seasonality: As above; `auto` needs two days.
        holidays_country: ISO code such as `DE`, or empty for none.
    """

    changepoint_prior_scale: float = 0.05
    yearly_seasonality: str = "auto"
    weekly_seasonality: str = "auto"
    daily_seasonality: str = "auto"
    holidays_country: str = ""

    def __post_init__(self) -> None:
        """Refuse what Prophet would misread."""
        if not 0 < self.changepoint_prior_scale < np.inf:
            raise UsageError(
                f"changepoint_prior_scale must be above 0 and finite, "
                f"got {self.changepoint_prior_scale}"
            )
        for name in ("yearly", "weekly", "daily"):
            word = getattr(self, f"{name}_seasonality")
            if word not in _WORDS:
                raise UsageError(f"{name}_seasonality must be auto, true or false, got {word!r}")
        if self.holidays_country and not _has_holidays(self.holidays_country):
            raise UsageError(
                f"no holidays are known for {self.holidays_country!r}; "
                "use a country code such as DE, or leave it empty"
            )

    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments of `prophet.Prophet`."""
        return {
            "changepoint_prior_scale": self.changepoint_prior_scale,
            "yearly_seasonality": _WORDS[self.yearly_seasonality],
            "weekly_seasonality": _WORDS[self.weekly_seasonality],
            "daily_seasonality": _WORDS[self.daily_seasonality],
            "interval_width": 0.8,
            "uncertainty_samples": SAMPLES,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for a recipe."""
        return asdict(self)


_WORDS: dict[str, str | bool] = {"auto": "auto", "true": True, "false": False}


def _has_holidays(country: str) -> bool:
    import holidays  # noqa: PLC0415  # Prophet's own source of them, and only where asked for

    return country in holidays.list_supported_countries()


@dataclass(frozen=True, slots=True)
class _Job:
    ds: TimeArray
    y: FloatArray
    hours: int
    settings: ProphetSettings
    seed: int
    keep_model: bool


@dataclass(frozen=True, slots=True)
class _Fit:
    quantiles: FloatArray | None
    failure: str = ""
    model: str = ""


@dataclass(frozen=True)
class ProphetContender:
    """Stock Prophet with its own bands.

    Attributes:
        settings: Its settings.
        executor: Where the fits run; `concurrent.futures.ProcessPoolExecutor` in practice.
        seed: Of the drawn paths; each series draws its own, whatever its place in the panel.
        on_fit: Called after every fit, for progress.
        name: As served.
    """

    settings: ProphetSettings
    executor: Executor
    seed: int = 0
    on_fit: Callable[[], None] = lambda: None
    name: str = "prophet"

    def forecast(self, panel: Panel, *, hours: int, keep_models: bool = False) -> Outcome:
        """Fit every series and forecast it; see `Contender.forecast`."""
        jobs = [
            _Job(panel.ds, panel.values[i], hours, self.settings, self._seed_of(i, panel), keep)
            for i, keep in enumerate([keep_models] * len(panel))
        ]
        quantiles = np.full((len(panel), hours, 3), np.nan)
        failures: dict[int, str] = {}
        models: dict[int, str] = {}
        for row, fit in enumerate(self.executor.map(_fit, jobs)):
            if fit.quantiles is None:
                failures[row] = fit.failure
            else:
                quantiles[row] = fit.quantiles
                models[row] = fit.model
            self.on_fit()
        return Outcome(quantiles, failures, models if keep_models else {})

    def _seed_of(self, row: int, panel: Panel) -> int:
        text = f"{self.seed} {panel.index[row].key}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _fit(job: _Job) -> _Fit:
    """Fit one series; what goes wrong with it is data, so that the others go on."""
    import pandas as pd  # noqa: PLC0415  # in the worker

    from foresail.contenders.quiet import import_prophet  # noqa: PLC0415  # in the worker

    prophet = import_prophet()
    known = np.isfinite(job.y)
    frame = pd.DataFrame({"ds": job.ds[known].astype("datetime64[ns]"), "y": job.y[known]})
    future = job.ds[-1] + np.arange(1, job.hours + 1) * np.timedelta64(1, "h")
    # Prophet draws from numpy's global generator and takes no other
    np.random.seed(job.seed)  # noqa: NPY002
    model = prophet.Prophet(**job.settings.keywords())
    try:
        if job.settings.holidays_country:
            model.add_country_holidays(country_name=job.settings.holidays_country)
        model.fit(frame)
        answer = model.predict(pd.DataFrame({"ds": future.astype("datetime64[ns]")}))
    except (RuntimeError, ValueError, ArithmeticError) as error:
        return _Fit(None, failure=f"Prophet did not fit: {str(error).splitlines()[0][:200]}")
    quantiles = np.sort(
        answer[["yhat_lower", "yhat", "yhat_upper"]].to_numpy(dtype=np.float64), axis=1
    )
    if not np.isfinite(quantiles).all():
        return _Fit(None, failure="Prophet's forecast is not finite")
    return _Fit(quantiles, model=_to_json(model) if job.keep_model else "")


def _to_json(model: Any) -> str:  # noqa: ANN401  # prophet publishes no types
    from prophet.serialize import model_to_json  # noqa: PLC0415  # in the worker

    return str(model_to_json(model))
