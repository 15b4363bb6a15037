"""One Foresail server, whose answers are frames."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack

from foresail.client.connection import Connection
from foresail.client.questions import ManyQuestion, Question, SeriesQuestion, parameters
from foresail.client.table import frame_of
from foresail.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

_JSON, _CSV = "application/json", "text/csv"
_PAGE = 1000
_QUANTILES = ("p10", "p50", "p90")
_ROWS = ("ds", *_QUANTILES, "local")
_SERIES = (
    *("series", "metric", "stat", "unit"),
    *("cluster", "scope", "node", "namespace", "workload", "kind"),
    *("model", "version", "trained_until", "covers_until"),
)


class Client:
    """Asks one Foresail server; safe to use from many threads.

    What may heal is asked again, four times in all: a lost connection, 429, 502, 503, 504.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_seconds: float = 10.0,
        ca_file: str | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            url: Where the server is, such as `https://forecast.example`.
            token: Sent as a bearer token; it is in no message and no log.
            timeout_seconds: For each attempt to connect, and for each wait on an answer.
            ca_file: Certificate authorities in PEM, in place of the system's.

        Raises:
            UsageError: The address is none, or holds credentials; the token cannot be sent.
        """
        self._server = Connection(
            url, token=token, timeout_seconds=timeout_seconds, ca_file=ca_file
        )

    def __repr__(self) -> str:
        """Return it without the token."""
        return f"Client({self._server.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the sockets; it may be used again."""
        self._server.close()

    def next_day(self, metric: str = "cpu", **asked: Unpack[Question]) -> "pd.DataFrame":
        """Return the forecast of the next day, as `next_week`."""
        return self._forecast("next_day", {"metric": metric, **asked})

    def next_week(self, metric: str = "cpu", **asked: Unpack[Question]) -> "pd.DataFrame":
        """Return the forecast of the next week.

        Args:
            metric: `cpu`, `memory`, or any metric that is forecast.
            asked: Which series and what rows: the parameters of `/v1/next_week`, `from` as
                `from_`.

        Returns:
            A row for every hour (day, week) that is forecast, indexed by its start `ds` in UTC,
            with the columns `p10`, `p50`, `p90`. `frame.attrs["forecast"]` holds the answer's
            other members: unit, status, model, promise, capacity. Where the server abstains
            there are no rows, and `reason` says why.

        Raises:
            UsageError: The question is wrong, or fits more than one series.
            NotFound: There is no such metric or series, or no forecast of these hours.
            AccessDenied: The token is missing, wrong, or may not ask this.
            Unreachable: No answer after all attempts.
            BadInput: What answers is no Foresail server.
        """
        return self._forecast("next_week", {"metric": metric, **asked})

    def next_month(self, metric: str = "cpu", **asked: Unpack[Question]) -> "pd.DataFrame":
        """Return the forecast of the next month, as `next_week`."""
        return self._forecast("next_month", {"metric": metric, **asked})

    def forecasts(self, **asked: Unpack[ManyQuestion]) -> "pd.DataFrame":
        """Return the forecasts of many series in one long frame.

        Args:
            asked: Which series, how far and what rows: the parameters of `/v1/forecasts.csv`.

        Returns:
            The columns of that file, a row for every series and day (hour, week). Instants are
            UTC; where there is no forecast the numbers are NaN and `reason` says why.

        Raises:
            ForesailError: As `next_week`; UsageError also for more rows than the server sends.
        """
        return frame_of(self._server.get("/v1/forecasts.csv", parameters(asked), kind=_CSV).body)

    def series(self, **asked: Unpack[SeriesQuestion]) -> "pd.DataFrame":
        """Return the series that are served, ordered by id, metric and stat.

        Args:
            asked: Which: the parameters of `/v1/series`; its pages are put together.

        Returns:
            A row for each: `series`, `metric`, `stat`, `unit`, its labels (empty where it has
            none), `model` and `version`, `trained_until` and `covers_until` in UTC.

        Raises:
            ForesailError: As `next_week`.
        """
        import pandas as pd  # noqa: PLC0415  # half a second, which health need not wait for

        rows: list[dict[str, str]] = []
        offset: int | None = 0
        while offset is not None:
            page = self._json(
                "/v1/series", {**asked, "limit": _PAGE, "offset": offset}, member="next_offset"
            )
            rows += [_series_row(item) for item in page["series"]]
            offset = page["next_offset"]
        frame = pd.DataFrame(rows, columns=list(_SERIES))
        for instant in ("trained_until", "covers_until"):
            frame[instant] = pd.to_datetime(frame[instant], utc=True)
        return frame

    def health(self) -> dict[str, Any]:
        """Return what `/health` says, also where that is `expired` or `no-forecast`.

        Raises:
            ForesailError: As `next_week`.
        """
        return self._json("/health", {}, member="reasons", statuses=(200, 503))

    def _json(
        self,
        path: str,
        asked: Mapping[str, object],
        *,
        member: str,
        statuses: Collection[int] = (200,),
    ) -> dict[str, Any]:
        reply = self._server.get(path, parameters(asked), kind=_JSON, statuses=statuses)
        answer = reply.json()
        if member not in answer:
            raise BadInput(
                f"expected {member!r} in the answer of {self._server.url}{path}, got other JSON; "
                "give the address of a Foresail server"
            )
        return answer

    def _forecast(self, horizon: str, asked: Mapping[str, object]) -> "pd.DataFrame":
        import pandas as pd  # noqa: PLC0415  # as above

        answer = self._json(f"/v1/{horizon}", asked, member="ds")
        ds = pd.DatetimeIndex(pd.to_datetime(answer["ds"], utc=True), name="ds")
        columns = {name: answer[name] for name in _QUANTILES if answer.get(name) is not None}
        frame = pd.DataFrame(columns, index=ds, dtype="float64")
        frame.attrs["forecast"] = {k: v for k, v in answer.items() if k not in _ROWS}
        return frame


def _series_row(item: Mapping[str, Any]) -> dict[str, str]:
    model = {"model": item["model"]["name"], "version": item["model"]["version"]}
    return {**dict.fromkeys(_SERIES, ""), **item, **item["labels"], **model}
