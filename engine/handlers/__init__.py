"""Handlers of commands: what a person asked for becomes facts and orders, in one unit of work."""
