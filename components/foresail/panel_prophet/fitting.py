"""From a panel to parameters: which series are solved together, and what each came to."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray, TimeArray
from foresail.panel_prophet import design
from foresail.panel_prophet.changepoints import Spans, given_places, slots, spans_of
from foresail.panel_prophet.design import Features
from foresail.panel_prophet.fitted import Fitted
from foresail.panel_prophet.moments import Grid, Scaling, own_gram, scaled, standardize_columns
from foresail.panel_prophet.multiplicative import Layout, solve_multiplicative
from foresail.panel_prophet.solve import Problem, Series, Solution, solve_exactly
from foresail.panel_prophet.spans import Coverage, blocks
from foresail.panel_prophet.specification import Seasonality, Specification
from foresail.panel_prophet.statistics import Gram, SharedGram

Design = tuple[Seasonality, ...]

SHARED_FROM = 16
"""Series with one mask from which a design of their own is worth its preparation."""
SHARED_BLOCK = 512
OWN_BLOCK = 384
MULTIPLICATIVE_BLOCK = 64
"""Fewer, because each holds a design of its own in memory."""
CONSTANT_SIGMA = 1e-9
"""The noise that Prophet gives a constant series, share of its scale."""


@dataclass(frozen=True)
class Job:
    """Everything that a fit of a panel reads.

    Attributes:
        specification: The model.
        ds: Rows, a regular grid, shape `(T,)`.
        values: Shape `(N, T)`; NaN is a gap.
        coverage: Of `values`.
        seasonalities: Those of each series.
        features: All columns that a series may have, on all rows.
        on_series: Called with the number of series done, for progress.
        trim: Given changepoints after a series' last value are left out.
    """

    specification: Specification
    ds: TimeArray
    values: FloatArray
    coverage: Coverage
    seasonalities: Sequence[Design]
    features: Features
    on_series: Callable[[int], None]
    trim: bool

    @property
    def linear(self) -> bool:
        """Return whether the trend has slopes."""
        return self.specification.growth == "linear"


def union_of_features(
    specification: Specification,
    seasonalities: Sequence[Design],
    ds: TimeArray,
    regressors: Mapping[str, FloatArray],
) -> Features:
    """Return the columns of all designs on the rows `ds`; a series has coefficients for its own."""
    every = {one.name: one for some in set(seasonalities) for one in some}
    # Prophet's order: those added, then the built-in ones
    order = [s.name for s in specification.seasonalities] + ["yearly", "weekly", "daily"]
    years = np.unique(ds.astype("datetime64[Y]")).astype(np.int64) + 1970
    return design.features_of(
        specification,
        [every[name] for name in dict.fromkeys(order) if name in every],
        ds,
        regressors=regressors,
        holidays=design.holidays_of(specification, years.tolist()),
    )


def fit(job: Job, rows: IntArray) -> Fitted:
    """Fit these series; each has two values at least, all finite."""
    fitted = Fitted.empty(
        len(job.values), slots=slots(job.specification), columns=len(job.features.names)
    )
    if not rows.size:
        return fitted
    given = given_places(job.specification, job.ds)
    constant = job.coverage.constant[rows]
    for some in blocks(rows[constant], OWN_BLOCK):
        _put_constant(job, some, _spans(job, some, given), fitted)
    for together in _groups(job, rows[~constant]):
        _solve(job, _group(job, together), given, fitted)
    return fitted


def _known(job: Job, rows: IntArray) -> BoolArray:
    return np.asarray(~np.isnan(job.values[rows]))


def _spans(job: Job, rows: IntArray, given: FloatArray | None) -> Spans:
    return spans_of(job.specification, _known(job, rows), given, trim=job.trim)


def _groups(job: Job, rows: IntArray) -> list[IntArray]:
    """Return series of one mask together where they are many, and all others of one design."""
    by_mask: dict[tuple[Design, bytes], list[int]] = defaultdict(list)
    for row in rows.tolist():
        by_mask[job.seasonalities[row], job.coverage.mask[row]].append(row)
    groups = []
    rest: dict[Design, list[int]] = defaultdict(list)
    for (seasonalities, _), together in by_mask.items():
        if len(together) >= SHARED_FROM:
            groups.append(np.array(together))
        else:
            rest[seasonalities] += together
    return groups + [np.array(sorted(some)) for some in rest.values()]


def _put_constant(job: Job, rows: IntArray, spans: Spans, fitted: Fitted) -> None:
    """Give constant series what Prophet gives them, without optimising."""
    level = job.coverage.least[rows]
    minmax = job.specification.scaling == "minmax"
    fitted.floor[rows] = level if minmax else 0.0
    fitted.scale[rows] = np.where((level == 0) | minmax, 1.0, np.abs(level))
    fitted.m[rows] = (level - fitted.floor[rows]) / fitted.scale[rows]
    fitted.sigma[rows] = CONSTANT_SIGMA
    fitted.kkt[rows] = 0.0
    fitted.unique[rows] = True
    _put_spans(rows, spans, fitted)
    job.on_series(rows.size)


def _put_spans(rows: IntArray, spans: Spans, fitted: Fitted) -> None:
    # as Prophet does: a change at the very start is part of the first slope
    alone = rows[np.broadcast_to(spans.dummy, rows.shape)]
    fitted.k[alone] += fitted.delta[alone, 0]
    fitted.delta[alone] = 0.0
    fitted.first[rows] = spans.first
    fitted.last[rows] = spans.last
    fitted.bend_times[rows] = spans.bend_times
    fitted.bends[rows] = spans.bends


@dataclass(frozen=True, slots=True)
class _Group:
    """Series of one design.

    Attributes:
        rows: Of the panel.
        columns: Of the union of features.
        features: These columns on all rows, shape `(T, K)`.
        offset: Subtracted from each column before it is summed, shape `(K,)`; of a regressor its
            mean over all rows, so that one far from zero does not cancel.
        unit: Each column is divided by it then, shape `(K,)`.
        multiplicative: Which of them scale the trend, shape `(K,)`.
        regressors: Which of them are regressors: (column, standardize).
        precision: Of the smooth parameters.
    """

    rows: IntArray
    columns: IntArray
    features: FloatArray
    offset: FloatArray
    unit: FloatArray
    multiplicative: BoolArray
    regressors: tuple[tuple[int, bool | str], ...]
    precision: FloatArray

    def standardizations(self, known: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return centre and spread of each column for each series, shape `(B, K)`."""
        centre = np.zeros((len(known), self.columns.size))
        spread = np.ones_like(centre)
        for column, standardize in self.regressors:
            for i, rows in enumerate(known):
                centre[i, column], spread[i, column] = design.standardization(
                    self.features[rows, column], standardize=standardize
                )
        return centre, spread


