"""Counts over all subjects: the menu, the start page, Prometheus."""

from __future__ import annotations

from infra.read.rows.asking import count, counted
from infra.store.sql.database import Readable


def open_by_severity(database: Readable) -> dict[str, int]:
    """Return how many incidents of each severity are open."""
    return counted(database, "SELECT severity, COUNT(*) FROM incident_view WHERE is_open = 1 GROUP BY severity")


def findings(database: Readable) -> int:
    """Return how many findings were raised."""
    return count(database, "SELECT COUNT(*) FROM decisions WHERE topic = 'finding.raised.v1'")


def incidents(database: Readable) -> int:
    """Return how many incidents there are."""
    return count(database, "SELECT COUNT(*) FROM incident_view")
