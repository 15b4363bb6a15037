"""The server that answers from published forecasts."""
