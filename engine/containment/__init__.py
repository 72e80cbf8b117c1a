"""Containment: what an incident blocks or holds, what of it was confirmed, and its release."""
