"""The HTTP API, intake, health and metrics."""
