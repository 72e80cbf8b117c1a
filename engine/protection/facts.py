"""What can be recorded of a borrower's protection after an act of law enforcement or a decision of a court."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal, get_args

from pydantic import AwareDatetime, Field

from engine.kernel.answers import Said, SubjectOutcome
from engine.kernel.facts import Fact, Record

ActKind = Literal["victim_resolution", "remedial_submission", "court_decision"]
Ruling = Literal["debt-void", "debt-partly-void", "claim-refused", "act-overturned"]
RULINGS: tuple[Ruling, ...] = get_args(Ruling)
Outcome = Literal["write-off", "release", "not-genuine", "remove-loans"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""What two persons decide: how a protection ends, that the act is not genuine, that loans do not belong to it."""
ProtectionState = Literal["stopping", "protected", "written-off", "released", "not-genuine", "joined"]
Unread = Literal["act", "court-decision"]
"""What came in and could not be read."""
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


class ActAmended(Fact):
    """Loans were added to an act: they have their own orders, and their own terms from when the addition came in."""

    topic: ClassVar[str] = "act.amended.v1"
    protection_id: str
    part: str
    """The id of the addition; clocks and orders of it go by it."""
    loans: tuple[str, ...]
    received_at: AwareDatetime


class LoansRemoved(Fact):
    """Two persons found that loans do not belong to the act; the stops are lifted for what no other act holds."""

    topic: ClassVar[str] = "act.loans-removed.v1"
    protection_id: str
    loans: tuple[str, ...]
    proposed_by: str


class ActJoined(Fact):
    """The act was entered twice: this entry gives way to its twin, which covers all that it covers."""

    topic: ClassVar[str] = "act.joined.v1"
    protection_id: str
    into: str


class ActReinstated(Fact):
    """What ended the protection was wrong: it holds again, with new orders; its terms are those of the receipt."""

    topic: ClassVar[str] = "act.reinstated.v1"
    protection_id: str
    ended: ProtectionState


class UnreadReceived(Fact):
    """An act or a decision came in that could not be read: an incident asks a person, the terms run from receipt."""

    topic: ClassVar[str] = "act.unread-received.v1"
    incident_id: str
    what: Unread
    received_at: AwareDatetime
    source: str
    event_id: str
    detail: str
    clients: tuple[str, ...] = ()
    """Whom it may concern, by what could be read of it; empty where nobody can say."""
    loans: tuple[str, ...] = ()
    issuer: str = ""
    number: str = ""
    dated: date | None = None
    """The day of the act, where that could be read."""


class UnreadNamed(Fact):
    """A person says in own words that this protection is what could not be read; a second one must agree."""

    topic: ClassVar[str] = "act.unread-named.v1"
    protection_id: str
    incident_id: str


class UnreadRead(Fact):
    """What could not be read is read: this protection carries it out."""

    topic: ClassVar[str] = "act.unread-read.v1"
    protection_id: str
    incident_id: str
    proposed_by: str = ""
    """Who said so first, where it does not say so itself."""


class ActVerified(Fact):
    """A second person checked that the act is genuine; two persons, that it is not."""

    topic: ClassVar[str] = "act.verified.v1"
    protection_id: str
    genuine: bool
    proposed_by: str = ""


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
    loans: tuple[str, ...] = ()
    """The loans it decides on; empty for all of the act."""


class OutcomeProposed(Fact):
    """A person proposes how the protection ends: the debt is written off, or the stops are lifted."""

    topic: ClassVar[str] = "act.outcome-proposed.v1"
    protection_id: str
    outcome: Outcome
    loans: tuple[str, ...] = ()
    document_id: str = ""


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
    part: str = ""
    """The addition to the act that it belongs to, empty for the act itself."""


class OrderHandedOver(Fact):
    """The order was taken (a letter, 202, the first contract); that it was carried out is still to be said."""

    topic: ClassVar[str] = "order.handed-over.v1"
    protection_id: str
    order_id: str
    channel: str
    reference: str


class OrderAnswered(Fact):
    """The other system answered, and not all is done: what it said of each subject. The clock runs on."""

    topic: ClassVar[str] = "order.answered.v1"
    protection_id: str
    order_id: str
    verdict: Said
    outcomes: tuple[SubjectOutcome, ...]
    reference: str
    detail: str
    done_at: AwareDatetime | None = None
    withdrawn: tuple[str, ...] = ()
    """The subjects that were done and by this answer are not any more."""


class OrderAcknowledged(Fact):
    """Every subject of the order is done: by the word of the other system, or of two persons with a document."""

    topic: ClassVar[str] = "order.acknowledged.v1"
    protection_id: str
    order_id: str
    reference: str
    done_at: AwareDatetime
    subjects: tuple[str, ...] = ()
    """For whom and what; empty in facts of before answers were read for each subject."""
    proposed_by: str = ""
    """Who vouched for it first, where persons did."""
    document_id: str = ""


class AcknowledgementProposed(Fact):
    """A person vouches, with a document and own words, that the order was carried out; a second one must agree."""

    topic: ClassVar[str] = "order.acknowledgement-proposed.v1"
    protection_id: str
    order_id: str
    reference: str
    document_id: str


class AcknowledgementWithdrawn(Fact):
    """What was taken for done is not: the duty is owed again."""

    topic: ClassVar[str] = "order.acknowledgement-withdrawn.v1"
    protection_id: str
    order_id: str
    subjects: tuple[str, ...] = ()
    """Of which subjects another system took it back; the others stay done. Empty: a person took all of it back."""


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


OrderFact = (
    OrderIssued | OrderHandedOver | OrderAnswered | OrderAcknowledged | AcknowledgementProposed
    | AcknowledgementWithdrawn | OrderOverdue | OrderRevoked
)  # fmt: skip
CaseFact = (
    ActRegistered | ActAmended | LoansRemoved | ActJoined | ActReinstated | UnreadNamed | UnreadRead | ActVerified
    | ActDocumentAttached | CourtRuled | OutcomeProposed | OutcomeDecided | OutcomeDeclined | ViolationFound
)  # fmt: skip
ProtectionFact = OrderFact | CaseFact
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[ProtectionFact], ...] = get_args(ProtectionFact)
