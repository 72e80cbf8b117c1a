"""Returning duties, risks, controls, corrective actions, and the register of obligations."""
