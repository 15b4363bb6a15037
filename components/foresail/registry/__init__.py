"""MLflow: register bundles, move aliases, fetch what is champion.

`foresail.registry.client` is the read side and needs mlflow-skinny only; nothing here imports
mlflow or pandas before it is used.
"""

from foresail.registry.client import RegistryClient, VersionInfo
from foresail.registry.names import CHALLENGER, CHAMPION, model_name
from foresail.registry.records import Decision, Registered, RegisteredModel, Verdict
from foresail.registry.registry import Move, Registry

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Decision",
    "Move",
    "Registered",
    "RegisteredModel",
    "Registry",
    "RegistryClient",
    "Verdict",
    "VersionInfo",
    "model_name",
]
