"""How long what is kept of a client must be kept, and how it is destroyed: by two persons, after the term, for good.

Documents and messages are kept at least five years after the obligations of the parties end (register:
retention-5y-smartolet, retention-5y-procredit). A legal hold stops destruction whatever the term. Destruction is that
of the client's key; what was encrypted under it stays in the log, unreadable, so the log can still be verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Literal, cast, get_args

from engine.kernel.errors import DecisionRefused, InputError, SecondPersonNeeded
from engine.kernel.facts import Fact, Person, foreign
from engine.kernel.ids import derive
from engine.permissions import require

YEARS = 5
RetentionState = Literal["kept", "proposed", "approved", "held", "erased"]


class ObligationsEnded(Fact):
    """The obligations of a client and the lender ended on a day: the term counts from it."""

    topic: ClassVar[str] = "retention.ended.v1"
    retention_id: str
    client: str
    ended_on: date
    loan: str = ""


class ObligationsBegan(Fact):
    """A new contract was made: no term runs until it ends too."""

    topic: ClassVar[str] = "retention.began.v1"
    retention_id: str
    client: str
    loan: str = ""


class HoldPlaced(Fact):
    """Nothing of the client may be destroyed, whatever the term."""

    topic: ClassVar[str] = "retention.hold-placed.v1"
    retention_id: str
    client: str


class HoldLifted(Fact):
    """The hold is over."""

    topic: ClassVar[str] = "retention.hold-lifted.v1"
    retention_id: str


class ErasureProposed(Fact):
    """Somebody asks that what is kept of a client be destroyed."""

    topic: ClassVar[str] = "retention.erasure-proposed.v1"
    retention_id: str


class ErasureApproved(Fact):
    """A second person agreed; the engine destroys the keys."""

    topic: ClassVar[str] = "retention.erasure-approved.v1"
    retention_id: str
    proposed_by: str


class ErasureDone(Fact):
    """The keys are destroyed: their ids, and how far the ledger went then. This is the certificate."""

    topic: ClassVar[str] = "retention.erasure-done.v1"
    retention_id: str
    client: str
    proposed_by: str
    approved_by: str
    keys: tuple[str, ...]
    documents: int
    ledger_size: int
    ledger_root: str


RetentionFact = (
    ObligationsEnded | ObligationsBegan | HoldPlaced | HoldLifted | ErasureProposed | ErasureApproved | ErasureDone
)  # fmt: skip
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[RetentionFact], ...] = get_args(RetentionFact)


def retention_id(client: str) -> str:
    """Return the id under which the retention of a client stands."""
    return str(derive("retention", client))


def term_end(ended_on: date, years: int = YEARS) -> date:
    """Return the first day on which destruction is allowed: the day after the same day, so many years on."""
    try:
        same = ended_on.replace(year=ended_on.year + years)
    except ValueError:  # the 29th of February
        same = date(ended_on.year + years, 2, 28)
    return date.fromordinal(same.toordinal() + 1)


@dataclass
class Retention:
    """What is to be kept of one client."""

    id: str = ""
    version: int = 0
    client: str = ""
    ended_on: date | None = None
    open_loans: set[str] = field(default_factory=set)
    loans: set[str] = field(default_factory=set)
    """Every contract that was told of, also those that ended."""
    held: str = ""
    proposed_by: str = ""
    approved_by: str = ""
    erased_at: datetime | None = None

    @property
    def free_from(self) -> date | None:
        """The first day on which destruction is allowed; None while obligations last or their end is not known."""
        return term_end(self.ended_on) if self.ended_on is not None and not self.open_loans else None

    @property
    def state(self) -> RetentionState:
        """Say in one word how it stands."""
        if self.erased_at is not None:
            return "erased"
        if self.held:
            return "held"
        if self.approved_by:
            return "approved"
        return "proposed" if self.proposed_by else "kept"

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(RetentionFact, fact))

    def _take(self, fact: RetentionFact) -> None:
        match fact:
            case ObligationsEnded():
                self._about(fact)
                self.open_loans = self.open_loans - {fact.loan} if fact.loan else set()
                self.ended_on = max(self.ended_on or fact.ended_on, fact.ended_on)
            case ObligationsBegan():
                self._about(fact)
                self.open_loans.add(fact.loan)
                if fact.loan:
                    self.loans.add(fact.loan)
                self.proposed_by = ""
                self.erased_at = None
                self.approved_by = ""
            case HoldPlaced():
                self._about(fact)
                self.held, self.proposed_by = fact.reason or "held", ""
            case HoldLifted():
                self.held = ""
            case ErasureProposed():
                self.proposed_by = fact.actor
            case ErasureApproved():
                self.approved_by = fact.actor
            case ErasureDone():
                self.erased_at = fact.at
            case _:
                foreign(fact)

    def _about(self, fact: ObligationsEnded | ObligationsBegan | HoldPlaced) -> None:
        self.id, self.client = fact.retention_id, fact.client


def end_obligations(client: str, ended_on: date, loan: str, *, by: Person, reason: str, at: datetime) -> list[Fact]:
    """Record by hand when obligations ended. Raise NotAllowed, InputError."""
    require("end-obligations", by)
    _given(reason)
    if not client.strip():
        raise InputError("name the client", field="client")
    if ended_on > at.date():
        raise InputError("the obligations have not ended yet", field="ended_on")
    key = retention_id(client)
    return [
        ObligationsEnded(
            at=at, actor=by.id, reason=reason, retention_id=key, client=client, ended_on=ended_on, loan=loan
        )
    ]


def place_hold(client: str, *, by: Person, reason: str, at: datetime) -> list[Fact]:
    """Forbid destruction. Raise NotAllowed, InputError."""
    require("place-hold", by)
    _given(reason)
    return [HoldPlaced(at=at, actor=by.id, reason=reason, retention_id=retention_id(client), client=client)]


def lift_hold(it: Retention, *, by: Person, reason: str, at: datetime) -> list[Fact]:
    """Allow destruction again. Raise NotAllowed, DecisionRefused."""
    require("lift-hold", by)
    _given(reason)
    if not it.held:
        raise DecisionRefused("there is no hold")
    return [HoldLifted(at=at, actor=by.id, reason=reason, retention_id=it.id)]


def propose_erasure(it: Retention, *, by: Person, reason: str, today: date, at: datetime) -> list[Fact]:
    """Ask for destruction. Raise NotAllowed, DecisionRefused."""
    require("propose-erasure", by)
    _given(reason)
    _may_be_erased(it, today)
    if it.proposed_by:
        raise DecisionRefused("it is proposed already; somebody else must approve it")
    return [ErasureProposed(at=at, actor=by.id, reason=reason, retention_id=it.id)]


def approve_erasure(it: Retention, *, by: Person, reason: str, today: date, at: datetime) -> list[Fact]:
    """Agree to destruction, as somebody else than who asked. Raise NotAllowed, SecondPersonNeeded, DecisionRefused."""
    require("approve-erasure", by)
    _given(reason)
    _may_be_erased(it, today)
    if not it.proposed_by:
        raise DecisionRefused("nobody has proposed it")
    if it.proposed_by == by.id:
        raise SecondPersonNeeded("who proposed the destruction cannot approve it")
    return [
        ErasureApproved(at=at, actor=by.id, reason=reason, retention_id=it.id, proposed_by=it.proposed_by),
    ]


def _may_be_erased(it: Retention, today: date) -> None:
    if it.erased_at is not None or it.approved_by:
        raise DecisionRefused("it is destroyed, or about to be")
    if it.held:
        raise DecisionRefused("a legal hold forbids it: {held}", held=it.held)
    if it.free_from is None:
        raise DecisionRefused("the obligations of this client last, or their end is not recorded")
    if today < it.free_from:
        raise DecisionRefused(
            "the term runs; nothing may be destroyed before {free_from}", free_from=it.free_from.isoformat()
        )


def _given(reason: str) -> None:
    if not reason.strip():
        raise InputError("give the reason", field="reason")
