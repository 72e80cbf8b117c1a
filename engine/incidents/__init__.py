"""Incidents: their facts, their state, what people may do with them."""