def _group(job: Job, rows: IntArray) -> _Group:
    features = job.features
    own = {name for s in job.seasonalities[rows[0]] for name in s.columns}
    seasonal = {name for some in set(job.seasonalities) for s in some for name in s.columns}
    columns = np.array(
        [i for i, n in enumerate(features.names) if n in own or n not in seasonal], dtype=np.int64
    )
    trend = np.full(2 if job.linear else 1, design.LEVEL_PRIOR**-2.0)
    place = {int(column): i for i, column in enumerate(columns)}
    offset, unit = np.zeros(columns.size), np.ones(columns.size)
    for column, standardize in features.regressors:
        values = features.values[:, column]
        if standardize and values.std() > 0:
            offset[place[column]], unit[place[column]] = values.mean(), values.std()
    return _Group(
        rows,
        columns,
        features.values[:, columns],
        offset,
        unit,
        features.multiplicative[columns],
        tuple((place[column], standardize) for column, standardize in features.regressors),
        np.concatenate([trend, features.precision[columns]]),
    )


def _solve(job: Job, group: _Group, given: FloatArray | None, fitted: Fitted) -> None:
    """Fit one group, block by block."""
    shared = group.rows.size >= SHARED_FROM and _one_mask(job, group.rows)
    if group.multiplicative.any():
        for rows in blocks(group.rows, SHARED_BLOCK if shared else MULTIPLICATIVE_BLOCK):
            _solve_multiplicative(job, group, rows, given, fitted)
    elif shared:
        _solve_shared(job, group, given, fitted)
    else:
        grid = Grid.of((group.features - group.offset) / group.unit)
        for rows in blocks(group.rows, OWN_BLOCK):
            _solve_own(job, group, rows, grid, given, fitted)


def _one_mask(job: Job, rows: IntArray) -> bool:
    return len({job.coverage.mask[row] for row in rows.tolist()}) == 1


def _solve_shared(job: Job, group: _Group, given: FloatArray | None, fitted: Fitted) -> None:
    spans = _spans(job, group.rows[:1], given)
    columns = group.standardizations(spans.known)
    matrix = _design(job, group, spans, 0, columns)
    gram = SharedGram(matrix.T @ matrix, group.precision)
    complete = spans.known.all()
    for rows in blocks(group.rows, SHARED_BLOCK):
        values = job.values[rows]
        seen, scaling = scaled(
            values if complete else values[:, spans.known[0]], None, minmax=_minmax(job)
        )
        problem = _problem(job, group, gram, matrix.T @ seen.T, seen, scaling)
        problem = replace(problem, rows=np.full(rows.size, float(matrix.shape[0])))
        solution = solve_exactly(problem, partial(_of_one_design, matrix, seen))
        _put(job, group, rows, solution, fitted)
        _put_scaling(rows, scaling, columns, group, fitted)
        _put_spans(rows, spans, fitted)
        job.on_series(rows.size)


def _of_one_design(matrix: FloatArray, seen: FloatArray, i: int) -> Series:
    return Series(matrix, seen[i])


