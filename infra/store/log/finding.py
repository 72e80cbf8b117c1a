"""How policies find aggregates within a unit of work: by what they belong to, from the read models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from engine.containment.containment import Containment
from engine.duties.clock import Clock
from engine.incidents.incident import Incident
from engine.kernel.timestamps import iso
from engine.notices.notice import Notice
from engine.protection.protection import Protection
from engine.retention.retention import Retention
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Readable
from playbooks.run import Run

QUESTIONS: dict[tuple[type[Any], tuple[str, ...]], str] = {
    (Incident, ("dedup_key", "is_open")): "SELECT id FROM incident_view WHERE dedup_key = ? AND is_open = ?",
    (Incident, ("dedup_key", "suppressed_after")): "SELECT id FROM incident_view WHERE dedup_key = ? "
    "AND suppressed_until > ? ORDER BY suppressed_until DESC",
    (Incident, ("number",)): "SELECT id FROM incident_view WHERE number = ?",
    (Clock, ("owner_id",)): "SELECT id FROM clock_view WHERE owner_id = ? ORDER BY id",
    (Clock, ("owner_id", "running")): "SELECT id FROM clock_view WHERE owner_id = ? AND running = ? ORDER BY id",
    (Clock, ("owner_id", "duty")): "SELECT id FROM clock_view WHERE owner_id = ? AND kind = ? ORDER BY id",
    (Clock, ("owner_id", "duty", "subject")): "SELECT id FROM clock_view WHERE owner_id = ? AND kind = ? "
    "AND subject = ? ORDER BY id",
    (Notice, ("incident_id",)): "SELECT id FROM notice_view WHERE incident_id = ? ORDER BY id",
    (
        Notice,
        ("incident_id", "text_of"),
    ): "SELECT id FROM notice_view WHERE incident_id = ? AND text_of = ? ORDER BY id",
    (Notice, ("text_of", "state")): "SELECT id FROM notice_view WHERE text_of = ? AND state = ? ORDER BY id",
    (Run, ("incident_id",)): "SELECT id FROM run_view WHERE incident_id = ? ORDER BY id",
    (Protection, ("client",)): "SELECT id FROM protection_view WHERE client = ? ORDER BY id",
    (Protection, ("loan",)): "SELECT id FROM protection_view WHERE loans LIKE ? ESCAPE '!' ORDER BY id",
    (Containment, ("incident_id",)): "SELECT DISTINCT id FROM containment_view WHERE incident_id = ? ORDER BY id",
    (Containment, ("subject",)): "SELECT id FROM containment_view WHERE subject = ? ORDER BY id",
    (Incident, ("client", "is_open")): "SELECT i.id FROM incident_entity e CROSS JOIN incident_view i "
    "WHERE i.id = e.incident_id AND e.kind = 'clients' AND e.value = ? AND i.is_open = ? ORDER BY i.id",
    (Clock, ("client", "running")): "SELECT c.id FROM incident_entity e CROSS JOIN clock_view c "
    "WHERE c.owner_id = e.incident_id AND e.kind = 'clients' AND e.value = ? AND c.running = ? "
    "AND c.subject IN ('', e.value) ORDER BY c.id",
    (Retention, ("loan",)): "SELECT retention_id FROM loan_view WHERE loan = ?",
    (Protection, ("order_id",)): "SELECT protection_id FROM order_view WHERE id = ?",
}
"""Kind and keys → the question; the keys are those of ``Context.find``."""


def find(cursor: Cursor, kind: type[Any], by: Mapping[str, object]) -> list[str]:
    """Return the ids that a question finds. Raise KeyError for a question that is not in the table."""
    cursor.execute(QUESTIONS[kind, tuple(by)], tuple(_parameter(kind, key, value) for key, value in by.items()))
    return [str(row[0]) for row in cursor.fetchall()]


def asked(database: Readable, kind: type[Any], by: Mapping[str, object]) -> list[str]:
    """Return the ids that a question finds outside a unit of work."""
    parameters = (_parameter(kind, key, value) for key, value in by.items())
    return [str(next(iter(row.values()))) for row in database.rows(QUESTIONS[kind, tuple(by)], *parameters)]


def _parameter(kind: type[Any], key: str, value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return iso(value)
    if (
        key == "loan" and kind is Protection
    ):  # loans are a JSON array; whether one is really named is for the aggregate to say
        text = str(value)
        for special in "!%_":
            text = text.replace(special, "!" + special)
        return f'%"{text}"%'
    return value


def last_number(cursor: Cursor, year: int) -> int:
    """Return the last incident number of a year; the counter is written with the incident, so there are no gaps."""
    cursor.execute("SELECT last FROM incident_numbers WHERE id = ?", (str(year),))
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def number_of(year: int, number: int) -> str:
    """Return the number of an incident as people name it."""
    return f"INC-{year}-{number:04d}"


_BELONGING: dict[type[Any], tuple[str, ...]] = {
    Incident: ("dedup_key", "number"), Clock: ("owner_id",), Notice: ("incident_id",), Run: ("incident_id",),
    Containment: ("incident_id",),
}  # fmt: skip
"""Kind → what an aggregate of it belongs to, from its first fact on and for ever."""


def belongs(kind: type[Any], key: str) -> bool:
    """Say whether a key of ``find`` never changes: then only new facts about its value can change the answer."""
    return key in _BELONGING.get(kind, ())


def belonging(aggregate: Any) -> Iterator[object]:
    """Return the values of those keys."""
    for key in _BELONGING.get(type(aggregate), ()):
        yield getattr(aggregate, key)


def with_changed(found: list[str], changed: Mapping[str, Any], by: Mapping[str, object]) -> list[str]:
    """Return what a question finds when some aggregates have facts that are not written yet."""
    kept = [key for key in found if key not in changed]
    return sorted(kept + [key for key, it in changed.items() if all(getattr(it, name) == by[name] for name in by)])
