"""What a booster has learnt, as files: LightGBM's own text and a line of JSON, no pickle."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from foresail.errors import BadInput
from foresail.horizons import QUANTILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import lightgbm

FACTS = "booster.json"


def write_models(folder: Path, models: "Sequence[Sequence[lightgbm.Booster]]", reason: str) -> None:
    """Write trained models into a folder, creating it.

    Args:
        folder: Gets `booster.json` and one text file a model.
        models: One per segment of leads and quantile.
        reason: Why there are none, or an empty string.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for segment, levels in enumerate(models):
        for level, model in enumerate(levels):
            # LightGBM writes numbers with all their digits: what is read predicts the same bits
            (folder / _name(segment, level)).write_text(model.model_to_string(), encoding="utf-8")
    facts = {"reason": reason, "segments": len(models)}
    (folder / FACTS).write_text(json.dumps(facts, sort_keys=True), encoding="utf-8")


def read_models(folder: Path) -> "tuple[tuple[tuple[lightgbm.Booster, ...], ...], str]":
    """Return the models and the reason that `write_models` wrote.

    Raises:
        BadInput: The folder holds no booster.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        reason, segments = str(facts["reason"]), int(facts["segments"])
        texts = [
            [
                (folder / _name(segment, level)).read_text(encoding="utf-8")
                for level in range(len(QUANTILES))
            ]
            for segment in range(segments)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"no booster in {folder}; learn from the panel again") from error
    return tuple(tuple(_model(text) for text in levels) for levels in texts), reason


def _model(text: str) -> "lightgbm.Booster":
    # loading LightGBM takes a second, which a booster that learnt nothing need not cost
    import lightgbm  # noqa: PLC0415  # as above

    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        reason = f"expected a LightGBM model, got: {error}; learn from the panel again"
        raise BadInput(reason) from error


def _name(segment: int, level: int) -> str:
    return f"segment{segment}-quantile{level}.txt"
