"""What the engine's tests share: its fits of the 16 kinds, made once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from factories.kinds import panel
from factories.stan import Recipe, Trial, case_of

from foresail.panel_prophet import PanelProphet

WINDOWS = (7, 30, 60, 90)
DAY = np.timedelta64(24, "h")
FINE_KINDS = ("daily", "leak", "bursts", "gaps")
"""Those also tried on five-minute steps."""


def _trials(days: int, **made: Any) -> tuple[Trial, ...]:
    """Fit the engine to so many days of a panel, and keep the day after for comparison."""
    whole = panel(days=days + 1, seed=days, **made)
    known = whole.until(whole.as_of - DAY)
    model = PanelProphet().fit(known)
    step = int((whole.ds[1] - whole.ds[0]) / np.timedelta64(1, "m"))
    return tuple(
        Trial(
            name=f"{info.series} of {days} days by {step} min",
            kind=info.series.rpartition("-")[0],
            days=days,
            case=case_of(known, row),
            model=model,
            row=row,
            future=whole.values[row, len(known.ds) :],
        )
        for row, info in enumerate(known.index)
    )


@pytest.fixture(scope="session")
def hourly_trials() -> tuple[Trial, ...]:
    """64 series: 16 kinds over 7, 30, 60 and 90 days of hours."""
    return tuple(trial for days in WINDOWS for trial in _trials(days))


@pytest.fixture(scope="session")
def trials(hourly_trials: tuple[Trial, ...]) -> tuple[Trial, ...]:
    """The 64 and four more of five-minute steps over 7 days."""
    return (*hourly_trials, *_trials(7, step_minutes=5, kinds=FINE_KINDS))


@pytest.fixture(scope="session")
def fit_recipe() -> Callable[..., Any]:
    """Return the function that fits a panel by a recipe."""

    def fit(known: Any, recipe: Recipe) -> Any:
        model = recipe.build(PanelProphet)
        return model.fit(known, regressors=dict(recipe.regressors) or None)

    return fit
