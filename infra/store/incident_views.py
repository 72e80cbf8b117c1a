"""The read models of one incident. It may touch a hundred thousand clients, so only what a fact changed is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from engine.incidents import facts as i
from engine.incidents.incident import Incident
from engine.kernel.facts import Entities, Fact
from infra.store.models.ddl import insert, put
from infra.store.models.incidents import MOST_NAMED, EntityRow, IncidentRow, LinkRow, NumberRow
from infra.store.models.record import Record, row_of
from infra.store.sql.cursor import Cursor


def show_incident(cursor: Cursor, key: str, it: Incident, at: datetime, facts: Sequence[Fact]) -> None:
    """Write the row of an incident, and what the latest facts changed of whom it touches and what it is linked with."""
    assert it.detected_at is not None
    assert it.opened_at is not None
    entities = it.entities
    put(
        cursor,
        IncidentRow(
            id=key,
            number=it.number,
            title=it.title,
            incident_class=it.incident_class,
            severity=it.severity,
            notifiable=it.notifiable,
            personal_data=it.personal_data,
            detected_at=it.detected_at,
            opened_at=it.opened_at,
            phase=it.phase,
            is_open=it.is_open,
            assignee=it.assignee,
            disposition=it.disposition,
            dedup_key=it.dedup_key,
            rule_name=it.rule_name,
            reported_by=it.reported_by,
            clients=entities.clients[:MOST_NAMED],
            loans=entities.loans[:MOST_NAMED],
            client_count=len(entities.clients),
            loan_count=len(entities.loans),
            findings=len(it.findings),
            suppressed=len(it.suppressed),
            proposed_by=it.proposed[0] if it.proposed else None,
            lowering_by=it.lowering[0] if it.lowering else None,
            first_event_at=it.first_event_at,
            acknowledged_at=it.acknowledged_at,
            contained_at=it.contained_at,
            recovered_at=it.recovered_at,
            closed_at=it.closed_at,
            confirmed_at=it.confirmed_at,
            lessons=it.lessons is not None,
            suppressed_until=it.suppressed_until,
            updated_at=at,
        ),
    )
    if any(isinstance(fact, i.FindingsDetached) for fact in facts):
        _keep(cursor, EntityRow, ("kind", "value"), key, set(_pairs(entities)))
    else:
        new = [(key, *pair) for fact in facts for part in i.brought(fact) for pair in _pairs(part)]
        if new:
            cursor.executemany(insert(EntityRow) + " ON CONFLICT DO NOTHING", new)
    if any(isinstance(fact, i.IncidentLinked | i.IncidentUnlinked) for fact in facts):
        _keep(cursor, LinkRow, ("other", "relation"), key, set(it.links.items()))
    if any(isinstance(fact, i.IncidentOpened) for fact in facts):
        _, year, number = it.number.split("-")
        cursor.execute(
            insert(NumberRow) + " ON CONFLICT (id) DO UPDATE SET last = excluded.last "
            "WHERE incident_numbers.last < excluded.last",
            row_of(NumberRow(id=year, last=int(number))),
        )


def _pairs(entities: Entities) -> Iterator[tuple[str, str]]:
    for kind in Entities.model_fields:
        for value in getattr(entities, kind):
            yield kind, value


def _keep(cursor: Cursor, kind: type[Record], names: tuple[str, str], key: str, wanted: set[tuple[str, str]]) -> None:
    """Bring the rows of one incident to what they should be; most changes touch none of them."""
    table = kind.table.name
    cursor.execute(f"SELECT {names[0]}, {names[1]} FROM {table} WHERE incident_id = ?", (key,))  # noqa: S608 - ours
    held = {(str(row[0]), str(row[1])) for row in cursor.fetchall()}
    for one, other in held - wanted:
        cursor.execute(
            f"DELETE FROM {table} WHERE incident_id = ? AND {names[0]} = ? AND {names[1]} = ?",  # noqa: S608
            (key, one, other),
        )
    for one, other in wanted - held:
        cursor.execute(insert(kind), (key, one, other))
