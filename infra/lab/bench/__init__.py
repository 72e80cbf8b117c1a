"""Benches: speed and quality, each figure beside its floor."""
