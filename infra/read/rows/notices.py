"""Notices: those of an incident, those of a state, and the clock each stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.duties.facts import ClockState
from engine.kernel.facts import Severity
from engine.kernel.timestamps import iso
from engine.notices.facts import NoticeStage, NoticeState
from engine.notices.kinds import notice_kinds
from infra.read.rows.asking import all_of, by_id, count, counted, first_of, ids
from infra.store.models.duties import WAITING_STATES, NoticeRow
from infra.store.models.record import Record, column
from infra.store.sql.database import Readable

_KINDS = " ".join(f"WHEN '{it.kind}' THEN '{it.clock}'" for it in notice_kinds().values() if it.clock)
_TO_CLIENTS = ", ".join(f"'{it.kind}'" for it in notice_kinds().values() if it.per == "client")
_OWN = f"f.owner_id = n.incident_id AND f.kind = CASE n.kind {_KINDS} END"
_ITS_CLOCK = (
    f"n.stage = 'initial' AND c.id = CASE WHEN n.kind IN ({_TO_CLIENTS}) AND n.subject = '' "  # noqa: S608 - ours
    f"THEN (SELECT f.id FROM clock_view f WHERE {_OWN} AND f.running = 1 AND (n.addressees = 0 OR EXISTS (SELECT 1 "
    "FROM notice_view k WHERE k.text_of = n.id AND k.subject = f.subject AND k.state <> 'sent')) "
    "ORDER BY f.due_at, f.id LIMIT 1) "
    f"ELSE (SELECT f.id FROM clock_view f WHERE {_OWN} AND f.subject = n.subject LIMIT 1) END"
)
"""Of a text for many there is a clock for each client: the nearest that runs stands for them."""
_FAILED = "'unknown', 'refused', 'bounced', 'spooled'"
_UNTOLD = (
    "(EXISTS (SELECT 1 FROM notice_view k WHERE k.text_of = n.id AND k.state < 'sent') "
    "OR EXISTS (SELECT 1 FROM notice_view k WHERE k.text_of = n.id AND k.state > 'sent') OR (n.stage = 'initial' AND "
    "(SELECT COUNT(*) FROM notice_view k WHERE k.text_of = n.id) < n.addressees))"
)
_WAITING = WAITING_STATES
_LISTED = f"FROM notice_view n JOIN incident_view i ON i.id = n.incident_id LEFT JOIN clock_view c ON {_ITS_CLOCK}"
_STATES = {
    "sent": f"n.text_of = '' AND (n.state = 'sent' OR (n.addressees > 0 AND NOT {_UNTOLD}))",
    "all": "n.text_of = ''",
}
"""A text for many stands for all its clients; those at whom it failed stand by themselves, for people to act on."""
LISTED = 500
FAILED_SHOWN = 100
"""Clients' notices that failed and stand in the list by themselves; the page of their text has all of them."""


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
class AddressedNotice(Record):
    """A client's notice with an approved text for many, and the clock it stands for."""

    id: str
    subject: str
    state: NoticeState
    recipient: str
    sent_at: datetime | None
    transport_ref: str | None
    answer: str | None
    due_at: datetime | None = field(metadata=column(of="c.due_at"))
    clock_state: ClockState | None = field(metadata=column(of="c.state"))


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
    """Return all notices; for whoever checks the engine."""
    return all_of(database, NoticeRow, "FROM notice_view")


def lying_open(database: Readable, most: int) -> list[NoticeRow]:
    """Return at most so many notices that wait for a person, the oldest first."""
    return all_of(
        database, NoticeRow, f"FROM notice_view WHERE state IN ({_WAITING}) ORDER BY drafted_at LIMIT ?", most
    )


def listed(database: Readable, state: str, last: str = "", most: int = LISTED) -> list[ListedNotice]:
    """Return notices of a state: the open ones with those due first at the top, the others (sent, all) with those
    drafted last at the top, after one of them."""
    if state != "open":
        held = notice(database, last) if last else None
        below, begin = (" AND (n.drafted_at, n.id) < (?, ?)", [iso(held.drafted_at), held.id]) if held else ("", [])
        rest = f"WHERE {_STATES[state]}{below} ORDER BY n.drafted_at DESC, n.id DESC LIMIT ?"
        return all_of(database, ListedNotice, f"{_LISTED} {rest}", *begin, most, alias="n")
    texts = (
        f"WHERE n.text_of = '' AND n.state IN ({_WAITING}, 'approved') AND (n.addressees = 0 OR {_UNTOLD}) "
        "ORDER BY c.due_at, n.kind, n.id LIMIT ?"
    )
    failed = (
        f"WHERE n.state IN ({_WAITING}) AND n.state IN ({_FAILED}) AND n.text_of <> '' "
        "ORDER BY n.state, n.drafted_at, n.id LIMIT ?"
    )
    found = all_of(database, ListedNotice, f"{_LISTED} {texts}", most, alias="n")
    found += all_of(database, ListedNotice, f"{_LISTED} {failed}", FAILED_SHOWN, alias="n")
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda row: (row.due_at or never, row.kind, row.id))


