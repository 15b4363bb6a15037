"""The images that run Foresail: one name and one tag, which is the package's version."""

from importlib.metadata import version

REGISTRY = "ghcr.io/foresail"
TRAIN_IMAGE = f"{REGISTRY}/train:{version('foresail')}"
SERVE_IMAGE = f"{REGISTRY}/serve:{version('foresail')}"
