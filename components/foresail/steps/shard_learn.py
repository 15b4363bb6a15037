"""Learn once what holds for a whole panel, and forecast its first block, which has taught it."""

from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from foresail.bundle.merge import write_block
from foresail.contenders import Contender
from foresail.errors import BadInput, UsageError
from foresail.evaluation.block import contest_of
from foresail.evaluation.contest import prepare
from foresail.evaluation.course_files import write_course
from foresail.panel import Panel
from foresail.steps import AnyPath
from foresail.steps.train import Training, contenders_of

TASK = "task.json"

log = structlog.get_logger()


class Task(BaseModel):
    """`task.json`: what the shards of one training have in common.

    Attributes:
        recipe: What refits the forecast.
        shards: How many there are.
    """

    model_config = ConfigDict(frozen=True)

    recipe: dict[str, Any]
    shards: int

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """The field, not yet taught."""
        return contenders_of(self.recipe)

    def write(self, folder: Path) -> None:
        """Write `task.json` into the folder."""
        (folder / TASK).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> "Task":
        """Read `task.json`.

        Raises:
            BadInput: It is not there or not whole.
        """
        try:
            return Task.model_validate_json((folder / TASK).read_bytes())
        except (OSError, ValidationError) as error:
            raise BadInput(
                f"{folder.name} holds no {TASK}; it is not an output of shard-learn"
            ) from error


def run(
    *,
    panel: AnyPath,
    learnt: AnyPath,
    part: AnyPath,
    shards: int = 4,
    horizons: str = "next_day,next_week,next_month",
    windows: int = 3,
    changepoint_prior_scale: float = 0.05,
    yearly_seasonality: str = "auto",
    weekly_seasonality: str = "auto",
    daily_seasonality: str = "auto",
    holidays_country: str = "",
    seed: int = 0,
) -> list[int]:
    """Learn from a panel what its shards need to know, and forecast the block that taught it.

    Args:
        panel: Folder that `featurize` wrote.
        learnt: Folder to create: what every shard needs to know.
        part: Folder to create: the outcome of the first block, as a shard writes its own.
        shards: How many are wanted; there are no more than the panel has blocks to share out.
        horizons: As in `train`, and so the rest.
        windows: See there.
        changepoint_prior_scale: See there.
        yearly_seasonality: See there.
        weekly_seasonality: See there.
        daily_seasonality: See there.
        holidays_country: See there.
        seed: See there.

    Returns:
        The shards' numbers, one at least.

    Raises:
        UsageError: Fewer than one shard is wanted, or as in `train`.
    """
    if int(shards) < 1:
        raise UsageError(f"shards must be 1 or more, got {shards}")
    data = Panel.load(Path(panel))
    training = Training.of(
        horizons=horizons,
        windows=windows,
        changepoint_prior_scale=float(changepoint_prior_scale),
        yearly_seasonality=yearly_seasonality,
        weekly_seasonality=weekly_seasonality,
        daily_seasonality=daily_seasonality,
        holidays_country=holidays_country,
        seed=seed,
    )
    course, layout, measured = prepare(
        data,
        horizons=training.horizons,
        contenders=training.contenders(),
        windows=training.windows,
    )
    count = layout.shards(int(shards))
    write_course(Path(learnt), course, layout)
    Task(recipe=training.recipe, shards=count).write(Path(learnt))
    first = data.select(layout.first.tolist())
    write_block(Path(part), layout.first, contest_of(course, first, measured))
    log.info("learnt", series=len(data), first=len(first), blocks=len(layout.rest), shards=count)
    return list(range(count))
