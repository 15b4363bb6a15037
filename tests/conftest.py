"""Fixtures for all tests. Servers are started once a test session, by the modules in `servers`."""

pytest_plugins = [
    "servers.prometheus",
    "servers.rgw",
    "servers.mlflow",
    "servers.engine",
    "servers.kfp_api",
]
