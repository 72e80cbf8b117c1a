"""Questions of whoever checks the engine and not of the people it serves: the simulated year, the benches."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from engine.kernel.timestamps import iso
from infra.read.rows.asking import all_of, count, counted, first_of, ids
from infra.store.models.duties import ClockRow
from infra.store.models.incidents import IncidentRow
from infra.store.models.record import R
from infra.store.sql.database import Readable

_REGULAR = "CASE reading WHEN 'strict' THEN due_at ELSE latest_at END"
"""The end of a term, by the reading it was counted in."""


class Heads(NamedTuple):
    """How long both logs are, and when the next effect is due."""

    ledger: int
    decisions: int
    next_effect: datetime | None


def heads(database: Readable) -> Heads:
    """Return how far everything is, in one question: a simulation asks after every step."""
    with database.query_session() as cursor:
        cursor.execute(
            "SELECT (SELECT MAX(position) FROM ledger), (SELECT MAX(position) FROM decisions), "
            "(SELECT MIN(next_at) FROM outbox WHERE state = 'waiting')"
        )
        ledger, decisions, at = cursor.fetchone()
    return Heads(int(ledger or 0), int(decisions or 0), datetime.fromisoformat(at) if at else None)


def unsaid(database: Readable, now: datetime) -> ClockRow | None:
    """Return a clock whose term has passed and that is not called breached, None if there is none."""
    rest = f"FROM clock_view WHERE running = 1 AND breached_at IS NULL AND {_REGULAR} <= ? LIMIT 1"
    return first_of(database, ClockRow, rest, iso(now))


def called_in_time(database: Readable) -> ClockRow | None:
    """Return a clock that was satisfied after its term and is not called breached, None if there is none."""
    rest = f"FROM clock_view WHERE satisfied_at > {_REGULAR} AND breached_at IS NULL LIMIT 1"
    return first_of(database, ClockRow, rest)


def breached(database: Readable) -> list[ClockRow]:
    """Return the clocks that are breached."""
    return all_of(database, ClockRow, "FROM clock_view WHERE breached_at IS NOT NULL")


def open_incidents(database: Readable, most: int) -> list[IncidentRow]:
    """Return at most so many open incidents, the oldest first."""
    return all_of(database, IncidentRow, "FROM incident_view WHERE is_open = 1 ORDER BY opened_at LIMIT ?", most)


def clocks_for_people(database: Readable, most: int) -> list[ClockRow]:
    """Return at most so many open terms that wait for a second person, or to which a later end is offered."""
    rest = "FROM clock_view WHERE running = 1 AND (proposed_by IS NOT NULL OR offered_due_at IS NOT NULL) LIMIT ?"
    return all_of(database, ClockRow, rest, most)


def running_of_incidents(database: Readable) -> ClockRow | None:
    """Return some running clock of an incident, None if there is none."""
    return first_of(database, ClockRow, "FROM clock_view WHERE running = 1 AND owner_kind = 'incident' LIMIT 1")


def content(database: Readable, kind: type[R]) -> list[R]:
    """Return everything a read model holds, in the order of its keys."""
    return all_of(database, kind, f"FROM {kind.table.name} ORDER BY {', '.join(kind.table.key)}")


def clocks_of_kind(database: Readable, owner: str, kind: str) -> int:
    """Return how many clocks of a kind an owner has."""
    return count(database, "SELECT COUNT(*) FROM clock_view WHERE owner_id = ? AND kind = ?", owner, kind)


def still_running(database: Readable, owner: str, kind: str) -> dict[str, bool]:
    """Return whose clock of a kind an owner has, by subject, and whether it runs."""
    found = counted(database, "SELECT subject, running FROM clock_view WHERE owner_id = ? AND kind = ?", owner, kind)
    return {subject: bool(running) for subject, running in found.items()}


def addressed(database: Readable, text: str) -> list[str]:
    """Return the ids of the notices that carry an approved text to its clients."""
    return ids(database, "SELECT id FROM notice_view WHERE text_of = ?", text)


def settled(database: Readable, kind: str) -> int:
    """Return how many effects of a kind have come to an end, at least to the next hands."""
    sql = "SELECT COUNT(*) FROM outbox WHERE kind = ? AND state IN ('handed-over', 'refused', 'done')"
    return count(database, sql, kind)


def latest_incident(database: Readable) -> str:
    """Return the id of the incident that was detected last, empty for none."""
    return str(database.scalar("SELECT id FROM incident_view ORDER BY detected_at DESC LIMIT 1") or "")
