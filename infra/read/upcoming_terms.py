"""What is due: the open terms of the coming days, as rows and as a calendar (RFC 5545)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from icalendar import Alarm, Calendar, Event

from engine.kernel.timestamps import iso
from infra.app.container import House
from reports.messages import say, weekday, word

WEEK = 7
YEAR = 400


def due_within(house: House, days: int = WEEK) -> list[dict[str, Any]]:
    """Give every open term that ends within so many days or has ended, the nearest first. Names no client."""
    until = iso(house.clock.now() + timedelta(days=days))
    rows = house.database.rows(
        "SELECT c.id, c.kind, c.owner_kind, c.owner_id, c.subject, c.state, c.anchor_at, c.due_at, c.latest_at, "
        "c.target_at, c.breached_at, i.number, i.assignee, p.number AS act_number, a.text AS action, "
        "a.owner AS action_owner FROM clock_view c LEFT JOIN incident_view i ON i.id = c.owner_id "
        "LEFT JOIN protection_view p ON p.id = c.owner_id LEFT JOIN action_view a ON a.id = c.subject "
        "WHERE c.running = 1 AND c.due_at <= ? ORDER BY c.due_at, c.kind, c.id",
        until,
    )
    for row in rows:
        row["what"] = word(row["kind"])
        row["of"] = row["number"] or (
            say("act {number}", number=row["act_number"]) if row["act_number"] else row["action"] or ""
        )
        row["who"] = row["assignee"] or row["action_owner"]
        row["path"] = path_of(row)
        local = house.calendar.local(datetime.fromisoformat(row["due_at"]))
        row["day"] = say("Overdue") if row["breached_at"] else weekday(local.date())
    return rows


def path_of(row: dict[str, Any]) -> str:
    """Give the page a clock belongs to."""
    folder = {"incident": "/incidents/", "protection": "/protections/"}.get(str(row["owner_kind"]))
    return f"{folder}{row['owner_id']}" if folder else "/duties"


def as_calendar(house: House, rows: list[dict[str, Any]], address: str = "") -> bytes:
    """Write open terms as an iCalendar feed: one event a term, with an alarm at the organisation's own early aim.

    A term keeps its UID when it is counted again, so a calendar program moves the event and adds none.
    """
    feed = Calendar()
    feed.add("prodid", "-//Qorgau//legal clocks//EN")
    feed.add("version", "2.0")
    feed.add("method", "PUBLISH")
    feed.add("x-wr-calname", "Qorgau: legal terms")
    now = house.clock.now()
    for row in rows:
        due = datetime.fromisoformat(row["due_at"])
        event = Event()
        event.add("uid", f"{row['id']}@{house.settings.log_name}")
        event.add("dtstamp", now)
        event.add("dtstart", due)
        event.add("dtend", due)
        late = "OVERDUE: " if row["breached_at"] else ""
        event.add("summary", f"{late}{row['what']}" + (f" ({row['of']})" if row["of"] else ""))
        event.add("description", f"Runs since {row['anchor_at'][:16]}Z; state {row['state']}.")
        event.add("status", "CONFIRMED")
        if address:
            event.add("url", f"{address}{row['path']}")
        if row["target_at"]:
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", f"Own early aim: {row['what']}")
            alarm.add("trigger", datetime.fromisoformat(row["target_at"]))
            event.add_component(alarm)
        feed.add_component(event)
    return bytes(feed.to_ical())
