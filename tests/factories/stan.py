"""Real Prophet as the oracle: its data, its optimum, and the density of any point by Stan itself.

The log density here is Stan's `lp__` of an optimisation: the constants of the distributions are
dropped (every term that holds no parameter), and the Jacobian of the lower bound on sigma is left
out, as `optimize` leaves it out. Stan's own `log_prob` command gives it at any point with
`jacobian=False`; with the Jacobian it would be log(sigma) more.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import lsq_linear

from foresail.panel import FloatArray, Panel, TimeArray
from foresail.panel_prophet.quiet import quiet_prophet

DIGITS = 18
"""Stan's default of eight digits would round a point away from its own density."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to build a model, for Prophet and for the panel engine alike.

    Attributes:
        keywords: Prophet's keyword arguments, as JSON: holidays as a list of records.
        calls: What is called before the fit: (method, keyword arguments).
        regressors: Name and values over the panel's grid, for the regressors among the calls.
    """

    keywords: Mapping[str, Any] = field(default_factory=dict)
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    regressors: Mapping[str, FloatArray] = field(default_factory=dict)

    def build(self, factory: Any) -> Any:
        """Return the unfitted model, by `Prophet` or by `PanelProphet`."""
        keywords = dict(self.keywords)
        if "holidays" in keywords:
            frame = pd.DataFrame(keywords["holidays"])
            keywords["holidays"] = frame.assign(ds=pd.to_datetime(frame["ds"]))
        model = factory(**keywords)
        for method, arguments in self.calls:
            getattr(model, method)(**arguments)
        return model


class Case(NamedTuple):
    """One series and one recipe, as a key: equal values share their fits."""

    ds: bytes
    y: bytes
    recipe: str
    regressors: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Point:
    """Parameters in the order of Prophet's own arrays, on its scale."""

    k: float
    m: float
    delta: FloatArray
    beta: FloatArray
    sigma_obs: float


def case_of(panel: Panel, row: int, recipe: Recipe | None = None) -> Case:
    """Return the case of one row of a panel."""
    recipe = recipe or Recipe()
    return Case(
        panel.ds.astype("datetime64[s]").tobytes(),
        np.ascontiguousarray(panel.values[row], dtype=np.float64).tobytes(),
        json.dumps([recipe.keywords, recipe.calls], sort_keys=True),
        tuple((name, values.tobytes()) for name, values in sorted(recipe.regressors.items())),
    )


def _unfitted(case: Case, prophet: ModuleType) -> Any:
    keywords, calls = json.loads(case.recipe)
    recipe = Recipe(keywords, tuple((method, arguments) for method, arguments in calls))
    return recipe.build(prophet.Prophet)


def frame_of(case: Case) -> pd.DataFrame:
    """Return the frame that Prophet is given, gaps included."""
    columns = {"ds": np.frombuffer(case.ds, "datetime64[s]"), "y": np.frombuffer(case.y)}
    return pd.DataFrame(columns | {name: np.frombuffer(v) for name, v in case.regressors})


@functools.cache
def prepared(case: Case) -> tuple[Any, Any]:
    """Return Prophet after `preprocess` and the data it would hand to Stan."""
    with quiet_prophet() as prophet:
        model = _unfitted(case, prophet)
        return model, model.preprocess(frame_of(case))


@functools.cache
def fitted(case: Case) -> Any:
    """Return Prophet fitted by Stan."""
    with quiet_prophet() as prophet:
        return _unfitted(case, prophet).fit(frame_of(case), sig_figs=DIGITS)


def stan_point(case: Case) -> Point:
    """Return where Stan's optimiser stopped."""
    found = fitted(case).params
    return Point(
        float(found["k"].item()),
        float(found["m"].item()),
        np.ravel(found["delta"]),
        np.ravel(found["beta"]),
        float(found["sigma_obs"].item()),
    )


def stan_log_posterior(case: Case) -> float:
    """Return `lp__` where Stan's optimiser stopped."""
    return float(fitted(case).params["lp__"].item())


def engine_point(case: Case, parameters: Any) -> Point:
    """Return the engine's parameters of a series in the order of Prophet's arrays.

    Prophet holds one dummy where there is no changepoint and one where there is no feature; the
    engine need not, nor need it name a coefficient of zero.

    Raises:
        KeyError: It names a coefficient that this series' Prophet does not have.
    """
    data = prepared(case)[1]
    delta = np.zeros(data.S)
    delta[: len(parameters.delta)] = parameters.delta
    columns = list(data.X.columns)
    foreign = set(parameters.beta) - set(columns)
    if foreign:
        raise KeyError(f"coefficients {sorted(foreign)}, expected some of {columns}")
    beta = np.array([parameters.beta.get(name, 0.0) for name in columns])
    return Point(parameters.k, parameters.m, delta, beta, parameters.sigma)


