"""Foresail: forecasts of the CPU and memory of Kubernetes clusters, as a library."""

from importlib.metadata import version

__version__ = version("foresail")
