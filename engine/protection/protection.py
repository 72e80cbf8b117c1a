"""Borrower protection: an act of law enforcement stops collection and accrual and corrects the credit history.

PROcredit 36 and the regulator's instruction of 29.09.2025: three calendar days from receipt. The orders go out at once
and by themselves; a second person checks the act afterwards. How it ends, by write-off (PROcredit 37) or release, two
persons decide. What may be done with it stands in ``deciding``, its orders in ``orders``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast, get_args

from engine.kernel.answers import Subject, subjects_of
from engine.kernel.facts import Fact, foreign
from engine.kernel.ids import derive
from engine.protection.facts import (
    AcknowledgementProposed,
    AcknowledgementWithdrawn,
    ActAmended,
    ActDocumentAttached,
    ActJoined,
    ActRegistered,
    ActReinstated,
    ActVerified,
    CaseFact,
    CourtRuled,
    LegalAct,
    LoansRemoved,
    OrderAcknowledged,
    OrderAnswered,
    OrderFact,
    OrderHandedOver,
    OrderIssued,
    OrderKind,
    OrderOverdue,
    OrderRevoked,
    Outcome,
    OutcomeDecided,
    OutcomeDeclined,
    OutcomeProposed,
    ProtectionState,
    UnreadNamed,
    UnreadRead,
    ViolationFound,
)
from engine.protection.spelling import spelt

STOPS: tuple[OrderKind, ...] = ("collection-stop", "accrual-stop", "bureau-correction", "client-flag")
LIFTS: dict[OrderKind, OrderKind] = {
    "collection-stop": "collection-resume",
    "accrual-stop": "accrual-resume",
    "bureau-correction": "bureau-restore",
    "client-flag": "client-unflag",
}
OF_CLIENT: tuple[OrderKind, ...] = ("client-flag", "client-unflag")
"""Orders about the client; the others are about the loans."""
ENDS: dict[Outcome, ProtectionState] = {"write-off": "written-off", "release": "released"}
_ORDER = frozenset(get_args(OrderFact))


@dataclass
class Order:
    """One order, what was answered of each of its subjects, and its acknowledgement."""

    id: str
    kind: OrderKind
    system: str
    target: str
    loans: tuple[str, ...]
    issued_at: datetime
    due_at: datetime
    part: str = ""
    subjects: tuple[Subject, ...] = ()
    handed_over_at: datetime | None = None
    answer: OrderAnswered | None = None
    """The last answer that did not say that all is done."""
    done: dict[str, datetime] = field(default_factory=dict)
    """Subject → when it was done, also where the others are not."""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    reference: str | None = None
    proposed: AcknowledgementProposed | None = None
    refused_at: dict[str, datetime] = field(default_factory=dict)
    """Subject → when it was last said not to be done: what is older proves nothing."""
    withdrawals: int = 0
    """How many times another system took back that it was done."""
    overdue: bool = False
    revoked: bool = False
    superseded: bool = False
    """Of before the protection was reinstated: it proves nothing any more."""

    @property
    def open(self) -> bool:
        """Say whether it is still to be carried out."""
        return self.acknowledged_at is None and not self.revoked and not self.superseded

    def take(self, answer: OrderAnswered) -> None:
        """Keep what an answer says of each subject; a refusal takes back what was done."""
        self.answer = answer
        for it in answer.outcomes:
            if it.outcome == "done":
                self.done.setdefault(it.subject, answer.done_at or answer.at)
            elif it.outcome == "refused" or it.subject in answer.withdrawn:
                self.done.pop(it.subject, None)
                self.refused_at[it.subject] = answer.done_at or answer.at

    def take_back(self, fact: AcknowledgementWithdrawn) -> None:
        """It is not done after all: for some subjects, or, by a person's word, for all of them."""
        self.acknowledged_at, self.reference, self.acknowledged_by, self.proposed = None, None, "", None
        self.withdrawals += bool(fact.subjects)
        for it in fact.subjects or list(self.done):
            self.done.pop(it, None)


