"""Law-enforcement acts become orders at once, and answers of other systems become acknowledgements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from engine.events.envelope import SecurityEvent
from engine.incidents import facts as incident_facts
from engine.incidents.incident import Incident
from engine.kernel.errors import QorgauError
from engine.kernel.facts import Entities, Fact, FindingRaised, Person
from engine.kernel.ids import derive
from engine.kernel.ports import Clock, Intent
from engine.kernel.timestamps import NotAnInstant, iso, parse_rfc3339
from engine.protection import facts as p
from engine.protection import protection
from engine.protection.facts import DEMANDS, CourtRuled, LegalAct, OrderIssued
from engine.protection.protection import Protection
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import count_term
from engine.terms.policy import ClockPolicy
from infra.processes.base import DecisionFollower, LedgerFollower
from infra.store.log.decisions import Decisions, Recorded
from infra.store.log.ledger import Ledger
from infra.store.log.unit import Unit

_PROTECTING = ("victim_resolution", "remedial_submission")
_ANSWERS = (
    "collection.stopped", "collection.resumed", "loan.accrual.stopped", "loan.written_off",
    "bureau.correction.acknowledged",
)  # fmt: skip
_RESPECTED = "stop-order-respected"


class Acts(LedgerFollower):
    """Reads acts and answers that arrive as events."""

    name = "acts"
    answers = frozenset({"legal.act.received", "legal.court_decision.received", *_ANSWERS})

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: Clock, bureaus: tuple[str, ...]) -> None:
        super().__init__(ledger, decisions, clock)
        self.bureaus = bureaus

    def take(self, unit: Unit, events: list[SecurityEvent]) -> None:
        """Answer a batch of events."""
        for event in events:
            if event.action == "legal.act.received" and event.fields.get("mfo.kind") in _PROTECTING:
                self._act(unit, event)
            elif event.action == "legal.court_decision.received":
                self._court(unit, event)
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

    def _court(self, unit: Unit, event: SecurityEvent) -> None:
        """A decision of a court belongs to the protections of its loans; one that fits none is entered by a person."""
        loans = set(_tuple(event.fields.get("mfo.loan.ids")))
        rows = unit.query("SELECT id, loans FROM protection_view WHERE holds = 1")
        found = [str(row["id"]) for row in rows if loans & set(orjson.loads(row["loans"]))]
        try:
            if not found:
                raise QorgauError("no act protects these loans")
            for key in found:
                it = unit.load(Protection, key)
                unit.record(Protection, key, protection.rule(it, self._ruling(unit, event, key)))
        except (ValidationError, QorgauError, ValueError) as error:
            self._unreadable(unit, event, error)

    def _ruling(self, unit: Unit, event: SecurityEvent, key: str) -> CourtRuled:
        fields = event.fields
        received = _instant(fields.get("mfo.received_at")) or event.received_at
        return CourtRuled(
            at=unit.at,
            actor=f"source:{event.source}",
            protection_id=key,
            court=str(fields.get("mfo.court_decision.court") or ""),
            number=str(fields.get("mfo.act.number") or fields.get("mfo.decision.id") or ""),
            in_force_on=date.fromisoformat(str(fields.get("mfo.court_decision.in_force_at"))[:10]),
            received_at=min(received, event.received_at),
            ruling="debt-void",
        )

    def _unreadable(self, unit: Unit, event: SecurityEvent, error: Exception) -> None:
        """An act the engine cannot read must not be lost: it opens an incident, so that a person enters it."""
        if isinstance(error, ValidationError):
            names = ", ".join(sorted({str(part["loc"][0]) for part in error.errors() if part["loc"]}))
            what = f"{names} cannot be read"
        else:
            what = error.message[:80] if isinstance(error, QorgauError) else "date or time cannot be read"
        finding_id = str(derive("finding", "legal-act-incomplete", event.source, event.event_id))
        finding = FindingRaised(
            at=unit.at,
            finding_id=finding_id,
            rule_id="legal-act-incomplete",
            rule_name="legal-act-incomplete",
            rule_title=f"Enter the act by hand: {what}",
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
    wants = (
        p.ActRegistered, p.ActVerified, p.OutcomeDecided, incident_facts.IncidentOpened, incident_facts.FindingJoined,
    )  # fmt: skip

    def __init__(self, decisions: Decisions, clock: Clock, calendar: BusinessCalendar, policy: ClockPolicy) -> None:
        super().__init__(decisions, clock)
        self.calendar = calendar
        self.policy = policy

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer an act, its check, a decision on how it ends, or a finding that the orders were violated."""
        match recorded.fact:
            case p.ActRegistered() as fact:
                due_at = self._due("collection-stop", fact.act.received_at)
                it = unit.load(Protection, fact.protection_id)
                self._give(unit, it, protection.issue_orders(it, due_at=due_at, at=unit.at))
            case p.ActVerified(genuine=False) | p.OutcomeDecided(outcome="release") as fact:
                it = unit.load(Protection, fact.protection_id)
                self._give(unit, it, protection.lift(it, due_at=self._due("collection-stop", fact.at), at=unit.at))
            case p.OutcomeDecided(outcome="write-off") as fact:
                it = unit.load(Protection, fact.protection_id)
                due_at = self._due("debt-write-off", fact.at)
                self._give(unit, it, protection.issue_write_off(it, due_at=due_at, at=unit.at))
            case incident_facts.IncidentOpened() | incident_facts.FindingJoined() as fact:
                self._violations(unit, fact.incident_id, fact.finding_id, fact.entities, fact.detected_at)

    def _due(self, kind: str, start: datetime) -> datetime:
        return count_term(self.policy.specs[kind], start, self.calendar).due_at

    def _give(self, unit: Unit, it: Protection, facts: Sequence[Fact]) -> None:
        unit.record(Protection, it.id, facts)
        for fact in facts:
            if isinstance(fact, p.OrderRevoked):
                unit.cursor.execute(
                    "UPDATE outbox SET state = 'revoked' WHERE key = ? AND state = 'waiting'", (fact.order_id,)
                )
            elif isinstance(fact, OrderIssued):
                unit.intend(Intent(key=fact.order_id, kind="order", payload=_payload(fact, it)))
                if fact.kind == "collection-stop":
                    unit.intend(Intent(key=f"event:{fact.order_id}", kind="ledger", payload=_event(fact, it)))

    def _violations(
        self, unit: Unit, incident_id: str, finding_id: str, entities: Entities, detected_at: datetime
    ) -> None:
        """A finding about what an order forbids belongs to the story of the borrower it was done to."""
        incident = unit.load(Incident, incident_id)
        if _RESPECTED not in incident.obligations:
            return
        clients, loans = set(entities.clients), set(entities.loans)
        for row in unit.query("SELECT id, client, loans FROM protection_view WHERE holds = 1"):
            if row["client"] in clients or loans & set(orjson.loads(row["loans"])):
                it = unit.load(Protection, str(row["id"]))
                unit.record(
                    Protection, it.id, protection.violated(it, incident_id, finding_id, detected_at, at=unit.at)
                )


def _payload(order: OrderIssued, it: Protection) -> dict[str, Any]:
    act = it.act
    assert act is not None
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
    }


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
