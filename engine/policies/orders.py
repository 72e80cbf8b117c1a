"""Acts become orders to other systems at once, and what the orders forbid is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.duties.policy import ClockPolicy
from engine.incidents import facts as incident_facts
from engine.incidents.incident import Incident
from engine.kernel.facts import Entities, Fact, StoredFact
from engine.kernel.messages import OrderMessage, OwnEvent
from engine.kernel.ports import Context, Intent
from engine.kernel.timestamps import iso
from engine.policies.acts import protecting
from engine.protection import facts as p
from engine.protection import protection
from engine.protection.facts import DEMANDS, OrderIssued
from engine.protection.protection import Protection
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import count_term

_RESPECTED = "stop-order-respected"


class OrderPolicy:
    """Issues the orders of an act: the decision, the effect and the engine's own event, in one commit."""

    name: str = "orders"
    after: tuple[str, ...] = ()
    answers: tuple[type[Fact], ...] = (
        p.ActRegistered, p.ActVerified, p.OutcomeDecided, incident_facts.IncidentOpened, incident_facts.FindingJoined,
    )  # fmt: skip

    def __init__(self, calendar: BusinessCalendar, policy: ClockPolicy) -> None:
        self.calendar = calendar
        self.policy = policy

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer an act, its check, a decision on how it ends, or a finding that the orders were violated."""
        match stored.fact:
            case p.ActRegistered() as fact:
                due_at = self._due("collection-stop", fact.act.received_at)
                it = context.load(Protection, fact.protection_id)
                self._give(context, it, protection.issue_orders(it, due_at=due_at, at=context.at))
            case p.ActVerified(genuine=False) | p.OutcomeDecided(outcome="release") as fact:
                it = context.load(Protection, fact.protection_id)
                self._give(
                    context, it, protection.lift(it, due_at=self._due("collection-stop", fact.at), at=context.at)
                )
            case p.OutcomeDecided(outcome="write-off") as fact:
                it = context.load(Protection, fact.protection_id)
                due_at = self._due("debt-write-off", fact.at)
                self._give(context, it, protection.issue_write_off(it, due_at=due_at, at=context.at))
            case incident_facts.IncidentOpened() | incident_facts.FindingJoined() as fact:
                self._violations(context, fact.incident_id, fact.finding_id, fact.entities, fact.detected_at)

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
            elif isinstance(fact, OrderIssued):
                context.intend(Intent(fact.order_id, _message(fact, it)))
                if fact.kind == "collection-stop":
                    context.intend(Intent(f"event:{fact.order_id}", OwnEvent(fields=_event(fact, it))))

    def _violations(
        self, context: Context, incident_id: str, finding_id: str, entities: Entities, detected_at: datetime
    ) -> None:
        """A finding about what an order forbids belongs to the story of the borrower it was done to."""
        incident = context.past(Incident, incident_id)
        if _RESPECTED not in incident.obligations:
            return
        for it in protecting(context, clients=entities.clients, loans=entities.loans):
            now = context.load(Protection, it.id)
            facts = protection.violated(now, incident_id, finding_id, detected_at, at=context.at)
            context.record(Protection, it.id, facts)


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
            "demands": list(DEMANDS[order.kind]),
            "basis": {
                "kind": act.kind,
                "issuer": act.issuer,
                "number": act.number,
                "date": act.act_date.isoformat(),
                "received_at": iso(act.received_at),
                "document_sha256": act.document_sha256,
            },
        },
    )


def _event(order: OrderIssued, it: Protection) -> dict[str, Any]:
    assert it.act is not None
    return {
        "@timestamp": iso(order.at),
        "event.id": f"order-{order.order_id}",
        "event.action": "collection.stop_ordered",
        "mfo.order.id": order.order_id,
        "mfo.loan.ids": list(order.loans),
        "mfo.act.id": it.act.number,
        "mfo.client.id": it.act.client,
        "mfo.due_at": iso(order.due_at),
    }
