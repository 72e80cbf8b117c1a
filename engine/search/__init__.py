"""The language of a search, read to a form that every engine answers alike."""
