"""Borrower protection: an act of law enforcement stops collection and accrual and corrects the credit history.

PROcredit 36 and the regulator's instruction of 29.09.2025: three calendar days from receipt. The orders go out at once
and by themselves; a second person checks the act afterwards. How it ends, by write-off (PROcredit 37) or release, two
persons decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, cast, get_args

from engine.kernel.errors import DecisionRefused, InputError, SecondPersonNeeded
from engine.kernel.facts import Fact, Noted, Person, foreign
from engine.kernel.ids import derive
from engine.permissions import require
from engine.protection.facts import (
    OUTCOMES,
    SYSTEM_OF_ORDER,
    ActDocumentAttached,
    ActRegistered,
    ActVerified,
    CaseFact,
    CourtRuled,
    LegalAct,
    OrderAcknowledged,
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
    ViolationFound,
)

STOPS: tuple[OrderKind, ...] = ("collection-stop", "accrual-stop", "bureau-correction", "client-flag")
LIFTS: dict[OrderKind, OrderKind] = {
    "collection-stop": "collection-resume",
    "accrual-stop": "accrual-resume",
    "bureau-correction": "bureau-restore",
    "client-flag": "client-unflag",
}
ENDS: dict[Outcome, ProtectionState] = {"write-off": "written-off", "release": "released"}
_ORDER = frozenset(get_args(OrderFact))


@dataclass
class Order:
    """One order and its acknowledgement."""

    id: str
    kind: OrderKind
    system: str
    target: str
    loans: tuple[str, ...]
    issued_at: datetime
    due_at: datetime
    handed_over_at: datetime | None = None
    acknowledged_at: datetime | None = None
    reference: str | None = None
    overdue: bool = False
    revoked: bool = False


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
    proposed: tuple[str, Outcome, str] | None = None
    """Who proposed which outcome, and why."""
    outcome: Outcome | None = None
    decided_at: datetime | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    violations: list[ViolationFound] = field(default_factory=list)
    version: int = 0

    @property
    def state(self) -> ProtectionState:
        """Name the state: not-genuine, written-off, released, protected (all stops acknowledged) or stopping."""
        if self.genuine is False:
            return "not-genuine"
        if self.outcome is not None:
            return ENDS[self.outcome]
        stops = [order for order in self.orders.values() if order.kind in STOPS]
        return "protected" if stops and all(order.acknowledged_at for order in stops) else "stopping"

    @property
    def holds(self) -> bool:
        """Say whether the borrower is protected now."""
        return bool(self.id) and self.genuine is not False and self.outcome != "release"

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
            case ActVerified():
                self.verified_by, self.genuine = fact.actor, fact.genuine
            case ActDocumentAttached():
                self.documents[fact.document_id] = fact
            case CourtRuled():
                self.rulings.append(fact)
            case OutcomeProposed():
                self.proposed = (fact.actor, fact.outcome, fact.reason)
            case OutcomeDeclined():
                self.proposed = None
            case OutcomeDecided():
                self.outcome, self.decided_at, self.proposed = fact.outcome, fact.at, None
            case ViolationFound():
                self.violations.append(fact)
            case _:
                foreign(fact)

    def _order(self, fact: OrderFact) -> None:
        """Take what is about an order."""
        match fact:
            case OrderIssued():
                self.orders[fact.order_id] = Order(
                    fact.order_id, fact.kind, fact.system, fact.target, fact.loans, fact.at, fact.due_at
                )
            case OrderHandedOver():
                self.orders[fact.order_id].handed_over_at = fact.at
            case OrderAcknowledged():
                order = self.orders[fact.order_id]
                order.acknowledged_at, order.reference = fact.done_at, fact.reference
            case OrderOverdue():
                self.orders[fact.order_id].overdue = True
            case OrderRevoked():
                self.orders[fact.order_id].revoked = True
            case _:
                foreign(fact)

    def all_acknowledged(self, kind: OrderKind) -> bool:
        """Say whether every order of this kind was acknowledged."""
        orders = [order for order in self.orders.values() if order.kind == kind]
        return bool(orders) and all(order.acknowledged_at is not None for order in orders)


def protection_id(act: LegalAct) -> str:
    """Return the id of the protection: the same act entered twice is one protection."""
    return str(derive("protection", act.issuer, act.number, act.act_date.isoformat(), act.client))


def register_act(protection: Protection, act: LegalAct, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Enter an act. Receipt cannot lie in the future, nor before the act itself; entering it again changes nothing."""
    require("enter-act", by)
    _received(act.received_at, act.act_date, at)
    if protection.id:
        return []
    return [ActRegistered(at=at, actor=by.id, protection_id=protection_id(act), act=act)]


def _received(received_at: datetime, dated: date, at: datetime) -> None:
    if received_at > at + timedelta(minutes=5):
        raise InputError("the act cannot have been received in the future", field="received_at")
    if received_at.date() + timedelta(days=1) < dated:
        raise InputError("the act cannot have been received before its own date", field="received_at")


