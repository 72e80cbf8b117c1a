"""Incidents in the formats other tools read: OCSF and STIX. No client is named in them."""