def _stan(case: Case) -> tuple[Any, dict[str, Any]]:
    """Return Stan's compiled model and its data."""
    model, data = prepared(case)
    start = asdict(model.calculate_initial_params(data.K))
    return model.stan_backend.model, model.stan_backend.prepare_data(start, asdict(data))[1]


def _for_stan(point: Point) -> dict[str, Any]:
    return {**asdict(point), "delta": point.delta.tolist(), "beta": point.beta.tolist()}


def log_density(case: Case, point: Point) -> float:
    """Return the log density that Stan gives to any point."""
    stan, data = _stan(case)
    with quiet_prophet():
        table = stan.log_prob(_for_stan(point), data, jacobian=False, sig_figs=DIGITS)
    return float(table["lp__"].iloc[0])


def gain_of_restart(case: Case, point: Point) -> float:
    """Return by how much Stan's L-BFGS raises the log density, started at a point."""
    stan, data = _stan(case)
    with quiet_prophet():
        found = stan.optimize(
            data=data,
            inits=_for_stan(point),
            algorithm="LBFGS",
            iter=10_000,
            sig_figs=DIGITS,
            require_converged=False,
        )
    return float(found.optimized_params_dict["lp__"]) - log_density(case, point)


def _matrices(case: Case) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return trend columns [t, 1], hinges, X, and which X is multiplicative; and y."""
    data = prepared(case)[1]
    t = np.asarray(data.t, dtype=np.float64)
    hinges = np.maximum(t[:, None] - np.asarray(data.t_change, dtype=np.float64), 0.0)
    line = np.column_stack([t, np.ones_like(t)])
    if data.trend_indicator == 2:  # flat growth: only the offset is used
        line[:, 0], hinges = 0.0, np.zeros_like(hinges)
    x = data.X.to_numpy(dtype=np.float64)
    return line, hinges, x, np.asarray(data.s_m, dtype=np.float64), np.asarray(data.y)


def _residuals(case: Case, point: Point) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return y less the mean, and the mean's derivatives by (k, m), delta and beta."""
    line, hinges, x, multiplicative, y = _matrices(case)
    trend = line @ [point.k, point.m] + hinges @ point.delta
    factor = 1 + x @ (multiplicative * point.beta)
    mean = trend * factor + x @ ((1 - multiplicative) * point.beta)
    by_beta = x * np.where(multiplicative == 1, trend[:, None], 1.0)
    return y - mean, line * factor[:, None], hinges * factor[:, None], by_beta


def formula(case: Case, point: Point) -> float:
    """Return the log density by its formula, in numpy, for linear and flat growth."""
    data = prepared(case)[1]
    residuals = _residuals(case, point)[0]
    sigma = point.sigma_obs
    scales = np.asarray(data.sigmas, dtype=np.float64)
    return float(
        -(residuals @ residuals) / (2 * sigma**2)
        - len(residuals) * np.log(sigma)
        - 2 * sigma**2
        - (point.k**2 + point.m**2) / 50
        - np.abs(point.delta).sum() / data.tau
        - (point.beta**2 / (2 * scales**2)).sum()
    )


def kkt(case: Case, point: Point) -> float:
    """Return the greatest violation of the optimality conditions of the coefficients, times tau.

    The derivative by k, m and beta must be 0; by a slope change at zero it must lie within
    +-1 / tau, by any other it must be that, against the sign of the change.
    """
    data = prepared(case)[1]
    residuals, by_line, by_delta, by_beta = _residuals(case, point)
    weight = 1 / point.sigma_obs**2
    line = weight * by_line.T @ residuals - np.array([point.k, point.m]) / 25
    beta = weight * by_beta.T @ residuals - point.beta / np.asarray(data.sigmas) ** 2
    pull = weight * by_delta.T @ residuals
    at_zero = np.maximum(np.abs(pull) - 1 / data.tau, 0.0)
    delta = np.where(point.delta == 0, at_zero, np.abs(pull - np.sign(point.delta) / data.tau))
    return float(data.tau * np.abs(np.concatenate([line, beta, delta])).max())


