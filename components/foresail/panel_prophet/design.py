"""Prophet's rules for what a model is made of: features, seasonalities, changepoints, scales.

Each rule is Prophet's own (prophet 1.5, forecaster.py): which seasonalities `auto` means, where the
changepoints stand, how holidays become columns and regressors are standardised. Time is a regular
grid of rows; a series' own time runs from 0 at its first value to 1 at its last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.errors import BadInput
from foresail.panel import BoolArray, FloatArray, TimeArray
from foresail.panel_prophet.country_holidays import country_days
from foresail.panel_prophet.specification import Holiday, Seasonality, Specification

DAY = 86_400.0
LEVEL_PRIOR = 5.0
"""Standard deviation of the normal priors on the first slope and the level."""
_BUILT_IN = (("yearly", 365.25, 10), ("weekly", 7.0, 3), ("daily", 1.0, 4))


@dataclass(frozen=True, slots=True)
class Features:
    """The columns beside the trend, on all rows of a grid.

    Attributes:
        names: Prophet's column names, such as `weekly_delim_1`.
        values: Shape `(T, K)`; regressors as they were given.
        prior_scales: Shape `(K,)`.
        multiplicative: Whether the column scales the trend, shape `(K,)`.
        regressors: Columns that are regressors: (column, standardize).
    """

    names: tuple[str, ...]
    values: FloatArray
    prior_scales: FloatArray
    multiplicative: BoolArray
    regressors: tuple[tuple[int, bool | str], ...] = ()

    @property
    def precision(self) -> FloatArray:
        """Return 1 / scale^2 of every column, shape `(K,)`."""
        return np.asarray(self.prior_scales**-2.0)

    def select(self, columns: list[int]) -> "Features":
        """Return these columns."""
        place = {column: i for i, column in enumerate(columns)}
        return Features(
            tuple(self.names[i] for i in columns),
            self.values[:, columns],
            self.prior_scales[columns],
            self.multiplicative[columns],
            tuple((place[column], word) for column, word in self.regressors if column in place),
        )


def seasonalities_of(
    specification: Specification, *, days: float, least_step_days: float
) -> tuple[Seasonality, ...]:
    """Return the seasonalities of a series, those on `auto` decided as Prophet decides.

    Args:
        specification: The model.
        days: From the series' first value to its last.
        least_step_days: Least distance between two of its values.
    """
    chosen = {s.name: s for s in specification.seasonalities}
    short = too_short(days=days, least_step_days=least_step_days)
    for (name, period, order), lacks in zip(_BUILT_IN, short, strict=True):
        asked = getattr(specification, f"{name}_seasonality")
        if asked == "auto":
            wanted = 0 if name in chosen or lacks else order
        elif isinstance(asked, bool):
            wanted = order if asked else 0
        else:
            wanted = asked
        if wanted:
            chosen[name] = Seasonality(
                name=name,
                period=period,
                fourier_order=wanted,
                prior_scale=specification.seasonality_prior_scale,
                mode=specification.seasonality_mode,
            )
    return tuple(chosen.values())


def too_short(*, days: float, least_step_days: float) -> tuple[bool, bool, bool]:
    """Return whether a history is too short or too coarse for yearly, weekly and daily `auto`."""
    return (
        days < 2 * 365,
        days < 2 * 7 or least_step_days >= 7,  # noqa: PLR2004  # days of a week
        days < 2 * 1 or least_step_days >= 1,
    )


def fourier(ds: TimeArray, seasonality: Seasonality) -> FloatArray:
    """Return sine and cosine columns of a seasonality, shape `(T, 2 * fourier_order)`."""
    angle = np.pi * 2 * (ds.astype("datetime64[s]").astype(np.int64) / DAY)
    columns = np.empty((ds.size, 2 * seasonality.fourier_order))
    for i in range(seasonality.fourier_order):
        turned = (i + 1) / seasonality.period * angle
        columns[:, 2 * i] = np.sin(turned)
        columns[:, 2 * i + 1] = np.cos(turned)
    return columns


def holidays_of(specification: Specification, years: Iterable[int]) -> tuple[Holiday, ...]:
    """Return the given holidays and those of the country in these years."""
    found = list(specification.holidays)
    if specification.country_holidays:
        found += [
            Holiday(name, day, prior_scale=specification.holidays_prior_scale)
            for day, name in country_days(specification.country_holidays, years)
        ]
    return tuple(found)


def features_of(
    specification: Specification,
    seasonalities: Sequence[Seasonality],
    ds: TimeArray,
    *,
    regressors: Mapping[str, FloatArray],
    holidays: Sequence[Holiday],
) -> Features:
    """Build the columns on every row of `ds`.

    Args:
        specification: The model.
        seasonalities: In Prophet's order.
        ds: Rows, UTC, shape `(T,)`.
        regressors: Name -> value on every row, shape `(T,)` each.
        holidays: Those whose names the fit knows.
    """
    names: list[str] = []
    blocks: list[FloatArray] = []
    scales: list[float] = []
    modes: list[str] = []
    for seasonality in seasonalities:
        block = fourier(ds, seasonality)
        names += seasonality.columns
        blocks.append(block)
        scales += [seasonality.prior_scale] * block.shape[1]
        modes += [seasonality.mode] * block.shape[1]
    columns = _holiday_columns(holidays, ds)
    for name in sorted(columns):
        names.append(name)
        blocks.append(columns[name][0][:, None])
        scales.append(columns[name][1])
        modes.append(specification.holidays_mode)
    given: list[tuple[int, bool | str]] = []
    for regressor in specification.regressors:
        given.append((len(names), regressor.standardize))
        names.append(regressor.name)
        blocks.append(np.asarray(regressors[regressor.name], dtype=np.float64)[:, None])
        scales.append(regressor.prior_scale)
        modes.append(regressor.mode)
    values = np.concatenate(blocks, axis=1) if blocks else np.empty((ds.size, 0))
    return Features(
        tuple(names),
        values,
        np.asarray(scales, dtype=np.float64),
        np.asarray([mode == "multiplicative" for mode in modes], dtype=bool),
        tuple(given),
    )


def _holiday_columns(
    holidays: Sequence[Holiday], ds: TimeArray
) -> dict[str, tuple[FloatArray, float]]:
    days = ds.astype("datetime64[D]")
    columns: dict[str, tuple[FloatArray, float]] = {}
    for holiday in holidays:
        for offset in range(holiday.lower_window, holiday.upper_window + 1):
            name = f"{holiday.name}_delim_{'+' if offset >= 0 else '-'}{abs(offset)}"
            column, _ = columns.setdefault(name, (np.zeros(ds.size), holiday.prior_scale))
            column[days == holiday.day + np.timedelta64(offset, "D")] = 1.0
    return columns


def check_regressors(
    specification: Specification, regressors: Mapping[str, FloatArray] | None, *, rows: int
) -> dict[str, FloatArray]:
    """Return the regressors the model names, or say everything wrong with them.

    Raises:
        BadInput: One is missing, has another length than the rows, or is not finite.
    """
    given = dict(regressors or {})
    problems = []
    for regressor in specification.regressors:
        values = given.get(regressor.name)
        if values is None:
            problems.append(f"regressor {regressor.name!r} is missing; give its {rows} values")
        elif np.shape(values) != (rows,):
            problems.append(
                f"regressor {regressor.name!r} has shape {np.shape(values)}, expected ({rows},)"
            )
        elif not np.isfinite(np.asarray(values, dtype=np.float64)).all():
            problems.append(f"regressor {regressor.name!r} has gaps or infinite values; fill them")
    if problems:
        raise BadInput(problems)
    return {r.name: np.asarray(given[r.name], dtype=np.float64) for r in specification.regressors}


def standardization(values: FloatArray, *, standardize: bool | str) -> tuple[float, float]:
    """Return Prophet's centre and scale of a regressor over a series' own rows, shape `(n,)`."""
    seen = np.unique(values)
    binary = standardize == "auto" and seen.size == 2 and bool((seen == (0.0, 1.0)).all())  # noqa: PLR2004  # two values
    if not standardize or seen.size == 1 or binary:
        return 0.0, 1.0
    return float(values.mean()), float(values.std(ddof=1))


def columns_again(fit: Features, other: Features) -> FloatArray:
    """Return another grid's values of the fit's columns, shape `(H, K)`.

    A holiday that does not fall on that grid is zero there; one unknown to the fit is left out, as
    Prophet does.
    """
    place = {name: i for i, name in enumerate(other.names)}
    columns = np.zeros((other.values.shape[0], len(fit.names)))
    for i, name in enumerate(fit.names):
        if name in place:
            columns[:, i] = other.values[:, place[name]]
    return columns
