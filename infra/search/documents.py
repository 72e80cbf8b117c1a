"""What of events, incidents and notices can be found. Personal data and what people typed stay out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

from engine.events.catalogue import Catalogue
from engine.events.envelope import SecurityEvent
from engine.kernel.timestamps import iso
from engine.search import words
from engine.search.instants import micros
from engine.search.question import Vocabulary
from engine.search.words import Kind
from infra.search.port import Document
from infra.store.models.duties import NoticeRow
from infra.store.models.incidents import EntityRow, IncidentRow
from rules.detection.detector import entities_of

_KINDS: dict[str, Kind] = {"number": "number", "date": "date"}
_ALIASES = {
    "action": "event.action", "source": "event.provider", "client": "mfo.client.id", "loan": "mfo.loan.id",
    "ip": "source.ip", "user": "user.id", "device": "device.id", "session": "session.id", "outcome": "event.outcome",
}  # fmt: skip
_PERSONAL = "it is personal; 'qorgau ledger find' looks a person up and leaves a trace of it"
_NOT_WORDS = frozenset({"@timestamp", "ecs.version", "event.created", "event.ingested"})
_OF_EVENTS = (
    "event.category",
    "event.dataset",
    "event.id",
    "event.kind",
    "event.module",
    "event.outcome",
    "event.type",
)

_INCIDENT: dict[str, Kind] = {
    "incident.number": "text", "incident.title": "text", "incident.class": "text", "incident.severity": "text",
    "incident.phase": "text", "incident.state": "text", "incident.assignee": "text", "incident.disposition": "text",
    "rule.name": "text", "client.id": "text", "loan.id": "text", "user.id": "text", "device.id": "text",
    "source.ip": "text", "session.id": "text", "workstation.id": "text", "incident.opened": "date",
    "incident.closed": "date", "incident.findings": "number", "incident.notifiable": "text", "@timestamp": "time",
}  # fmt: skip
_NOTICE: dict[str, Kind] = {
    "notice.kind": "text", "notice.stage": "text", "notice.state": "text", "notice.reference": "text",
    "notice.submitted_by": "text", "notice.approved_by": "text", "notice.approved": "date", "notice.sent": "date",
    "incident.number": "text", "client.id": "text", "@timestamp": "time",
}  # fmt: skip
_ENTITIES = {
    "clients": "client.id", "loans": "loan.id", "users": "user.id", "devices": "device.id", "addresses": "source.ip",
    "sessions": "session.id", "workstations": "workstation.id",
}  # fmt: skip
ENTITIES = 300
"""So many of those that an incident touches are in its document."""


_OTHER_ALIASES = {
    "client": "client.id", "loan": "loan.id", "user": "user.id", "device": "device.id", "rule": "rule.name",
    "incident": "incident.number",
}  # fmt: skip


def _short(fields: dict[str, Kind]) -> dict[str, str]:
    return {name.rsplit(".", 1)[1] if "." in name else name: name for name in fields}


@lru_cache(maxsize=8)
def _of_catalogue(names: tuple[tuple[str, str, bool], ...]) -> Vocabulary:
    fields: dict[str, Kind] = {name: _KINDS.get(kind, "text") for name, kind, personal in names if not personal}
    for name in (*_OF_EVENTS, "event.action", "event.provider"):
        fields[name] = "text"
    refused = {name: _PERSONAL for name, _, personal in names if personal}
    return Vocabulary({**fields, "@timestamp": "time"}, _ALIASES, refused)


def vocabulary_of(index: str, catalogue: Catalogue) -> Vocabulary:
    """Return the fields that an index can be asked for."""
    if index == "events":
        return _of_catalogue(tuple((name, it.type, it.personal) for name, it in catalogue.fields.items()))
    fields = _INCIDENT if index == "incidents" else _NOTICE
    return Vocabulary(fields, {**_short(fields), **_OTHER_ALIASES})


def of_events(
    events: Sequence[SecurityEvent], catalogue: Catalogue, zone: tzinfo, *, with_fields: bool = True
) -> list[Document]:
    """Return the documents of events; ``with_fields`` for an index that keeps ECS fields beside the words."""
    vocabulary = vocabulary_of("events", catalogue)
    known: dict[str, Kind | None] = dict(vocabulary.fields) | dict.fromkeys((*vocabulary.refused, *_NOT_WORDS))
    return [_of_event(event, catalogue, known, zone, with_fields) for event in events]


def _of_event(
    event: SecurityEvent, catalogue: Catalogue, known: Mapping[str, Kind | None], zone: tzinfo, with_fields: bool
) -> Document:
    named: dict[str, tuple[Any, Kind]] = {
        "event.action": (event.action, "text"), "event.provider": (event.source, "text"),
    }  # fmt: skip
    for name, value in event.fields.items():
        kind = known.get(name)
        if kind is not None and value is not None and name not in named:
            named[name] = value, kind
    entities = entities_of(event.fields)
    touched = (*entities.clients, *entities.loans, *entities.users, *entities.devices, *entities.addresses,
               *entities.sessions, *entities.workstations)  # fmt: skip
    shown = {
        "position": event.position,
        "action": event.action,
        "source": event.source,
        "entities": " ".join(touched)[:400],
        "at": iso(event.at),
    }
    spelled = words.of_document(((name, value, kind) for name, (value, kind) in named.items()), zone)
    fields = (
        {name: value for name, (value, _) in named.items() if _is_typed(value, catalogue, name)} if with_fields else {}
    )
    return Document(event.position, event.position, micros(event.at), spelled, shown, fields)


def _is_typed(value: Any, catalogue: Catalogue, name: str) -> bool:
    """Say whether a mapping for this field would take the value; what a source got wrong is found by its words only."""
    kind = catalogue.fields[name].type if name in catalogue.fields else "keyword"
    for part in value if isinstance(value, list | tuple) else (value,):
        if kind == "number" and (
            isinstance(part, bool) or not isinstance(part, int | float) or not math.isfinite(part)
        ):
            return False
        if kind == "boolean" and not isinstance(part, bool):
            return False
        if isinstance(part, dict | list | tuple):
            return False
    return True


def of_incident(
    key: int, version: int, row: IncidentRow, touched: Sequence[EntityRow], zone: tzinfo
) -> Document:  # fmt: skip
    """Return the document of an incident; what people typed as its title stays out."""
    entities: dict[str, list[str]] = {}
    for it in touched:
        entities.setdefault(_ENTITIES[it.kind], []).append(it.value)
    fields = {
        "incident.number": row.number, "incident.title": "" if row.reported_by else row.title,
        "incident.class": row.incident_class, "incident.severity": row.severity, "incident.phase": row.phase,
        "incident.state": "open" if row.is_open else "closed", "incident.assignee": row.assignee,
        "incident.disposition": row.disposition, "rule.name": row.rule_name, "incident.opened": _text(row.opened_at),
        "incident.closed": _text(row.closed_at), "incident.findings": row.findings,
        "incident.notifiable": row.notifiable, **entities,
    }  # fmt: skip
    shown = {
        "id": row.id, "number": row.number, "title": row.title, "severity": row.severity, "phase": row.phase,
    }  # fmt: skip
    return _document(key, version, row.detected_at, shown, fields, _INCIDENT, zone)


def of_notice(key: int, version: int, row: NoticeRow, number: str | None, zone: tzinfo) -> Document:
    """Return the document of a notice; its text and its addressee are not in the index."""
    fields = {
        "notice.kind": row.kind, "notice.stage": row.stage, "notice.state": row.state,
        "notice.reference": row.transport_ref, "notice.submitted_by": row.submitted_by,
        "notice.approved_by": row.approved_by, "notice.approved": _text(row.approved_at),
        "notice.sent": _text(row.sent_at), "incident.number": number,
        "client.id": row.subject if row.kind == "client" else "",
    }  # fmt: skip
    shown = {"id": row.id, "number": number, "kind": row.kind, "stage": row.stage, "state": row.state}
    return _document(key, version, row.drafted_at, shown, fields, _NOTICE, zone)


def _text(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def _document(
    key: int, version: int, at: datetime, shown: Mapping[str, Any], fields: Mapping[str, Any], kinds: dict[str, Kind],
    zone: tzinfo,
) -> Document:  # fmt: skip
    given = {name: value for name, value in fields.items() if value not in (None, "", [])}
    spelled = words.of_document(((name, value, kinds[name]) for name, value in given.items()), zone)
    return Document(key, version, micros(at), spelled, {"key": key, "at": iso(at), **shown}, given)
