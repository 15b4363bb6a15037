"""What the steps hand each other beside arrays: small typed JSON files in the artifact folders."""

from pathlib import Path

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from foresail.errors import BadInput
from foresail.history.manifest import Refusal

FACTS = "facts.json"
CAPACITY = "capacity.parquet"


class HistoryFacts(BaseModel):
    """`facts.json`: what is known about the history in an artifact folder.

    Attributes:
        history_digest: Of the staged history.
        as_of: The last hour known.
        refusals: Series that do not go on, refused when they were staged or now.
        silent: Clusters that did not answer when the history was staged last; none of their series
            goes on.
    """

    model_config = ConfigDict(frozen=True)

    history_digest: str
    as_of: AwareDatetime
    refusals: tuple[Refusal, ...] = ()
    silent: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `facts.json` into the folder."""
        (folder / FACTS).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> "HistoryFacts":
        """Read `facts.json`.

        Raises:
            BadInput: It is not there or not whole.
        """
        try:
            return HistoryFacts.model_validate_json((folder / FACTS).read_bytes())
        except (OSError, ValidationError) as error:
            raise BadInput(
                f"{folder.name} holds no {FACTS}; it is not an output of the step before"
            ) from error


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file that a step before wrote.

    Raises:
        BadInput: It is not there or not Parquet.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"expected a Parquet file {path.name}: {error}") from error
