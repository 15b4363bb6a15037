"""The forecast pages: `/v1/next_day.csv` and its kin, from the query to the bytes."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError
from starlette.responses import Response

from foresail.horizons import HORIZONS, Horizon
from foresail_serving.answers.answer import Forecast, forecast, forecast_json
from foresail_serving.answers.moment import Moment
from foresail_serving.answers.queries import ForecastQuery
from foresail_serving.answers.selection import select
from foresail_serving.formats.csv_file import forecast_csv
from foresail_serving.formats.negotiation import MEDIA_TYPES, Format
from foresail_serving.formats.rendered import Rendered
from foresail_serving.formats.xlsx_file import forecast_xlsx
from foresail_serving.problems import ProblemError, problem_response

EXTENSIONS: tuple[Format | None, ...] = (None, "json", "csv", "xlsx")
_RENDERERS = {"csv": forecast_csv, "xlsx": forecast_xlsx}


@dataclass(frozen=True, slots=True)
class ForecastPage:
    """One forecast page.

    Attributes:
        route: Its path.
        horizon: How far ahead it tells.
        extension: The format that its path ends in; None where `Accept` decides.
        files: Lets one file at a time be made, so that short questions are answered in between.
    """

    route: str
    horizon: Horizon
    extension: Format | None
    files: CapacityLimiter

    def json(self, query_string: bytes, *, moment: Moment) -> Rendered | None:
        """Return the answer as JSON; None where the query itself is wrong.

        Raises:
            ProblemError: There is no such series, or no forecast now.
        """
        query = _parsed(query_string)
        return None if query is None else _json(self._forecast(query, moment))

    async def answer(
        self, query_string: bytes, *, form: Format | None, moment: Moment
    ) -> Rendered | Response | None:
        """Return the answer or the problem; None where the query itself is wrong.

        Args:
            query_string: As it came.
            form: What `Accept` prefers; None where it accepts no format there is.
            moment: What is answered from.
        """
        query = _parsed(query_string)
        if query is None:
            return None
        try:
            return await self.render(query, form=form, moment=moment)
        except ProblemError as error:
            return problem_response(error.slug, error.detail, extra=error.extra)

    async def render(
        self, query: ForecastQuery, *, form: Format | None, moment: Moment
    ) -> Rendered:
        """Return the answer to a question.

        Args:
            query: The question.
            form: As in `answer`.
            moment: As in `answer`.

        Raises:
            ProblemError: There is no such series, no such format, or no forecast now.
        """
        form = self.extension or form
        if form is None:
            raise ProblemError(
                "not-acceptable", f"expected Accept with one of {', '.join(MEDIA_TYPES.values())}"
            )
        answer = self._forecast(query, moment)
        if form == "json":
            return _json(answer)
        body = await to_thread.run_sync(_RENDERERS[form], answer, limiter=self.files)
        name = f"{self.horizon.name}_{answer.body.metric}.{form}"
        shown = ("Content-Disposition", f'{_SHOWN[form]}; filename="{plain_name(name)}"')
        headers = (*_headers(answer), shown)
        return Rendered(body, MEDIA_TYPES[form], headers, self.horizon.hours)

    def _forecast(self, query: ForecastQuery, moment: Moment) -> Forecast:
        snapshot = moment.snapshot.of_alias(query.alias)
        found = select(snapshot, query, expected=moment.settings.models)
        return forecast(
            found, query, horizon=self.horizon, hour=moment.hour, settings=moment.settings
        )


_SHOWN = {"csv": "inline", "xlsx": "attachment"}


class ForecastPages:
    """All forecast pages by path, their short names among them.

    Args:
        files: As in `ForecastPage`.
    """

    def __init__(self, files: CapacityLimiter) -> None:
        self._pages: dict[str, ForecastPage] = {}
        for horizon in HORIZONS:
            for form in EXTENSIONS:
                path = f"/v1/{horizon.name}" + (f".{form}" if form else "")
                page = ForecastPage(path, horizon, form, files)
                self._pages[path] = self._pages[path.removeprefix("/v1")] = page

    @property
    def all(self) -> tuple[ForecastPage, ...]:
        """Return each page once."""
        return tuple({page.route: page for page in self._pages.values()}.values())

    def find(self, path: str) -> ForecastPage | None:
        """Return the page at a path, if there is one."""
        return self._pages.get(path)


def plain_name(name: str) -> str:
    """Return a file name with everything but plain characters replaced."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)


@lru_cache(maxsize=4096)
def _parsed(query_string: bytes) -> ForecastQuery | None:
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        return None
    try:
        return ForecastQuery.model_validate(given)
    except ValidationError:
        return None


def _json(answer: Forecast) -> Rendered:
    return Rendered(
        forecast_json(answer), MEDIA_TYPES["json"], _headers(answer), len(answer.body.ds)
    )


def _headers(answer: Forecast) -> tuple[tuple[str, str], ...]:
    body = answer.body
    return (
        ("Forecast-Status", answer.freshness),
        ("Forecast-Generated", body.trained_until),
        ("Forecast-Covers-Until", body.covers_until),
    )
