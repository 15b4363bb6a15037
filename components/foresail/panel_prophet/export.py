"""Hand out a series as a genuine, fitted `prophet.Prophet`."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from foresail.errors import BadInput, UsageError
from foresail.panel import FloatArray, TimeArray
from foresail.panel_prophet.quiet import quiet_prophet
from foresail.panel_prophet.specification import Specification

if TYPE_CHECKING:
    import pandas as pd

NO_REGRESSORS: Mapping[str, FloatArray] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SeriesParameters:
    """The fitted parameters of one series, in the model's own scale, as Prophet's `params`.

    Attributes:
        k: First slope, in the scale of y over the whole history.
        m: Level at its start, in the scale of y.
        delta: Change of slope at each changepoint, shape `(S,)`.
        beta: Coefficient of each of Prophet's columns, such as `weekly_delim_1`,
            `Christmas Day_delim_+0` or a regressor's name; 0 for a column that is not there.
        sigma: Deviation of the noise, in the scale of y.
        log_posterior: Up to Stan's constant.
    """

    k: float
    m: float
    delta: FloatArray
    beta: Mapping[str, float]
    sigma: float
    log_posterior: float


def new_prophet(specification: Specification) -> Any:  # noqa: ANN401  # prophet is not loaded for its types
    """Return the `prophet.Prophet` of a specification, not fitted.

    Raises:
        UsageError: Prophet is not installed.
    """
    with quiet_prophet() as prophet:
        model = prophet.Prophet(**specification.keywords())
        for one in specification.seasonalities:
            model.add_seasonality(
                one.name, one.period, one.fourier_order, prior_scale=one.prior_scale, mode=one.mode
            )
        for column in specification.regressors:
            model.add_regressor(
                column.name,
                prior_scale=column.prior_scale,
                standardize=column.standardize,
                mode=column.mode,
            )
        if specification.country_holidays:
            model.add_country_holidays(specification.country_holidays)
    return model


def history_frame(
    specification: Specification,
    *,
    ds: TimeArray,
    y: FloatArray,
    regressors: Mapping[str, FloatArray] = NO_REGRESSORS,
    cap: float | None = None,
) -> "pd.DataFrame":
    """Return the frame that `Prophet.fit` takes.

    Args:
        specification: Names the regressors that become columns.
        ds: Stamps, UTC, shape `(T,)`.
        y: Values, shape `(T,)`; NaN is a gap.
        regressors: Columns by name, each shape `(T,)`.
        cap: Capacity of logistic growth.
    """
    import pandas as pd  # noqa: PLC0415  # only Prophet needs a frame

    columns: dict[str, Any] = {"ds": ds.astype("datetime64[ns]"), "y": y}
    for regressor in specification.regressors:
        if regressor.name in regressors:  # Prophet itself tells which one is missing
            columns[regressor.name] = regressors[regressor.name]
    if cap is not None and specification.growth == "logistic":
        columns["cap"] = cap
    return pd.DataFrame(columns)


def to_prophet(
    specification: Specification,
    parameters: SeriesParameters,
    *,
    ds: TimeArray,
    y: FloatArray,
    regressors: Mapping[str, FloatArray] = NO_REGRESSORS,
) -> Any:  # noqa: ANN401  # as above
    """Return a `prophet.Prophet` that stands as if it had been fitted to these parameters.

    It predicts, is written by `prophet.serialize` and refitted by `prophet.diagnostics`. As in a
    real fit, a constant series ignores the parameters, and without changepoints `delta` goes into
    `k`. Only `stan_fit` stays None, which Prophet does not write out either.

    Args:
        specification: What the parameters were fitted to.
        parameters: Of this series.
        ds: Stamps, UTC, shape `(T,)`.
        y: The values that were fitted, shape `(T,)`; NaN is a gap.
        regressors: Columns by name, each shape `(T,)`.

    Raises:
        BadInput: Prophet refuses the series, or the parameters do not belong to it.
        UsageError: Prophet is not installed, or the parameters cannot be of this specification.
    """
    reason = specification.unsupported()
    if reason:
        raise UsageError(f"{reason} has no parameters to export; let Prophet fit the series")
    with quiet_prophet():
        model = new_prophet(specification)
        frame = history_frame(specification, ds=ds, y=y, regressors=regressors)
        try:
            inputs = model.preprocess(frame)
        except ValueError as error:
            raise BadInput(f"Prophet refuses the series: {error}") from error
        constant = model.history["y"].min() == model.history["y"].max()
        model.params = (
            _constant_parameters(model, columns=inputs.K)
            if constant
            else _fitted_parameters(model, parameters, columns=list(inputs.X.columns))
        )
    return model


def _constant_parameters(model: Any, *, columns: int) -> dict[str, FloatArray]:  # noqa: ANN401  # as above
    """Return what Prophet keeps of a series that never moves: where it would have started."""
    start = model.calculate_initial_params(columns)
    found = {"k": start.k, "m": start.m, "delta": start.delta, "beta": start.beta}
    return {name: _row(value) for name, value in {**found, "sigma_obs": 1e-9}.items()}


def _fitted_parameters(
    model: Any,  # noqa: ANN401  # as above
    parameters: SeriesParameters,
    *,
    columns: list[str],
) -> "OrderedDict[str, FloatArray]":
    k, delta = _slopes(parameters, places=model.changepoints_t, bends=len(model.changepoints) > 0)
    t = model.history["t"].to_numpy(dtype=np.float64)
    flat = model.growth == "flat"
    trend = (
        model.flat_trend(t, parameters.m)
        if flat
        else model.piecewise_linear(t, delta, k, parameters.m, model.changepoints_t)
    )
    return OrderedDict(
        lp__=_row(parameters.log_posterior),
        k=_row(k),
        m=_row(parameters.m),
        delta=_row(delta),
        sigma_obs=_row(parameters.sigma),
        beta=_row(_coefficients(parameters.beta, columns)),
        trend=_row(trend),
    )


def _slopes(
    parameters: SeriesParameters, *, places: FloatArray, bends: bool
) -> tuple[float, FloatArray]:
    """Return `k` and `delta` as Prophet keeps them."""
    if not bends:  # one changepoint that stands at the start, and so is part of the first slope
        return parameters.k + float(parameters.delta.sum()), np.zeros(1)
    if parameters.delta.shape != places.shape:
        raise BadInput(
            f"the series has {len(places)} changepoints, the parameters have "
            f"{parameters.delta.size}; export it with the history it was fitted to"
        )
    return parameters.k, parameters.delta


def _coefficients(beta: Mapping[str, float], columns: list[str]) -> FloatArray:
    """Return the coefficients in the order of Prophet's columns."""
    # a holiday outside this series' own years is no column of its Prophet, and has no effect
    foreign = sorted(name for name in beta.keys() - set(columns) if beta[name] != 0)
    if foreign:
        raise BadInput(
            f"the parameters have a coefficient for {foreign[0]!r}, which Prophet does not build "
            "from this history; export it with the history it was fitted to"
        )
    return np.array([beta.get(name, 0.0) for name in columns])


def _row(value: Any) -> FloatArray:  # noqa: ANN401  # a number or an array
    """Return the one draw that a fit leaves, shape `(1, n)`."""
    return np.asarray(value, dtype=np.float64).reshape(1, -1)
