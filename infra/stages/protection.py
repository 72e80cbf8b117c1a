"""Law-enforcement acts become orders at once, and answers of other systems become acknowledgements."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import ValidationError

from engine import protection
from engine.calendar import BusinessCalendar
from engine.deadlines import clock_spec, count_term
from engine.errors import QorgauError
from engine.events import SecurityEvent
from engine.facts import Entities, FindingRaised, Person
from engine.ids import derive
from engine.ports import Clock, Intent
from engine.protection import LegalAct, Protection
from engine.timestamps import NotAnInstant, iso, parse_rfc3339
from infra.stages.base import DecisionFollower, LedgerFollower
from infra.store.decisions import Decisions, Recorded, Unit
from infra.store.ledger import Ledger

_PROTECTING = ("victim_resolution", "remedial_submission")
_ANSWERS = ("collection.stopped", "loan.accrual.stopped", "bureau.correction.acknowledged")


class Acts(LedgerFollower):
    """Reads acts and answers that arrive as events."""

    name = "acts"

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: Clock, bureaus: tuple[str, ...]) -> None:
        super().__init__(ledger, decisions, clock)
        self.bureaus = bureaus

    def take(self, unit: Unit, events: list[SecurityEvent]) -> None:
        """Answer a batch of events."""
        for event in events:
            if event.action == "legal.act.received" and event.fields.get("mfo.kind") in _PROTECTING:
                self._act(unit, event)
            elif event.action in _ANSWERS and event.fields.get("mfo.order.id"):
                self._answer(unit, event)

    def _act(self, unit: Unit, event: SecurityEvent) -> None:
        by = Person(id=f"source:{event.source}", roles=frozenset({"source"}))
        try:
            act = self._read(event)
            key = protection.protection_id(act)
            facts = protection.register_act(unit.load(Protection, key), act, by=by, at=unit.at)
        except (ValidationError, QorgauError, ValueError) as error:
            self._unreadable(unit, event, error)
            return
        unit.record(Protection, key, facts)

    def _read(self, event: SecurityEvent) -> LegalAct:
        fields = event.fields
        received = _instant(fields.get("mfo.received_at")) or event.received_at
        document = str(fields.get("mfo.document.hash") or "").removeprefix("sha256:")
        return LegalAct(
            kind=fields.get("mfo.kind"),
            issuer=fields.get("mfo.act.issuer"),
            number=fields.get("mfo.act.number"),
            act_date=date.fromisoformat(str(fields.get("mfo.act.date"))[:10]),
            received_at=min(received, event.received_at),
            channel=fields.get("mfo.channel") or event.source,
            client=fields.get("mfo.client.id"),
            loans=_tuple(fields.get("mfo.loan.ids")),
            bureaus=self.bureaus,
            document_sha256=document if len(document) == 64 else None,
        )

    def _unreadable(self, unit: Unit, event: SecurityEvent, error: Exception) -> None:
        """An act the engine cannot read must not be lost: it opens an incident, so that a person enters it."""
        if isinstance(error, ValidationError):
            what = ", ".join(sorted({str(part["loc"][0]) for part in error.errors() if part["loc"]}))
        else:
            what = "date or time"
        finding_id = str(derive("finding", "legal-act-incomplete", event.source, event.event_id))
        finding = FindingRaised(
            at=unit.at,
            finding_id=finding_id,
            rule_id="legal-act-incomplete",
            rule_name="legal-act-incomplete",
            rule_title=f"Enter the act by hand: {what} cannot be read",
            rule_version="1",
            severity="critical",
            incident_class="control-failure",
            notifiable=False,
            personal_data=False,
            obligations=("le-act-stop-collection-3cd",),
            dedup_key=f"legal-act-incomplete|{event.event_id}",
            detected_at=event.received_at,
            first_event_at=event.at,
            positions=(event.position,),
            matched={"event.action": event.action},
            entities=Entities(),
        )
        unit.record_single(finding_id, finding)

    def _answer(self, unit: Unit, event: SecurityEvent) -> None:
        order_id = str(event.fields["mfo.order.id"])
        rows = unit.query("SELECT protection_id FROM order_view WHERE id = ?", order_id)
        if rows:
            acknowledge(
                unit,
                str(rows[0]["protection_id"]),
                order_id,
                reference=str(event.fields.get("mfo.bureau.reference") or event.event_id)[:200],
                done_at=min(event.at, event.received_at),
                actor=f"source:{event.source}",
            )


def acknowledge(
    unit: Unit, protection_id: str, order_id: str, *, reference: str, done_at: datetime, actor: str
) -> None:
    """Record an acknowledgement, from whichever way it came."""
    facts = protection.acknowledge_order(
        unit.load(Protection, protection_id), order_id, reference=reference, done_at=done_at, at=unit.at, actor=actor
    )
    unit.record(Protection, protection_id, facts)


class Orders(DecisionFollower):
    """Gives out the orders of an act: the decision, the effect and the engine's own event, in one commit."""

    name = "orders"

    def __init__(self, decisions: Decisions, clock: Clock, calendar: BusinessCalendar) -> None:
        super().__init__(decisions, clock)
        self.calendar = calendar

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer a registered act."""
        fact = recorded.fact
        if not isinstance(fact, protection.ActRegistered):
            return
        due_at = count_term(clock_spec("collection-stop"), fact.act.received_at, self.calendar).due_at
        key = fact.protection_id
        orders = protection.issue_orders(unit.load(Protection, key), due_at=due_at, at=unit.at)
        unit.record(Protection, key, orders)
        for order in orders:
            unit.intend(Intent(key=order.order_id, kind="order", payload=_payload(order, fact)))
            if order.kind == "collection-stop":
                unit.intend(Intent(key=f"event:{order.order_id}", kind="ledger", payload=_event(order, fact)))


def _payload(order: protection.OrderIssued, fact: protection.ActRegistered) -> dict[str, Any]:
    act = fact.act
    return {
        "system": order.system,
        "protection_id": order.protection_id,
        "order_id": order.order_id,
        "body": {
            "order": order.kind,
            "order_id": order.order_id,
            "issued_at": iso(order.at),
            "due_at": iso(order.due_at),
            "target": order.target,
            "client": act.client,
            "loans": list(order.loans),
            "basis": {
                "kind": act.kind,
                "issuer": act.issuer,
                "number": act.number,
                "date": act.act_date.isoformat(),
                "received_at": iso(act.received_at),
            },
        },
    }


def _event(order: protection.OrderIssued, fact: protection.ActRegistered) -> dict[str, Any]:
    return {
        "@timestamp": iso(order.at),
        "event.id": f"order-{order.order_id}",
        "event.action": "collection.stop_ordered",
        "mfo.order.id": order.order_id,
        "mfo.loan.ids": list(order.loans),
        "mfo.act.id": fact.act.number,
        "mfo.client.id": fact.act.client,
        "mfo.due_at": iso(order.due_at),
    }


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_rfc3339(value)
    except NotAnInstant as error:
        raise ValueError("received_at is no instant") from error


def _tuple(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in value)
    return (str(value),) if value not in (None, "") else ()
