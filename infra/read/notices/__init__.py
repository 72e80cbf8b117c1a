"""Notices as they are read: their documents, their versions, what became of those to many."""
