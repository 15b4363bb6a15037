"""Prophet for every series at once: the same model, fitted with batched linear algebra.

`PanelProphet` takes Prophet's keyword arguments and a `Panel`; see docs/engine.md. Importing it
loads numpy and scipy only; real Prophet is loaded where a series is handed out as one, or falls
back to it.
"""

from foresail.panel_prophet.model import PanelProphet
from foresail.panel_prophet.outcome import Backtest, SeriesReport

__all__ = ["Backtest", "PanelProphet", "SeriesReport"]
