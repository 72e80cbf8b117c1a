"""Legal clocks: those of an owner, the board, what ends soon, how a period went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.duties.facts import ClockState
from engine.kernel.facts import Owner
from engine.kernel.timestamps import iso
from infra.read.rows.asking import all_of, by_id, count, counted, ids
from infra.store.models.duties import ClockRow
from infra.store.models.record import Record, column, extended
from infra.store.sql.database import Readable

_OWNERS = "LEFT JOIN incident_view i ON i.id = c.owner_id LEFT JOIN protection_view p ON p.id = c.owner_id "
_BOARD = {"running": "c.running = 1", "breached": "c.breached_at IS NOT NULL", "all": "1 = 1"}


@dataclass(frozen=True, slots=True)
class UsedClock(ClockRow):
    """A clock with the used share of its term in percent, 0 to 100."""

    used: int = 0


@dataclass(frozen=True, slots=True)
class BoardRow(ClockRow):
    """A clock with the incident or act it belongs to; ``used`` in percent."""

    number: str | None = field(metadata=column(of="i.number"))
    title: str | None = field(metadata=column(of="i.title"))
    assignee: str | None = field(metadata=column(of="i.assignee"))
    act_number: str | None = field(metadata=column(of="p.number"))
    used: int = 0


@dataclass(frozen=True, slots=True)
class BreachRow(ClockRow):
    """A breached clock with the number of its incident or act."""

    number: str | None = field(metadata=column(of="i.number"))
    act_number: str | None = field(metadata=column(of="p.number"))


@dataclass(frozen=True, slots=True)
class DueRow(Record):
    """An open term: whose it is, and in words what, of what, by whom, on which page and day. Names no client."""

    id: str
    kind: str
    owner_kind: Owner
    owner_id: str
    subject: str
    state: ClockState
    anchor_at: datetime
    due_at: datetime
    latest_at: datetime
    target_at: datetime | None
    breached_at: datetime | None
    number: str | None = field(metadata=column(of="i.number"))
    assignee: str | None = field(metadata=column(of="i.assignee"))
    act_number: str | None = field(metadata=column(of="p.number"))
    action: str | None = field(metadata=column(of="a.text"))
    action_owner: str | None = field(metadata=column(of="a.owner"))
    what: str = ""
    of: str = ""
    who: str | None = None
    path: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True)
class TermsRow(Record):
    """How the clocks of a kind ended that were due in a period."""

    kind: str
    due: int = field(metadata=column(of="COUNT(*)"))
    in_time: int = field(metadata=column(of="SUM(CASE WHEN state = 'satisfied' THEN 1 ELSE 0 END)"))
    late: int = field(metadata=column(of="SUM(CASE WHEN state = 'satisfied-late' THEN 1 ELSE 0 END)"))
    owed: int = field(metadata=column(of="SUM(CASE WHEN state = 'breached' THEN 1 ELSE 0 END)"))
    running: int = field(metadata=column(of="SUM(CASE WHEN state IN ('running', 'late') THEN 1 ELSE 0 END)"))
    cancelled: int = field(metadata=column(of="SUM(CASE WHEN state = 'cancelled' THEN 1 ELSE 0 END)"))


def used_share(clock: ClockRow, now: datetime) -> float:
    """Return the share of a term that is used up; 1 and more is overdue."""
    return (now - clock.anchor_at).total_seconds() / max((clock.due_at - clock.anchor_at).total_seconds(), 1.0)


def _percent(clock: ClockRow, now: datetime) -> int:
    return max(0, min(100, int(used_share(clock, now) * 100)))


def clock(database: Readable, key: str) -> ClockRow | None:
    """Return a clock, None if there is none with this id."""
    return by_id(database, ClockRow, key)


def of_owner(database: Readable, owner: str) -> list[ClockRow]:
    """Return the clocks of an incident, protection or duty, the nearest first."""
    return all_of(database, ClockRow, "FROM clock_view WHERE owner_id = ? ORDER BY due_at, id", owner)


def of_owner_by_id(database: Readable, owner: str) -> list[ClockRow]:
    """Return the clocks of an incident, protection or duty in the order of their ids."""
    return all_of(database, ClockRow, "FROM clock_view WHERE owner_id = ? ORDER BY id", owner)


def of_owner_by_subject(database: Readable, owner: str) -> list[ClockRow]:
    """Return the clocks of an incident, protection or duty, the nearest first, of the same instant by subject."""
    return all_of(database, ClockRow, "FROM clock_view WHERE owner_id = ? ORDER BY due_at, subject, id", owner)


def of_owners(database: Readable, owners: Sequence[str]) -> dict[str, list[ClockRow]]:
    """Return the clocks of many owners, each owner's nearest first; owners without any are left out."""
    found: dict[str, list[ClockRow]] = {}
    for start in range(0, len(owners), 400):
        part = owners[start : start + 400]
        marks = ",".join("?" * len(part))
        for row in all_of(database, ClockRow, f"FROM clock_view WHERE owner_id IN ({marks}) ORDER BY due_at", *part):
            found.setdefault(row.owner_id, []).append(row)
    return found


def with_share(clocks: Sequence[ClockRow], now: datetime) -> list[UsedClock]:
    """Return clocks with the used share of the term in percent."""
    return [extended(UsedClock, it, used=_percent(it, now)) for it in clocks]


