"""Object stores behind one small protocol: S3 or a local folder.

`open_store("s3://bucket/prefix", settings)` or `open_store("some/folder", settings)`.
"""

from foresail.objects.protocol import ObjectStore
from foresail.objects.uri import open_store

__all__ = ["ObjectStore", "open_store"]
