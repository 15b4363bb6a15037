"""The components of the pipelines: contracts only; the work is in `foresail.steps`.

One module per component, with one decorated function of the same name. The name of a component
is its module's with dashes, such as `stage-history`.
"""

NAMES = (
    "stage_history",
    "validate",
    "featurize",
    "train",
    "register",
    "validate_model",
    "promote",
    "shard_learn",
    "shard_train",
    "shard_merge",
    "monitor",
)
"""Every component, in the order of the flow; the three of shards stand for `train`, and `monitor`
runs on a schedule of its own."""

SIDE_EFFECTS = frozenset({"stage_history", "register", "validate_model", "promote", "monitor"})
"""Components that read or change the world outside their inputs; a cached answer would be wrong."""
