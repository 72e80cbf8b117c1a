"""Benches, simulator, test bed and demonstration. Nothing else in ``infra`` imports this package."""
