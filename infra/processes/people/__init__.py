"""Stages about our own people."""
