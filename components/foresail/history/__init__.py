"""The history: Prometheus, or a file, to hourly values in an object store, and back.

`read_history` reads what was staged; `read_table` reads one file as it is.
"""

from foresail.history.manifest import HistoryManifest, NoHistory
from foresail.history.reading import History, read_history
from foresail.history.tables import read_table

__all__ = ["History", "HistoryManifest", "NoHistory", "read_history", "read_table"]
