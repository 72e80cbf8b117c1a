"""The AsyncAPI document of what systems send, made from the catalogue: ``python -m infra.lab.reference.asyncapi``."""

from __future__ import annotations

import sys
from typing import Any

import yaml

from engine.events.catalogue import Catalogue, EventSpec, FieldSpec, builtin_catalogue
from infra.lab.reference.named import OTHERS, SYSTEMS, events_of

_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "description": "an instant of RFC 3339, or a date"},
}
_TEXT = {"type": ["string", "number", "boolean", "array"]}
_ENVELOPE: dict[str, Any] = {
    "@timestamp": {"type": "string", "format": "date-time"},
    "event.id": {"type": "string", "minLength": 1, "maxLength": 200, "description": "the same id is the same event"},
    "event.action": {"type": "string"},
    "event.provider": {"type": "string", "description": "the source, where it is not that of the token"},
    "event.outcome": {"enum": ["success", "failure", "unknown"]},
    "organization.id": {"type": "string"},
}


def document(catalogue: Catalogue) -> dict[str, Any]:
    """Return the document: a channel for each system, a message for each event type, a schema for each field."""
    sending = {it: events_of(it, catalogue.events.values()) for it in (*SYSTEMS, OTHERS)}
    told = [event for events in sending.values() for event in events]
    names = sorted({name for event in told for name in event.fields})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Qorgau — what systems send",
            "version": "1",
            "description": "Events in ECS names, one JSON object a line. Made from engine/data/events.yml by python -m "
            "infra.lab.reference.asyncapi; what systems offer stands in orders.openapi.yaml.",
        },
        "defaultContentType": "application/x-ndjson",
        "servers": {
            "http": {"host": "127.0.0.1:8080", "protocol": "http", "pathname": "/api/v1/events",
                     "description": "POST with Authorization: Bearer TOKEN (qorgau sources add)"},
            "kafka": {"host": "127.0.0.1:9092", "protocol": "kafka"},
        },
        "channels": {it.id: _channel(it.title, it.id, events) for it, events in sending.items()},
        "operations": {f"take-{it.id}": _operation(it.id, events) for it, events in sending.items()},
        "components": {
            "messages": {event.action: _message(event, catalogue) for event in told},
            "schemas": {
                "envelope": {"type": "object", "required": ["@timestamp", "event.id", "event.action"],
                             "properties": _ENVELOPE},
                **{name: _field(catalogue.fields[name]) for name in names},
            },
        },
    }  # fmt: skip


def printed(catalogue: Catalogue) -> str:
    """Return the document as YAML."""
    return yaml.safe_dump(document(catalogue), allow_unicode=True, sort_keys=False, width=118, default_flow_style=None)


def _channel(title: str, name: str, events: list[EventSpec]) -> dict[str, Any]:
    messages = {it.action: {"$ref": f"#/components/messages/{it.action}"} for it in events}
    return {"address": None, "title": title, "description": f"docs/systems.md, {name}", "messages": messages}


def _operation(name: str, events: list[EventSpec]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/{name}/messages/{it.action}"} for it in events]
    return {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}, "messages": messages}


def _message(event: EventSpec, catalogue: Catalogue) -> dict[str, Any]:
    fields: dict[str, Any] = {name: {"$ref": f"#/components/schemas/{name}"} for name in event.fields}
    for name, known in event.values.items():
        if catalogue.fields[name].type in ("keyword", "text"):
            fields[name] = {"type": "string", "examples": list(known)}
    payload = {
        "allOf": [{"$ref": "#/components/schemas/envelope"}],
        "properties": {"event.action": {"const": event.action}, **fields},
    }
    found: dict[str, Any] = {"title": event.action, "payload": payload, "x-sender": event.source}
    if event.report:
        found["x-report"] = True
    return {**found, "summary": event.note} if event.note else found


def _field(spec: FieldSpec) -> dict[str, Any]:
    found: dict[str, Any] = dict(_TYPES.get(spec.type, _TEXT))
    if spec.example is not None and spec.type != "mrz":
        found["examples"] = [spec.example]
    if spec.personal:
        found["x-personal"] = True
    return found


if __name__ == "__main__":
    sys.stdout.write(printed(builtin_catalogue()))
