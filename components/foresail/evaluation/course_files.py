"""What is learnt once from a panel, as files that its shards read: JSON, arrays, model texts."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from foresail.contenders.protocol import Contender, Learnt, Portable
from foresail.errors import BadInput
from foresail.evaluation.blending import Blending
from foresail.evaluation.block import Course
from foresail.evaluation.calibration import Shares
from foresail.evaluation.exam import Exam
from foresail.evaluation.held_out import Lesson
from foresail.evaluation.layout import Layout
from foresail.evaluation.pools import Pool
from foresail.evaluation.windows import Window
from foresail.horizons import Horizon

FORMAT = 2
COURSE, ARRAYS, LEARNERS, FINAL = "course.json", "course.npz", "learners", "final"


def write_course(folder: Path, course: Course, layout: Layout) -> None:
    """Write what all blocks of a panel need to know into a folder, creating it.

    Raises:
        BadInput: A learner among the contenders cannot be handed to another process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lesson, exam = course.lesson, course.lesson.exam
    plain = {
        "format": FORMAT,
        "series": layout.series,
        "asked": [_plain(horizon) for horizon in course.horizons],
        "slack": course.slack,
        "horizons": [_plain(horizon) for horizon in exam.horizons],
        "plan": [(window.origin, window.hours) for window in exam.plan],
        "groups": exam.groups,
        "names": exam.blending.names,
        "members": exam.blending.members,
        "lessons": {
            contender.name: _write_lessons(folder / LEARNERS / contender.name, c, course)
            for c, contender in enumerate(course.contenders)
            if contender.name in course.learnt
        },
    }
    (folder / COURSE).write_text(json.dumps(plain, sort_keys=True), encoding="utf-8")
    np.savez_compressed(
        folder / ARRAYS,
        first=layout.first,
        taught=lesson.taught,
        weights=lesson.weights,
        shares=lesson.shares.counts,
        days=lesson.days,
        pool_series=lesson.pool.series,
        pool_windows=lesson.pool.windows,
        pool_ratios=lesson.pool.ratios,
    )


def read_course(folder: Path, contenders: Sequence[Contender]) -> tuple[Course, Layout]:
    """Return what `write_course` wrote.

    Args:
        folder: Where.
        contenders: As the panel was learnt with, not yet taught.

    Raises:
        BadInput: The folder holds no course of this format, or one of other contenders.
    """
    try:
        plain = json.loads((folder / COURSE).read_text(encoding="utf-8"))
        with (folder / ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        found = plain["format"], tuple(plain["names"])
        wanted = FORMAT, tuple(contender.name for contender in contenders)
        if found == wanted:
            return _course(folder, plain, arrays, contenders)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise BadInput(f"no course in {folder}; learn from the panel again") from error
    raise BadInput(
        f"expected a course of format {wanted[0]} with the contenders {', '.join(wanted[1])}, got "
        f"format {found[0]} with {', '.join(found[1])}; learn from the panel again"
    )


def series_of(folder: Path) -> int:
    """Return how many series the panel has that a course was learnt from.

    Raises:
        BadInput: The folder holds no course.
    """
    try:
        return int(json.loads((folder / COURSE).read_text(encoding="utf-8"))["series"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"no course in {folder}; learn from the panel again") from error


def _course(
    folder: Path,
    plain: Mapping[str, Any],
    arrays: Mapping[str, Any],
    contenders: Sequence[Contender],
) -> tuple[Course, Layout]:
    horizons = tuple(Horizon(*one) for one in plain["horizons"])
    groups = tuple((metric, stat) for metric, stat in plain["groups"])
    plan = tuple(Window(*one) for one in plain["plan"])
    learnt: list[list[Contender]] = [list(contenders) for _ in plan]
    final: dict[str, Contender] = {}
    for c, contender in enumerate(contenders):
        if contender.name in plain["lessons"] and isinstance(contender, Portable):
            home = folder / LEARNERS / contender.name
            lessons = plain["lessons"][contender.name]
            read = {number: contender.load(home / str(number)) for number in sorted(set(lessons))}
            for w, number in enumerate(lessons):
                learnt[w][c] = read[number]
            final[contender.name] = contender.load(home / FINAL)
    exam = Exam(
        horizons=horizons,
        plan=plan,
        learnt=learnt,
        groups=groups,
        blending=Blending(
            members=tuple(plain["members"]),
            names=tuple(plain["names"]),
            horizons=horizons,
            groups=len(groups),
            series=plain["series"],
        ),
    )
    lesson = Lesson(
        exam=exam,
        taught=arrays["taught"],
        weights=arrays["weights"],
        shares=Shares(arrays["shares"]),
        days=arrays["days"],
        pool=Pool(
            groups, *(arrays[name] for name in ("pool_series", "pool_windows", "pool_ratios"))
        ),
    )
    asked = tuple(Horizon(*one) for one in plain["asked"])
    course = Course(lesson, tuple(contenders), final, asked, plain["slack"])
    return course, Layout(plain["series"], arrays["first"])


def _write_lessons(folder: Path, place: int, course: Course) -> list[int]:
    """Write what one learner learnt, each lesson once, and return each window's lesson."""
    name = course.contenders[place].name
    numbers: dict[int, int] = {}
    found = []
    for contenders in course.lesson.exam.learnt:
        learnt = contenders[place]
        if id(learnt) not in numbers:
            numbers[id(learnt)] = len(numbers)
            _save(folder / str(numbers[id(learnt)]), learnt)
        found.append(numbers[id(learnt)])
    _save(folder / FINAL, course.learnt[name])
    return found


def _save(folder: Path, learnt: Contender) -> None:
    if not isinstance(learnt, Learnt):
        raise BadInput(
            f"what {learnt.name} learnt cannot be written to files; forecast without shards"
        )
    learnt.save(folder)


def _plain(horizon: Horizon) -> tuple[str, int, int]:
    return horizon.name, horizon.hours, horizon.min_history_hours