def _solve_own(
    job: Job,
    group: _Group,
    rows: IntArray,
    grid: Grid,
    given: FloatArray | None,
    fitted: Fitted,
) -> None:
    spans = _spans(job, rows, given)
    columns = group.standardizations(spans.known)
    seen, scaling = scaled(job.values[rows], spans.known, minmax=_minmax(job))
    gram, products = own_gram(grid, spans, seen, group.precision, sloped=job.linear)
    lead = 2 if job.linear else 1
    for column, _ in group.regressors:
        offset, unit = group.offset[column], group.unit[column]
        centre, spread = (columns[0][:, column] - offset) / unit, columns[1][:, column] / unit
        standardize_columns(gram, products, lead + column, centre, spread, level=lead - 1)
    problem = _problem(job, group, gram, products, seen, scaling)
    problem = replace(problem, rows=spans.rows.astype(np.float64))

    def series(i: int) -> Series:
        return Series(_design(job, group, spans, i, columns), seen[i, spans.known[i]])

    _put(job, group, rows, solve_exactly(problem, series), fitted)
    _put_scaling(rows, scaling, columns, group, fitted)
    _put_spans(rows, spans, fitted)
    job.on_series(rows.size)


def _solve_multiplicative(
    job: Job, group: _Group, rows: IntArray, given: FloatArray | None, fitted: Fitted
) -> None:
    spans = _spans(job, rows, given)
    columns = group.standardizations(spans.known)
    seen, scaling = scaled(job.values[rows], spans.known, minmax=_minmax(job))
    lead = 2 if job.linear else 1
    size = lead + group.columns.size + (spans.bend_times.shape[1] if job.linear else 0)
    features = np.arange(lead, lead + group.columns.size)
    trend = np.ones(size, dtype=bool)
    trend[features] = False
    scales = np.zeros(size, dtype=bool)
    scales[features] = group.multiplicative
    layout = Layout(trend, scales, group.precision, job.specification.changepoint_prior_scale)
    start = np.zeros((size, rows.size))
    start[lead - 1] = scaling.mean
    values = seen + scaling.mean[:, None]
    together = [np.arange(rows.size)] if _one_mask(job, rows) else np.arange(rows.size)[:, None]
    parts = [
        (
            _design(job, group, spans, int(some[0]), columns),
            np.ascontiguousarray(values[np.ix_(some, spans.known[some[0]])].T),
        )
        for some in together
    ]
    _put(job, group, rows, solve_multiplicative(parts, layout, start), fitted)
    _put_scaling(rows, scaling, columns, group, fitted)
    _put_spans(rows, spans, fitted)
    job.on_series(rows.size)


def _minmax(job: Job) -> bool:
    return job.specification.scaling == "minmax"


def _design(
    job: Job, group: _Group, spans: Spans, i: int, columns: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return the design matrix of the i-th series on its own rows, shape `(n, P)`."""
    rows = np.flatnonzero(spans.known[i])
    features = (group.features[rows] - columns[0][i]) / columns[1][i]
    level = np.ones((rows.size, 1))
    if not job.linear:
        return np.concatenate([level, features], axis=1)
    time = ((rows - spans.first[i]) / spans.length[i])[:, None]
    return np.concatenate(
        [time, level, features, np.maximum(time - spans.bend_times[i], 0.0)], axis=1
    )


def _problem(
    job: Job,
    group: _Group,
    gram: Gram,
    products: FloatArray,
    seen: FloatArray,
    scaling: Scaling,
) -> Problem:
    base = np.zeros_like(products)
    base[1 if job.linear else 0] = scaling.mean
    return Problem(
        gram=gram,
        moments=products,
        power=np.einsum("ij,ij->i", seen, seen),
        base=base,
        rows=np.zeros(len(seen)),
        precision=group.precision,
        tau=job.specification.changepoint_prior_scale,
    )


def _put(job: Job, group: _Group, rows: IntArray, solution: Solution, fitted: Fitted) -> None:
    solved = solution.accepted
    lead, size = (2 if job.linear else 1), group.precision.size
    theta = solution.theta
    fitted.m[rows] = theta[lead - 1]
    fitted.beta[rows[:, None], group.columns] = theta[lead:size].T
    if job.linear:
        fitted.k[rows] = theta[0]
        fitted.delta[rows] = theta[size:].T
    fitted.sigma[rows] = np.where(solved, np.sqrt(solution.variance), np.nan)
    fitted.log_posterior[rows] = solution.log_posterior
    fitted.kkt[rows] = solution.kkt
    fitted.unique[rows] = solution.unique


def _put_scaling(
    rows: IntArray,
    scaling: Scaling,
    columns: tuple[FloatArray, FloatArray],
    group: _Group,
    fitted: Fitted,
) -> None:
    fitted.floor[rows] = scaling.floor
    fitted.scale[rows] = scaling.scale
    fitted.centre[rows[:, None], group.columns] = columns[0]
    fitted.spread[rows[:, None], group.columns] = columns[1]
