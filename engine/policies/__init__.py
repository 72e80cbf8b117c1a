"""Policies: how the engine answers facts with facts and orders. Pure; each names what it reads."""
