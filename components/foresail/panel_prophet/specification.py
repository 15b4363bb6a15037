"""What a Prophet is asked to be: its keyword arguments, checked, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeVar

import numpy as np

from foresail.errors import BadInput, UsageError
from foresail.panel_prophet import checks
from foresail.panel_prophet.country_holidays import check_country, country_names
from foresail.panel_prophet.keywords import holiday_rows, moments

Mode = Literal["additive", "multiplicative"]
SeasonalityWord = Literal["auto"] | bool | int


@dataclass(frozen=True, slots=True)
class Seasonality:
    """A seasonality of one's own.

    Attributes:
        name: As its components are called.
        period: Length in days, above 0.
        fourier_order: Pairs of sine and cosine, at least 1.
        prior_scale: Of its coefficients, above 0.
        mode: Added to the trend, or multiplied with it.
    """

    name: str
    period: float
    fourier_order: int
    prior_scale: float
    mode: Mode

    def __post_init__(self) -> None:
        """Refuse what Prophet refuses."""
        if self.name not in checks.BUILT_IN:
            checks.column_name("seasonality", self.name)
        checks.positive(f"the period of {self.name!r}", self.period)
        checks.whole(f"the Fourier order of {self.name!r}", self.fourier_order, least=1)
        checks.positive(f"the prior scale of {self.name!r}", self.prior_scale)
        checks.one_of(f"the mode of {self.name!r}", self.mode, checks.MODES)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return Prophet's names of its sine and cosine columns."""
        return tuple(f"{self.name}_delim_{i + 1}" for i in range(2 * self.fourier_order))


@dataclass(frozen=True, slots=True)
class Regressor:
    """A column of one's own.

    Attributes:
        name: As the column is called.
        prior_scale: Of its coefficient, above 0.
        standardize: Whether it is brought to mean 0 and deviation 1; `auto`: unless it is 0 and 1.
        mode: Added to the trend, or multiplied with it.
    """

    name: str
    prior_scale: float
    standardize: bool | Literal["auto"]
    mode: Mode

    def __post_init__(self) -> None:
        """Refuse what Prophet refuses."""
        checks.column_name("regressor", self.name)
        checks.positive(f"the prior scale of {self.name!r}", self.prior_scale)
        if not isinstance(self.standardize, bool) and self.standardize != "auto":
            raise UsageError(
                f'standardize of {self.name!r} must be "auto", True or False, '
                f"got {self.standardize!r}"
            )
        checks.one_of(f"the mode of {self.name!r}", self.mode, checks.MODES)


