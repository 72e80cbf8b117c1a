"""Calendars, the counting of terms, and an organisation's own policy of terms."""
