"""Fixtures for all tests. Servers are started once a test session, by the modules in `servers`."""

pytest_plugins = [
    "servers.victoria",  # those below import it
    "servers.prometheus",
    "servers.big_history",
    "servers.rgw",
    "servers.mlflow",
    "servers.engine",
    "servers.kfp_api",
]