@dataclass
class Protection:
    """The state of one borrower's protection, folded from its facts."""

    id: str = ""
    act: LegalAct | None = None
    registered_by: str = ""
    registered_at: datetime | None = None
    verified_by: str | None = None
    genuine: bool | None = None
    documents: dict[str, ActDocumentAttached] = field(default_factory=dict)
    rulings: list[CourtRuled] = field(default_factory=list)
    amendments: list[ActAmended] = field(default_factory=list)
    removed: tuple[str, ...] = ()
    joined_into: str = ""
    unread: tuple[str, ...] = ()
    """The incidents of what could not be read and is carried out here."""
    unread_named: dict[str, str] = field(default_factory=dict)
    """Incident of what could not be read → who said first that it is this."""
    round: int = 0
    """How many times it was reinstated."""
    proposed: tuple[str, Outcome, str] | None = None
    """Who proposed which outcome, and why."""
    proposed_loans: tuple[str, ...] = ()
    proposed_document: str = ""
    outcome: Outcome | None = None
    decided_at: datetime | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    violations: list[ViolationFound] = field(default_factory=list)
    version: int = 0

    @property
    def state(self) -> ProtectionState:
        """Name the state: not-genuine, joined, written-off, released, protected (all stops done) or stopping."""
        if self.genuine is False:
            return "not-genuine"
        if self.joined_into:
            return "joined"
        if self.outcome is not None:
            return ENDS[self.outcome]
        stops = [it for it in self.orders.values() if it.kind in STOPS and not it.superseded and not it.revoked]
        return "protected" if stops and all(order.acknowledged_at for order in stops) else "stopping"

    @property
    def holds(self) -> bool:
        """Say whether the borrower is protected now."""
        return bool(self.id) and self.genuine is not False and self.outcome != "release" and not self.joined_into

    @property
    def loans(self) -> tuple[str, ...]:
        """The loans it covers: those of the act and of what was added to it, without those that do not belong to it."""
        named = [*(self.act.loans if self.act else ()), *(loan for it in self.amendments for loan in it.loans)]
        return tuple(loan for loan in dict.fromkeys(named) if loan not in self.removed)

    @property
    def proofs(self) -> tuple[str, ...]:
        """The documents, in their order, that can prove something of the act: the act does not prove it of itself."""
        own = (self.act.document_id, self.act.document_sha256) if self.act else ("", "")
        return tuple(key for key, it in self.documents.items() if key != own[0] and it.sha256 != own[1])

    @property
    def parts(self) -> tuple[str, ...]:
        """The act itself (empty) and what was added to it, each with its own orders and clocks."""
        return ("", *(it.part for it in self.amendments))

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        it = cast(Any, fact)
        if type(fact) in _ORDER:
            self._order(it)
        else:
            self._case(it)

    def _case(self, fact: CaseFact) -> None:
        match fact:
            case ActRegistered():
                self.id, self.act = fact.protection_id, fact.act
                self.registered_by, self.registered_at = fact.actor, fact.at
            case ActAmended():
                self.amendments.append(fact)
                self.removed = tuple(it for it in self.removed if it not in fact.loans)
            case LoansRemoved():
                self.removed = (*self.removed, *fact.loans)
                self._settle_proposal()
            case ActJoined():
                self.joined_into = fact.into
                self._settle_proposal()
            case ActReinstated():
                self._reinstate()
            case UnreadNamed():
                self.unread_named[fact.incident_id] = fact.actor
            case UnreadRead():
                self.unread_named.pop(fact.incident_id, None)
                self.unread = (*self.unread, fact.incident_id)
            case ActVerified():
                self.verified_by, self.genuine = fact.actor, fact.genuine
                self._settle_proposal("not-genuine")
            case ActDocumentAttached():
                self.documents[fact.document_id] = fact
            case CourtRuled():
                self.rulings.append(fact)
            case OutcomeProposed():
                self.proposed = (fact.actor, fact.outcome, fact.reason)
                self.proposed_loans, self.proposed_document = fact.loans, fact.document_id
            case OutcomeDeclined():
                self._settle_proposal()
            case OutcomeDecided():
                self.outcome, self.decided_at = fact.outcome, fact.at
                self._settle_proposal()
            case ViolationFound():
                self.violations.append(fact)
            case _:
                foreign(fact)

    def _settle_proposal(self, only: Outcome | None = None) -> None:
        if only is None or (self.proposed is not None and self.proposed[1] == only):
            self.proposed, self.proposed_loans, self.proposed_document = None, (), ""

    def _reinstate(self) -> None:
        """It holds again; what was ordered before proves nothing any more."""
        self.round += 1
        self.genuine = self.verified_by = self.outcome = self.decided_at = None
        self.joined_into = ""
        self._settle_proposal()
        for order in self.orders.values():
            order.superseded = True

    def _order(self, fact: OrderFact) -> None:
        """Take what is about an order."""
        if type(fact) is not OrderIssued and fact.order_id not in self.orders:
            return
        order = self.orders.get(fact.order_id) or self._new(cast(OrderIssued, fact))
        match fact:
            case OrderIssued():
                self.orders[fact.order_id] = order
            case OrderHandedOver():
                order.handed_over_at = fact.at
            case OrderAnswered():
                order.take(fact)
            case OrderAcknowledged():
                order.acknowledged_at, order.reference = fact.done_at, fact.reference
                order.acknowledged_by, order.proposed = fact.actor, None
                order.done = {**dict.fromkeys(fact.subjects, fact.done_at), **order.done}
            case AcknowledgementProposed():
                order.proposed = fact
            case AcknowledgementWithdrawn():
                order.take_back(fact)
            case OrderOverdue():
                order.overdue = True
            case OrderRevoked():
                order.revoked = True
            case _:
                foreign(fact)

    def _new(self, fact: OrderIssued) -> Order:
        subjects = subjects_of_order(fact.kind, self.act.client if self.act else "", fact.loans)
        return Order(
            fact.order_id, fact.kind, fact.system, fact.target, fact.loans, fact.at, fact.due_at, fact.part, subjects
        )

    def all_acknowledged(self, kind: OrderKind, part: str = "") -> bool:
        """Say whether every order of this kind that counts now was acknowledged, for the act or an addition to it."""
        orders = [it for it in self.orders.values() if it.kind == kind and it.part == part]
        counting = [it for it in orders if not it.superseded and not it.revoked]
        return bool(counting) and all(order.acknowledged_at is not None for order in counting)


def protection_id(act: LegalAct) -> str:
    """Return the id of the protection: the same act entered twice, however it is spelt, is one protection.

    Acts of before spellings were one have the id of their spelling: ``engine.policies.acts.entry_of`` finds them.
    """
    return str(derive("protection", *spelt(act.issuer, act.number), act.act_date.isoformat(), act.client))


def subjects_of_order(kind: OrderKind, client: str, loans: tuple[str, ...]) -> tuple[Subject, ...]:
    """Return whom or what an order is about: each loan, or the client."""
    return subjects_of("client", (client,)) if kind in OF_CLIENT else subjects_of("loan", loans)
