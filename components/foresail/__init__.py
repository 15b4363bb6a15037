"""Foresail forecasts the CPU and memory of Kubernetes clusters: the library inside the containers."""

from importlib.metadata import version

__version__ = version("foresail")
