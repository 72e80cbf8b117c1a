"""Accounts of people: what is recorded of signing in, and how long somebody waits after wrong passwords."""
