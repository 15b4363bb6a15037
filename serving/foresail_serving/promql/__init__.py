"""The read-only part of Prometheus' query API, over forecasts."""
