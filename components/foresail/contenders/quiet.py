"""Import Prophet without its announcements."""

import importlib
import logging
from types import ModuleType


def import_prophet() -> ModuleType:
    """Import and return `prophet`; its own and cmdstan's progress lines stay out of our output."""
    # Prophet logs an error where plotly is absent, though nothing of ours draws with it
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    logging.getLogger("prophet").setLevel(logging.ERROR)
    prophet = importlib.import_module("prophet")
    # at its first line cmdstanpy gives its logger a handler and a level, unless it has a handler
    cmdstan = logging.getLogger("cmdstanpy")
    cmdstan.addHandler(logging.NullHandler())
    cmdstan.setLevel(logging.ERROR)
    return prophet
