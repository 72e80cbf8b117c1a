"""Counts over all subjects: the menu, the start page, Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from infra.read.rows.asking import TOGETHER, count, counted
from infra.store.sql.database import Readable
from infra.store.sql.view_tables import NAMES


class Totals(NamedTuple):
    """How much came of the incidents."""

    incidents: int
    clocks: int
    breached: int
    satisfied: int
    notices: int
    orders: int


def open_by_severity(database: Readable) -> dict[str, int]:
    """Return how many incidents of each severity are open."""
    return counted(database, "SELECT severity, COUNT(*) FROM incident_view WHERE is_open = 1 GROUP BY severity")


def findings(database: Readable) -> int:
    """Return how many findings were raised."""
    return facts_of(database, "finding.raised.v1")


def incidents(database: Readable) -> int:
    """Return how many incidents there are."""
    return count(database, "SELECT COUNT(*) FROM incident_view")


def totals(database: Readable) -> Totals:
    """Return how much there is of what incidents bring about."""
    return Totals(
        incidents(database),
        count(database, "SELECT COUNT(*) FROM clock_view"),
        count(database, "SELECT COUNT(*) FROM clock_view WHERE breached_at IS NOT NULL"),
        count(database, "SELECT COUNT(*) FROM clock_view WHERE satisfied_at IS NOT NULL"),
        count(database, "SELECT COUNT(*) FROM notice_view"),
        count(database, "SELECT COUNT(*) FROM order_view"),
    )


def sizes(database: Readable) -> dict[str, int]:
    """Return how many rows each table that is folded from the logs holds."""
    return {name: count(database, f"SELECT COUNT(*) FROM {name}") for name in (*NAMES, "tally")}  # noqa: S608 - our own


def facts_of(database: Readable, topic: str) -> int:
    """Return how many facts of a topic were recorded."""
    return count(database, "SELECT COUNT(*) FROM decisions WHERE topic = ?", topic)


def began(database: Readable, keys: Sequence[str]) -> dict[str, int]:
    """Return, by id, the position in the log of decisions at which each aggregate began."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), TOGETHER):
        part = {UUID(key).hex: key for key in keys[start : start + TOGETHER]}
        rows = database.rows(
            "SELECT originator_id, position FROM decisions WHERE originator_version = 1 "  # noqa: S608 - only marks
            f"AND originator_id IN ({','.join('?' * len(part))})",
            *part,
        )
        found |= {part[UUID(str(row["originator_id"])).hex]: int(row["position"]) for row in rows}
    return found


def latest_of_topics(database: Readable) -> dict[str, int]:
    """Return by topic the position of its latest fact."""
    return counted(
        database,
        "WITH RECURSIVE topics(topic) AS (SELECT MIN(topic) FROM decisions UNION ALL SELECT (SELECT MIN(d.topic) "
        "FROM decisions d WHERE d.topic > t.topic) FROM topics t WHERE t.topic IS NOT NULL) SELECT t.topic, "
        "(SELECT MAX(d.position) FROM decisions d WHERE d.topic = t.topic) FROM topics t WHERE t.topic IS NOT NULL",
    )