def failed(database: Readable) -> int:
    """Return how many clients' notices with a text for many failed."""
    sql = (
        f"SELECT COUNT(*) FROM notice_view WHERE state IN ({_WAITING}) AND state IN ({_FAILED}) "  # noqa: S608 - ours
        "AND text_of <> ''"
    )
    return count(database, sql)


def its_clock(database: Readable, key: str) -> ItsClock | None:
    """Return the clock a notice stands for, None if it stands for none."""
    rest = f"FROM notice_view n JOIN clock_view c ON {_ITS_CLOCK} WHERE n.id = ?"
    return first_of(database, ItsClock, rest, key)


def clients_of(
    database: Readable, text: str, state: str = "", below: str = "", most: int = 100
) -> list[AddressedNotice]:
    """Return the clients' notices with an approved text, in the order of the clients after one of them; at most so
    many, in one state where one is given."""
    where, parameters = (" AND n.state = ?", [state]) if state else ("", [])
    rest = (
        f"FROM notice_view n LEFT JOIN clock_view c ON {_ITS_CLOCK} "
        f"WHERE n.text_of = ?{where} AND n.subject > ? ORDER BY n.subject LIMIT ?"
    )
    return all_of(database, AddressedNotice, rest, text, *parameters, below, most, alias="n")


def fates_of(database: Readable, text: str) -> dict[str, int]:
    """Return how many clients' notices with an approved text are in each state."""
    return counted(database, "SELECT state, COUNT(*) FROM notice_view WHERE text_of = ? GROUP BY state", text)


def with_texts(database: Readable, incident: str) -> list[str]:
    """Return the ids of the notices of an incident that have a text of their own."""
    return ids(database, "SELECT id FROM notice_view WHERE incident_id = ? AND text_of = '' ORDER BY id", incident)


def texts_of_incident(database: Readable, incident: str) -> list[NoticeRow]:
    """Return the notices of an incident that have a text, by kind, the regulator's first; then those to clients at
    whom one failed. At most 100 of each."""
    texts = "FROM notice_view WHERE incident_id = ? AND text_of = '' ORDER BY kind DESC, id LIMIT 100"
    found = all_of(database, NoticeRow, texts, incident)
    for row in [row for row in found if row.addressees]:
        failed = f"FROM notice_view WHERE text_of = ? AND state IN ({_FAILED}) ORDER BY state, subject LIMIT ?"
        found += all_of(database, NoticeRow, failed, row.id, 100)
    return found


def after(database: Readable, incident: str, last: str, most: int) -> list[NoticeRow]:
    """Return a page of the notices of an incident, those with a text of their own first, after one of them."""
    held = notice(database, last) if last else None
    where, begin = (" AND (text_of, id) > (?, ?)", [held.text_of, held.id]) if held else ("", [])
    rest = f"FROM notice_view WHERE incident_id = ?{where} ORDER BY text_of, id LIMIT ?"
    return all_of(database, NoticeRow, rest, incident, *begin, most)


def how_many_of(database: Readable, incident: str) -> int:
    """Return how many notices an incident has."""
    return count(database, "SELECT COUNT(*) FROM notice_view WHERE incident_id = ?", incident)


def of_ids(database: Readable, keys: Sequence[str]) -> list[NoticeRow]:
    """Return the notices with some ids; at most some hundred are asked for."""
    if not keys:
        return []
    marks = ",".join("?" * len(keys))
    return all_of(database, NoticeRow, f"FROM notice_view WHERE id IN ({marks})", *keys)


def of_incident(database: Readable, incident: str) -> list[NoticeRow]:
    """Return the notices of an incident in the order of their ids."""
    return all_of(database, NoticeRow, "FROM notice_view WHERE incident_id = ? ORDER BY id", incident)


def texts_by_age(database: Readable, incident: str) -> list[NoticeRow]:
    """Return the notices of an incident that have a text of their own, the oldest first."""
    rest = "FROM notice_view WHERE incident_id = ? AND text_of = '' ORDER BY drafted_at, id"
    return all_of(database, NoticeRow, rest, incident)


def later(database: Readable, incident: str, kind: str, subject: str) -> list[NoticeRow]:
    """Return the later stages of a notice, the oldest first."""
    rest = (
        "FROM notice_view WHERE incident_id = ? AND text_of = '' AND kind = ? AND subject = ? AND stage <> 'initial' "
        "ORDER BY drafted_at"
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
