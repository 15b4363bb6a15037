"""Prophet for a whole panel: the public face of the engine."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from foresail.errors import BadInput, NotFound, UsageError
from foresail.panel import BoolArray, FloatArray, IntArray, Panel, SeriesKey, TimeArray
from foresail.panel_prophet import design, export, fallback
from foresail.panel_prophet.design import Features
from foresail.panel_prophet.export import SeriesParameters
from foresail.panel_prophet.fitted import Fitted
from foresail.panel_prophet.fitting import Design, Job, fit, union_of_features
from foresail.panel_prophet.forecasting import Future, forecast
from foresail.panel_prophet.spans import Coverage, coverage
from foresail.panel_prophet.specification import Mode, Specification

Engine = Literal["panel", "stan"]
Regressors = Mapping[str, FloatArray]

FORMAT = 1
HOUR_SECONDS = 3_600
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """What came of one series.

    Attributes:
        series: Its key.
        engine: `panel` (solved with all others), `stan` (real Prophet) or `none` (not forecast).
        reason: Why not `panel`; or what is special about it. Empty for an ordinary fit.
        log_posterior: Stan's `lp__` up to its constants; NaN where nothing was optimised.
        sigma: Noise, share of the series' scale.
        kkt: Largest violation of the optimality conditions times `changepoint_prior_scale`; NaN
            for real Prophet, which does not tell.
        unique: Whether the optimum was shown to be the only one.
    """

    series: SeriesKey
    engine: Literal["panel", "stan", "none"]
    reason: str
    log_posterior: float
    sigma: float
    kkt: float
    unique: bool


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts from the past beside what came.

    Attributes:
        cutoffs: Last hour known to each forecast, C of them.
        y: What came, shape `(C, N, steps)`; NaN is a gap, or later than the panel.
        quantiles: Shape `(C, N, steps, Q)`; NaN for a series that could not be fitted then.
    """

    cutoffs: TimeArray
    y: FloatArray
    quantiles: FloatArray


@dataclass(frozen=True, slots=True)
class DesignMatrix:
    """What Prophet's `preprocess` makes of one series, over its own rows with a value.

    Attributes:
        t: Time, shape `(n,)`.
        changepoints_t: Shape `(S,)`.
        features: Shape `(n, K)`.
        columns: Their names.
        prior_scales: Shape `(K,)`.
        multiplicative: Which of them scale the trend, shape `(K,)`.
        y_scaled: Shape `(n,)`.
        y_scale: Values were divided by it.
        floor: After this was subtracted.
    """

    t: FloatArray
    changepoints_t: FloatArray
    features: FloatArray
    columns: tuple[str, ...]
    prior_scales: FloatArray
    multiplicative: BoolArray
    y_scaled: FloatArray
    y_scale: float
    floor: float


@dataclass(frozen=True, slots=True)
class _State:
    """All that a fit leaves."""

    panel: Panel
    regressors: dict[str, FloatArray]
    caps: FloatArray | None
    seasonalities: tuple[Design, ...]
    features: Features
    fitted: Fitted
    reasons: dict[int, str]
    failed: frozenset[int]
    prophets: dict[int, str]

    @property
    def solved(self) -> IntArray:
        """Return the rows that the batched solver holds parameters for."""
        rows = np.flatnonzero(np.isfinite(self.fitted.sigma))
        return rows[[row not in self.prophets for row in rows.tolist()]]


