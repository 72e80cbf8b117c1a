"""Benches of pages."""
