"""The gate: challenger against the seasonal naive and the champion, on the same windows."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from foresail.bundle import Bundle, SeriesEntry
from foresail.bundle.publish import BUNDLE, SCORES
from foresail.bundle.schema import RECIPE
from foresail.contenders import ProphetSettings
from foresail.errors import BadInput
from foresail.evaluation.calibration import calibrated
from foresail.evaluation.choice import groups
from foresail.evaluation.contest import backtest
from foresail.evaluation.eligibility import eligibility
from foresail.evaluation.field import field
from foresail.evaluation.gate import Standing, decide, standings
from foresail.evaluation.scores import ScoreBoard
from foresail.panel import Panel
from foresail.registry import CHAMPION, Decision, Registered, RegisteredModel, Registry, Verdict
from foresail.reports.model import model_report
from foresail.steps import AnyPath

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
) -> dict[str, float]:
    """Compare every registered challenger with the naive and the champion, and decide.

    Args:
        panel: Folder that `featurize` wrote.
        model: Folder that `train` wrote.
        registered: JSON that `register` wrote.
        decision: JSON file to write: a verdict a model.
        report: HTML file to write.

    Returns:
        Figures for the dashboard: per metric whether it is promoted, and its standing.
    """
    challengers = Registered.read(Path(registered))
    registry = Registry(challengers.tracking_uri)
    data = Panel.load(Path(panel))
    homes = {_metric_of(home): home for home in sorted(Path(model).iterdir()) if home.is_dir()}
    rows: list[Standing] = []
    verdicts: list[Verdict] = []
    for challenger in challengers.models:
        found, verdict = _judge(registry, data, homes[challenger.metric], challenger)
        rows += found
        verdicts.append(verdict)
        log.info("judged", model=verdict.name, promote=verdict.promote, reason=verdict.reason)
    Decision(tracking_uri=challengers.tracking_uri, verdicts=tuple(verdicts)).write(Path(decision))
    bundles = [Bundle.open(home / BUNDLE) for home in homes.values()]
    page = model_report(bundles, standings=rows, verdicts=verdicts)
    Path(report).write_text(page, encoding="utf-8")
    figures = {f"{v.metric}_promote": float(v.promote) for v in verdicts}
    return figures | {
        f"{r.metric}_{r.horizon}_vs_naive": r.challenger for r in rows if r.challenger is not None
    }


def _metric_of(home: Path) -> str:
    return Bundle.open(home / BUNDLE).manifest.metric


def _judge(
    registry: Registry, panel: Panel, home: Path, challenger: RegisteredModel
) -> tuple[list[Standing], Verdict]:
    index = Bundle.open(home / BUNDLE).index
    champion = registry.version_of(challenger.name, CHAMPION)
    theirs: Sequence[SeriesEntry] = ()
    board: ScoreBoard | None = None
    if champion and champion != challenger.version:
        with tempfile.TemporaryDirectory() as folder:
            files = ("index.json", RECIPE)
            there = registry.fetch(
                challenger.name, champion, Path(folder) / "champion", files=files
            )
            theirs = TypeAdapter(tuple[SeriesEntry, ...]).validate_json(
                (there / "index.json").read_bytes()
            )
            board = _champion_board(panel, home, index, Recipe.read(there))
    found = standings(challenger.metric, index, champion=theirs, champion_board=board)
    held_back = registry.version(challenger.name, challenger.version).held_back
    if held_back:
        promote, reason = False, held_back
    elif champion == challenger.version:
        promote, reason = True, "it is the champion already: the same bundle was registered before"
    else:
        promote, reason = decide(found, has_champion=champion is not None)
    return found, Verdict(
        metric=challenger.metric,
        name=challenger.name,
        version=challenger.version,
        promote=promote,
        reason=reason,
        champion=champion,
    )


def _champion_board(
    panel: Panel, home: Path, index: Sequence[SeriesEntry], champion: Recipe
) -> ScoreBoard:
    """Return the champion's scores on the challenger's windows; refitted where settings differ."""
    own = ScoreBoard.load(home / SCORES)
    if champion.prophet == Recipe.read(home / BUNDLE).prophet:
        return own  # the same model at the same origins: already measured
    keys = {(e.series, e.metric, e.stat) for e in index}
    mine = panel.select(i for i, info in enumerate(panel.index) if info.key in keys)
    fits = [eligibility(mine.values[i], own.horizons) for i in range(len(mine))]
    board, misses = backtest(
        mine,
        fits,
        horizons=own.horizons,
        contenders=field(ProphetSettings(**champion.prophet), seed=champion.seed),
        windows=own.sums.shape[1],
    )
    return calibrated(board, misses, groups(board))
