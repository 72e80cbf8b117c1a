"""Protection of a borrower: a law-enforcement act stops collection, accrual and the bureau records in three days.

Clauses: PROcredit 36-37; the regulator's instruction of 29.09.2025. The orders go out at once and by themselves,
because three calendar days may end on a holiday; a second person verifies the act afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from engine.errors import DecisionRefused, InputError, NotAllowed, SecondPersonNeeded
from engine.facts import Fact, Person, Record
from engine.ids import derive

ActKind = Literal["victim_resolution", "remedial_submission"]
OrderKind = Literal["collection-stop", "accrual-stop", "bureau-correction"]
SYSTEM_OF_ORDER: dict[str, str] = {
    "collection-stop": "collections",
    "accrual-stop": "loans",
    "bureau-correction": "bureau",
}


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


FACTS: tuple[type[Fact], ...] = (ActRegistered, ActVerified, OrderIssued, OrderAcknowledged, OrderOverdue)


@dataclass
class Order:
    """One order and its acknowledgement."""

    id: str
    kind: str
    system: str
    target: str
    loans: tuple[str, ...]
    issued_at: datetime
    due_at: datetime
    acknowledged_at: datetime | None = None
    reference: str | None = None
    overdue: bool = False


@dataclass
class Protection:
    """The state of one borrower's protection, folded from its facts."""

    id: str = ""
    act: LegalAct | None = None
    registered_by: str = ""
    registered_at: datetime | None = None
    verified_by: str | None = None
    genuine: bool | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    version: int = 0

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        match fact:
            case ActRegistered():
                self.id, self.act = fact.protection_id, fact.act
                self.registered_by, self.registered_at = fact.actor, fact.at
            case ActVerified():
                self.verified_by, self.genuine = fact.actor, fact.genuine
            case OrderIssued():
                self.orders[fact.order_id] = Order(
                    fact.order_id, fact.kind, fact.system, fact.target, fact.loans, fact.at, fact.due_at
                )
            case OrderAcknowledged():
                order = self.orders[fact.order_id]
                order.acknowledged_at, order.reference = fact.done_at, fact.reference
            case OrderOverdue():
                self.orders[fact.order_id].overdue = True

    def all_acknowledged(self, kind: str) -> bool:
        """Say whether every order of this kind was acknowledged."""
        orders = [order for order in self.orders.values() if order.kind == kind]
        return bool(orders) and all(order.acknowledged_at is not None for order in orders)


def protection_id(act: LegalAct) -> str:
    """Give the id of the protection: the same act entered twice is one protection."""
    return str(derive("protection", act.issuer, act.number, act.act_date.isoformat(), act.client))


def register_act(protection: Protection, act: LegalAct, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Enter an act. Receipt cannot lie in the future, nor before the act itself; entering it again changes nothing."""
    if not by.may("compliance_officer", "soc_analyst", "ciso", "source"):
        raise NotAllowed("entering an act needs a compliance officer, an analyst or the CISO")
    if act.received_at > at + timedelta(minutes=5):
        raise InputError("the act cannot have been received in the future", field="received_at")
    if act.received_at.date() + timedelta(days=1) < act.act_date:
        raise InputError("the act cannot have been received before its own date", field="received_at")
    if protection.id:
        return []
    return [ActRegistered(at=at, actor=by.id, protection_id=protection_id(act), act=act)]


def verify_act(protection: Protection, genuine: bool, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Check the act: a compliance officer other than the one who entered it."""
    if not by.may("compliance_officer"):
        raise NotAllowed("verifying an act needs a compliance officer")
    if by.id == protection.registered_by:
        raise SecondPersonNeeded("who entered the act cannot verify it")
    if protection.genuine is not None:
        raise DecisionRefused("the act was verified already")
    if not reason.strip():
        raise DecisionRefused("verifying an act needs a reason or reference")
    return [ActVerified(at=at, actor=by.id, reason=reason, protection_id=protection.id, genuine=genuine)]


def issue_orders(protection: Protection, *, due_at: datetime, at: datetime) -> Sequence[OrderIssued]:
    """Give the orders of an act: one stop to collections, one to the loan system, one correction per bureau."""
    act = protection.act
    assert act is not None
    targets: list[tuple[OrderKind, str]] = [("collection-stop", "collections"), ("accrual-stop", "loans")]
    targets += [("bureau-correction", bureau) for bureau in act.bureaus]
    orders = []
    for kind, target in targets:
        order_id = str(derive("order", protection.id, kind, target))
        if order_id not in protection.orders:
            orders.append(
                OrderIssued(
                    at=at,
                    protection_id=protection.id,
                    order_id=order_id,
                    kind=kind,
                    system=SYSTEM_OF_ORDER[kind],
                    target=target,
                    loans=act.loans,
                    due_at=due_at,
                )
            )
    return orders


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
