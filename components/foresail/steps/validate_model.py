"""The gate: challenger against the seasonal naive and the champion, on the same windows."""

import tempfile
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from foresail.bundle import Bundle, SeriesEntry
from foresail.bundle.publish import BUNDLE, SCORES
from foresail.bundle.reader import read_manifest
from foresail.bundle.schema import INDEX, RECIPE
from foresail.contenders import ProphetSettings
from foresail.errors import BadInput
from foresail.evaluation.bootstrap import Ratio
from foresail.evaluation.eligibility import eligibility
from foresail.evaluation.field import field
from foresail.evaluation.gate import (
    AUTO,
    ENDINGS,
    Scored,
    Standing,
    decide,
    in_shadow,
    is_forecast_only,
    lost,
    standings,
)
from foresail.evaluation.held_out import measure
from foresail.evaluation.scores import ScoreBoard
from foresail.panel import Panel, SeriesKey
from foresail.registry import CHAMPION, Decision, Registered, RegisteredModel, Registry, Verdict
from foresail.reports.model import model_report
from foresail.steps import AnyPath
from foresail.steps.artifacts import HistoryFacts

log = structlog.get_logger()


class Recipe(BaseModel):
    """`recipe.json` of a bundle: what refits the same forecast at other origins."""

    model_config = ConfigDict(frozen=True)

    prophet: dict[str, Any]
    seed: int = 0
    windows: int = 3

    @staticmethod
    def read(bundle: Path) -> "Recipe":
        """Read a bundle's recipe.

        Raises:
            BadInput: It is not there or not whole.
        """
        try:
            return Recipe.model_validate_json((bundle / RECIPE).read_bytes())
        except (OSError, ValidationError) as error:
            raise BadInput(f"the bundle has no readable {RECIPE}; train it again") from error


def run(
    *,
    panel: AnyPath,
    model: AnyPath,
    registered: AnyPath,
    decision: AnyPath,
    report: AnyPath,
    promotion: str = AUTO,
) -> dict[str, float]:
    """Compare every registered challenger with the naive and the champion, and decide.

    Args:
        panel: Folder that `featurize` wrote.
        model: Folder that `train` wrote.
        registered: JSON that `register` wrote.
        decision: JSON file to write: a verdict a model.
        report: HTML file to write.
        promotion: `auto`, or `forecast-only` to judge and promote nothing.

    Returns:
        Figures for the dashboard: per metric whether it is promoted, and per horizon the error by
        the naive's and the champion's, with the ends of their intervals.

    Raises:
        UsageError: The promotion is another word.
        BadInput: The champion's recipe or a score board cannot be read.
    """
    forecast_only = is_forecast_only(promotion)
    challengers = Registered.read(Path(registered))
    registry = Registry(challengers.tracking_uri)
    data = Panel.load(Path(panel))
    refused = HistoryFacts.read(Path(panel)).refusals
    ended = {SeriesKey(r.series, r.metric, r.stat) for r in refused if r.code in ENDINGS}
    homes = {_metric_of(home): home for home in sorted(Path(model).iterdir()) if home.is_dir()}
    rows: list[Standing] = []
    verdicts: list[Verdict] = []
    for challenger in challengers.models:
        found, verdict = _judge(registry, data, homes[challenger.metric], challenger, ended)
        if forecast_only:
            reason = in_shadow(verdict.reason, promote=verdict.promote)
            verdict = verdict.model_copy(update={"promote": False, "reason": reason})
        rows += found
        verdicts.append(verdict)
        log.info("judged", model=verdict.name, promote=verdict.promote, reason=verdict.reason)
    Decision(tracking_uri=challengers.tracking_uri, verdicts=tuple(verdicts)).write(Path(decision))
    bundles = [Bundle.open(home / BUNDLE) for home in homes.values()]
    page = model_report(bundles, standings=rows, verdicts=verdicts)
    Path(report).write_text(page, encoding="utf-8")
    figures = {f"{v.metric}_promote": float(v.promote) for v in verdicts}
    for row in rows:
        figures |= _figures(f"{row.metric}_{row.horizon}_vs_naive", row.versus_naive)
        figures |= _figures(f"{row.metric}_{row.horizon}_vs_champion", row.versus_champion)
    return figures


def _figures(name: str, ratio: Ratio | None) -> dict[str, float]:
    if ratio is None:
        return {}
    return {name: ratio.middle, f"{name}_low": ratio.low, f"{name}_high": ratio.high}


def _metric_of(home: Path) -> str:
    return Bundle.open(home / BUNDLE).manifest.metric


def _judge(
    registry: Registry,
    panel: Panel,
    home: Path,
    challenger: RegisteredModel,
    ended: Collection[SeriesKey],
) -> tuple[list[Standing], Verdict]:
    own, board = Bundle.open(home / BUNDLE), ScoreBoard.load(home / SCORES)
    champion = registry.version_of(challenger.name, CHAMPION)
    theirs, missing = None, ""
    if champion and champion != challenger.version:
        with tempfile.TemporaryDirectory() as folder:
            there = registry.fetch(
                challenger.name, champion, Path(folder) / "champion", files=(INDEX, RECIPE)
            )
            served = _index(there)
            # of what the champion was given by its predecessor it has no score
            fitted = [entry for entry in served if not entry.is_carried_over]
            theirs = Scored(fitted, _champion_board(panel, home, board, Recipe.read(there)))
            older = own.manifest.trained_until - read_manifest(there).trained_until
            missing = lost(
                served,
                _registered_index(registry, challenger, own),
                older_hours=older // timedelta(hours=1),
                ended=ended,
            )
    found = standings(challenger.metric, own.index, board=board, champion=theirs)
    held_back = registry.version(challenger.name, challenger.version).held_back
    if held_back:
        promote, reason = False, held_back
    elif champion == challenger.version:
        promote, reason = True, "it is the champion already: the same bundle was registered before"
    elif missing:
        insist = f"`foresail registry promote {challenger.name} {challenger.version}` to insist"
        promote, reason = False, f"{missing}; the champion stays; {insist}"
    else:
        promote, reason = decide(found, has_champion=champion is not None)
    return found, Verdict(
        metric=challenger.metric,
        name=challenger.name,
        version=challenger.version,
        promote=promote,
        reason=f"{reason}; {challenger.silent}" if challenger.silent else reason,
        champion=champion,
    )


def _registered_index(
    registry: Registry, challenger: RegisteredModel, own: Bundle
) -> Sequence[SeriesEntry]:
    """Return all that the version holds, also what it was given by the champion."""
    if not challenger.carried:
        return own.index
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "challenger"
        there = registry.fetch(challenger.name, challenger.version, target, files=(INDEX,))
        return _index(there)


def _index(folder: Path) -> tuple[SeriesEntry, ...]:
    entries = TypeAdapter(tuple[SeriesEntry, ...])
    return entries.validate_json((folder / INDEX).read_bytes())


def _champion_board(panel: Panel, home: Path, own: ScoreBoard, champion: Recipe) -> ScoreBoard:
    """Return the champion's scores on the challenger's windows; refitted where settings differ."""
    ours = Recipe.read(home / BUNDLE)
    if champion.prophet == ours.prophet:
        return own  # the same model at the same origins: already measured
    # on the whole panel, as the challenger was: origins and learners depend on all of it
    board = measure(
        panel,
        [eligibility(row, own.horizons) for row in panel.values],
        horizons=own.horizons,
        contenders=field(ProphetSettings(**champion.prophet), seed=champion.seed),
        windows=ours.windows,
    ).board
    places = {key: row for row, key in enumerate(board.keys)}
    return board.rows([places[key] for key in own.keys])
