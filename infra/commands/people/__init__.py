"""Accounts of people: passwords, signing in, sessions."""
