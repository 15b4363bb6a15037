"""Watch the served forecasts: hold them to what came, and move the alias back where it is worse."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog

from foresail.bundle import Bundle
from foresail.errors import BadBundle, ForesailError, NotFound, UsageError
from foresail.evaluation.live import DAY, RIVAL_MARGIN, LiveReport, compare, rival_ratio
from foresail.history import read_history
from foresail.panel import Panel
from foresail.quality import judge_panel
from foresail.registry import CHAMPION, Registry, VersionInfo, model_name, names
from foresail.registry.address import given_address
from foresail.reports.live import Watched, exposition, markdown
from foresail.settings import read_settings
from foresail.steps import AnyPath
from foresail.times import isoformat, parse_hour, to_numpy

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Watch:
    """What `watch` found.

    Attributes:
        models: One a model that could be judged, by name.
        problems: Why each of the others could not.
    """

    models: tuple[Watched, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Done:
    """What was done about one model: whether the alias moved, to where, and one sentence."""

    moved: bool
    serving: str
    sentence: str


def run(
    *,
    history_uri: str,
    report: AnyPath,
    metrics_file: AnyPath,
    summary: AnyPath,
    tracking_uri: str = "",
    alias: str = CHAMPION,
    metrics: str = "",
    as_of: str = "",
    rollback: bool = False,
) -> dict[str, float]:
    """Watch, and write what was found.

    Args:
        history_uri: Where `stage` goes on writing.
        report: JSON file to write: everything, down to each series.
        metrics_file: File to write in Prometheus' text format.
        summary: Markdown file to write, for people.
        tracking_uri: MLflow; empty for `MLFLOW_TRACKING_URI`.
        alias: Which version to judge.
        metrics: Comma-separated; empty for every model that has the alias.
        as_of: The last hour known; empty for all that is staged.
        rollback: Move the alias back where the verdict is worse; without it nothing is changed.

    Returns:
        Figures for the dashboard: per metric `<metric>_live_ratio` and `_vs_naive` where they
        exist, `_hours`, `_worse` and `_rolled_back`.

    Raises:
        ForesailError: A model could not be watched; the others were, and the files say so.
    """
    found = watch(
        history_uri,
        tracking_uri=tracking_uri,
        alias=alias,
        metrics=metrics,
        as_of=as_of,
        rollback=rollback,
    )
    write(found, history_uri=history_uri, report=report, metrics_file=metrics_file, summary=summary)
    check_whole(found)
    return _figures(found.models)


def watch(
    history_uri: str,
    *,
    tracking_uri: str = "",
    alias: str = CHAMPION,
    metrics: str = "",
    as_of: str = "",
    rollback: bool = False,
) -> Watch:
    """Judge each model on its own: what befalls one changes nothing for the next.

    Args: As `run`.

    Raises:
        UsageError: An option is wrong, or a rollback of another alias than the champion is asked.
        NotFound: No model has the alias.
        Unreachable: MLflow does not answer; AccessDenied likewise.
    """
    if rollback and alias != CHAMPION:
        raise UsageError(f"only the alias {CHAMPION} is rolled back, not {alias}; watch it without")
    until = parse_hour(as_of) if as_of else None
    configured = read_settings().mlflow_tracking_uri
    registry = Registry(given_address(tracking_uri, configured=configured))
    models: list[Watched] = []
    problems: list[str] = []
    for name in _models(registry, alias, metrics):
        try:
            models.append(_watch_one(registry, name, alias, history_uri, until, rollback=rollback))
        except UsageError:  # the call is wrong, for whichever model
            raise
        except ForesailError as error:
            problems.append(f"{name}: {error}")
    return Watch(tuple(models), tuple(problems))


def write(
    found: Watch,
    *,
    history_uri: str,
    report: AnyPath | None,
    metrics_file: AnyPath | None,
    summary: AnyPath | None,
) -> None:
    """Write the files that are wanted; see `run`."""
    content = {
        "history_uri": history_uri,
        "models": [asdict(one) for one in found.models],
        "problems": found.problems,
    }
    if report:
        _write(report, json.dumps(content, allow_nan=False, default=isoformat) + "\n")
    if metrics_file:
        _write(metrics_file, exposition(found.models))
    if summary:
        _write(summary, markdown(found.models, problems=found.problems))


def check_whole(found: Watch) -> None:
    """Refuse to call it done where a model could not be watched.

    Raises:
        ForesailError: With what went wrong for each.
    """
    if found.problems:
        raise ForesailError("; ".join(found.problems))


def _models(registry: Registry, alias: str, metrics: str) -> list[str]:
    asked = [model_name(word.strip()) for word in metrics.split(",") if word.strip()]
    if asked:
        return sorted(set(asked))
    found = sorted({version.name for version in registry.models() if alias in version.aliases})
    if not found:
        raise NotFound(
            f"no model at {registry.tracking_uri} has the alias {alias}; run the pipeline first"
        )
    return found


def _watch_one(
    registry: Registry,
    name: str,
    alias: str,
    history_uri: str,
    until: datetime | None,
    *,
    rollback: bool,
) -> Watched:
    number = registry.version_of(name, alias)
    if number is None:
        raise NotFound(f"no version has the alias {alias}; run the pipeline first")
    version = registry.version(name, number)
    with tempfile.TemporaryDirectory() as folder:
        bundle = Bundle.open(registry.fetch(name, number, Path(folder) / "judged"))
        observed = _observed(history_uri, bundle, until)
        live = compare(bundle, observed)
        log.info("watched", model=name, version=number, verdict=live.verdict, reason=live.reason)
        done = _Done(moved=False, serving=number, sentence="")
        if live.verdict == "worse" and alias == CHAMPION:
            obstacle = _obstacle(registry, version, bundle, observed, live)
            done = (
                _Done(moved=False, serving=number, sentence=obstacle)
                if obstacle
                else _act(registry, version, live, rollback=rollback)
            )
    return Watched(
        model=name,
        version=number,
        alias=alias,
        live=live,
        rolled_back=done.moved,
        serving=done.serving,
        outcome=done.sentence,
    )


def _observed(history_uri: str, bundle: Bundle, until: datetime | None) -> Panel:
    """Return the hours that came since the bundle was trained, judged as before a training."""
    start = bundle.manifest.trained_until
    now = datetime.now(UTC)
    came = read_history(
        history_uri,
        settings=read_settings(),
        metrics={bundle.manifest.metric},
        since=start,
        capacity_at="latest",
    ).panel
    known = came if until is None else came.until(to_numpy(until))
    if not np.isfinite(known.values).any():
        return Panel(np.empty(0, "datetime64[s]"), np.empty((0, 0)), ())
    return judge_panel(known, now=now, as_of=until).panel


def _obstacle(
    registry: Registry, version: VersionInfo, bundle: Bundle, observed: Panel, live: LiveReport
) -> str:
    """Return why the champion before is no remedy, or nothing."""
    previous = version.tags.get(names.PREVIOUS_CHAMPION, names.NOBODY)
    if previous == names.NOBODY:
        return f"No champion is recorded before version {version.version}: nothing is changed"
    stays = f"so version {version.version} stays champion"
    if version.is_rollback:  # each step back is to older knowledge, and nobody has looked yet
        return f"It was rolled back to already, {stays} until a person or a training moves it"
    with tempfile.TemporaryDirectory() as folder:
        try:
            rival = Bundle.open(registry.fetch(version.name, previous, Path(folder) / "before"))
            fault = _fault(rival, bundle, observed, live)
        except (BadBundle, NotFound) as error:
            fault = f"cannot be served ({error})"
    return f"Version {previous}, champion before, {fault}, {stays}" if fault else ""


def _fault(rival: Bundle, bundle: Bundle, observed: Panel, live: LiveReport) -> str:
    """Return why this rival of the bundle is no better, or nothing."""
    end = rival.manifest.covers_until
    if end < live.observed_until + timedelta(hours=DAY):
        return f"ends at {isoformat(end)}"
    ratio = rival_ratio(bundle, rival, observed)
    if ratio is None:
        return "shares too few series with it to be compared"
    if ratio.middle > RIVAL_MARGIN:
        return f"is worse still: its error is {ratio} times this one's on the same hours"
    return ""


def _act(registry: Registry, version: VersionInfo, live: LiveReport, *, rollback: bool) -> _Done:
    number, previous = version.version, version.tags[names.PREVIOUS_CHAMPION]
    if not rollback:
        sentence = f"Dry run: with rollback version {previous} would be champion again"
        return _Done(moved=False, serving=number, sentence=sentence)
    now = registry.version_of(version.name, CHAMPION)
    if now != number:  # MLflow moves an alias without comparing
        sentence = f"Version {now} has become champion meanwhile: nothing is changed"
        return _Done(moved=False, serving=now or number, sentence=sentence)
    champion = str(registry.rollback(version.name, reason=live.reason).champion)
    log.warning("rolled back", model=version.name, version=number, champion=champion)
    sentence = f"Rolled back: version {champion} is champion again"
    return _Done(moved=True, serving=champion, sentence=sentence)


def _figures(watched: Sequence[Watched]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for one in watched:
        metric, overall = one.live.metric, one.live.overall
        if overall.ratio is not None:
            figures[f"{metric}_live_ratio"] = overall.ratio.middle
        if overall.versus_naive is not None:
            figures[f"{metric}_live_vs_naive"] = overall.versus_naive.middle
        figures[f"{metric}_live_hours"] = float(overall.hours)
        figures[f"{metric}_worse"] = float(one.live.verdict == "worse")
        figures[f"{metric}_rolled_back"] = float(one.rolled_back)
    return figures


def _write(path: AnyPath, text: str) -> None:
    """Write a file whole or not at all: a collector may read it at any moment."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(target)
