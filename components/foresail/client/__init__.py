"""The forecast of a Foresail server as pandas frames; the extra `client` holds what it needs.

from foresail.client import Client

week = Client("https://forecast.example").next_week("cpu", namespace="shop")
"""

from foresail.client.client import Client

__all__ = ["Client"]