class PanelProphet:
    """Prophet's own model, fitted to every series of a panel at once.

    The priors, the objective, the changepoints and the seasonalities are those of Prophet 1.5; what
    differs is the optimiser, which is exact and solves all series together (docs/engine.md). What
    it does not do - logistic growth, sampling, irregular stamps - real Prophet does, series by
    series, and `report` says so.

    Example:
        >>> model = PanelProphet(changepoint_prior_scale=0.1).fit(panel)
        >>> model.predict(168, quantiles=(0.1, 0.5, 0.9)).shape
        (10000, 168, 3)

    Args:
        engine: `panel`, or `stan` for real Prophet throughout.
        seed: Of what real Prophet draws; the batched engine draws nothing.
        **prophet: Prophet's keyword arguments.

    Raises:
        UsageError: An argument that Prophet does not know, or a value it would not take.
    """

    def __init__(self, *, engine: Engine = "panel", seed: int = 0, **prophet: Any) -> None:  # noqa: ANN401  # Prophet's own
        if engine not in {"panel", "stan"}:
            raise UsageError(f"engine must be panel or stan, got {engine!r}")
        self.engine: Engine = engine
        self.seed = seed
        self.specification = Specification.from_keywords(**prophet)
        self._state: _State | None = None

    def add_seasonality(
        self,
        name: str,
        period: float,
        fourier_order: int,
        prior_scale: float | None = None,
        mode: Mode | None = None,
    ) -> Self:
        """Add a seasonality, as `Prophet.add_seasonality`; before fitting."""
        self._still_open()
        self.specification = self.specification.with_seasonality(
            name, period=period, fourier_order=fourier_order, prior_scale=prior_scale, mode=mode
        )
        return self

    def add_regressor(
        self,
        name: str,
        prior_scale: float | None = None,
        standardize: bool | Literal["auto"] = "auto",  # noqa: FBT001  # Prophet's signature
        mode: Mode | None = None,
    ) -> Self:
        """Add a regressor that all series share, as `Prophet.add_regressor`; before fitting."""
        self._still_open()
        self.specification = self.specification.with_regressor(
            name, prior_scale=prior_scale, standardize=standardize, mode=mode
        )
        return self

    def add_country_holidays(self, country_name: str) -> Self:
        """Add a country's holidays, as `Prophet.add_country_holidays`; before fitting."""
        self._still_open()
        self.specification = self.specification.with_country_holidays(country_name)
        return self

    def _still_open(self) -> None:
        if self._state is not None:
            raise UsageError("the model is fitted; add to a new PanelProphet before fitting it")

    def fit(
        self,
        panel: Panel,
        *,
        regressors: Regressors | None = None,
        cap: FloatArray | None = None,
        on_series: Callable[[int], None] = lambda _: None,
    ) -> Self:
        """Fit every series; one that cannot be fitted is reported and does not stop the others.

        Args:
            panel: One regular grid of any step; NaN is a gap.
            regressors: Name -> value on each row of the panel, shape `(T,)`, without gaps.
            cap: Capacity of each series for logistic growth, shape `(N,)`.
            on_series: Called with the number of series done since the last call.

        Raises:
            BadInput: Stamps do not ascend, or a regressor or `cap` is missing or has a wrong shape.
        """
        self._fit(panel, regressors, cap, on_series)
        return self

    def _fit(
        self,
        panel: Panel,
        regressors: Regressors | None,
        cap: FloatArray | None,
        on_series: Callable[[int], None],
        decided: Sequence[Design] | None = None,
    ) -> None:
        """Fit; with `decided` seasonalities they are not chosen anew, and changepoints are cut."""
        steps = _ascending_steps(panel.ds)
        columns = design.check_regressors(self.specification, regressors, rows=len(panel.ds))
        caps = _checked_caps(cap, len(panel))
        covered = coverage(panel.values)
        reasons = _refusals(self.specification, panel.ds, covered, trim=decided is not None)
        failed = frozenset(reasons)
        on_series(len(failed))
        rows = np.array([row for row in range(len(panel)) if row not in failed], dtype=np.int64)
        seasonalities = (
            tuple(decided) if decided else _seasonalities(self.specification, panel.ds, covered)
        )
        features = union_of_features(self.specification, seasonalities, panel.ds, columns)
        why = self._not_batched(steps)
        job = Job(
            self.specification,
            panel.ds,
            panel.values,
            covered,
            seasonalities,
            features,
            on_series,
        )
        fitted = fit(job, rows[:0] if why else rows)
        left = rows if why else rows[np.isnan(fitted.sigma[rows])]
        prophets: dict[int, str] = {}
        if left.size:
            reason = why or "the solver did not converge"
            jobs = [self._fallback(panel, row, columns, caps) for row in left.tolist()]
            for found in fallback.fit_all(
                self.specification,
                jobs,
                seed=self.seed,
                on_series=(lambda: on_series(1)) if why else (lambda: None),
            ):
                reasons[found.row] = found.failure or reason
                fitted.sigma[found.row] = found.sigma
                fitted.log_posterior[found.row] = found.log_posterior
                fitted.kkt[found.row] = np.nan
                fitted.unique[found.row] = False
                if found.failure:
                    failed |= {found.row}
                else:
                    prophets[found.row] = found.model
        if not why:
            for row in rows[covered.constant[rows]].tolist():
                reasons[row] = "constant: forecast as its constant"
        self._state = _State(
            panel,
            columns,
            caps,
            seasonalities,
            features,
            fitted,
            reasons,
            failed,
            prophets,
        )

    def _not_batched(self, steps: IntArray) -> str:
        if self.engine == "stan":
            return "engine=stan was asked for"
        if steps.size and (steps != steps[0]).any():
            return "the stamps are not on one regular grid"
        return self.specification.unsupported()

    def _fallback(
        self, panel: Panel, row: int, regressors: Regressors, caps: FloatArray | None
    ) -> fallback.FallbackSeries:
        return fallback.FallbackSeries(
            row=row,
            ds=panel.ds,
            y=panel.values[row].astype(np.float64),
            regressors=regressors,
            cap=None if caps is None else float(caps[row]),
        )

    def _fitted(self) -> _State:
        if self._state is None:
            raise UsageError("the model is not fitted yet; call fit(panel) first")
        return self._state

    def predict(
        self,
        hours: int,
        quantiles: Sequence[float] = QUANTILES,
        regressors: Regressors | None = None,
    ) -> FloatArray:
        """Forecast every series for the hours after the panel's last row.

        Bands start at the end of each series' own history. They come from Prophet's law of future
        trend changes and noise, not from draws: the same call gives the same numbers.

        Args:
            hours: How far ahead; a whole number of the grid's steps.
            quantiles: Levels between 0 and 1, ascending, Q of them.
            regressors: Name -> value on each future row, shape `(steps,)`.

        Returns:
            Shape `(N, steps, Q)`, in the unit of the values; NaN for a series without a fit.

        Raises:
            UsageError: `hours` or a level is out of range.
            BadInput: A regressor is missing or has a wrong shape.
        """
        state = self._fitted()
        ds = _future(state.panel.ds, hours)
        columns = design.check_regressors(self.specification, regressors, rows=ds.size)
        levels = _checked_levels(quantiles)
        future = Future(
            first_row=len(state.panel.ds),
            features=design.columns_again(
                state.features,
                union_of_features(self.specification, state.seasonalities, ds, columns),
            ),
            multiplicative=state.features.multiplicative,
            sloped=self.specification.growth == "linear",
        )
        found = forecast(state.fitted, state.solved, future, levels)
        caps = {} if state.caps is None else dict(enumerate(state.caps.tolist()))
        for row, answer in fallback.predict_all(
            state.prophets,
            future=ds,
            levels=levels,
            regressors=columns,
            caps={row: caps[row] for row in state.prophets if row in caps},
            seed=self.seed,
        ).items():
            found[row] = answer
        return found

    def cross_validate(
        self,
        cutoffs: Sequence[np.datetime64],
        hours: int,
        quantiles: Sequence[float] = QUANTILES,
        on_series: Callable[[int], None] = lambda _: None,
    ) -> Backtest:
        """Fit again up to each cutoff and forecast from there, as `prophet.diagnostics` does.

        As there, the seasonalities are those of the whole history, and of given changepoints those
        before a cutoff are kept.

        Args:
            cutoffs: Last stamp that each fit knows.
            hours: How far ahead.
            quantiles: Levels between 0 and 1, ascending, Q of them.
            on_series: Called with the number of series fitted since the last call.

        Raises:
            UsageError: A cutoff leaves fewer than two rows to fit, or none to compare with.
        """
        state = self._fitted()
        stamps = np.asarray(cutoffs, dtype="datetime64[s]")
        panel, steps = state.panel, _future(state.panel.ds, hours).size
        known = np.searchsorted(panel.ds, stamps, side="right")
        for stamp, rows in zip(stamps, known.tolist(), strict=True):
            if not 2 <= rows < len(panel.ds):  # noqa: PLR2004  # a fit needs two rows
                raise UsageError(
                    f"cutoff {stamp} must leave two rows before it and one after; "
                    f"the panel goes from {panel.ds[0]} to {panel.ds[-1]}"
                )
        y = np.full((stamps.size, len(panel), steps), np.nan)
        found = np.full((*y.shape, len(quantiles)), np.nan)
        for c, rows in enumerate(known.tolist()):
            model = self._again()
            before = Panel(panel.ds[:rows], panel.values[:, :rows], panel.index)
            past = {name: values[:rows] for name, values in state.regressors.items()}
            model._fit(before, past, state.caps, on_series, decided=state.seasonalities)  # noqa: SLF001  # a model of this class
            came = panel.values[:, rows : rows + steps]
            y[c, :, : came.shape[1]] = came
            later = {n: values[rows : rows + steps] for n, values in state.regressors.items()}
            found[c] = model.predict(hours, quantiles, later)
        return Backtest(stamps, y, found)

    def _again(self) -> "PanelProphet":
        other = PanelProphet(engine=self.engine, seed=self.seed)
        other.specification = self.specification
        return other

    @property
    def report(self) -> tuple[SeriesReport, ...]:
        """What came of each series, in the panel's order."""
        state = self._fitted()
        fitted = state.fitted
        return tuple(
            SeriesReport(
                series=info.key,
                engine="none" if i in state.failed else "stan" if i in state.prophets else "panel",
                reason=state.reasons.get(i, ""),
                log_posterior=float(fitted.log_posterior[i]),
                sigma=float(fitted.sigma[i]),
                kkt=float(fitted.kkt[i]),
                unique=bool(fitted.unique[i]),
            )
            for i, info in enumerate(state.panel.index)
        )

    def parameters(self, row: int) -> SeriesParameters:
        """Return the parameters of a series that was solved with all others.

        Raises:
            BadInput: Real Prophet fitted it, or nothing did.
        """
        state, fitted = self._fitted(), self._fitted().fitted
        if row in state.prophets or row in state.failed:
            raise BadInput(
                f"{state.panel.index[row].key} has no parameters here: {state.reasons[row]}"
            )
        return SeriesParameters(
            k=float(fitted.k[row]),
            m=float(fitted.m[row]),
            delta=fitted.delta[row, : fitted.bends[row]].copy(),
            beta={
                name: float(value)
                for name, value in zip(state.features.names, fitted.beta[row], strict=True)
                if value != 0
            },
            sigma=float(fitted.sigma[row]),
            log_posterior=float(fitted.log_posterior[row]),
        )

    def design(self, row: int) -> DesignMatrix:
        """Return what Prophet's `preprocess` would make of a series that was solved here."""
        state, fitted = self._fitted(), self._fitted().fitted
        values = state.panel.values[row].astype(np.float64)
        known = np.flatnonzero(~np.isnan(values))
        own = {name for s in state.seasonalities[row] for name in s.columns}
        seasonal = {n for some in set(state.seasonalities) for s in some for n in s.columns}
        columns = [i for i, n in enumerate(state.features.names) if n in own or n not in seasonal]
        features = state.features.values[known][:, columns] - fitted.centre[row, columns]
        return DesignMatrix(
            t=(known - fitted.first[row]) / (fitted.last[row] - fitted.first[row]),
            changepoints_t=fitted.bend_times[row, : fitted.bends[row]],
            features=features / fitted.spread[row, columns],
            columns=tuple(state.features.names[i] for i in columns),
            prior_scales=state.features.prior_scales[columns],
            multiplicative=state.features.multiplicative[columns],
            y_scaled=(values[known] - fitted.floor[row]) / fitted.scale[row],
            y_scale=float(fitted.scale[row]),
            floor=float(fitted.floor[row]),
        )

    def to_prophet(self, series: str, *, metric: str, stat: str = "mean") -> Any:  # noqa: ANN401  # prophet publishes no types
        """Return one series as a genuine, fitted `prophet.Prophet`; needs Prophet installed.

        Raises:
            NotFound: The panel holds no such series.
            BadInput: It could not be fitted.
        """
        state, key = self._fitted(), SeriesKey(series, metric, stat)
        row = next((i for i, info in enumerate(state.panel.index) if info.key == key), None)
        if row is None:
            raise NotFound(f"the panel holds no series {key}")
        if row in state.prophets:
            return fallback.model_from_text(state.prophets[row])
        return export.to_prophet(
            self.specification,
            self.parameters(row),
            ds=state.panel.ds,
            y=state.panel.values[row].astype(np.float64),
            regressors=state.regressors,
        )

    def select(self, rows: Sequence[int]) -> "PanelProphet":
        """Return the fitted model of these series alone, in this order."""
        state, chosen = self._fitted(), list(rows)
        place = {row: i for i, row in enumerate(chosen)}
        seasonalities = tuple(state.seasonalities[row] for row in chosen)
        gone = _seasonal(state.seasonalities) - _seasonal(seasonalities)
        columns = [i for i, name in enumerate(state.features.names) if name not in gone]
        other = self._again()
        other._state = _State(
            panel=state.panel.select(chosen),
            regressors=state.regressors,
            caps=None if state.caps is None else state.caps[chosen],
            seasonalities=seasonalities,
            features=state.features.select(columns),
            fitted=state.fitted.select(chosen, columns),
            reasons={place[row]: r for row, r in state.reasons.items() if row in place},
            failed=frozenset(place[row] for row in state.failed if row in place),
            prophets={place[row]: p for row, p in state.prophets.items() if row in place},
        )
        return other

    def save(self, folder: Path) -> None:
        """Write the model into a folder: numpy arrays and JSON, no pickle."""
        state = self._fitted()
        state.panel.save(folder / "panel")
        arrays = {f"fitted/{name}": values for name, values in state.fitted.arrays().items()}
        arrays |= {f"regressor/{name}": values for name, values in state.regressors.items()}
        if state.caps is not None:
            arrays["caps"] = state.caps
        np.savez(folder / "parameters.npz", **arrays)
        plain = {
            "format": FORMAT,
            "engine": self.engine,
            "seed": self.seed,
            "specification": self.specification.to_json(),
            "failed": sorted(state.failed),
            "reasons": {str(row): reason for row, reason in state.reasons.items()},
            "prophets": {str(row): text for row, text in state.prophets.items()},
        }
        (folder / "model.json").write_text(json.dumps(plain, sort_keys=True), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "PanelProphet":
        """Read what `save` wrote.

        Raises:
            BadInput: The folder holds no model of this format.
        """
        try:
            plain = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            with np.load(folder / "parameters.npz", allow_pickle=False) as arrays:
                held = dict(arrays.items())
        except (OSError, ValueError) as error:
            raise BadInput(
                f"no model in {folder}: expected model.json, parameters.npz and panel/"
            ) from error
        if plain.get("format") != FORMAT:
            raise BadInput(f"{folder} has format {plain.get('format')}, expected {FORMAT}")
        panel = Panel.load(folder / "panel")
        model = PanelProphet(engine=plain["engine"], seed=plain["seed"])
        model.specification = Specification.from_json(plain["specification"])
        seasonalities = _seasonalities(model.specification, panel.ds, coverage(panel.values))
        regressors = _named(held, "regressor/")
        model._state = _State(
            panel=panel,
            regressors=regressors,
            caps=held.get("caps"),
            seasonalities=seasonalities,
            features=union_of_features(model.specification, seasonalities, panel.ds, regressors),
            fitted=Fitted.from_arrays(_named(held, "fitted/")),
            reasons={int(row): reason for row, reason in plain["reasons"].items()},
            failed=frozenset(plain["failed"]),
            prophets={int(row): text for row, text in plain["prophets"].items()},
        )
        return model


def _seasonal(seasonalities: Sequence[Design]) -> set[str]:
    """Return the names of all columns of these series' seasonalities."""
    return {name for some in set(seasonalities) for one in some for name in one.columns}


def _named(arrays: Mapping[str, FloatArray], prefix: str) -> dict[str, FloatArray]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _ascending_steps(ds: TimeArray) -> IntArray:
    """Return the steps between stamps in seconds, shape `(T - 1,)`."""
    seconds: IntArray = ds.astype("datetime64[s]").astype(np.int64)
    steps: IntArray = seconds[1:] - seconds[:-1]
    if (steps <= 0).any():
        at = int(np.flatnonzero(steps <= 0)[0])
        raise BadInput(f"stamps must ascend, but {ds[at]} is followed by {ds[at + 1]}")
    return steps


def _future(ds: TimeArray, hours: int) -> TimeArray:
    """Return the stamps of the hours after the last row, on the grid's own step."""
    steps = np.diff(ds.astype("datetime64[s]").astype(np.int64))
    step = int(np.median(steps)) if steps.size else HOUR_SECONDS
    if hours < 1 or hours * HOUR_SECONDS % step:
        raise UsageError(
            f"hours must be at least 1 and a whole number of the grid's steps of {step} s, "
            f"got {hours}"
        )
    count = hours * HOUR_SECONDS // step
    return np.asarray(ds[-1] + np.arange(1, count + 1) * np.timedelta64(step, "s"))


def _checked_levels(quantiles: Sequence[float]) -> tuple[float, ...]:
    levels = tuple(float(level) for level in quantiles)
    if not levels or any(not 0 < level < 1 for level in levels) or list(levels) != sorted(levels):
        raise UsageError(
            f"quantiles must be levels between 0 and 1 in ascending order, got {levels}"
        )
    return levels


def _checked_caps(cap: FloatArray | None, series: int) -> FloatArray | None:
    if cap is None:
        return None
    caps = np.asarray(cap, dtype=np.float64)
    if caps.shape != (series,):
        raise BadInput(f"cap has shape {caps.shape}, expected one value a series: ({series},)")
    return caps


def _seasonalities(
    specification: Specification, ds: TimeArray, covered: Coverage
) -> tuple[Design, ...]:
    """Return the seasonalities of every series, decided by its own values."""
    seconds = ds.astype("datetime64[s]").astype(np.int64)
    days = (seconds[covered.last] - seconds[covered.first]) / design.DAY
    step = (seconds[1] - seconds[0]) / design.DAY if seconds.size > 1 else 1.0
    apart = covered.nearest * step
    found: dict[tuple[bool, ...], Design] = {}
    chosen = []
    for span, nearest in zip(days.tolist(), apart.tolist(), strict=True):
        key = design.too_short(days=span, least_step_days=nearest)
        if key not in found:
            found[key] = design.seasonalities_of(specification, days=span, least_step_days=nearest)
        chosen.append(found[key])
    return tuple(chosen)


def _refusals(
    specification: Specification, ds: TimeArray, covered: Coverage, *, trim: bool
) -> dict[int, str]:
    """Return row -> why no engine can fit it."""
    found: dict[int, str] = {}
    for row in np.flatnonzero(covered.infinite).tolist():
        found[row] = "holds an infinite value; give finite numbers, and NaN for a gap"
    for row in np.flatnonzero(covered.count < 2).tolist():  # noqa: PLR2004  # Prophet's least
        count = covered.count[row]
        found[row] = f"has {count or 'no'} value{'' if count == 1 else 's'}; a fit needs two"
    if specification.changepoints:
        first, last = ds[covered.first], ds[covered.last]
        outside = first > specification.changepoints[0]
        if not trim:  # a refit keeps only those that it has reached
            outside |= last < specification.changepoints[-1]
        for row in np.flatnonzero(outside).tolist():
            found.setdefault(
                row, f"given changepoints fall outside its values, {first[row]} to {last[row]}"
            )
    return found
