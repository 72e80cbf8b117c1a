"""Read models of governance: returning duties, corrective actions, controls, risks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Literal

from engine.governance.facts import Book, Treatment
from infra.store.models.record import Index, Record, Table, column


@dataclass(frozen=True, slots=True)
class DutyRow(Record):
    """A returning duty or an obligation with evidence; ``latest`` says in words what was recorded last."""

    table: ClassVar[Table] = Table("duty_view")

    id: str
    key: str
    last_on: date | None
    evidence: int
    """How many times something was recorded."""
    latest_at: datetime | None = field(metadata=column(blank=True))
    latest: str
    valid_until: date | None
    open_actions: int


@dataclass(frozen=True, slots=True)
class MatterRow(Record):
    """What another system told and somebody must answer, or has answered."""

    table: ClassVar[Table] = Table("matter_view", indexes=(Index("matter_open", ("kind", "is_open", "id")),))

    id: str
    kind: str
    about: str
    is_open: bool
    since: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ActionRow(Record):
    """A corrective action of a duty."""

    table: ClassVar[Table] = Table("action_view")

    id: str
    duty_id: str
    key: str
    text: str
    owner: str
    due_on: date
    closed_at: datetime | None
    evidence: str


@dataclass(frozen=True, slots=True)
class ControlRow(Record):
    """A statement of applicability."""

    table: ClassVar[Table] = Table("control_view")

    id: str
    control: str
    applicable: bool
    justification: str
    stated_by: str
    stated_at: datetime


@dataclass(frozen=True, slots=True)
class RiskRow(Record):
    """A risk; likelihood and the three losses are 1 to 5, 0 without a score; ``level`` is their product."""

    table: ClassVar[Table] = Table("risk_view")

    id: str
    book: Book
    name: str
    asset: str
    threat: str
    source: str
    vulnerability: str
    controls: str
    owner: str
    experts: int
    likelihood: int
    confidentiality: int
    integrity: int
    availability: int
    level: int
    treatment: Treatment | Literal[""]
    measures: str
    due_on: date | None
