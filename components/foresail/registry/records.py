"""What the steps hand to one another about registered versions, as JSON files."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from foresail.errors import BadInput


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    def write(self, path: str | Path) -> None:
        """Write the record as JSON, creating the folder."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `write` wrote.

        Raises:
            BadInput: The file is missing or holds another thing.
        """
        kind = cls.__name__
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except OSError as error:
            raise BadInput(f"expected a {kind} record in {path}, which cannot be read") from error
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, e["loc"])) or "the file" for e in error.errors())
            raise BadInput(f"{path} is no {kind} record; wrong or missing: {fields}") from error


class RegisteredModel(_Record):
    """One registered version.

    Attributes:
        metric: Metric of the bundle.
        name: Registered model, such as `foresail-cpu`.
        version: MLflow's version number, as text.
        carried: How many of its series are carried over from the champion.
        silent: What became of the series of clusters that did not answer, in one sentence; empty
            where all did.
    """

    metric: str
    name: str
    version: str
    carried: int = 0
    silent: str = ""


class Registered(_Record):
    """What `register` did.

    Attributes:
        tracking_uri: Where, without credentials.
        experiment: Experiment of the runs.
        models: One a metric.
    """

    tracking_uri: str
    experiment: str
    models: tuple[RegisteredModel, ...]


class Verdict(_Record):
    """What the gate decided about one version.

    Attributes:
        metric: Metric of the bundle.
        name: Registered model.
        version: The version that was judged.
        promote: Whether it shall become champion.
        reason: One sentence for people.
        champion: The version it was compared with, or None where there was none.
    """

    metric: str
    name: str
    version: str
    promote: bool
    reason: str
    champion: str | None = None


class Decision(_Record):
    """What `validate_model` decided.

    Attributes:
        tracking_uri: Where the versions are, without credentials.
        verdicts: One a metric.
    """

    tracking_uri: str
    verdicts: tuple[Verdict, ...]
