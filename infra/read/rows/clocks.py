"""Legal clocks: those of an owner, the board, what ends soon, how a period went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.duties.facts import ClockState
from engine.kernel.facts import Owner
from engine.kernel.timestamps import iso
from infra.read.rows.asking import all_of, by_id, count, counted, ids, rows_of
from infra.store.models.duties import ClockRow
from infra.store.models.record import Record, column, extended
from infra.store.sql.database import Readable

_OWNERS = "LEFT JOIN incident_view i ON i.id = c.owner_id LEFT JOIN protection_view p ON p.id = c.owner_id "


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
class BreachRow(Record):
    """The breached clocks of a kind of an incident or act: how many, the first due, how many are still owed."""

    kind: str = field(metadata=column(of="c.kind"))
    terms: int = field(metadata=column(of="c.terms"))
    due_at: datetime = field(metadata=column(of="c.due_at"))
    satisfied_at: datetime | None = field(metadata=column(of="c.satisfied_at"))
    owed: int = field(metadata=column(of="c.owed"))
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
    n: int = 1
    """How many terms it stands for: the nearest of a kind of an incident or act."""


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


def percent(clock: ClockRow, now: datetime) -> int:
    """Return the used share of a term in percent, 0 to 100."""
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


def of_ids(database: Readable, keys: Sequence[str]) -> list[ClockRow]:
    """Return the clocks with some ids, in the order of their ids; at most some hundred are asked for."""
    if not keys:
        return []
    marks = ",".join("?" * len(keys))
    return all_of(database, ClockRow, f"FROM clock_view WHERE id IN ({marks}) ORDER BY id", *keys)


def first_of_owner(database: Readable, owner: str, most: int) -> list[ClockRow]:
    """Return at most so many clocks of an owner: those that run, the nearest first, then those that ended."""
    running = "FROM clock_view WHERE owner_id = ? AND running = 1 ORDER BY due_at, id LIMIT ?"
    ended = "FROM clock_view WHERE running = 0 AND owner_id = ? ORDER BY kind, due_at, id LIMIT ?"
    found = all_of(database, ClockRow, running, owner, most)
    return found + all_of(database, ClockRow, ended, owner, most - len(found)) if len(found) < most else found


def nearest_of(database: Readable, owners: Sequence[str]) -> dict[str, ClockRow]:
    """Return by owner the running clock that ends first; owners without any are left out."""
    found: dict[str, ClockRow] = {}
    for start in range(0, len(owners), 400):
        part = owners[start : start + 400]
        rest = (
            "FROM clock_view WHERE id IN (SELECT (SELECT n.id FROM clock_view n WHERE n.owner_id = i.id "  # noqa: S608 - marks
            "AND n.running = 1 ORDER BY n.due_at, n.id LIMIT 1) FROM incident_view i "
            f"WHERE i.id IN ({','.join('?' * len(part))}))"
        )
        found |= {row.owner_id: row for row in all_of(database, ClockRow, rest, *part)}
    return found


def how_many_of(database: Readable, owner: str) -> int:
    """Return how many clocks an incident, protection or duty has."""
    return count(database, "SELECT COUNT(*) FROM clock_view WHERE owner_id = ?", owner)


def with_share(clocks: Sequence[ClockRow], now: datetime) -> list[UsedClock]:
    """Return clocks with the used share of the term in percent."""
    return [extended(UsedClock, it, used=percent(it, now)) for it in clocks]


def due_until(database: Readable, until: datetime, last: str = "", most: int = 500) -> list[DueRow]:
    """Return open terms that end until then, the nearest first, after one of them; their words are still empty."""
    held = of_ids(database, [last])[:1] if last else []
    begin = (iso(held[0].due_at), held[0].id) if held else ("", "")
    rest = (
        f"FROM clock_view c {_OWNERS}LEFT JOIN action_view a ON a.id = c.subject "
        "WHERE c.running = 1 AND c.due_at <= ? AND (c.due_at, c.id) > (?, ?) ORDER BY c.due_at, c.id LIMIT ?"
    )
    return all_of(database, DueRow, rest, iso(until), *begin, most, alias="c")


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
    sql = "SELECT COUNT(*) FROM clock_view WHERE running = 1 AND state IN ('running', 'late') AND due_at >= ?"
    return count(database, sql, iso(start))


def breaches(database: Readable, start: datetime, end: datetime) -> list[BreachRow]:
    """Return the clocks breached in [start, end) by kind and owner, those breached first at the top."""
    rest = (
        "FROM (SELECT kind, owner_id, COUNT(*) AS terms, MIN(due_at) AS due_at, MIN(breached_at) AS breached_at, "  # noqa: S608 - ours
        "MAX(satisfied_at) AS satisfied_at, SUM(running) AS owed FROM clock_view "
        "WHERE breached_at >= ? AND breached_at < ? GROUP BY kind, owner_id) c "
        f"{_OWNERS}ORDER BY c.breached_at, c.kind, c.owner_id"
    )
    return all_of(database, BreachRow, rest, iso(start), iso(end), alias="c")


def breached_between(database: Readable, start: datetime, end: datetime) -> int:
    """Return how many clocks were breached in [start, end)."""
    sql = "SELECT COUNT(*) FROM clock_view WHERE breached_at >= ? AND breached_at < ?"
    return count(database, sql, iso(start), iso(end))


def late_by_triage(database: Readable, start: datetime, end: datetime) -> int:
    """Return how many clocks were breached in [start, end) whose term had passed before people found that they run."""
    sql = "SELECT COUNT(*) FROM clock_view WHERE breached_at >= ? AND breached_at < ? AND late_because = 'triage'"
    return count(database, sql, iso(start), iso(end))


def satisfied_in_time(database: Readable) -> dict[str, str]:
    """Return by kind the instant, as text, at which a clock was last satisfied that was not breached."""
    return _newest(database, "satisfied_at", "satisfied_at IS NOT NULL AND breached_at IS NULL")


def breached_last(database: Readable) -> dict[str, str]:
    """Return by kind the instant, as text, at which a clock was breached last."""
    return _newest(database, "breached_at", "breached_at IS NOT NULL")


def _newest(database: Readable, what: str, where: str) -> dict[str, str]:
    """Jump over an index from kind to kind: there are few kinds, and hundreds of thousands of clocks."""
    rows = rows_of(
        database,
        f"WITH RECURSIVE kinds(kind) AS (SELECT MIN(kind) FROM clock_view WHERE {where} UNION ALL "  # noqa: S608
        f"SELECT (SELECT MIN(n.kind) FROM clock_view n WHERE {where} AND n.kind > k.kind) "
        f"FROM kinds k WHERE k.kind IS NOT NULL) SELECT k.kind, (SELECT MAX({what}) FROM clock_view m "
        f"WHERE m.kind = k.kind AND {where}) AS at FROM kinds k WHERE k.kind IS NOT NULL",
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
    """Return how many clocks run beyond their term. (The plus keeps the planner from going through all that run.)"""
    return count(database, "SELECT COUNT(*) FROM clock_view WHERE breached_at > '' AND +running = 1")


def running_by_kind(database: Readable) -> dict[str, int]:
    """Return how many clocks of each kind run."""
    return counted(database, "SELECT kind, COUNT(*) FROM clock_view WHERE running = 1 GROUP BY kind")


def overdue_by_kind(database: Readable) -> dict[str, int]:
    """Return how many clocks of each kind run beyond their term."""
    sql = "SELECT kind, COUNT(*) FROM clock_view WHERE breached_at > '' AND +running = 1 GROUP BY kind"
    return counted(database, sql)


def next_due(database: Readable) -> datetime | None:
    """Return when the next open term ends that is not breached; None while no clock runs."""
    found = database.scalar("SELECT MIN(due_at) FROM clock_view WHERE running = 1 AND breached_at IS NULL")
    return datetime.fromisoformat(found) if found else None
