"""Prophet's settings as options of the command line."""

from typing import Annotated

import typer

_PANEL = "Prophet"

ChangepointPriorScale = Annotated[
    float, typer.Option(help="How easily the trend bends.", rich_help_panel=_PANEL)
]
YearlySeasonality = Annotated[
    str,
    typer.Option(help="auto, true or false; auto needs two years.", rich_help_panel=_PANEL),
]
WeeklySeasonality = Annotated[
    str,
    typer.Option(help="auto, true or false; auto needs two weeks.", rich_help_panel=_PANEL),
]
DailySeasonality = Annotated[
    str,
    typer.Option(help="auto, true or false; auto needs two days.", rich_help_panel=_PANEL),
]
HolidaysCountry = Annotated[
    str, typer.Option(help="Country code such as DE, or empty.", rich_help_panel=_PANEL)
]
