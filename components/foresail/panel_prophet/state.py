"""A fitted panel: all that is known after a fit, and what is read off it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.errors import BadInput, NotFound
from foresail.panel import FloatArray, IntArray, Panel, SeriesKey, TimeArray
from foresail.panel_prophet import design
from foresail.panel_prophet.design import Features
from foresail.panel_prophet.export import SeriesParameters
from foresail.panel_prophet.fitted import Fitted
from foresail.panel_prophet.fitting import Design, union_of_features
from foresail.panel_prophet.forecasting import Future
from foresail.panel_prophet.outcome import DesignMatrix, SeriesReport
from foresail.panel_prophet.specification import Specification

Regressors = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class FittedPanel:
    """All that a fit leaves.

    Attributes:
        specification: The model.
        panel: What was fitted.
        regressors: Name -> value on each row of the panel.
        caps: Capacity of each series, for logistic growth.
        seasonalities: Those of each series.
        features: All columns on the panel's rows.
        fitted: The parameters.
        reasons: Row -> why another engine fitted it, why none did, or what is special about it.
        failed: Rows that nothing fitted.
        prophets: Row -> real Prophet's fit, as JSON text.
    """

    specification: Specification
    panel: Panel
    regressors: dict[str, FloatArray]
    caps: FloatArray | None
    seasonalities: tuple[Design, ...]
    features: Features
    fitted: Fitted
    reasons: dict[int, str]
    failed: frozenset[int]
    prophets: dict[int, str]

    @property
    def solved(self) -> IntArray:
        """Return the rows that were solved together, and so have parameters here."""
        rows = range(len(self.panel))
        return np.array(
            [row for row in rows if row not in self.prophets and row not in self.failed],
            dtype=np.int64,
        )

    def report(self) -> tuple[SeriesReport, ...]:
        """Return what came of each series."""
        fitted = self.fitted
        return tuple(
            SeriesReport(
                series=info.key,
                engine="none" if i in self.failed else "stan" if i in self.prophets else "panel",
                reason=self.reasons.get(i, ""),
                log_posterior=float(fitted.log_posterior[i]),
                sigma=float(fitted.sigma[i]),
                kkt=float(fitted.kkt[i]),
                unique=bool(fitted.unique[i]),
            )
            for i, info in enumerate(self.panel.index)
        )

    def row_of(self, key: SeriesKey) -> int:
        """Return the row of a series.

        Raises:
            NotFound: The panel holds no such series.
        """
        for row, info in enumerate(self.panel.index):
            if info.key == key:
                return row
        raise NotFound(f"the panel holds no series {key}")

    def check_solved(self, row: int) -> None:
        """Hold a series to one that was solved with all others.

        Raises:
            BadInput: Real Prophet fitted it, or nothing did.
        """
        if row in self.prophets or row in self.failed:
            raise BadInput(
                f"{self.panel.index[row].key} has no parameters here: {self.reasons[row]}"
            )

    def parameters(self, row: int) -> SeriesParameters:
        """Return the parameters of a series that was solved with all others.

        Raises:
            BadInput: See `check_solved`.
        """
        self.check_solved(row)
        fitted = self.fitted
        return SeriesParameters(
            k=float(fitted.k[row]),
            m=float(fitted.m[row]),
            delta=fitted.delta[row, : fitted.bends[row]].copy(),
            beta={
                name: float(value)
                for name, value in zip(self.features.names, fitted.beta[row], strict=True)
                if value != 0
            },
            sigma=float(fitted.sigma[row]),
            log_posterior=float(fitted.log_posterior[row]),
        )

    def design(self, row: int) -> DesignMatrix:
        """Return what Prophet's `preprocess` would make of a series that was solved here.

        Raises:
            BadInput: See `check_solved`.
        """
        self.check_solved(row)
        fitted = self.fitted
        values = self.panel.values[row].astype(np.float64)
        known = np.flatnonzero(~np.isnan(values))
        others = seasonal_columns(self.seasonalities)
        others -= seasonal_columns(self.seasonalities[row : row + 1])
        columns = [i for i, name in enumerate(self.features.names) if name not in others]
        features = self.features.values[known][:, columns] - fitted.centre[row, columns]
        return DesignMatrix(
            t=(known - fitted.first[row]) / (fitted.last[row] - fitted.first[row]),
            changepoints_t=fitted.bend_times[row, : fitted.bends[row]],
            features=features / fitted.spread[row, columns],
            columns=tuple(self.features.names[i] for i in columns),
            prior_scales=self.features.prior_scales[columns],
            multiplicative=self.features.multiplicative[columns],
            y_scaled=(values[known] - fitted.floor[row]) / fitted.scale[row],
            y_scale=float(fitted.scale[row]),
            floor=float(fitted.floor[row]),
        )

    def ahead(self, ds: TimeArray, regressors: Regressors) -> Future:
        """Return the rows after the panel's last one."""
        features = union_of_features(self.specification, self.seasonalities, ds, regressors)
        return Future(
            first_row=len(self.panel.ds),
            features=design.columns_again(self.features, features),
            multiplicative=self.features.multiplicative,
            sloped=self.specification.growth == "linear",
        )

    def select(self, rows: Sequence[int]) -> "FittedPanel":
        """Return these series alone, in this order."""
        chosen = list(rows)
        place = {row: i for i, row in enumerate(chosen)}
        seasonalities = tuple(self.seasonalities[row] for row in chosen)
        gone = seasonal_columns(self.seasonalities) - seasonal_columns(seasonalities)
        columns = [i for i, name in enumerate(self.features.names) if name not in gone]
        return FittedPanel(
            specification=self.specification,
            panel=self.panel.select(chosen),
            regressors=self.regressors,
            caps=None if self.caps is None else self.caps[chosen],
            seasonalities=seasonalities,
            features=self.features.select(columns),
            fitted=self.fitted.select(chosen, columns),
            reasons={place[row]: r for row, r in self.reasons.items() if row in place},
            failed=frozenset(place[row] for row in self.failed if row in place),
            prophets={place[row]: p for row, p in self.prophets.items() if row in place},
        )

    def join(self, others: Sequence["FittedPanel"]) -> "FittedPanel":
        """Return these series and those of others, one after the other.

        Args:
            others: Fits of other series of the same panel by the same model.

        Raises:
            BadInput: One is of another model, or on other rows.
        """
        parts = [self, *others]
        for part in parts:
            same = part.specification == self.specification
            if not same or not np.array_equal(part.panel.ds, self.panel.ds):
                raise BadInput(
                    "expected fits of one model on one grid, got another model or other stamps; "
                    "join what was fitted to parts of one panel"
                )
        seasonalities = tuple(one for part in parts for one in part.seasonalities)
        features = union_of_features(
            self.specification, seasonalities, self.panel.ds, self.regressors
        )
        place = {name: i for i, name in enumerate(features.names)}
        starts = np.cumsum([0, *(len(part.panel) for part in parts)]).tolist()
        moved = list(zip(starts, parts, strict=False))
        return FittedPanel(
            specification=self.specification,
            panel=Panel(
                self.panel.ds,
                np.concatenate([part.panel.values for part in parts]),
                tuple(info for part in parts for info in part.panel.index),
            ),
            regressors=self.regressors,
            caps=_caps(parts),
            seasonalities=seasonalities,
            features=features,
            fitted=Fitted.joined(
                [(part.fitted, [place[name] for name in part.features.names]) for part in parts],
                columns=len(place),
            ),
            reasons={start + row: r for start, part in moved for row, r in part.reasons.items()},
            failed=frozenset(start + row for start, part in moved for row in part.failed),
            prophets={start + row: p for start, part in moved for row, p in part.prophets.items()},
        )


def _caps(parts: Sequence[FittedPanel]) -> FloatArray | None:
    caps = [part.caps for part in parts if part.caps is not None]
    return np.concatenate(caps) if caps else None


def seasonal_columns(seasonalities: Sequence[Design]) -> set[str]:
    """Return the names of all columns of these series' seasonalities."""
    return {name for some in set(seasonalities) for one in some for name in one.columns}