def best_sigma(case: Case, point: Point) -> float:
    """Return the sigma of greatest log density, the coefficients being what they are."""
    residuals = _residuals(case, point)[0]
    total, rss = len(residuals), float(residuals @ residuals)
    return float(np.sqrt(2 * rss / (total + np.sqrt(total**2 + 16 * rss))))


def best_given(case: Case, sigma: float) -> Point:
    """Return the best coefficients of an additive model at one sigma; slow, for small cases.

    The lasso's dual is least squares in a box: a bounded pull on each hinge. A hinge is used where
    its pull reaches the bound.
    """
    data = prepared(case)[1]
    line, hinges, x, _, y = _matrices(case)
    smooth = np.column_stack([line, x])
    precision = np.concatenate([[1 / 25, 1 / 25], 1 / np.asarray(data.sigmas) ** 2])
    inner = smooth.T @ smooth + sigma**2 * np.diag(precision)
    on_hinges = np.linalg.solve(inner, smooth.T @ hinges)
    on_y = np.linalg.solve(inner, smooth.T @ y)
    curvature = hinges.T @ (hinges - smooth @ on_hinges)
    pull = hinges.T @ (y - smooth @ on_y)
    root = np.linalg.inv(np.linalg.cholesky(curvature))
    bound = sigma**2 / data.tau
    dual = lsq_linear(root, root @ pull, (-bound, bound), method="bvls", tol=1e-14, max_iter=500).x
    used = np.abs(dual) > bound * (1 - 1e-9)
    delta = np.zeros(len(pull))
    delta[used] = np.linalg.solve(curvature[np.ix_(used, used)], (pull - dual)[used])
    rest = on_y - on_hinges @ delta
    return Point(rest[0], rest[1], delta, rest[2:], sigma)


@functools.cache
def fixed_point(case: Case, sigma: float) -> Point:
    """Return where "best coefficients, then best sigma" ends, started at one sigma."""
    point = best_given(case, sigma)
    for _ in range(2000):
        following = best_sigma(case, point)
        settled = abs(following / point.sigma_obs - 1) < 1e-10
        point = best_given(case, following)
        if settled:
            break
    return point


def yhat(
    model: Any, ds: TimeArray, regressors: Mapping[str, FloatArray] | None = None
) -> FloatArray:
    """Return a Prophet model's `yhat`, without drawing any sample."""
    samples, model.uncertainty_samples = model.uncertainty_samples, 0
    try:
        with quiet_prophet():
            table = model.predict(pd.DataFrame({"ds": ds, **(regressors or {})}))
    finally:
        model.uncertainty_samples = samples
    return np.asarray(table["yhat"], dtype=np.float64)


def sampled(model: Any, ds: TimeArray, levels: Sequence[float], *, seed: int) -> FloatArray:
    """Return quantiles of 20,000 paths that Prophet draws, shape `(steps, levels)`.

    Args:
        model: A fitted Prophet.
        ds: Rows from the end of its history on: its trend changes begin with the first of them.
        levels: Of the quantiles.
        seed: Of the draws.
    """
    model.uncertainty_samples = 20_000
    np.random.seed(seed)  # noqa: NPY002  # Prophet draws from the global stream
    with quiet_prophet():
        paths = model.predictive_samples(pd.DataFrame({"ds": ds}))["yhat"]
    return np.asarray(np.quantile(paths, levels, axis=1).T)


@dataclass(frozen=True, slots=True)
class Trial:
    """One series that the engine has fitted, ready to be held against Prophet.

    Attributes:
        name: Kind, number and window, for messages.
        kind: One of `KINDS`.
        days: Length of the window.
        case: The oracle's key.
        model: The fitted engine.
        row: The series' place in it.
        future: The 24 hours after the window that the fit has not seen, shape `(steps,)`.
    """

    name: str
    kind: str
    days: int
    case: Case
    model: Any
    row: int
    future: FloatArray

    @property
    def report(self) -> Any:
        """Return what the engine says of the series."""
        return self.model.report[self.row]

    @property
    def point(self) -> Point:
        """Return the engine's parameters."""
        return engine_point(self.case, self.model.parameters(self.row))

    @property
    def next_week(self) -> TimeArray:
        """Return the 168 hours after the window."""
        ds = np.frombuffer(self.case.ds, "datetime64[s]")
        step = ds[1] - ds[0]
        return np.asarray(ds[-1] + step * np.arange(1, np.timedelta64(168, "h") // step + 1))

    @property
    def y_scale(self) -> float:
        """Return Prophet's own scale of the series."""
        return float(prepared(self.case)[0].y_scale)
