"""What one container runs: one module per step, each with one `run` on paths and plain values."""

from pathlib import Path

AnyPath = str | Path
"""A local path, as Kubeflow hands it over."""
