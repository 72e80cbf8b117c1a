"""Notices: those of an incident, those of a state, and the clock each stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from engine.duties.facts import ClockState
from engine.kernel.facts import Severity
from engine.kernel.timestamps import iso
from engine.notices.facts import NoticeStage, NoticeState
from engine.notices.kinds import notice_kinds
from infra.read.rows.asking import all_of, by_id, count, counted, first_of
from infra.store.models.duties import NoticeRow
from infra.store.models.record import Record, column
from infra.store.sql.database import Readable

_KINDS = " ".join(f"WHEN '{it.kind}' THEN '{it.clock}'" for it in notice_kinds().values() if it.clock)
_ITS_CLOCK = f"n.stage = 'initial' AND c.subject = n.subject AND c.kind = CASE n.kind {_KINDS} END"
_WAITING = "'draft', 'review', 'unknown', 'refused', 'bounced'"
_STATES = {
    "open": f"n.state IN ({_WAITING}, 'approved')",
    "sent": "n.state = 'sent'",
    "all": "1 = 1",
}


@dataclass(frozen=True, slots=True)
class ListedNotice(NoticeRow):
    """A notice with the incident it belongs to and the clock it stands for."""

    number: str = field(metadata=column(of="i.number"))
    title: str = field(metadata=column(of="i.title"))
    severity: Severity = field(metadata=column(of="i.severity"))
    assignee: str | None = field(metadata=column(of="i.assignee"))
    due_at: datetime | None = field(metadata=column(of="c.due_at"))
    clock_state: ClockState | None = field(metadata=column(of="c.state"))
    anchor_at: datetime | None = field(metadata=column(of="c.anchor_at"))


@dataclass(frozen=True, slots=True)
class ItsClock(Record):
    """The clock a notice stands for."""

    due_at: datetime = field(metadata=column(of="c.due_at"))
    clock_state: ClockState = field(metadata=column(of="c.state"))


@dataclass(frozen=True, slots=True)
class NoticeCount(Record):
    """How many notices of a kind and stage are in a state."""

    kind: str
    stage: NoticeStage
    state: NoticeState
    n: int = field(metadata=column(of="COUNT(*)"))


def notice(database: Readable, key: str) -> NoticeRow | None:
    """Return a notice, None if there is none with this id."""
    return by_id(database, NoticeRow, key)


def every(database: Readable) -> list[NoticeRow]:
    """Return all notices."""
    return all_of(database, NoticeRow, "FROM notice_view")


def lying_open(database: Readable, most: int) -> list[NoticeRow]:
    """Return at most so many notices that wait for a person, the oldest first."""
    return all_of(
        database, NoticeRow, f"FROM notice_view WHERE state IN ({_WAITING}) ORDER BY drafted_at LIMIT ?", most
    )


def listed(database: Readable, state: str) -> list[ListedNotice]:
    """Return at most 500 notices of a state (open, sent, all), those due first at the top."""
    rest = (
        "FROM notice_view n JOIN incident_view i ON i.id = n.incident_id LEFT JOIN clock_view c "
        f"ON c.owner_id = n.incident_id AND {_ITS_CLOCK} WHERE {_STATES[state]} ORDER BY c.due_at, n.kind LIMIT 500"
    )
    return all_of(database, ListedNotice, rest, alias="n")


def its_clock(database: Readable, key: str) -> ItsClock | None:
    """Return the clock a notice stands for, None if it stands for none."""
    rest = f"FROM notice_view n JOIN clock_view c ON c.owner_id = n.incident_id AND {_ITS_CLOCK} WHERE n.id = ?"
    return first_of(database, ItsClock, rest, key)


def of_incident(database: Readable, incident: str) -> list[NoticeRow]:
    """Return the notices of an incident in the order of their ids."""
    return all_of(database, NoticeRow, "FROM notice_view WHERE incident_id = ? ORDER BY id", incident)


def of_incident_by_kind(database: Readable, incident: str) -> list[NoticeRow]:
    """Return the notices of an incident by kind, the regulator's first."""
    return all_of(database, NoticeRow, "FROM notice_view WHERE incident_id = ? ORDER BY kind DESC, id", incident)


def of_incident_by_age(database: Readable, incident: str) -> list[NoticeRow]:
    """Return the notices of an incident, the oldest first."""
    return all_of(database, NoticeRow, "FROM notice_view WHERE incident_id = ? ORDER BY drafted_at, id", incident)


def later(database: Readable, incident: str, kind: str, subject: str) -> list[NoticeRow]:
    """Return the later stages of a notice, the oldest first."""
    rest = (
        "FROM notice_view WHERE incident_id = ? AND kind = ? AND subject = ? AND stage <> 'initial' ORDER BY drafted_at"
    )
    return all_of(database, NoticeRow, rest, incident, kind, subject)


def waiting(database: Readable) -> int:
    """Return how many notices wait for a person."""
    return count(database, f"SELECT COUNT(*) FROM notice_view WHERE state IN ({_WAITING})")  # noqa: S608 - our own


def by_state(database: Readable) -> dict[str, int]:
    """Return how many notices are in each state."""
    return counted(database, "SELECT state, COUNT(*) FROM notice_view GROUP BY state")


def drafted_between(database: Readable, start: datetime, end: datetime) -> list[NoticeCount]:
    """Return the notices drafted in [start, end), counted by kind, stage and state."""
    rest = (
        "FROM notice_view WHERE drafted_at >= ? AND drafted_at < ? GROUP BY kind, stage, state "
        "ORDER BY kind, stage, state"
    )
    return all_of(database, NoticeCount, rest, iso(start), iso(end))
