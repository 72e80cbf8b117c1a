"""What can be recorded of a borrower's protection after an act of law enforcement or a decision of a court."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal, get_args

from pydantic import AwareDatetime, Field

from engine.kernel.facts import Fact, Record

ActKind = Literal["victim_resolution", "remedial_submission", "court_decision"]
Ruling = Literal["debt-void", "act-overturned"]
Outcome = Literal["write-off", "release"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
ProtectionState = Literal["stopping", "protected", "written-off", "released", "not-genuine"]
OrderKind = Literal[
    "collection-stop", "accrual-stop", "bureau-correction", "client-flag",
    "write-off",
    "collection-resume", "accrual-resume", "bureau-restore", "client-unflag",
]  # fmt: skip
SYSTEM_OF_ORDER: dict[OrderKind, str] = {
    "collection-stop": "collections",
    "accrual-stop": "loans",
    "bureau-correction": "bureau",
    "client-flag": "loans",
    "write-off": "loans",
    "collection-resume": "collections",
    "accrual-resume": "loans",
    "bureau-restore": "bureau",
    "client-unflag": "loans",
}
DEMANDS: dict[OrderKind, tuple[str, ...]] = {
    "collection-stop": (
        "stop contacts with the client", "cancel queued calls, messages and visits", "stop claim work and lawsuits",
        "recall the loans from agencies",
    ),
    "accrual-stop": ("stop accrual of interest and penalty",),
    "bureau-correction": ("delete the records of debt; do not mark them as paid",),
    "client-flag": ("mark the client's file: recognised as victim, no collection, no new contact about these loans",),
    "write-off": ("write the debt off",),
    "collection-resume": ("collection may go on",),
    "accrual-resume": ("accrual may go on from the day of this order",),
    "bureau-restore": ("enter the records again as they stand now",),
    "client-unflag": ("remove the mark from the client's file",),
}  # fmt: skip
"""What each order asks for, in words; they go out with it."""


class LegalAct(Record):
    """The act as received: kind, issuer, number, its own date, when and how it came in, whom it concerns."""

    kind: ActKind
    issuer: str = Field(min_length=1, max_length=300)
    number: str = Field(min_length=1, max_length=100)
    act_date: date
    received_at: AwareDatetime
    channel: str = Field(min_length=1, max_length=100)
    client: str = Field(min_length=1, max_length=100)
    loans: tuple[str, ...] = Field(min_length=1, max_length=50)
    bureaus: tuple[str, ...] = Field(min_length=1, max_length=10)
    document_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    document_name: str | None = Field(default=None, max_length=200)
    document_id: str | None = None


class ActRegistered(Fact):
    """A law-enforcement act was entered; the three-day terms run from its receipt."""

    topic: ClassVar[str] = "act.registered.v1"
    protection_id: str
    act: LegalAct


class ActVerified(Fact):
    """A second person checked that the act is genuine, or is not."""

    topic: ClassVar[str] = "act.verified.v1"
    protection_id: str
    genuine: bool


class ActDocumentAttached(Fact):
    """A document belongs to this protection; its original lies in the archive under its hash."""

    topic: ClassVar[str] = "act.document-attached.v1"
    protection_id: str
    document_id: str
    sha256: str
    name: str


class CourtRuled(Fact):
    """A decision of a court in force came in for loans under protection."""

    topic: ClassVar[str] = "act.court-ruled.v1"
    protection_id: str
    court: str
    number: str
    in_force_on: date
    received_at: AwareDatetime
    ruling: Ruling
    document_id: str = ""


class OutcomeProposed(Fact):
    """A person proposes how the protection ends: the debt is written off, or the stops are lifted."""

    topic: ClassVar[str] = "act.outcome-proposed.v1"
    protection_id: str
    outcome: Outcome


class OutcomeDecided(Fact):
    """A second person agreed; the orders follow."""

    topic: ClassVar[str] = "act.outcome-decided.v1"
    protection_id: str
    outcome: Outcome
    proposed_by: str


class OutcomeDeclined(Fact):
    """A second person did not agree; the protection goes on as it is."""

    topic: ClassVar[str] = "act.outcome-declined.v1"
    protection_id: str
    outcome: Outcome
    proposed_by: str


class OrderIssued(Fact):
    """An order to another system exists; its id is the idempotency key."""

    topic: ClassVar[str] = "order.issued.v1"
    protection_id: str
    order_id: str
    kind: OrderKind
    system: str
    target: str
    loans: tuple[str, ...]
    due_at: AwareDatetime


class OrderHandedOver(Fact):
    """The order went out as a letter; that it was carried out is still to be acknowledged."""

    topic: ClassVar[str] = "order.handed-over.v1"
    protection_id: str
    order_id: str
    channel: str
    reference: str


class OrderAcknowledged(Fact):
    """The other system says it is done, with its reference."""

    topic: ClassVar[str] = "order.acknowledged.v1"
    protection_id: str
    order_id: str
    reference: str
    done_at: AwareDatetime


class OrderOverdue(Fact):
    """An hour of tries has not brought an acknowledgement; people are told, the tries go on."""

    topic: ClassVar[str] = "order.overdue.v1"
    protection_id: str
    order_id: str
    attempts: int
    last_answer: str


class OrderRevoked(Fact):
    """The order is not tried any more: the protection ended before the other system answered."""

    topic: ClassVar[str] = "order.revoked.v1"
    protection_id: str
    order_id: str


class ViolationFound(Fact):
    """Something was done to a protected borrower that the orders forbid; the incident has the events."""

    topic: ClassVar[str] = "act.violation-found.v1"
    protection_id: str
    incident_id: str
    finding_id: str
    detected_at: AwareDatetime


OrderFact = OrderIssued | OrderHandedOver | OrderAcknowledged | OrderOverdue | OrderRevoked
CaseFact = (
    ActRegistered | ActVerified | ActDocumentAttached | CourtRuled | OutcomeProposed | OutcomeDecided | OutcomeDeclined
    | ViolationFound
)  # fmt: skip
ProtectionFact = OrderFact | CaseFact
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[ProtectionFact], ...] = get_args(ProtectionFact)
