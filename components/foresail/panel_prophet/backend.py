"""The batched solver as the backend of one ordinary Prophet object.

    model = solved_here(prophet.Prophet())
    model.fit(df)

The model is Prophet's; only the optimiser is replaced, by one that is exact. What it does not do
(logistic growth, sampling) Stan does, as before, and a line of the log says so. Importing this
module loads Prophet.
"""

import logging
from typing import Any

import numpy as np

from foresail.panel import BoolArray, FloatArray
from foresail.panel_prophet.design import LEVEL_PRIOR
from foresail.panel_prophet.multiplicative import Layout, solve_multiplicative
from foresail.panel_prophet.quiet import quiet_prophet
from foresail.panel_prophet.solve import Problem, Series, Solution, solve_exactly
from foresail.panel_prophet.statistics import SharedGram

with quiet_prophet():
    from prophet.models import CmdStanPyBackend, TrendIndicator

log = logging.getLogger(__name__)


class PanelBackend(CmdStanPyBackend):  # type: ignore[misc]  # prophet publishes no types
    """Prophet's `stan_backend`, with the optimiser of the panel engine."""

    def fit(
        self,
        stan_init: dict[str, Any],
        stan_data: dict[str, Any],
        **kwargs: Any,  # noqa: ANN401  # options of Stan's optimiser, of no meaning here
    ) -> dict[str, FloatArray]:
        """Return the most probable parameters, in the shapes that Stan's answer has."""
        growth = TrendIndicator(stan_data["trend_indicator"])
        reason = "the panel engine does not do logistic growth"
        if growth is not TrendIndicator.LOGISTIC:
            found = _solve(stan_data, sloped=growth is TrendIndicator.LINEAR)
            if found is not None:
                return found
            reason = "the solver did not converge"
        log.warning("Stan fits this model: %s", reason)
        answer: dict[str, FloatArray] = super().fit(stan_init, stan_data, **kwargs)
        return answer


def solved_here(model: Any) -> Any:  # noqa: ANN401  # prophet publishes no types
    """Give a Prophet that is not fitted yet this backend, and return it.

    Copies that Prophet makes of it (`prophet.diagnostics`) have Stan again: it names backends by a
    fixed list. `PanelProphet.cross_validate` does the same work here.
    """
    model.stan_backend = PanelBackend()
    return model


def _solve(data: dict[str, Any], *, sloped: bool) -> dict[str, FloatArray] | None:
    """Solve one series; None where the conditions of an optimum were not met."""
    y = np.asarray(data["y"], dtype=np.float64)
    t = np.asarray(data["t"], dtype=np.float64)[:, None]
    bends = np.asarray(data["t_change"], dtype=np.float64)
    features = np.asarray(data["X"], dtype=np.float64)
    times = np.asarray(data["s_m"], dtype=bool)
    level = np.ones_like(t)
    lead = 2 if sloped else 1
    design = np.concatenate(
        [t, level, features, np.maximum(t - bends, 0.0)] if sloped else [level, features], axis=1
    )
    priors = np.concatenate(
        [np.full(lead, LEVEL_PRIOR), np.asarray(data["sigmas"], dtype=np.float64)]
    )
    one = _Model(design, y, lead, times, priors**-2.0, float(data["tau"]))
    solution = one.multiplied() if times.any() else one.added()
    if not solution.accepted[0]:
        return None
    theta = solution.theta[:, 0]
    k, delta = (theta[0], theta[priors.size :]) if sloped else (0.0, np.zeros(bends.size))
    trend = design[:, :lead] @ theta[:lead] + design[:, priors.size :] @ theta[priors.size :]
    found = {
        "lp__": solution.log_posterior[0],
        "k": k,
        "m": theta[lead - 1],
        "delta": delta,
        "sigma_obs": np.sqrt(solution.variance[0]),
        "beta": theta[lead : priors.size],
        "trend": trend,
    }
    return {name: np.reshape(value, (1, -1)) for name, value in found.items()}


class _Model:
    """One series with its design."""

    def __init__(
        self,
        design: FloatArray,
        y: FloatArray,
        lead: int,
        times: BoolArray,
        precision: FloatArray,
        tau: float,
    ) -> None:
        self.design, self.y, self.lead, self.times = design, y, lead, times
        self.precision, self.tau = precision, tau
        self.start = np.zeros((design.shape[1], 1))
        self.start[lead - 1] = y.mean()

    def added(self) -> Solution:
        """Solve with features that are added to the trend."""
        seen = self.y - self.y.mean()
        problem = Problem(
            gram=SharedGram(self.design.T @ self.design, self.precision),
            moments=(self.design.T @ seen)[:, None],
            power=np.array([seen @ seen]),
            base=self.start,
            rows=np.array([float(seen.size)]),
            precision=self.precision,
            tau=self.tau,
        )
        return solve_exactly(problem, lambda _: Series(self.design, seen))

    def multiplied(self) -> Solution:
        """Solve with features that scale the trend."""
        size = self.design.shape[1]
        features = np.arange(self.lead, self.precision.size)
        trend, scales = np.ones(size, dtype=bool), np.zeros(size, dtype=bool)
        trend[features] = False
        scales[features] = self.times
        layout = Layout(trend, scales, self.precision, self.tau)
        return solve_multiplicative([(self.design, self.y[:, None])], layout, self.start)
