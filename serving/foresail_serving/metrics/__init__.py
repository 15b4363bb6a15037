"""What `/metrics` and `/health` tell: the server's own state, and the forecast as gauges."""
