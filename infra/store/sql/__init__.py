"""Databases: SQLite and PostgreSQL, schema, upgrades."""
