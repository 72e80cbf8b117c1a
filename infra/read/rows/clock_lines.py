"""Clocks that are many: those of a kind of one owner as one line, and a page of them after a clock.

Lines are found by jumping from kind to kind over an index, so a page of lines reads as much for an incident with three
clients as for one with a hundred thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from engine.kernel.timestamps import iso
from infra.read.rows.asking import all_of, ids
from infra.read.rows.clocks import BoardRow, of_ids, percent
from infra.store.models.duties import ClockRow
from infra.store.models.record import column
from infra.store.sql.database import Readable

PAGE = 100
"""Lines and clocks on a page."""
FEW = 12
"""Clocks of a kind of one owner that are shown one by one."""
_SEGMENTS = {
    "running": "n.running = 1",
    "ended": "n.running = 0",
    "owed": "n.running = 1 AND n.breached_at IS NOT NULL",
    "late": "n.running = 0 AND n.breached_at IS NOT NULL",
}
STATES = {"running": ("running",), "breached": ("owed", "late"), "all": ("running", "ended")}
"""What a state shows, one after the other; each is found by an index of its own order."""
_JOINED = (
    "LEFT JOIN incident_view i ON i.id = n.owner_id LEFT JOIN protection_view p ON p.id = n.owner_id "
    "LEFT JOIN action_view a ON a.id = n.subject "
)
_ALIKE = "m.owner_id = n.owner_id AND m.kind = n.kind"


@dataclass(frozen=True, slots=True)
class LineRow(ClockRow):
    """The nearest clock of a kind of an owner, whose it is, and how many there are of the kind.

    ``total`` counts all, ``open`` those that run, ``breached`` those breached, ``owed`` those of them that still run.
    """

    number: str | None = field(metadata=column(of="i.number"))
    title: str | None = field(metadata=column(of="i.title"))
    assignee: str | None = field(metadata=column(of="i.assignee"))
    act_number: str | None = field(metadata=column(of="p.number"))
    action: str | None = field(metadata=column(of="a.text"))
    action_owner: str | None = field(metadata=column(of="a.owner"))
    total: int = field(metadata=column(of=f"(SELECT COUNT(*) FROM clock_view m WHERE {_ALIKE})"))  # noqa: S608 - ours
    open: int = field(
        metadata=column(of=f"(SELECT COUNT(*) FROM clock_view m WHERE m.running = 1 AND {_ALIKE})")  # noqa: S608 - ours
    )
    breached: int = field(
        metadata=column(
            of="(SELECT COUNT(*) FROM clock_view m "  # noqa: S608 - ours
            f"WHERE {_ALIKE} AND m.breached_at > '')"
        )
    )
    owed: int = field(
        metadata=column(
            of="(SELECT COUNT(*) FROM clock_view m "  # noqa: S608 - ours
            f"WHERE {_ALIKE} AND m.breached_at > '' AND +m.running = 1)"
        )
    )
    used: int = 0
    segment: int = 0


class Place(NamedTuple):
    """Where a page ends: in which part of a state, at which clock."""

    segment: int = 0
    due_at: str = ""
    id: str = ""

    def __str__(self) -> str:
        return f"{self.segment}_{self.due_at}_{self.id}"


def place(text: str) -> Place:
    """Read where a page begins; the very beginning where the text names no place."""
    segment, _, rest = text[:200].partition("_")
    due_at, _, key = rest.partition("_")
    return Place(int(segment), due_at, key) if segment in ("0", "1") else Place()


class Page(NamedTuple):
    """A page of lines, and where the next one begins; empty after the last."""

    rows: list[LineRow]
    next: str


def lines(
    database: Readable, state: str, now: datetime, after: str = "", until: datetime | None = None, most: int = PAGE
) -> Page:
    """Return the board, a line for each kind of each owner, the nearest first; duties that return one by one.

    ``state`` is one of ``STATES``; ``until`` leaves out what ends later.
    """
    start = place(after)
    found: list[LineRow] = []
    for number, name in enumerate(STATES[state]):
        if number >= start.segment and len(found) <= most:
            begin = start if number == start.segment else Place(number)
            found += [replace(row, segment=number) for row in _part(database, name, begin, until, most + 1)]
    shown = [replace(row, used=percent(row, now)) for row in found[:most]]
    last = shown[-1] if len(found) > most else None
    return Page(shown, str(Place(last.segment, iso(last.due_at), last.id)) if last else "")


def _part(database: Readable, segment: str, after: Place, until: datetime | None, most: int) -> list[LineRow]:
    where = _SEGMENTS[segment]
    further = "SELECT n.id FROM clock_view n WHERE {where} AND {beyond} ORDER BY {order} LIMIT 1"
    kind = further.format(
        where=where, beyond="n.owner_id = o.owner_id AND n.kind > o.kind", order="n.kind, n.due_at, n.id"
    )
    owner = further.format(where=where, beyond="n.owner_id > o.owner_id", order="n.owner_id, n.kind, n.due_at, n.id")
    next_ = f"SELECT COALESCE(({kind}), ({owner}))"  # the pair compared at once would read every clock of the owner
    heads = (
        "(WITH RECURSIVE heads(id) AS (SELECT f.id FROM (SELECT n.id FROM clock_view n "  # noqa: S608 - our own words
        f"WHERE {where} ORDER BY n.owner_id, n.kind, n.due_at, n.id LIMIT 1) f "
        f"UNION ALL SELECT ({next_}) FROM heads h JOIN clock_view o ON o.id = h.id) "
        "SELECT id FROM heads WHERE id IS NOT NULL)"
    )
    bound, end = (" AND n.due_at <= ?", [iso(until)]) if until is not None else ("", [])
    rest = f"(n.due_at, n.id) > (?, ?){bound} ORDER BY n.due_at, n.id LIMIT ?"
    values = [after.due_at, after.id, *end, most]
    grouped = f"FROM {heads} g JOIN clock_view n ON n.id = g.id {_JOINED}WHERE n.owner_kind <> 'duty' AND {rest}"
    single = f"FROM clock_view n {_JOINED}WHERE n.owner_kind = 'duty' AND {where} AND {rest}"
    found = all_of(database, LineRow, grouped, *values, alias="n")
    found += [replace(row, total=1, open=1) for row in all_of(database, LineRow, single, *values, alias="n")]
    return sorted(found, key=lambda row: (row.due_at, row.id))[:most]


def line(database: Readable, owner: str, kind: str, now: datetime) -> LineRow | None:
    """Return the line of a kind of an owner: its nearest running clock, else the first that ended; None for none."""
    for segment in ("running", "ended"):
        rest = (
            f"FROM clock_view n {_JOINED}WHERE {_SEGMENTS[segment]} AND n.owner_id = ? AND n.kind = ? "
            "ORDER BY n.due_at, n.id LIMIT 1"
        )
        for row in all_of(database, LineRow, rest, owner, kind, alias="n"):
            return replace(row, used=percent(row, now))
    return None


def of_kind(
    database: Readable, owner: str, kind: str, state: str = "all", after: str = "", most: int = PAGE
) -> tuple[list[ClockRow], str]:
    """Return a page of the clocks of a kind of an owner, the nearest first, and where the next page begins."""
    start = place(after)
    found: list[tuple[int, ClockRow]] = []
    for number, name in enumerate(STATES[state]):
        if number >= start.segment and len(found) <= most:
            begin = start if number == start.segment else Place(number)
            rest = (
                f"FROM clock_view n WHERE {_SEGMENTS[name]} AND n.owner_id = ? AND n.kind = ? "
                "AND (n.due_at, n.id) > (?, ?) ORDER BY n.due_at, n.id LIMIT ?"
            )
            values = (owner, kind, begin.due_at, begin.id, most + 1)
            found += [(number, row) for row in all_of(database, ClockRow, rest, *values, alias="n")]
    shown = [row for _, row in found[:most]]
    more = len(found) > most
    return shown, str(Place(found[most - 1][0], iso(shown[-1].due_at), shown[-1].id)) if more else ""


def kinds_of(database: Readable, owner: str) -> list[str]:
    """Return the kinds of clocks an owner has, in their order."""
    return ids(
        database,
        "WITH RECURSIVE kinds(kind) AS (SELECT MIN(kind) FROM clock_view WHERE owner_id = ? UNION ALL "
        "SELECT (SELECT MIN(n.kind) FROM clock_view n WHERE n.owner_id = ? AND n.kind > k.kind) FROM kinds k "
        "WHERE k.kind IS NOT NULL) SELECT kind FROM kinds WHERE kind IS NOT NULL",
        owner,
        owner,
    )


def of_owner(database: Readable, owner: str, now: datetime, few: int = FEW) -> tuple[list[ClockRow], list[LineRow]]:
    """Return the clocks of an owner: those of kinds that are few one by one, the nearest first; the others as lines."""
    single: list[ClockRow] = []
    grouped: list[LineRow] = []
    for kind in kinds_of(database, owner):
        rest = "FROM clock_view WHERE owner_id = ? AND kind = ? ORDER BY subject, id LIMIT ?"
        found = all_of(database, ClockRow, rest, owner, kind, few + 1)
        many = line(database, owner, kind, now) if len(found) > few else None
        grouped += [many] if many is not None else []
        single += [] if many is not None else found
    return sorted(single, key=lambda row: (row.due_at, row.subject, row.id)), grouped


def after(database: Readable, owner: str, last: str, most: int = PAGE) -> list[ClockRow]:
    """Return a page of the clocks of an owner by kind and subject, after one of them ('': from the first)."""
    held = of_ids(database, [last])[:1] if last else []
    where, values = "", ()
    if held:
        where = " AND (kind, subject, id) > (?, ?, ?)"
        values = (held[0].kind, held[0].subject, held[0].id)  # type: ignore[assignment]
    rest = f"FROM clock_view WHERE owner_id = ?{where} ORDER BY kind, subject, id LIMIT ?"
    return all_of(database, ClockRow, rest, owner, *values, most)


def board(database: Readable, state: str, now: datetime, last: str = "", most: int = 500) -> list[BoardRow]:
    """Return clocks of a state one by one, the nearest first, after one of them; at most so many."""
    held = of_ids(database, [last])[:1] if last else []
    begin = (int(held[0].running), iso(held[0].due_at), held[0].id) if held else (1, "", "")
    breached = " AND n.breached_at IS NOT NULL" if state == "breached" else ""
    found: list[BoardRow] = []
    for running in (1,) if state == "running" else (1, 0):
        if running > begin[0] or len(found) >= most:
            continue
        start = begin[1:] if running == begin[0] else ("", "")
        rest = (
            "FROM clock_view c LEFT JOIN incident_view i ON i.id = c.owner_id LEFT JOIN protection_view p "
            f"ON p.id = c.owner_id WHERE c.running = ?{breached.replace('n.', 'c.')} AND (c.due_at, c.id) > (?, ?) "
            "ORDER BY c.due_at, c.id LIMIT ?"
        )
        found += all_of(database, BoardRow, rest, running, *start, most - len(found), alias="c")
    return [replace(row, used=percent(row, now)) for row in found]
