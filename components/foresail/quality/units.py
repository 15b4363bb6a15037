"""The units a long frame may name, and what they are in the metric's own unit."""

FACTORS: dict[str, dict[str, float]] = {
    "cpu": {"cores": 1.0, "millicores": 1e-3, "nanocores": 1e-9},
    "memory": {
        "bytes": 1.0,
        "KiB": 2.0**10,
        "MiB": 2.0**20,
        "GiB": 2.0**30,
        "TiB": 2.0**40,
        "kB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
        "TB": 1e12,
    },
}
"""Metric -> unit -> factor to `foresail.panel.UNITS[metric]`."""

MOST = {"cpu": 1e8, "memory": 1e18}
"""More than any cluster has: a hundred million cores, an exabyte. Beyond lies another unit."""
