"""What is due: the open terms of the coming days, as rows and as a calendar (RFC 5545)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import groupby

from icalendar import Alarm, Calendar, Event

from engine.kernel.ids import derive
from infra.read.reading import Reading
from infra.read.rows import clock_lines, clocks
from infra.read.rows.clocks import DueRow
from infra.store.models.record import columns_of
from reports.messages import moment, number, say, weekday, word

WEEK = 7
YEAR = 400
_ASKED = [it.field for it in columns_of(DueRow) if not it.computed]


MOST = 500
"""Terms, and lines of them, in one answer."""


def due_within(container: Reading, days: int = WEEK, last: str = "") -> list[DueRow]:
    """Return open terms that end within so many days or have ended, the nearest first, after one of them; at most 500.
    Names no client."""
    until = container.clock.now() + timedelta(days=days)
    return [in_words(container, row) for row in clocks.due_until(container.database, until, last, MOST)]


def lines_within(container: Reading, days: int = WEEK, after: str = "") -> tuple[list[DueRow], str]:
    """Return the same with the terms of a kind of an incident or act as one line, under the nearest of them; and where
    the next page begins."""
    now = container.clock.now()
    page = clock_lines.lines(container.database, "running", now, after, now + timedelta(days=days), MOST)
    found = []
    for line in page.rows:
        row = DueRow(*(getattr(line, name) for name in _ASKED))
        found.append(in_words(container, replace(row, n=line.open)))
    return found, page.next


def in_words(container: Reading, row: DueRow) -> DueRow:
    """Say whose a term is, what it is about and on which day it ends."""
    return replace(
        row,
        what=word(row.kind),
        of=row.number or (say("act {number}", number=row.act_number) if row.act_number else row.action or ""),
        who=row.assignee or row.action_owner,
        path=path_of(row),
        day=say("Overdue") if row.breached_at else weekday(container.calendar.local(row.due_at).date()),
    )


def by_day(rows: list[DueRow]) -> list[tuple[str, list[DueRow]]]:
    """Return the terms by the day they end on, overdue ones first, then day after day."""
    ordered = sorted(rows, key=lambda row: (row.breached_at is None, row.due_at))
    return [(day, list(group)) for day, group in groupby(ordered, key=lambda row: row.day)]


def path_of(row: DueRow) -> str:
    """Return the page a clock belongs to: of many of a kind, that of the kind."""
    if row.n > 1:
        return f"/clocks/of/{row.owner_id}/{row.kind}"
    folder = {"incident": "/incidents/", "protection": "/protections/"}.get(row.owner_kind)
    return f"{folder}{row.owner_id}" if folder else "/duties"


def as_calendar(container: Reading, rows: list[DueRow], address: str = "") -> bytes:
    """Write open terms as an iCalendar feed: one event a term, with an alarm at the organisation's own early aim.

    A term keeps its UID when it is counted again, so a calendar program moves the event and adds none. Many terms of a
    kind are one event, on the nearest of them.
    """
    feed = Calendar()
    feed.add("prodid", "-//Qorgau//legal clocks//EN")
    feed.add("version", "2.0")
    feed.add("method", "PUBLISH")
    feed.add("x-wr-calname", say("Qorgau: legal terms"))
    now = container.clock.now()
    for row in rows:
        event = Event()
        key = row.id if row.n == 1 else derive("terms", row.owner_id, row.kind)
        event.add("uid", f"{key}@{container.settings.log_name}")
        event.add("dtstamp", now)
        event.add("dtstart", row.due_at)
        event.add("dtend", row.due_at)
        named = row.what + (f" × {number(row.n)}" if row.n > 1 else "") + (f" ({row.of})" if row.of else "")
        event.add("summary", say("OVERDUE: {term}", term=named) if row.breached_at else named)
        since = moment(row.anchor_at, container.calendar.zone, seconds=False)
        event.add("description", say("Runs since {since}; state: {state}.", since=since, state=word(row.state)))
        event.add("status", "CONFIRMED")
        if address:
            event.add("url", f"{address}{row.path}")
        if row.target_at:
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", say("Own early aim: {term}", term=row.what))
            alarm.add("trigger", row.target_at)
            event.add_component(alarm)
        feed.add_component(event)
    return bytes(feed.to_ical())