def board(database: Readable, state: str, now: datetime) -> list[BoardRow]:
    """Return the board of duties: at most 500 clocks of a state (running, breached, all), the nearest first."""
    rest = f"FROM clock_view c {_OWNERS}WHERE {_BOARD[state]} ORDER BY c.running DESC, c.due_at LIMIT 500"
    rows = all_of(database, BoardRow, rest, alias="c")
    return [replace(row, used=_percent(row, now)) for row in rows]


def due_until(database: Readable, until: datetime) -> list[DueRow]:
    """Return every open term that ends until then, the nearest first; the words of each are still empty."""
    rest = (
        f"FROM clock_view c {_OWNERS}LEFT JOIN action_view a ON a.id = c.subject "
        "WHERE c.running = 1 AND c.due_at <= ? ORDER BY c.due_at, c.kind, c.id"
    )
    return all_of(database, DueRow, rest, iso(until), alias="c")


def of_duties(database: Readable) -> dict[str, ClockRow]:
    """Return the nearest running clock of each returning duty, by the id of the duty."""
    found: dict[str, ClockRow] = {}
    rest = "FROM clock_view WHERE owner_kind = 'duty' AND running = 1 ORDER BY due_at"
    for row in all_of(database, ClockRow, rest):
        found.setdefault(row.owner_id, row)
    return found


def terms(database: Readable, start: datetime, end: datetime) -> list[TermsRow]:
    """Return how the clocks ended that were due in [start, end), by kind."""
    rest = "FROM clock_view WHERE due_at >= ? AND due_at < ? GROUP BY kind ORDER BY kind"
    return all_of(database, TermsRow, rest, iso(start), iso(end))


def running_from(database: Readable, start: datetime) -> int:
    """Return how many clocks run that are due at an instant or later."""
    sql = "SELECT COUNT(*) FROM clock_view WHERE state IN ('running', 'late') AND due_at >= ?"
    return count(database, sql, iso(start))


def breaches(database: Readable, start: datetime, end: datetime) -> list[BreachRow]:
    """Return the clocks breached in [start, end), in that order."""
    rest = f"FROM clock_view c {_OWNERS}WHERE c.breached_at >= ? AND c.breached_at < ? ORDER BY c.breached_at"
    return all_of(database, BreachRow, rest, iso(start), iso(end), alias="c")


def breached_between(database: Readable, start: datetime, end: datetime) -> int:
    """Return how many clocks were breached in [start, end)."""
    sql = "SELECT COUNT(*) FROM clock_view WHERE breached_at >= ? AND breached_at < ?"
    return count(database, sql, iso(start), iso(end))


def satisfied(database: Readable) -> dict[str, str]:
    """Return by kind the instant, as text, at which a clock was satisfied last."""
    rows = database.rows(
        "SELECT kind, MAX(satisfied_at) AS at FROM clock_view WHERE satisfied_at IS NOT NULL GROUP BY kind"
    )
    return {str(row["kind"]): str(row["at"]) for row in rows}


def fire_at(database: Readable, now: datetime, most: int) -> list[str]:
    """Return the ids of at most so many clocks for which something is due at or before now, the earliest first."""
    return ids(
        database, "SELECT id FROM clock_view WHERE next_instant <= ? ORDER BY next_instant LIMIT ?", iso(now), most
    )


def next_instant(database: Readable) -> datetime | None:
    """Return when something is due for a clock next, None if for none."""
    found = database.scalar("SELECT MIN(next_instant) FROM clock_view WHERE next_instant IS NOT NULL")
    return datetime.fromisoformat(found) if found else None


def counted_otherwise(database: Readable, versions: Sequence[str], most: int) -> list[str]:
    """Return the ids of at most so many open terms that were counted by none of these versions of a calendar."""
    marks = ",".join("?" * len(versions))
    return ids(
        database,
        "SELECT id FROM clock_view WHERE running = 1 AND breached_at IS NULL "  # noqa: S608 - only question marks
        f"AND calendar_version NOT IN ({marks}) LIMIT ?",
        *versions,
        most,
    )


def running(database: Readable) -> int:
    """Return how many clocks run."""
    return count(database, "SELECT COUNT(*) FROM clock_view WHERE running = 1")


def overdue(database: Readable) -> int:
    """Return how many clocks run beyond their term."""
    return count(database, "SELECT COUNT(*) FROM clock_view WHERE running = 1 AND breached_at IS NOT NULL")


def running_by_kind(database: Readable) -> dict[str, int]:
    """Return how many clocks of each kind run."""
    return counted(database, "SELECT kind, COUNT(*) FROM clock_view WHERE running = 1 GROUP BY kind")


def overdue_by_kind(database: Readable) -> dict[str, int]:
    """Return how many clocks of each kind run beyond their term."""
    sql = "SELECT kind, COUNT(*) FROM clock_view WHERE running = 1 AND breached_at IS NOT NULL GROUP BY kind"
    return counted(database, sql)


def next_due(database: Readable) -> datetime | None:
    """Return when the next open term ends that is not breached; None while no clock runs."""
    found = database.scalar("SELECT MIN(due_at) FROM clock_view WHERE running = 1 AND breached_at IS NULL")
    return datetime.fromisoformat(found) if found else None
