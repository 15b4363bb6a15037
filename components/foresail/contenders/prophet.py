"""Prophet, fitted to a whole panel at once."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foresail.contenders.protocol import Outcome
from foresail.errors import UsageError
from foresail.horizons import QUANTILES
from foresail.panel import Panel

if TYPE_CHECKING:
    from foresail.panel_prophet import PanelProphet


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
        if self.holidays_country:
            # the engine needs scipy, which a place that only schedules runs does without
            from foresail.panel_prophet.country_holidays import (  # noqa: PLC0415  # as above
                check_country,
            )

            check_country(self.holidays_country)

    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments of `prophet.Prophet`, and so of `PanelProphet`."""
        return {
            "changepoint_prior_scale": self.changepoint_prior_scale,
            "yearly_seasonality": _WORDS[self.yearly_seasonality],
            "weekly_seasonality": _WORDS[self.weekly_seasonality],
            "daily_seasonality": _WORDS[self.daily_seasonality],
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for a recipe."""
        return asdict(self)


_WORDS: dict[str, str | bool] = {"auto": "auto", "true": True, "false": False}


@dataclass(frozen=True)
class ProphetContender:
    """Prophet's model with the bands of its own law (docs/engine.md).

    Attributes:
        settings: Its settings.
        growth: Prophet's: `linear`, or `flat` for no trend.
        seed: Of what real Prophet draws, for a series that it has to fit itself.
        on_series: Called with the number of series fitted since the last call, for progress.
        name: As served.
    """

    settings: ProphetSettings
    growth: Literal["linear", "flat"] = "linear"
    seed: int = 0
    on_series: Callable[[int], None] = lambda _: None
    name: str = "prophet"

    def load_model(self, folder: Path) -> "PanelProphet":
        """Return a model from its files; see `Keeper.load_model`."""
        from foresail.panel_prophet import PanelProphet  # noqa: PLC0415  # scipy, as above

        return PanelProphet.load(folder)

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Fit every series and forecast it; see `Contender.forecast`."""
        from foresail.panel_prophet import PanelProphet  # noqa: PLC0415  # scipy, as above

        model = PanelProphet(growth=self.growth, seed=self.seed, **self.settings.keywords())
        if self.settings.holidays_country:
            model.add_country_holidays(self.settings.holidays_country)
        model.fit(panel, on_series=self.on_series)
        quantiles = np.sort(model.predict(hours, QUANTILES), axis=2)
        failures = {
            row: f"{self.name}: {one.reason}"
            for row, one in enumerate(model.report)
            if one.engine == "none"
        }
        for row in np.flatnonzero(~np.isfinite(quantiles).all(axis=(1, 2))).tolist():
            quantiles[row] = np.nan
            failures.setdefault(row, f"{self.name}: the forecast is not finite")
        return Outcome(quantiles, failures, model)
