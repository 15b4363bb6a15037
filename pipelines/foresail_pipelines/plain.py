"""Check the values of our own parameters that a later task would refuse, hours into a run."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from foresail.contenders import ProphetSettings
from foresail.errors import UsageError
from foresail.evaluation.gate import AUTO, is_forecast_only
from foresail.horizons import parse
from foresail.panel import SCOPES
from foresail.times import parse_hour

_WORDS = ("yearly_seasonality", "weekly_seasonality", "daily_seasonality")


def check_plain(values: Mapping[str, Any]) -> None:
    """Refuse horizons, scopes, times, counts, promotions and words of Prophet's that are none.

    Args:
        values: By parameter; those of other names or types than ours are left alone.

    Raises:
        UsageError: As the task would, with what is possible.
    """
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if "horizons" in texts:
        parse(texts["horizons"])
    if texts.get("as_of"):
        parse_hour(texts["as_of"])
    for scope in filter(None, map(str.strip, texts.get("scopes", "").split(","))):
        if scope not in SCOPES:
            raise UsageError(f"unknown scope {scope!r}; use some of {', '.join(SCOPES)}")
    windows = values.get("windows", 1)
    if isinstance(windows, int) and windows < 1:
        raise UsageError(f"windows must be 1 or more (3 to be measured), got {windows}")
    shards = values.get("shards", 1)
    if isinstance(shards, int) and shards < 1:
        raise UsageError(f"shards must be 1 or more, got {shards}")
    is_forecast_only(texts.get("promotion", AUTO))
    prophet: dict[str, Any] = {name: texts[name] for name in _WORDS if name in texts}
    scale = values.get("changepoint_prior_scale")
    if isinstance(scale, int | float):
        prophet["changepoint_prior_scale"] = scale
    if find_spec("holidays"):  # kfp alone may be installed where a run is only scheduled
        prophet["holidays_country"] = texts.get("holidays_country", "")
    ProphetSettings(**prophet)
