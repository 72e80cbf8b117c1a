"""Every question to the read models, by subject; each takes the database and returns typed records."""
