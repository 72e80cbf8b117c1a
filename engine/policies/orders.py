"""Acts become orders to other systems at once, and what the orders forbid is noticed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.duties.policy import ClockPolicy
from engine.incidents import facts as incident_facts
from engine.incidents.incident import Incident
from engine.kernel.facts import Entities, Fact, StoredFact
from engine.kernel.messages import OrderMessage, OwnEvent
from engine.kernel.ports import Context, Intent
from engine.kernel.timestamps import iso
from engine.policies.acts import protecting
from engine.protection import deciding, orders
from engine.protection import facts as p
from engine.protection.facts import DEMANDS, OrderIssued
from engine.protection.protection import Protection, subjects_of_order
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import count_term

_RESPECTED = "stop-order-respected"
_TOLD = {"collection-stop": "collection.stop_ordered", "collection-resume": "collection.resume_ordered"}
"""Orders that rules hear of as events of our own: from and until when a contact is forbidden."""
PAUSE = timedelta(minutes=5)
"""After which a system that took its word back is asked again."""
CLAUSE_OF_ACTS = "PROCREDIT 36"
CLAUSES: dict[str, str] = {
    "accrual-stop": "LAW regulator's public instruction, 29.09.2025",
    "write-off": "PROCREDIT 37",
}
"""The clause each order rests on."""


class OrderPolicy:
    """Issues the orders of an act: the decision, the effect and the engine's own event, in one commit."""

    name: str = "orders"
    after: tuple[str, ...] = ()
    answers: tuple[type[Fact], ...] = (
        p.ActRegistered, p.ActAmended, p.ActReinstated, p.ActVerified, p.LoansRemoved, p.ActJoined, p.OutcomeDecided,
        p.AcknowledgementWithdrawn,
        incident_facts.IncidentOpened, incident_facts.FindingJoined,
    )  # fmt: skip

    def __init__(self, calendar: BusinessCalendar, policy: ClockPolicy) -> None:
        self.calendar = calendar
        self.policy = policy

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer an act, what was added to it, its check, how it ends, or a finding that the orders were violated."""
        match stored.fact:
            case p.ActRegistered() as fact:
                self._stop(context, fact.protection_id, "", fact.act.received_at)
            case p.ActAmended() as fact:
                self._stop(context, fact.protection_id, fact.part, fact.received_at)
            case p.ActReinstated() as fact:
                it = context.load(Protection, fact.protection_id)
                assert it.act is not None
                received = {"": it.act.received_at, **{part.part: part.received_at for part in it.amendments}}
                for part in it.parts:
                    self._stop(context, it.id, part, received[part])
            case p.ActVerified(genuine=False) | p.OutcomeDecided(outcome="release") as fact:
                self._lift(context, fact.protection_id, fact.at)
            case p.LoansRemoved() as fact:
                self._lift(context, fact.protection_id, fact.at, only=fact.loans)
            case p.ActJoined() as fact:
                it = context.load(Protection, fact.protection_id)
                self._give(context, it, orders.revoke_open(it, at=context.at))
            case p.OutcomeDecided(outcome="write-off") as fact:
                it = context.load(Protection, fact.protection_id)
                due_at = self._due("debt-write-off", fact.at)
                self._give(context, it, orders.issue_write_off(it, due_at=due_at, at=context.at))
            case p.AcknowledgementWithdrawn(subjects=[_, *_]) as fact:
                self._ask_again(context, fact)
            case incident_facts.IncidentOpened() | incident_facts.FindingJoined() as fact:
                self._violations(context, fact.incident_id, fact.finding_id, fact.entities, fact.detected_at)

    def _stop(self, context: Context, key: str, part: str, received_at: datetime) -> None:
        """Order the stops, and take back what other acts still lift of the same loans."""
        it = context.load(Protection, key)
        due_at = self._due("collection-stop", received_at)
        given = orders.issue_orders(it, due_at=due_at, at=context.at, part=part)
        loans = {loan for order in given for loan in order.loans}
        clients = {it.act.client} if it.act is not None else set()
        for other in self._touching(context, clients, loans):
            if other.id != key:
                now = context.load(Protection, other.id)
                self._give(context, now, orders.recall(now, loans, clients, due_at=due_at, at=context.at))
        self._give(context, context.load(Protection, key), given)

    def _ask_again(self, context: Context, fact: p.AcknowledgementWithdrawn) -> None:
        """Ask a system again that took back what it had done: under the same key, after a pause."""
        it = context.past(Protection, fact.protection_id)
        order = it.orders[fact.order_id]
        if not context.load(Protection, it.id).orders[order.id].open:
            return
        issued = OrderIssued(
            at=order.issued_at, protection_id=it.id, order_id=order.id, kind=order.kind, system=order.system,
            target=order.target, loans=order.loans, due_at=order.due_at, part=order.part,
        )  # fmt: skip
        context.intend(Intent(_again(order.id, order.withdrawals), _message(issued, it), fact.at + PAUSE))

    def _lift(self, context: Context, key: str, start: datetime, only: Sequence[str] = ()) -> None:
        """Lift the stops of what no other act in force holds."""
        it = context.load(Protection, key)
        assert it.act is not None
        loans = {loan for order in it.orders.values() for loan in order.loans}
        others = [held for held in protecting(context, clients=(it.act.client,), loans=sorted(loans)) if held.id != key]
        facts = orders.lift(
            it, due_at=self._due("collection-stop", start), at=context.at, only=only,
            held_loans={loan for other in others for loan in other.loans},
            held_clients={other.act.client for other in others if other.act is not None},
        )  # fmt: skip
        self._give(context, it, facts)

    def _touching(self, context: Context, clients: Iterable[str], loans: Iterable[str]) -> list[Protection]:
        """The protections of these clients or loans, also those that hold no more."""
        keys = {key for client in clients for key in context.find(Protection, client=client)}
        keys |= {key for loan in sorted(loans) for key in context.find(Protection, loan=loan)}
        return [context.past(Protection, key) for key in sorted(keys)]

    def _due(self, kind: str, start: datetime) -> datetime:
        """When the duty that an order serves is due, by the law of the day it counts from."""
        duty = self.policy.entry_on(kind, self.calendar.local(start).date())
        spec = self.policy.spec_of(duty) if duty is not None else None
        return count_term(spec or self.policy.specs[kind], start, self.calendar).due_at

    def _give(self, context: Context, it: Protection, facts: Sequence[Fact]) -> None:
        context.record(Protection, it.id, facts)
        for fact in facts:
            if isinstance(fact, p.OrderRevoked):
                context.withdraw(fact.order_id)
                for time in range(it.orders[fact.order_id].withdrawals):
                    context.withdraw(_again(fact.order_id, time + 1))
            elif isinstance(fact, OrderIssued):
                context.intend(Intent(fact.order_id, _message(fact, it)))
                if fact.kind in _TOLD:
                    event = _event(fact, it)
                    if fact.kind == "collection-resume" and protecting(
                        context, clients=(event["mfo.client.id"],), loans=()
                    ):
                        del event["mfo.client.id"]  # the loans are free, the client is not: another act holds
                    context.intend(Intent(f"event:{fact.order_id}", OwnEvent(fields=event)))

    def _violations(
        self, context: Context, incident_id: str, finding_id: str, entities: Entities, detected_at: datetime
    ) -> None:
        """A finding about what an order forbids belongs to the story of the borrower it was done to."""
        incident = context.past(Incident, incident_id)
        if _RESPECTED not in incident.obligations:
            return
        for it in protecting(context, clients=entities.clients, loans=entities.loans):
            now = context.load(Protection, it.id)
            facts = deciding.violated(now, incident_id, finding_id, detected_at, at=context.at)
            context.record(Protection, it.id, facts)


def _again(order_id: str, time: int) -> str:
    return f"{order_id}:again:{time}"


def _message(order: OrderIssued, it: Protection) -> OrderMessage:
    act = it.act
    assert act is not None
    return OrderMessage(
        system=order.system,
        protection_id=order.protection_id,
        order_id=order.order_id,
        body={
            "order": order.kind,
            "order_id": order.order_id,
            "issued_at": iso(order.at),
            "due_at": iso(order.due_at),
            "target": order.target,
            "client": act.client,
            "loans": list(order.loans),
            "subjects": [it.model_dump() for it in subjects_of_order(order.kind, act.client, order.loans)],
            "demands": list(DEMANDS[order.kind]),
            "basis": {
                "kind": act.kind,
                "issuer": act.issuer,
                "number": act.number,
                "date": act.act_date.isoformat(),
                "received_at": iso(act.received_at),
                "document_sha256": act.document_sha256,
                "clause": CLAUSES.get(order.kind, CLAUSE_OF_ACTS),
            },
        },
    )


def _event(order: OrderIssued, it: Protection) -> dict[str, Any]:
    assert it.act is not None
    return {
        "@timestamp": iso(order.at),
        "event.id": f"order-{order.order_id}",
        "event.action": _TOLD[order.kind],
        "mfo.order.id": order.order_id,
        "mfo.loan.ids": list(order.loans),
        "mfo.act.id": it.act.number,
        "mfo.client.id": it.act.client,
        "mfo.due_at": iso(order.due_at),
    }
