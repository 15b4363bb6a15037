"""The components of the pipelines: contracts only; the work is in `foresail.steps`."""