@dataclass(frozen=True, slots=True)
class Holiday:
    """One occurrence of a holiday.

    Attributes:
        name: Of the holiday; occurrences of one name share their coefficients.
        day: The day, `datetime64[D]`.
        lower_window: Days before it that count too, 0 or below.
        upper_window: Days after it that count too, 0 or above.
        prior_scale: Of its coefficients, above 0; the same for every occurrence of a name.
    """

    name: str
    day: np.datetime64
    lower_window: int = 0
    upper_window: int = 0
    prior_scale: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what Prophet refuses."""
        checks.column_name("holiday", self.name)
        checks.positive(f"the prior scale of {self.name!r}", self.prior_scale)
        if self.lower_window > 0:
            raise UsageError(
                f"the lower_window of {self.name!r} must be 0 or below, got {self.lower_window}"
            )
        if self.upper_window < 0:
            raise UsageError(
                f"the upper_window of {self.name!r} must be 0 or above, got {self.upper_window}"
            )


@dataclass(frozen=True, slots=True)
class Specification:
    """A Prophet before it has seen a series; the names and defaults are Prophet's own.

    Attributes:
        growth: `linear`, `flat` or `logistic`.
        changepoints: Where the trend may bend, ascending, `datetime64[s]` in UTC; none given (None)
            leaves it to Prophet.
        n_changepoints: How many Prophet places.
        changepoint_range: Share of the history in which it places them, above 0 up to 1.
        yearly_seasonality: `auto`, true, false or a Fourier order. Order 1 is not `True`, although
            Python calls the two equal.
        weekly_seasonality: As above.
        daily_seasonality: As above.
        holidays: Every occurrence, in the order given.
        holidays_mode: Of holidays, the country's too.
        seasonality_mode: Of built-in seasonalities.
        seasonality_prior_scale: Of built-in seasonalities.
        holidays_prior_scale: Of the country's holidays.
        changepoint_prior_scale: How easily the trend bends.
        mcmc_samples: Above 0: full sampling instead of the most probable parameters.
        interval_width: Of the band of `predict`, between 0 and 1.
        uncertainty_samples: Paths drawn for the band; 0 for none.
        scaling: `absmax` or `minmax`.
        country_holidays: Country whose public holidays are used, or empty.
        seasonalities: Those added, in order.
        regressors: Those added, in order.
    """

    growth: Literal["linear", "flat", "logistic"] = "linear"
    changepoints: tuple[np.datetime64, ...] | None = None
    n_changepoints: int = 25
    changepoint_range: float = 0.8
    yearly_seasonality: SeasonalityWord = "auto"
    weekly_seasonality: SeasonalityWord = "auto"
    daily_seasonality: SeasonalityWord = "auto"
    holidays: tuple[Holiday, ...] = ()
    holidays_mode: Mode = "additive"
    seasonality_mode: Mode = "additive"
    seasonality_prior_scale: float = 10.0
    holidays_prior_scale: float = 10.0
    changepoint_prior_scale: float = 0.05
    mcmc_samples: int = 0
    interval_width: float = 0.8
    uncertainty_samples: int = 1000
    scaling: Literal["absmax", "minmax"] = "absmax"
    country_holidays: str = ""
    seasonalities: tuple[Seasonality, ...] = ()
    regressors: tuple[Regressor, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what Prophet refuses, and what it would only stumble over in the fit."""
        checks.one_of("growth", self.growth, ("linear", "flat", "logistic"))
        checks.one_of("scaling", self.scaling, ("absmax", "minmax"))
        checks.one_of("seasonality_mode", self.seasonality_mode, checks.MODES)
        checks.one_of("holidays_mode", self.holidays_mode, checks.MODES)
        for name in _INTS:
            checks.whole(name, getattr(self, name))
        for name in _WORDS:
            checks.seasonality_word(name, getattr(self, name))
        for name in ("changepoint", "seasonality", "holidays"):
            checks.positive(f"{name}_prior_scale", getattr(self, f"{name}_prior_scale"))
        if not 0 < checks.number("changepoint_range", self.changepoint_range) <= 1:
            raise UsageError(
                f"changepoint_range must be above 0 and at most 1, got {self.changepoint_range!r}"
            )
        if not 0 < checks.number("interval_width", self.interval_width) < 1:
            raise UsageError(
                f"interval_width must lie between 0 and 1, got {self.interval_width!r}"
            )
        self._check_names()
        self._check_holidays()

    def _check_names(self) -> None:
        if self.country_holidays:
            check_country(self.country_holidays)
        country = country_names(self.country_holidays) if self.country_holidays else frozenset()
        taken = dict.fromkeys(country | {day.name for day in self.holidays}, "holiday")
        added = [("seasonality", one.name) for one in self.seasonalities]
        added += [("regressor", one.name) for one in self.regressors]
        for kind, name in added:
            if name in taken:
                raise UsageError(
                    f"the {kind} name {name!r} is already used for a {taken[name]}; choose another"
                )
            taken[name] = kind

    def _check_holidays(self) -> None:
        country = country_names(self.country_holidays) if self.country_holidays else frozenset()
        scales = dict.fromkeys(country, float(self.holidays_prior_scale))
        for day in self.holidays:
            scale = scales.setdefault(day.name, day.prior_scale)
            if scale != day.prior_scale:
                raise UsageError(
                    f"the holiday {day.name!r} has the prior scales {scale} and "
                    f"{day.prior_scale}; a name has one"
                )

    @staticmethod
    def from_keywords(**keywords: Any) -> "Specification":  # noqa: ANN401  # a caller's own
        """Return the specification of `prophet.Prophet(**keywords)`.

        Args:
            **keywords: Prophet's own names. `holidays` is a data frame or rows with `holiday`,
                `ds` and optionally `lower_window`, `upper_window` and `prior_scale`;
                `changepoints` is any sequence of dates.

        Raises:
            UsageError: A name is unknown, or a value is not what Prophet takes.
        """
        given = dict(keywords)
        backend = given.pop("stan_backend", None)
        if backend not in {None, "CMDSTANPY"}:
            raise UsageError(f'stan_backend must be None or "CMDSTANPY", got {backend!r}')
        unknown = sorted(set(given) - set(_KEYWORDS))
        if unknown:
            raise UsageError(
                f"Prophet has no keyword {unknown[0]!r}; it has {', '.join(_KEYWORDS)}"
            )
        for name in set(given) & set(_FLOATS):
            given[name] = checks.number(name, given[name])
        if given.get("uncertainty_samples") is False:
            given["uncertainty_samples"] = 0  # as Prophet reads it
        for name in set(given) & set(_INTS):
            given[name] = checks.whole(name, given[name])
        for name in set(given) & set(_WORDS):
            given[name] = checks.seasonality_word(name, given[name])
        if given.get("changepoints") is not None:
            given["changepoints"] = moments("changepoints", given["changepoints"])
        if given.get("holidays_mode") is None:
            given["holidays_mode"] = given.get("seasonality_mode", "additive")
        scale = given.get("holidays_prior_scale", 10.0)
        rows = holiday_rows(given.pop("holidays", None), prior_scale=scale)
        return Specification(**given, holidays=tuple(Holiday(*row) for row in rows))

    def with_seasonality(
        self,
        name: str,
        *,
        period: float,
        fourier_order: int,
        prior_scale: float | None = None,
        mode: Mode | None = None,
        condition_name: str | None = None,
    ) -> "Specification":
        """Return it with one more seasonality; see `Seasonality`, and `Prophet.add_seasonality`.

        A name that was added before is replaced.

        Raises:
            UsageError: A value is not what Prophet takes, the name is taken, or a condition is
                given: a condition is a column of each series, which a panel does not have.
        """
        if condition_name is not None:
            raise UsageError(
                f"the seasonality {name!r} has the condition {condition_name!r}; seasonalities "
                "under a condition are not supported, add a regressor instead"
            )
        scale = self.seasonality_prior_scale if prior_scale is None else prior_scale
        added = Seasonality(
            name,
            checks.number(f"the period of {name!r}", period),
            checks.whole(f"the Fourier order of {name!r}", fourier_order, least=1),
            checks.number(f"the prior scale of {name!r}", scale),
            self.seasonality_mode if mode is None else mode,
        )
        return replace(self, seasonalities=_placed(self.seasonalities, added))

    def with_regressor(
        self,
        name: str,
        *,
        prior_scale: float | None = None,
        standardize: bool | Literal["auto"] = "auto",
        mode: Mode | None = None,
        regressor_predictor: Any = None,  # noqa: ANN401  # refused, whatever it is
    ) -> "Specification":
        """Return it with one more regressor; see `Regressor`, and `Prophet.add_regressor`.

        A name that was added before is replaced.

        Raises:
            UsageError: A value is not what Prophet takes, the name is taken, or Prophet is to
                forecast the regressor itself.
        """
        if regressor_predictor:
            raise UsageError(
                f"the regressor {name!r} has a regressor_predictor, which is not supported; "
                "give its future values to predict"
            )
        scale = self.holidays_prior_scale if prior_scale is None else prior_scale
        added = Regressor(
            name,
            checks.number(f"the prior scale of {name!r}", scale),
            standardize,
            self.seasonality_mode if mode is None else mode,
        )
        return replace(self, regressors=_placed(self.regressors, added))

    def with_country_holidays(self, name: str) -> "Specification":
        """Return it with the public holidays of a country, such as `DE`.

        Raises:
            UsageError: The country is not known, or a holiday's name is taken.
        """
        check_country(name)
        return replace(self, country_holidays=name)

    def decided(
        self, seasonalities: tuple[Seasonality, ...], *, before: np.datetime64
    ) -> "Specification":
        """Return it for a refit, as `prophet.diagnostics` copies a model.

        Args:
            seasonalities: All of them; nothing is left on `auto`.
            before: Given changepoints from here on are left out.
        """
        kept = self.changepoints
        if kept is not None:
            kept = tuple(at for at in kept if at < before)
        return replace(
            self,
            yearly_seasonality=False,
            weekly_seasonality=False,
            daily_seasonality=False,
            seasonalities=seasonalities,
            changepoints=kept,
        )

    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments of `prophet.Prophet`.

        What `add_seasonality`, `add_regressor` and `add_country_holidays` add is not among them.
        """
        given: dict[str, Any] = {name: getattr(self, name) for name in _KEYWORDS}
        if self.changepoints is not None:
            given["changepoints"] = np.array(self.changepoints, dtype="datetime64[s]")
        given["holidays"] = self._holidays_frame() if self.holidays else None
        return given

    def _holidays_frame(self) -> Any:  # noqa: ANN401  # pandas is not loaded for its types
        import pandas as pd  # noqa: PLC0415  # only Prophet needs the frame

        columns: dict[str, Any] = {
            "holiday": [day.name for day in self.holidays],
            "ds": np.array([day.day for day in self.holidays], dtype="datetime64[s]"),
        }
        if any(day.lower_window or day.upper_window for day in self.holidays):
            columns["lower_window"] = [day.lower_window for day in self.holidays]
            columns["upper_window"] = [day.upper_window for day in self.holidays]
        if any(day.prior_scale != self.holidays_prior_scale for day in self.holidays):
            columns["prior_scale"] = [day.prior_scale for day in self.holidays]
        return pd.DataFrame(columns)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values; days and seconds are ISO texts."""
        plain = asdict(self)
        if self.changepoints is not None:
            plain["changepoints"] = [str(stamp) for stamp in self.changepoints]
        plain["holidays"] = [{**asdict(day), "day": str(day.day)} for day in self.holidays]
        plain["seasonalities"] = list(plain["seasonalities"])
        plain["regressors"] = list(plain["regressors"])
        return plain

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> "Specification":
        """Return what `to_json` wrote.

        Raises:
            BadInput: It is not of that shape.
            UsageError: A value is not what Prophet takes.
        """
        try:
            given = dict(plain)
            if given["changepoints"] is not None:
                given["changepoints"] = moments("changepoints", given["changepoints"])
            given["holidays"] = tuple(
                Holiday(**{**row, "day": np.datetime64(row["day"], "D")})
                for row in given["holidays"]
            )
            given["seasonalities"] = tuple(Seasonality(**row) for row in given["seasonalities"])
            given["regressors"] = tuple(Regressor(**row) for row in given["regressors"])
            return Specification(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"expected the specification of a Prophet, got {plain!r}") from error

    def unsupported(self) -> str:
        """Return why the batched solver does not do it, or an empty text."""
        if self.growth == "logistic":
            return "logistic growth"
        return "MCMC sampling" if self.mcmc_samples else ""


_ADDED = ("country_holidays", "seasonalities", "regressors")
_KEYWORDS = tuple(field.name for field in fields(Specification) if field.name not in _ADDED)
_FLOATS = (
    "changepoint_range",
    "seasonality_prior_scale",
    "holidays_prior_scale",
    "changepoint_prior_scale",
    "interval_width",
)
_INTS = ("n_changepoints", "mcmc_samples", "uncertainty_samples")
_WORDS = ("yearly_seasonality", "weekly_seasonality", "daily_seasonality")

_Added = TypeVar("_Added", Seasonality, Regressor)


def _placed(existing: Sequence[_Added], added: _Added) -> tuple[_Added, ...]:
    """Return them with `added` in the place of its name, as a dictionary would have it."""
    by_name = {one.name: one for one in existing}
    by_name[added.name] = added
    return tuple(by_name.values())
