"""Prophet for a whole panel: the public face of the engine."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from foresail.errors import UsageError
from foresail.panel import FloatArray, IntArray, Panel, SeriesKey
from foresail.panel_prophet import admission, design, export, fallback, storage
from foresail.panel_prophet.export import SeriesParameters
from foresail.panel_prophet.fitting import Design, Job, fit, union_of_features
from foresail.panel_prophet.forecasting import forecast, outlook
from foresail.panel_prophet.intervals import sample_paths, standardised_draws
from foresail.panel_prophet.outcome import Backtest, DesignMatrix, SeriesReport
from foresail.panel_prophet.spans import coverage
from foresail.panel_prophet.specification import Mode, Specification
from foresail.panel_prophet.state import FittedPanel, Regressors

Engine = Literal["panel", "stan"]

QUANTILES = (0.1, 0.5, 0.9)
CONSTANT = "constant: forecast as its constant"
UNSOLVED = "the solver did not converge"


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
        self._state: FittedPanel | None = None

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
            BadInput: There are no rows, stamps do not ascend, a regressor is missing, or it or
                `cap` has a wrong shape.
        """
        self._fit(panel, regressors, cap, on_series)
        return self

    def _fit(
        self,
        panel: Panel,
        regressors: Regressors | None,
        cap: FloatArray | None,
        on_series: Callable[[int], None],
        decided: tuple[Design, ...] | None = None,
    ) -> None:
        """Fit; with `decided` seasonalities they are not chosen anew, and changepoints are cut."""
        specification = self.specification
        steps = admission.ascending_steps(panel.ds)
        columns = design.check_regressors(specification, regressors, rows=len(panel.ds))
        caps = admission.checked_caps(cap, len(panel))
        covered = coverage(panel.values)
        refused = admission.refusals(specification, panel.ds, covered, trim=decided is not None)
        on_series(len(refused))
        rows = np.array([row for row in range(len(panel)) if row not in refused], dtype=np.int64)
        seasonalities = decided or admission.seasonalities_of_all(specification, panel.ds, covered)
        features = union_of_features(specification, seasonalities, panel.ds, columns)
        job = Job(
            specification,
            panel.ds,
            panel.values,
            covered,
            seasonalities,
            features,
            on_series,
            trim=decided is not None,
        )
        why = self._not_batched(steps)
        batched = rows[:0] if why else rows
        fitted = fit(job, batched)
        constant = batched[covered.constant[batched]].tolist()
        self._state = FittedPanel(
            specification,
            panel,
            columns,
            caps,
            seasonalities,
            features,
            fitted,
            reasons=refused | dict.fromkeys(constant, CONSTANT),
            failed=frozenset(refused),
            prophets={},
        )
        left = rows if why else rows[np.isnan(fitted.sigma[rows])]
        if left.size:
            done = on_series if why else (lambda _: None)  # the solver has counted them
            self._state = self._fall_back(
                self._state, left, why or UNSOLVED, done, refit=decided is not None
            )

    def _fall_back(
        self,
        state: FittedPanel,
        rows: IntArray,
        reason: str,
        on_series: Callable[[int], None],
        *,
        refit: bool,
    ) -> FittedPanel:
        """Let real Prophet fit these series; in a refit with what was decided for each."""
        together: dict[tuple[Design, np.datetime64 | None], list[int]] = defaultdict(list)
        for row in rows.tolist():
            last = state.panel.ds[np.flatnonzero(~np.isnan(state.panel.values[row]))[-1]]
            together[(state.seasonalities[row], last) if refit else ((), None)].append(row)
        fits: list[fallback.FallbackFit] = []
        for (seasonalities, last), some in together.items():
            specification = self.specification
            if last is not None:
                specification = specification.decided(seasonalities, before=last)
            fits += self._prophets(state, specification, some, on_series)
        fitted = state.fitted
        for found in fits:
            fitted.sigma[found.row] = found.sigma
            fitted.log_posterior[found.row] = found.log_posterior
            fitted.kkt[found.row] = np.nan
            fitted.unique[found.row] = False
        return replace(
            state,
            reasons=state.reasons | {found.row: found.failure or reason for found in fits},
            failed=state.failed | {found.row for found in fits if found.failure},
            prophets={found.row: found.model for found in fits if not found.failure},
        )

    def _prophets(
        self,
        state: FittedPanel,
        specification: Specification,
        rows: Sequence[int],
        on_series: Callable[[int], None],
    ) -> tuple[fallback.FallbackFit, ...]:
        jobs = [
            fallback.FallbackSeries(
                row=row,
                name=str(state.panel.index[row].key),
                ds=state.panel.ds,
                y=state.panel.values[row].astype(np.float64),
                regressors=state.regressors,
                cap=None if state.caps is None else float(state.caps[row]),
            )
            for row in rows
        ]
        return fallback.fit_all(specification, jobs, seed=self.seed, on_series=lambda: on_series(1))

    def _not_batched(self, steps: IntArray) -> str:
        if self.engine == "stan":
            return "engine=stan was asked for"
        if steps.size and (steps != steps[0]).any():
            return "the stamps are not on one regular grid"
        return self.specification.unsupported()

    def _fitted(self) -> FittedPanel:
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
        state, levels = self._fitted(), admission.checked_levels(quantiles)
        ds = admission.stamps_ahead(state.panel.ds, hours)
        columns = design.check_regressors(self.specification, regressors, rows=ds.size)
        future = state.ahead(ds, columns)
        found = forecast(state.fitted, state.solved, future, levels)
        caps = {} if state.caps is None else dict(enumerate(state.caps.tolist()))
        for row, answer in fallback.predict_all(
            state.prophets,
            names={row: str(state.panel.index[row].key) for row in state.prophets},
            future=ds,
            levels=levels,
            regressors=columns,
            caps={row: caps[row] for row in state.prophets if row in caps},
            seed=self.seed,
        ).items():
            found[row] = answer
        return found

    def sample_paths(
        self,
        series: str,
        hours: int,
        *,
        metric: str,
        stat: str = "mean",
        paths: int = 1000,
        seed: int = 0,
        regressors: Regressors | None = None,
    ) -> FloatArray:
        """Return whole futures of one series, under the law that its bands come from.

        Unlike quantiles, paths tell of several hours at once, such as when a limit is crossed. The
        same seed gives all series of a panel the same draws, so that their paths can be compared.

        Args:
            series: Its id.
            hours: How far ahead; a whole number of the grid's steps.
            metric: Its metric.
            stat: Its stat.
            paths: How many.
            seed: Of the draws.
            regressors: As for `predict`.

        Returns:
            Shape `(paths, steps)`, in the unit of the values.

        Raises:
            NotFound: The panel holds no such series.
            BadInput: It was not solved with all others, or a regressor is missing.
        """
        state = self._fitted()
        row = state.row_of(SeriesKey(series, metric, stat))
        state.check_solved(row)
        ds = admission.stamps_ahead(state.panel.ds, hours)
        columns = design.check_regressors(self.specification, regressors, rows=ds.size)
        look = outlook(state.fitted, np.array([row]), state.ahead(ds, columns))
        hidden = len(state.panel.ds) - 1 - int(state.fitted.last[state.solved].min())
        return sample_paths(
            look.yhat[0],
            sigma=float(look.sigma[0]),
            slope=float(look.slope[0]),
            swing=None if look.swing is None else look.swing[0],
            p=float(look.p[0]),
            first_step=int(look.first_step[0]),
            draws=standardised_draws(paths, ds.size, seed=seed, hidden=hidden),
        )

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
            UsageError: A cutoff leaves fewer than two rows to fit, or none to compare with; or
                fewer rows after it than `hours` have, where there are regressors.
        """
        state = self._fitted()
        stamps = np.asarray(cutoffs, dtype="datetime64[s]")
        panel, steps = state.panel, admission.stamps_ahead(state.panel.ds, hours).size
        known = np.searchsorted(panel.ds, stamps, side="right")
        for stamp, rows in zip(stamps, known.tolist(), strict=True):
            if not 2 <= rows < len(panel.ds):  # noqa: PLR2004  # a fit needs two rows
                raise UsageError(
                    f"cutoff {stamp} must leave two rows before it and one after; "
                    f"the panel goes from {panel.ds[0]} to {panel.ds[-1]}"
                )
            if state.regressors and rows + steps > len(panel.ds):
                raise UsageError(
                    f"cutoff {stamp} must leave the regressors of {hours} hours after it; "
                    f"the panel ends at {panel.ds[-1]}"
                )
        y = np.full((stamps.size, len(panel), steps), np.nan)
        found = np.full((*y.shape, len(quantiles)), np.nan)
        for c, rows in enumerate(known.tolist()):
            model = self._with(None)
            before = Panel(panel.ds[:rows], panel.values[:, :rows], panel.index)
            past = {name: values[:rows] for name, values in state.regressors.items()}
            model._fit(before, past, state.caps, on_series, decided=state.seasonalities)  # noqa: SLF001  # a model of this class
            ahead = admission.stamps_ahead(before.ds, hours)
            place = np.minimum(np.searchsorted(panel.ds, ahead), len(panel.ds) - 1)
            came = panel.ds[place] == ahead
            y[c][:, came] = panel.values[:, place[came]]
            later = {n: values[rows : rows + steps] for n, values in state.regressors.items()}
            found[c] = model.predict(hours, quantiles, later)
        return Backtest(stamps, y, found)

    @property
    def panel(self) -> Panel:
        """What was fitted."""
        return self._fitted().panel

    @property
    def report(self) -> tuple[SeriesReport, ...]:
        """What came of each series, in the panel's order."""
        return self._fitted().report()

    def parameters(self, row: int) -> SeriesParameters:
        """Return the parameters of a series that was solved with all others.

        Raises:
            BadInput: Real Prophet fitted it, or nothing did.
        """
        return self._fitted().parameters(row)

    def design(self, row: int) -> DesignMatrix:
        """Return what Prophet's `preprocess` would make of a series that was solved here.

        Raises:
            BadInput: Real Prophet fitted it, or nothing did.
        """
        return self._fitted().design(row)

    def to_prophet(self, series: str, *, metric: str, stat: str = "mean") -> Any:  # noqa: ANN401  # prophet publishes no types
        """Return one series as a genuine, fitted `prophet.Prophet`; needs Prophet installed.

        Raises:
            NotFound: The panel holds no such series.
            BadInput: It could not be fitted.
        """
        state = self._fitted()
        row = state.row_of(SeriesKey(series, metric, stat))
        if row in state.prophets:
            return fallback.model_from_text(state.prophets[row])
        return export.to_prophet(
            self.specification,
            state.parameters(row),
            ds=state.panel.ds,
            y=state.panel.values[row].astype(np.float64),
            regressors=state.regressors,
        )

    def select(self, rows: Sequence[int]) -> "PanelProphet":
        """Return the fitted model of these series alone, in this order."""
        return self._with(self._fitted().select(rows))

    def join(self, others: Sequence["PanelProphet"]) -> "PanelProphet":
        """Return the fitted model of these series and those of others, one after the other.

        Raises:
            BadInput: One is another model, or was fitted on another grid.
        """
        return self._with(self._fitted().join([other._fitted() for other in others]))  # noqa: SLF001  # models of this class

    def save(self, folder: Path) -> None:
        """Write the model into a folder: numpy arrays and JSON, no pickle."""
        storage.write(folder, self._fitted(), {"engine": self.engine, "seed": self.seed})

    @staticmethod
    def load(folder: Path) -> "PanelProphet":
        """Read what `save` wrote.

        Raises:
            BadInput: The folder holds no model of this format.
        """
        state, settings = storage.read(folder)
        model = PanelProphet(**settings)
        return model._with(state)  # a model of this class

    def _with(self, state: FittedPanel | None) -> "PanelProphet":
        """Return a model of the same settings with another fit, or none."""
        other = PanelProphet(engine=self.engine, seed=self.seed)
        other.specification = state.specification if state else self.specification
        other._state = state
        return other