def verify_act(protection: Protection, genuine: bool, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Check the act: a compliance officer other than the one who entered it. Not genuine lifts the stops."""
    require("verify-act", by)
    if by.id == protection.registered_by:
        raise SecondPersonNeeded("who entered the act cannot verify it")
    if protection.genuine is not None:
        raise DecisionRefused("the act was verified already")
    if not reason.strip():
        raise DecisionRefused("verifying an act needs a reason or reference")
    return [ActVerified(at=at, actor=by.id, reason=reason, protection_id=protection.id, genuine=genuine)]


def attach(
    protection: Protection, document_id: str, sha256: str, name: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Attach a document of the archive; once more changes nothing."""
    require("attach-document", by)
    if document_id in protection.documents:
        return []
    return [
        ActDocumentAttached(
            at=at, actor=by.id, protection_id=protection.id, document_id=document_id, sha256=sha256, name=name[:200]
        )
    ]


def rule(protection: Protection, ruling: CourtRuled) -> Sequence[Fact]:
    """Take a decision of a court; the same one again changes nothing."""
    _received(ruling.received_at, ruling.in_force_on, ruling.at)
    if any((it.court, it.number) == (ruling.court, ruling.number) for it in protection.rulings):
        return []
    if not ruling.court.strip() or not ruling.number.strip():
        raise DecisionRefused("name the court and the number of its decision")
    return [ruling]


class _Outcome(Noted):
    protection_id: str
    outcome: Outcome
    proposed_by: str


def propose_outcome(protection: Protection, outcome: str, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Propose how the protection ends."""
    require("propose-outcome", by)
    if outcome not in OUTCOMES:
        raise DecisionRefused("an outcome is write-off or release")
    if not protection.holds or protection.outcome is not None:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    if protection.proposed is not None:
        raise DecisionRefused(
            "{proposed} proposed an outcome already; somebody else must decide it", proposed=protection.proposed[0]
        )
    if not reason.strip():
        raise DecisionRefused("an outcome needs its ground")
    if outcome == "release" and not any(it.ruling == "act-overturned" for it in protection.rulings):
        raise DecisionRefused("the stops are lifted on a decision of a court, or when the act is not genuine")
    return [OutcomeProposed(at=at, actor=by.id, reason=reason, protection_id=protection.id, outcome=outcome)]


def decide_outcome(protection: Protection, agreed: bool, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Agree to the proposed outcome as a second person, or decline it."""
    require("decide-outcome", by)
    if protection.proposed is None:
        raise DecisionRefused("nobody proposed an outcome")
    proposer, outcome, ground = protection.proposed
    if proposer == by.id:
        raise SecondPersonNeeded("who proposed the outcome cannot also decide it")
    if not protection.holds:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    common: _Outcome = {
        "at": at, "actor": by.id, "protection_id": protection.id, "outcome": outcome, "proposed_by": proposer,
    }  # fmt: skip
    if not agreed:
        if not reason.strip():
            raise DecisionRefused("declining needs a reason")
        return [OutcomeDeclined(**common, reason=reason)]
    return [OutcomeDecided(**common, reason=reason or ground)]


def issue_orders(protection: Protection, *, due_at: datetime, at: datetime) -> Sequence[OrderIssued]:
    """Return the orders of an act: stop to collections, stop and mark to the loan system, one correction per bureau."""
    act = protection.act
    assert act is not None
    targets: list[tuple[OrderKind, str]] = [
        ("collection-stop", "collections"), ("accrual-stop", "loans"), ("client-flag", "loans"),
    ]  # fmt: skip
    targets += [("bureau-correction", bureau) for bureau in act.bureaus]
    return [order for kind, target in targets for order in _order(protection, kind, target, due_at, at)]


def issue_write_off(protection: Protection, *, due_at: datetime, at: datetime) -> Sequence[OrderIssued]:
    """Return the order to write the debt off."""
    return _order(protection, "write-off", "loans", due_at, at)


def lift(protection: Protection, *, due_at: datetime, at: datetime) -> Sequence[Fact]:
    """Take every stop back: revoke what was never acknowledged, and order what undoes each stop given."""
    facts: list[Fact] = []
    for order in list(protection.orders.values()):
        if order.kind not in LIFTS:
            continue
        if order.acknowledged_at is None and not order.revoked:
            facts.append(OrderRevoked(at=at, protection_id=protection.id, order_id=order.id))
        facts += _order(protection, LIFTS[order.kind], order.target, due_at, at)
    return facts


def _order(
    protection: Protection, kind: OrderKind, target: str, due_at: datetime, at: datetime
) -> Sequence[OrderIssued]:
    order_id = str(derive("order", protection.id, kind, target))
    if order_id in protection.orders:
        return []
    assert protection.act is not None
    return [
        OrderIssued(
            at=at, protection_id=protection.id, order_id=order_id, kind=kind, system=SYSTEM_OF_ORDER[kind],
            target=target, loans=protection.act.loans, due_at=due_at,
        )
    ]  # fmt: skip


def acknowledge_order(
    protection: Protection, order_id: str, *, reference: str, done_at: datetime, at: datetime, actor: str
) -> Sequence[Fact]:
    """Record the other system's acknowledgement; a second one changes nothing."""
    order = protection.orders.get(order_id)
    if order is None:
        raise DecisionRefused("no such order")
    if order.acknowledged_at is not None:
        return []
    return [
        OrderAcknowledged(
            at=at,
            actor=actor,
            protection_id=protection.id,
            order_id=order_id,
            reference=reference,
            done_at=done_at,
        )
    ]


def acknowledge_by_hand(
    protection: Protection, order_id: str, reference: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Record that a person has the other system's answer, under that system's reference."""
    if not reference.strip():
        raise DecisionRefused("an acknowledgement needs the other system's reference")
    return acknowledge_order(protection, order_id, reference=reference[:200], done_at=at, at=at, actor=by.id)


def violated(
    protection: Protection, incident_id: str, finding_id: str, detected_at: datetime, *, at: datetime
) -> Sequence[Fact]:
    """Note that the orders were violated; the same finding is noted once."""
    if not protection.holds or any(it.finding_id == finding_id for it in protection.violations):
        return []
    return [
        ViolationFound(
            at=at, protection_id=protection.id, incident_id=incident_id, finding_id=finding_id, detected_at=detected_at
        )
    ]
