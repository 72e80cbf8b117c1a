"""Read models of incidents: the incident, whom and what it touches, what it is linked with, and its playbooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from engine.incidents.facts import Disposition, Phase, Relation
from engine.kernel.facts import EntityKind, Severity
from infra.store.models.record import Index, Record, Table, column
from playbooks.run import RunState

MOST_NAMED = 50
"""Clients and loans that stand in the row of an incident; all of them stand as entities."""


@dataclass(frozen=True, slots=True)
class IncidentRow(Record):
    """An incident as the queue shows it."""

    table: ClassVar[Table] = Table(
        "incident_view",
        indexes=(
            Index("incident_key", ("dedup_key", "is_open")),
            Index("incident_detected", ("detected_at",)),
            Index("incident_age", ("is_open", "opened_at", "id")),
            Index("incident_number", ("number",)),
            Index("incident_rule", ("rule_name", "opened_at")),
        ),
    )

    id: str
    number: str
    title: str
    incident_class: str = field(metadata=column("class"))
    severity: Severity
    notifiable: bool
    personal_data: bool
    detected_at: datetime
    opened_at: datetime
    phase: Phase
    is_open: bool
    assignee: str | None
    disposition: Disposition | None
    dedup_key: str
    rule_name: str
    reported_by: str
    clients: tuple[str, ...]
    """The first of them; ``client_count`` says how many there are."""
    loans: tuple[str, ...]
    client_count: int
    loan_count: int
    findings: int
    """How many findings joined it."""
    suppressed: int
    """How many findings were suppressed."""
    proposed_by: str | None
    """Who proposed to close it, while a second person has not agreed."""
    lowering_by: str | None
    """Who proposed that the law's duties do not hold."""
    first_event_at: datetime | None
    acknowledged_at: datetime | None
    contained_at: datetime | None
    recovered_at: datetime | None
    closed_at: datetime | None
    confirmed_at: datetime | None
    """When people found that it is no false alarm."""
    lessons: bool
    suppressed_until: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NumberRow(Record):
    """The last number that an incident of a year was given; ``id`` is the year."""

    table: ClassVar[Table] = Table("incident_numbers")

    id: str
    last: int


@dataclass(frozen=True, slots=True)
class EntityRow(Record):
    """Somebody or something that an incident touches; ``kind`` is a field of ``engine.kernel.facts.Entities``."""

    table: ClassVar[Table] = Table(
        "incident_entity", ("incident_id", "kind", "value"), (Index("incident_entity_value", ("kind", "value")),)
    )

    incident_id: str
    kind: EntityKind
    value: str


@dataclass(frozen=True, slots=True)
class LinkRow(Record):
    """A link from an incident to another."""

    table: ClassVar[Table] = Table("incident_link", ("incident_id", "other"))

    incident_id: str
    other: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class RunRow(Record):
    """A run of a playbook; ``waiting`` and ``done`` count steps."""

    table: ClassVar[Table] = Table("run_view", indexes=(Index("run_incident", ("incident_id",)),))

    id: str
    incident_id: str
    playbook: str
    state: RunState
    waiting: int
    done: int


@dataclass(frozen=True, slots=True)
class TimelineRow(Record):
    """A fact (by its position in the log of decisions) on the timeline of an owner."""

    table: ClassVar[Table] = Table(
        "timeline",
        ("owner", "position"),
        (Index("timeline_main", ("owner", "of_client", "position"), "of_client = 0"),),
    )

    owner: str
    position: int
    of_client: bool
    """Whether it is the clock or the notice of a single client: of an incident there may be many of these."""
