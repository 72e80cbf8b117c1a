"""Read models of what is owed: legal clocks, notices, protections of borrowers with their orders, retention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from engine.duties.facts import ClockState, LateBecause
from engine.kernel.facts import Owner
from engine.notices.facts import NoticeStage, NoticeState
from engine.protection.facts import ActKind, OrderKind, ProtectionState
from engine.retention.retention import RetentionState
from engine.terms.counting import Reading
from infra.store.models.record import Index, Record, Table

WAITING_STATES = "'draft', 'review', 'unknown', 'refused', 'bounced', 'spooled'"
"""States of notices that wait for a person, as SQL."""


@dataclass(frozen=True, slots=True)
class ClockRow(Record):
    """A legal clock. ``next_instant`` is the due-time index that the sweep reads."""

    table: ClassVar[Table] = Table(
        "clock_view",
        indexes=(
            Index("clock_due", ("next_instant",), "next_instant IS NOT NULL"),
            Index("clock_owner", ("owner_id", "kind", "subject", "id")),
            Index("clock_lines", ("running", "owner_id", "kind", "due_at", "id")),
            Index("clock_breach", ("running", "owner_id", "kind", "due_at", "id"), "breached_at IS NOT NULL"),
            Index("clock_breaches", ("owner_id", "kind", "breached_at"), "breached_at IS NOT NULL"),
            Index("clock_next", ("owner_id", "due_at", "id"), "running = 1"),
            Index("clock_open", ("due_at", "id"), "running = 1"),
            Index("clock_dated", ("due_at", "kind")),
            Index("clock_duties", ("running", "due_at", "id"), "owner_kind = 'duty'"),
            Index("clock_breached_at", ("breached_at",), "breached_at IS NOT NULL"),
            Index("clock_in_time", ("kind", "satisfied_at"), "satisfied_at IS NOT NULL AND breached_at IS NULL"),
            Index("clock_breached_kind", ("kind", "breached_at"), "breached_at IS NOT NULL"),
        ),
    )

    id: str
    kind: str
    owner_kind: Owner
    owner_id: str
    subject: str
    state: ClockState
    running: bool
    anchor_at: datetime
    due_at: datetime
    latest_at: datetime
    target_at: datetime | None
    reading: Reading
    next_instant: datetime | None
    breached_at: datetime | None
    satisfied_at: datetime | None
    reached: int
    """The highest mark reached, in percent of the term."""
    calendar_version: str
    offered_due_at: datetime | None
    """A later deadline that a changed calendar offers and nobody accepted yet."""
    proposed_by: str | None
    """Who proposed to cancel it."""
    confirmed_at: datetime | None
    """When people confirmed an incident whose duties were raised only then."""
    confirmed_due_at: datetime | None
    late_because: LateBecause
    """Why its term had passed when it began."""


@dataclass(frozen=True, slots=True)
class NoticeRow(Record):
    """A notice and how far it is."""

    table: ClassVar[Table] = Table(
        "notice_view",
        indexes=(
            Index("notice_incident", ("incident_id", "text_of", "id")),
            Index("notice_text", ("text_of", "state", "subject")),
            Index("notice_to_client", ("text_of", "subject", "state")),
            Index("notice_drafted", ("text_of", "drafted_at", "id")),
            Index("notice_period", ("drafted_at",)),
            Index("notice_waiting", ("state", "drafted_at", "id"), f"state IN ({WAITING_STATES})"),
        ),
    )

    id: str
    kind: str
    stage: NoticeStage
    incident_id: str
    subject: str
    state: NoticeState
    recipient: str
    drafted_at: datetime
    submitted_by: str | None
    approved_by: str | None
    approved_at: datetime | None
    sent_at: datetime | None
    transport_ref: str | None
    receipt: str | None
    answer: str | None
    """What the other side said where it failed."""
    text_of: str
    """The notice whose approved text it carries to a client; empty for one with a text of its own."""
    addressees: int
    """How many clients an approved text for many goes to."""


@dataclass(frozen=True, slots=True)
class ProtectionRow(Record):
    """A borrower under protection, by an act of an authority; ``genuine`` is None until somebody has verified it."""

    table: ClassVar[Table] = Table("protection_view", indexes=(Index("protection_client", ("client",)),))

    id: str
    kind: ActKind
    issuer: str
    number: str
    received_at: datetime
    client: str
    loans: tuple[str, ...]
    registered_by: str
    genuine: bool | None
    state: ProtectionState
    holds: bool
    proposed_by: str | None
    violations: int
    documents: int


@dataclass(frozen=True, slots=True)
class OrderRow(Record):
    """An order to another system or a bureau."""

    table: ClassVar[Table] = Table("order_view", indexes=(Index("order_protection", ("protection_id",)),))

    id: str
    protection_id: str
    kind: OrderKind
    target: str
    issued_at: datetime
    due_at: datetime
    handed_over_at: datetime | None
    acknowledged_at: datetime | None
    reference: str | None
    overdue: bool
    revoked: bool


@dataclass(frozen=True, slots=True)
class RetentionRow(Record):
    """What is kept of a client, and until when; ``held`` is the reason of a legal hold."""

    table: ClassVar[Table] = Table("retention_view")

    id: str
    client: str
    state: RetentionState
    ended_on: date | None
    free_from: date | None
    held: str
    proposed_by: str
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContainmentRow(Record):
    """What an incident blocks or holds: one subject of one order."""

    table: ClassVar[Table] = Table(
        "containment_view",
        ("id", "subject"),
        indexes=(Index("containment_incident", ("incident_id",)), Index("containment_subject", ("subject",))),
    )

    id: str
    incident_id: str
    order_kind: str
    subject: str
    ordered_at: datetime
    state: str
    """ordered, refused, confirmed, release-ordered, released."""
    confirmed_at: datetime | None
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class LoanRow(Record):
    """Whose contract a loan is, by what the loan system told."""

    table: ClassVar[Table] = Table("loan_view", ("loan",), indexes=(Index("loan_owner", ("retention_id",)),))

    loan: str
    retention_id: str
    client: str
