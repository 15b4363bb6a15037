"""Real Prophet, series by series, for what is not solved for all of them at once."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np

from foresail.errors import UsageError
from foresail.panel import FloatArray, TimeArray
from foresail.panel_prophet.export import NO_REGRESSORS, history_frame, new_prophet
from foresail.panel_prophet.pool import each, usable_cores, workers_for
from foresail.panel_prophet.quiet import MISSING, prophet_is_missing, quiet_prophet
from foresail.panel_prophet.specification import Specification

# Prophet draws from numpy's global generator, and warnings are filtered for the whole process
_ONE_AT_A_TIME = Lock()
MIDDLE = 0.5
_LONGEST = 200
# About how long one series takes, 60 days of hours; it only decides whether a pool is worth it
_FIT_SECONDS, _SAMPLING_SECONDS = 0.25, 30.0
_PREDICT_SECONDS, _SLOW_PREDICT_SECONDS = 0.1, 1.0
_PROCESS_ENDED = (
    "the process that fitted it ended early: out of memory, or started from a script "
    'without `if __name__ == "__main__":`'
)


@dataclass(frozen=True, slots=True)
class FallbackSeries:
    """One series for Prophet.

    Attributes:
        row: Its row in the panel.
        name: What its draws are seeded with, so that they do not depend on its row.
        ds: Stamps, UTC, ascending, shape `(T,)`; the steps may differ.
        y: Values, shape `(T,)`; NaN is a gap.
        regressors: Columns by name, each shape `(T,)`.
        cap: Capacity, in the unit of y; logistic growth needs it, nothing else reads it.
    """

    row: int
    name: str
    ds: TimeArray
    y: FloatArray
    regressors: Mapping[str, FloatArray] = field(default_factory=dict)
    cap: float | None = None


@dataclass(frozen=True, slots=True)
class FallbackFit:
    """What came of one series.

    Attributes:
        row: Its row in the panel.
        model: The fitted Prophet as `prophet.serialize` writes it; empty when it failed.
        failure: Why it failed, one sentence; empty when it did not.
        sigma: Deviation of the noise in the model's scale (Prophet's `sigma_obs`), the mean of the
            draws where there are several; NaN when it failed.
        log_posterior: Stan's `lp__` of the most probable parameters; NaN for a constant series and
            for sampled parameters, where Prophet has none.
    """

    row: int
    model: str
    failure: str
    sigma: float
    log_posterior: float


@dataclass(frozen=True, slots=True)
class _FitJob:
    specification: Specification
    series: FallbackSeries
    seed: int
    chains_at_once: int


@dataclass(frozen=True, slots=True)
class _PredictJob:
    model: str
    future: TimeArray
    levels: tuple[float, ...]
    regressors: Mapping[str, FloatArray]
    cap: float | None
    seed: int


def fit_all(
    specification: Specification,
    series: Sequence[FallbackSeries],
    *,
    seed: int,
    on_series: Callable[[], None] = lambda: None,
) -> tuple[FallbackFit, ...]:
    """Fit Prophet to every series; one that fails does not stop the others.

    Where it pays, they are fitted in a pool of processes, one a usable core.

    Args:
        specification: The same for all.
        series: What to fit.
        seed: Of sampling; each series draws its own by its name, whatever else is fitted.
        on_series: Called after each series, in their order.

    Returns:
        One answer for each series, in their order.
    """
    if series and prophet_is_missing():
        return tuple(_failed(one.row, MISSING) for one in series)
    seconds = _SAMPLING_SECONDS if specification.mcmc_samples else _FIT_SECONDS
    workers = workers_for(len(series), seconds=seconds)
    chains = max(1, usable_cores() // max(1, workers))
    jobs = [
        # a plain dictionary, because not every mapping can be sent to a process
        _FitJob(
            specification,
            replace(one, regressors=dict(one.regressors)),
            _seed(seed, one.name),
            chains,
        )
        for one in series
    ]
    fits = []
    with _ONE_AT_A_TIME, closing(each(_fit, jobs, workers=workers)) as results:
        for one, fit in zip(series, results, strict=True):
            fits.append(_failed(one.row, _PROCESS_ENDED) if fit is None else fit)
            on_series()
    return tuple(fits)


def predict_all(
    models: Mapping[int, str],
    *,
    names: Mapping[int, str],
    future: TimeArray,
    levels: tuple[float, ...],
    regressors: Mapping[str, FloatArray] = NO_REGRESSORS,
    caps: Mapping[int, float],
    seed: int,
    on_series: Callable[[], None] = lambda: None,
) -> dict[int, FloatArray]:
    """Return the quantiles of every fitted model.

    The 0.5 level is Prophet's `yhat`, the others are quantiles of the paths it draws; sorted, so
    that no level falls below a lower one. Paths start at the end of each model's own history:
    Prophet's band depends on which rows it is asked for.

    Args:
        models: Fitted Prophets by row, as `FallbackFit.model`.
        names: What each one's draws are seeded with, by row.
        future: Stamps, UTC, ascending, shape `(H,)`.
        levels: Ascending, each between 0 and 1, Q of them.
        regressors: Future columns by name, each shape `(H,)`, shared by all models.
        caps: Capacity by row, for logistic growth.
        seed: Of the paths; each series draws its own by its name, whatever else is asked for.
        on_series: Called after each model, in their order.

    Returns:
        Shape `(H, Q)` by row. A model that Prophet cannot predict from, or whose forecast is not
        finite, is left out; so are all where Prophet is not installed.
    """
    if models and prophet_is_missing():
        return {}
    jobs = [
        _PredictJob(text, future, levels, dict(regressors), caps.get(row), _seed(seed, names[row]))
        for row, text in models.items()
    ]
    answers: dict[int, FloatArray] = {}
    workers = workers_for(len(jobs), seconds=_SLOW_PREDICT_SECONDS if caps else _PREDICT_SECONDS)
    with _ONE_AT_A_TIME, closing(each(_predict, jobs, workers=workers)) as results:
        for row, quantiles in zip(models, results, strict=True):
            if quantiles is not None:
                answers[row] = quantiles
            on_series()
    return answers


def model_from_text(text: str) -> Any:  # noqa: ANN401  # prophet publishes no types
    """Return the fitted `prophet.Prophet` of `FallbackFit.model`.

    Raises:
        UsageError: Prophet is not installed.
    """
    with quiet_prophet():
        return _from_json(text)


def _seed(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:4], "big")


def _failed(row: int, failure: str) -> FallbackFit:
    return FallbackFit(row, "", failure, np.nan, np.nan)


def _fit(job: _FitJob) -> FallbackFit:
    """Fit one series; what goes wrong with it is data, so that the others go on."""
    one, specification = job.series, job.specification
    options: dict[str, Any] = {}
    if specification.mcmc_samples:
        options = {
            "seed": job.seed,
            "show_progress": False,
            "parallel_chains": job.chains_at_once,
        }
    try:
        with quiet_prophet():
            model = new_prophet(specification)
            frame = history_frame(
                specification, ds=one.ds, y=one.y, regressors=one.regressors, cap=one.cap
            )
            model.fit(frame, **options)
            model.fit_kwargs = {}  # how it was run here is no part of the model
            text = _to_json(model)
            model.stan_backend.cleanup()  # Stan's files, which would pile up over many series
    except UsageError as error:
        return _failed(one.row, str(error))
    except (RuntimeError, ValueError, ArithmeticError) as error:
        return _failed(one.row, f"Prophet did not fit: {_first_line(error)}")
    if not all(np.isfinite(values).all() for values in model.params.values()):
        return _failed(one.row, "Prophet did not fit: its parameters are not finite")
    density = np.nan if specification.mcmc_samples else model.params.get("lp__", np.nan)
    return FallbackFit(
        row=one.row,
        model=text,
        failure="",
        sigma=float(np.mean(model.params["sigma_obs"])),
        log_posterior=float(np.mean(density)),
    )


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:_LONGEST]


def _to_json(model: Any) -> str:  # noqa: ANN401  # as above
    from prophet.serialize import model_to_json  # noqa: PLC0415  # where Prophet is installed

    return str(model_to_json(model))


def _from_json(text: str) -> Any:  # noqa: ANN401  # as above
    from prophet.serialize import model_from_json  # noqa: PLC0415  # as above

    return model_from_json(text)


def _predict(job: _PredictJob) -> FloatArray | None:
    """Return the quantiles of one model, or None where Prophet has none."""
    try:
        with quiet_prophet(), _drawing(job.seed):
            quantiles = _quantiles(_from_json(job.model), job)
    except (UsageError, RuntimeError, ValueError, ArithmeticError):
        return None
    return quantiles if np.isfinite(quantiles).all() else None


def _quantiles(model: Any, job: _PredictJob) -> FloatArray:  # noqa: ANN401  # as above
    import pandas as pd  # noqa: PLC0415  # as above

    before = _rows_before(model, job.future)
    rows = np.concatenate([before, job.future])
    columns: dict[str, Any] = {"ds": rows.astype("datetime64[ns]")}
    for name in model.extra_regressors:
        if name in job.regressors:
            values = job.regressors[name]
            # any value does for rows that are cut off
            columns[name] = np.concatenate([np.full(len(before), values[0]), values])
    if job.cap is not None and model.growth == "logistic":
        columns["cap"] = job.cap
    frame = pd.DataFrame(columns)
    samples, model.uncertainty_samples = model.uncertainty_samples, 0
    yhat = model.predict(frame)["yhat"].to_numpy(dtype=np.float64)
    quantiles = np.repeat(yhat[:, None], len(job.levels), axis=1)
    if samples:
        model.uncertainty_samples = samples
        draws = model.predictive_samples(frame)["yhat"]
        for column, level in enumerate(job.levels):
            if level != MIDDLE:
                quantiles[:, column] = model.percentile(draws, 100 * level, axis=1)
    return np.sort(quantiles[len(before) :], axis=1)


def _rows_before(model: Any, future: TimeArray) -> TimeArray:  # noqa: ANN401  # as above
    """Return the stamps between the history's last value and the first one asked for."""
    last = model.history["ds"].max().to_datetime64().astype("datetime64[s]")
    stamps = future.astype("datetime64[s]")
    known = stamps if len(stamps) > 1 else model.history["ds"].to_numpy().astype("datetime64[s]")
    step = np.timedelta64(max(1, int(np.median(np.diff(known).astype(np.int64)))), "s")
    return np.arange(stamps[0] - step, last, -step)[::-1]


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Let Prophet draw from this seed; it knows only numpy's global generator."""
    before = np.random.get_state()  # noqa: NPY002  # the caller's, put back afterwards
    np.random.seed(seed)  # noqa: NPY002  # as above
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002  # as above
