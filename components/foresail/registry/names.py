"""The names that Foresail uses in MLflow: models, aliases, tags."""

import re

from foresail.errors import BadBundle, BadInput, UsageError

CHALLENGER, CHAMPION = "challenger", "champion"
"""Aliases: the newest registered version, and the one that is served."""
SHADOW = "shadow"
"""Alias of the newest version that was registered and judged only to be watched."""

TRAINED_UNTIL = "foresail.trained_until"
HISTORY_DIGEST = "foresail.history_digest"
SCHEMA_VERSION = "foresail.schema_version"
BUNDLE_PATH = "foresail.bundle_path"
MANIFEST_SHA256 = "foresail.manifest_sha256"
METRIC = "foresail.metric"
SERIES = "foresail.series"
CARRIED = "foresail.carried"
"""How many of them are carried over from the champion before; absent where none is."""
PIPELINE_RUN = "foresail.pipeline_run"
PREVIOUS_CHAMPION = "foresail.previous_champion"
"""Set on a version when it becomes champion, removed when it is rolled back."""
ROLLBACK = "foresail.rollback"
"""`true` on a version that was rolled back to: readers take it although it is older."""
ROLLED_BACK = "foresail.rolled_back"
"""`true` on a version that was rolled back from: only a person makes it champion again."""
ROLLBACK_REASON = "foresail.rollback_reason"
"""Beside `ROLLED_BACK`: why, in one sentence, where whoever did it gave a reason."""

NOBODY = "none"
"""Value of `PREVIOUS_CHAMPION` on the first champion of a model."""

_PREFIX = "foresail-"
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_NAME = re.compile(r"foresail-[a-z0-9][a-z0-9-]*")


def model_name(metric: str) -> str:
    """Return the registered model of a metric: `foresail-cpu` for `cpu`.

    Raises:
        BadInput: The metric has no letter or digit.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", metric.lower()).strip("-")
    if not slug:
        raise BadInput(f"expected a metric with a letter or digit in its name, got {metric!r}")
    return _PREFIX + slug


def version_number(text: str) -> str:
    """Return a version's number as MLflow writes it: `3` for `3` and `03`.

    Raises:
        UsageError: It is no number.
    """
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise UsageError(f"a version is a number such as 3, got {text!r}")
    return str(int(text))


def is_model_name(name: str) -> bool:
    """Say whether a registered model is one of Foresail's."""
    return _NAME.fullmatch(name) is not None


def safe_bundle_path(path: str) -> str:
    """Return the value of the tag `foresail.bundle_path`, held to be a plain relative path.

    Raises:
        BadBundle: It leads elsewhere.
    """
    if not _PATH.fullmatch(path) or ".." in path:
        raise BadBundle(f"the tag {BUNDLE_PATH} is {path!r}, which is no path inside the model")
    return path
