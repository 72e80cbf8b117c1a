"""Notices to regulator, clients and other addressees: facts, state, wording."""
