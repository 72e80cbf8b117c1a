"""Incidents: the queue, one of them, those of a rule or a period, and what they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from engine.incidents.facts import Disposition, Phase
from engine.kernel.facts import Severity
from engine.kernel.timestamps import iso
from infra.read.people.looking import note
from infra.read.rows.asking import TOGETHER, all_of, by_id, count, first_of, ids, one, rows_of
from infra.read.rows.clocks import first_of_owner, nearest_of, used_share
from infra.store.models.duties import ClockRow
from infra.store.models.incidents import EntityRow, IncidentRow
from infra.store.models.record import Record, column, extended
from infra.store.sql.database import Database, Readable

VIEWS = ("open", "mine", "unassigned", "overdue", "owing", "closed")
PAGE = 100
_LISTED = 500
_VIEWS = {
    "open": "i.is_open = 1",
    "mine": "i.is_open = 1 AND i.assignee = ?",
    "unassigned": "i.is_open = 1 AND i.assignee IS NULL",
    "overdue": "i.is_open = 1 AND EXISTS (SELECT 1 FROM clock_view c WHERE c.id = (SELECT n.id FROM clock_view n "
    "WHERE n.owner_id = i.id AND n.running = 1 ORDER BY n.due_at, n.id LIMIT 1) "
    "AND (c.breached_at IS NOT NULL OR c.state = 'late'))",
    "owing": "i.is_open = 0 AND i.disposition = 'true_positive' AND i.id IN (WITH RECURSIVE o(id) AS ("
    "SELECT MIN(owner_id) FROM clock_view WHERE running = 1 UNION ALL SELECT (SELECT MIN(n.owner_id) FROM clock_view n "
    "WHERE n.running = 1 AND n.owner_id > o.id) FROM o WHERE o.id IS NOT NULL) SELECT id FROM o WHERE id IS NOT NULL)",
    "closed": "i.is_open = 0",
}
_OF_CLIENT = "SELECT e.incident_id FROM incident_entity e WHERE e.kind = 'clients' AND lower(e.value) LIKE ? ESCAPE '!'"
_HOLDS_TEXT = f" AND (lower(i.title) LIKE ? ESCAPE '!' OR lower(i.number) LIKE ? ESCAPE '!' OR i.id IN ({_OF_CLIENT}))"
_SEVERITIES = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True, slots=True)
class QueueRow(IncidentRow):
    """An incident of the queue with its clocks, the nearest that runs, its age since detection, the used share."""

    clocks: tuple[ClockRow, ...] = ()
    """The first of them, where they are asked for."""
    nearest: ClockRow | None = None
    age_minutes: int = 0
    risk: float = -1.0


@dataclass(frozen=True, slots=True)
class MeasuredRow(IncidentRow):
    """An incident with the instant at which the regulator was told."""

    notified_at: datetime | None = field(
        metadata=column(
            of="(SELECT MIN(c.satisfied_at) FROM clock_view c WHERE c.owner_id = i.id AND c.kind = 'regulator-notice')"
        )
    )


@dataclass(frozen=True, slots=True)
class SimilarRow(Record):
    """An incident that is like another: how much, and which values they share."""

    id: str
    number: str
    title: str
    severity: Severity
    phase: Phase
    disposition: Disposition | None
    opened_at: datetime
    closed_at: datetime | None
    assignee: str | None
    score: int = 0
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfRule(Record):
    """How many incidents a rule opened, with how many findings, and when the last."""

    rule_name: str
    incidents: int = field(metadata=column(of="COUNT(*)"))
    findings: int = field(metadata=column(of="SUM(findings)"))
    latest_at: datetime = field(metadata=column(of="MAX(opened_at)"))


class Shared(NamedTuple):
    """A value of a kind that another incident touches too."""

    id: str
    kind: str
    value: str


def queue(database: Database, view: str, person_id: str, text: str, now: datetime, clocks: int = 0) -> list[QueueRow]:
    """Return the incidents of a view in the order of breach risk: overdue first, then share of time used, severity,
    age. Those that hold the text in title, number or clients, where one is given. Each with so many of its clocks.

    Of those that are closed, where nothing is at risk any more, it is the newest page.
    """
    found = _asked(database, view, person_id, text, "", PAGE if view == "closed" else _LISTED)
    if view == "open":  # what is closed and owes something still stays in sight
        found += _asked(database, "owing", person_id, text, "", _LISTED)
    nearest = nearest_of(database, [row.id for row in found])
    rows = [_queued(row, nearest.get(row.id), now) for row in found]
    rows.sort(key=lambda it: (-round(min(it.risk, 1.0), 1), _SEVERITIES[it.severity], it.opened_at))
    return [_with_clocks(database, row, clocks) for row in rows[:PAGE]]


def by_age(
    database: Database, view: str, person_id: str, text: str, now: datetime, below: str, most: int = PAGE
) -> list[QueueRow]:
    """Return a page of the incidents of a view, the newest first, below one of them ('': from the newest)."""
    found = _asked(database, view, person_id, text, below, most)
    nearest = nearest_of(database, [row.id for row in found])
    return [_queued(row, nearest.get(row.id), now) for row in found]


def _asked(database: Database, view: str, person_id: str, text: str, below: str, most: int) -> list[IncidentRow]:
    where, parameters = _VIEWS[view], [person_id] if view == "mine" else []
    if text:
        where, parameters = where + _HOLDS_TEXT, parameters + [_within(text)] * 3
    last = incident(database, below) if below else None
    if last is not None:
        where, parameters = f"{where} AND (i.opened_at, i.id) < (?, ?)", [*parameters, iso(last.opened_at), last.id]
    rest = f"FROM incident_view i WHERE {where} ORDER BY i.opened_at DESC, i.id DESC LIMIT ?"
    return all_of(database, IncidentRow, rest, *parameters, most, alias="i")


def _with_clocks(database: Database, row: QueueRow, most: int) -> QueueRow:
    return replace(row, clocks=tuple(first_of_owner(database, row.id, most))) if most else row


def _within(text: str) -> str:
    """Return the pattern of LIKE for texts that hold a text."""
    for special in "!%_":
        text = text.replace(special, "!" + special)
    return f"%{text.lower()}%"


def _queued(row: IncidentRow, nearest: ClockRow | None, now: datetime) -> QueueRow:
    return extended(
        QueueRow,
        row,
        nearest=nearest,
        age_minutes=int((now - row.detected_at).total_seconds() // 60),
        risk=used_share(nearest, now) if nearest else -1.0,
    )


def incident(database: Readable, key: str) -> IncidentRow | None:
    """Return an incident, None if there is none with this id."""
    return by_id(database, IncidentRow, key)


def named(database: Readable, name: str) -> IncidentRow | None:
    """Return an incident by id or number, None if there is none."""
    return first_of(database, IncidentRow, "FROM incident_view WHERE id = ? OR number = ?", name, name.upper())


def number_of(database: Readable, key: str) -> str | None:
    """Return the number of an incident, None if there is none with this id."""
    found = one(database, "SELECT number FROM incident_view WHERE id = ?", key)
    return None if found is None else str(found)


def numbers(database: Readable, keys: Iterable[str]) -> dict[str, str]:
    """Return the numbers of incidents by their ids, of those that there are."""
    wanted = sorted(set(keys))
    found: dict[str, str] = {}
    for start in range(0, len(wanted), TOGETHER):
        part = wanted[start : start + TOGETHER]
        sql = f"SELECT id, number FROM incident_view WHERE id IN ({','.join('?' * len(part))})"  # noqa: S608 - marks
        found |= {str(row["id"]): str(row["number"]) for row in rows_of(database, sql, *part)}
    return found


def all_ids(database: Readable) -> list[str]:
    """Return the ids of all incidents, in the order of their numbers."""
    return ids(database, "SELECT id FROM incident_view ORDER BY number")


def likely_same(database: Readable, incident_class: str, clients: Sequence[str]) -> list[IncidentRow]:
    """Return at most five open incidents of a class that touch one of the clients."""
    if not clients:
        return []
    marks = ",".join("?" * len(clients))
    return all_of(
        database,
        IncidentRow,
        "FROM incident_view i WHERE i.is_open = 1 AND i.class = ? AND EXISTS (SELECT 1 FROM incident_entity e "  # noqa: S608
        f"WHERE e.incident_id = i.id AND e.kind = 'clients' AND e.value IN ({marks})) LIMIT 5",
        incident_class,
        *clients,
        alias="i",
    )


def of_rule(database: Readable, rule_name: str) -> list[IncidentRow]:
    """Return the newest twenty incidents of a rule."""
    rest = "FROM incident_view WHERE rule_name = ? ORDER BY opened_at DESC LIMIT 20"
    return all_of(database, IncidentRow, rest, rule_name)


def by_rule(database: Readable) -> dict[str, OfRule]:
    """Return by rule what it opened; '' is for what people told of."""
    return {it.rule_name: it for it in all_of(database, OfRule, "FROM incident_view GROUP BY rule_name")}


def violations_by_rule(database: Readable) -> dict[str, OfRule]:
    """Return by rule what it opened and nobody found to be false."""
    rest = "FROM incident_view WHERE disposition IS NULL OR disposition <> 'false_positive' GROUP BY rule_name"
    return {it.rule_name: it for it in all_of(database, OfRule, rest)}


def dealt_with_by_rule(database: Readable) -> dict[str, OfRule]:
    """Return by rule what it opened and people have closed."""
    rest = "FROM incident_view WHERE closed_at IS NOT NULL AND disposition <> 'duplicate' GROUP BY rule_name"
    return {it.rule_name: it for it in all_of(database, OfRule, rest)}


def measured(database: Readable, key: str) -> MeasuredRow:
    """Return one incident with what its figures need. Raise LookupError if there is none."""
    found = first_of(database, MeasuredRow, "FROM incident_view i WHERE i.id = ?", key, alias="i")
    if found is None:
        raise LookupError(key)
    return found


def detected_between(database: Readable, start: datetime, end: datetime) -> list[MeasuredRow]:
    """Return the incidents detected in [start, end), in that order."""
    rest = "FROM incident_view i WHERE i.detected_at >= ? AND i.detected_at < ? ORDER BY i.detected_at"
    return all_of(database, MeasuredRow, rest, iso(start), iso(end), alias="i")


def open_of_rule(database: Readable, rule_name: str, value: str) -> list[str]:
    """Return the ids of the open incidents of a rule that touch a value."""
    return ids(
        database,
        "SELECT i.id FROM incident_view i JOIN incident_entity e ON e.incident_id = i.id "
        "WHERE i.is_open = 1 AND i.rule_name = ? AND e.value = ?",
        rule_name,
        value,
    )


def of_clients_like(database: Readable, part: str) -> list[IncidentRow]:
    """Return the incidents that name a client whose id holds a text."""
    return all_of(database, IncidentRow, f"FROM incident_view i WHERE i.id IN ({_OF_CLIENT})", _within(part), alias="i")


def dedup_keys(database: Readable) -> list[str]:
    """Return the key of every incident that joins findings to it."""
    return ids(database, "SELECT dedup_key FROM incident_view")


def opened(database: Readable) -> int:
    """Return how many incidents are open."""
    return count(database, "SELECT COUNT(*) FROM incident_view WHERE is_open = 1")


def entities_of(database: Readable, key: str, most: int) -> list[EntityRow]:
    """Return what an incident touches, by kind and value; at most so many."""
    rest = "FROM incident_entity WHERE incident_id = ? ORDER BY kind, value LIMIT ?"
    return all_of(database, EntityRow, rest, key, most)


def entities_after(database: Readable, key: str, kind: str, after: str, most: int) -> list[str]:
    """Return a page of what an incident touches of a kind, after a value."""
    sql = "SELECT value FROM incident_entity WHERE incident_id = ? AND kind = ? AND value > ? ORDER BY value LIMIT ?"
    found = ids(database, sql, key, kind, after, most)
    if kind in ("clients", "loans"):
        note("client" if kind == "clients" else "loan", *found)
    return found


def how_much_touched(database: Readable, key: str) -> int:
    """Return how much an incident touches, of all kinds together."""
    return count(database, "SELECT COUNT(*) FROM incident_entity WHERE incident_id = ?", key)


def sharing(database: Readable, key: str, kind: str, common: int, most: int) -> list[Shared]:
    """Return what other incidents share of a kind with one, by its first values; values in more than ``common``
    incidents say nothing."""
    rows = rows_of(
        database,
        "SELECT o.incident_id AS id, o.kind, o.value FROM (SELECT e.kind, e.value FROM incident_entity e "
        "WHERE e.incident_id = ? AND e.kind = ? ORDER BY e.value LIMIT ?) f JOIN incident_entity o "
        "ON o.kind = f.kind AND o.value = f.value AND o.incident_id <> ? "
        "WHERE (SELECT COUNT(*) FROM incident_entity c WHERE c.kind = f.kind AND c.value = f.value) <= ?",
        key,
        kind,
        most,
        key,
        common,
    )
    return [Shared(str(row["id"]), str(row["kind"]), str(row["value"])) for row in rows]


def of_same_rule(database: Readable, key: str) -> list[str]:
    """Return the newest fifty other incidents of the rule that opened one."""
    return ids(
        database,
        "SELECT o.id FROM incident_view i JOIN incident_view o ON o.rule_name = i.rule_name AND o.id <> i.id "
        "WHERE i.id = ? AND i.rule_name <> '' ORDER BY o.opened_at DESC LIMIT 50",
        key,
    )


def similar_row(database: Readable, key: str) -> SimilarRow | None:
    """Return an incident as the list of similar ones shows it, None if there is none."""
    return first_of(database, SimilarRow, "FROM incident_view WHERE id = ?", key)


def touching(database: Readable, kind: str, value: str, other_than: str, most: int) -> list[str]:
    """Return at most so many incidents that touch a value, without one of them."""
    return ids(
        database,
        "SELECT incident_id FROM incident_entity WHERE kind = ? AND value = ? AND incident_id <> ? "
        "ORDER BY incident_id LIMIT ?",
        kind,
        value,
        other_than,
        most,
    )
