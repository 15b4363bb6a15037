"""Render a report from its template."""

from pathlib import Path
from typing import Any

import jinja2

from foresail.bundle.schema import Quality


def render(template: str, **values: Any) -> str:  # noqa: ANN401  # a template takes what it names
    """Return the HTML of one of the templates in `templates/`; every value is escaped.

    Only what was made by `foresail.reports.charts` may be marked safe in a template.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    environment.filters["versus_naive"] = versus_naive
    return environment.get_template(template).render(**values)


def versus_naive(quality: Quality | None) -> str:
    """Return a measured error in words people compare: `-18 %` is 18 % less than the naive's."""
    if quality is None:
        return "unmeasured"
    return f"{100 * (quality.vs_naive - 1):+.0f} %"
