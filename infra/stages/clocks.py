"""Incidents and acts start the law's clocks; what people and systems do stops them. The sweep fires what is due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from engine import clocks, incidents, notices, protection
from engine.calendar import BusinessCalendar
from engine.clocks import Clock as LegalClock
from engine.clocks import ClockResumed
from engine.deadlines import Reading, clock_spec
from engine.facts import ENGINE, Fact
from engine.incidents import Incident
from engine.notices import CLOCK_OF_KIND, Notice
from engine.ports import Clock
from engine.protection import Protection
from engine.timestamps import iso
from infra.stages.base import DecisionFollower
from infra.store.decisions import Decisions, Recorded, Unit

PROTECTION_CLOCKS = ("collection-stop", "accrual-stop", "bureau-correction")


class Clocks(DecisionFollower):
    """Starts, satisfies, cancels, resumes and re-anchors clocks."""

    name = "clocks"

    def __init__(self, decisions: Decisions, clock: Clock, calendar: BusinessCalendar, reading: Reading) -> None:
        super().__init__(decisions, clock)
        self.calendar = calendar
        self.reading = reading

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer one fact."""
        match recorded.fact:
            case incidents.IncidentOpened() as fact:
                self._opened(unit, fact)
            case incidents.FindingJoined() as fact:
                self._joined(unit, fact)
            case incidents.IncidentAcknowledged() as fact:
                self._satisfy(unit, "triage", fact.incident_id, "", fact.at, recorded)
            case incidents.ContainmentStarted() as fact:
                self._satisfy(unit, "immediate-containment", fact.incident_id, "", fact.at, recorded)
            case incidents.RecoveryConfirmed() as fact:
                self._satisfy(unit, "remediation", fact.incident_id, "", fact.at, recorded)
            case incidents.IncidentAbsorbed() as fact:
                self._absorbed(unit, fact)
            case incidents.IncidentClosed() as fact:
                self._closed(unit, fact, recorded)
            case incidents.IncidentReopened() as fact:
                self._reopened(unit, fact)
            case notices.NoticeSent() as fact:
                notice = unit.load(Notice, fact.notice_id)
                kind = CLOCK_OF_KIND[notice.kind]
                self._satisfy(unit, kind, notice.incident_id, notice.subject, fact.sent_at, recorded)
            case protection.ActRegistered() as fact:
                for kind in PROTECTION_CLOCKS:
                    self._start(unit, kind, "protection", fact.protection_id, "", fact.act.received_at)
            case protection.OrderAcknowledged() as fact:
                self._acknowledged(unit, fact, recorded)
            case protection.ActVerified(genuine=False) as fact:
                registered_by = unit.load(Protection, fact.protection_id).registered_by
                self._cancel(unit, fact.protection_id, fact, "the act is not genuine", registered_by)

    def _start(
        self,
        unit: Unit,
        kind: str,
        owner_kind: Literal["incident", "protection"],
        owner_id: str,
        subject: str,
        anchor: datetime,
    ) -> None:
        key = clocks.clock_id(kind, owner_id, subject)
        if unit.load(LegalClock, key).id:
            return
        started = clocks.start(
            clock_spec(kind),
            owner_kind=owner_kind,
            owner_id=owner_id,
            subject=subject,
            anchor_at=anchor,
            at=unit.at,
            calendar=self.calendar,
            reading=self.reading,
        )
        unit.record(LegalClock, key, [started])

    def _opened(self, unit: Unit, fact: incidents.IncidentOpened) -> None:
        self._start(unit, "triage", "incident", fact.incident_id, "", fact.detected_at)
        if fact.notifiable:
            self._start_duties(unit, fact.incident_id, fact.personal_data, fact.entities.clients, fact.detected_at)

    def _start_duties(
        self, unit: Unit, incident_id: str, personal_data: bool, clients: Iterable[str], anchor: datetime
    ) -> None:
        for kind in ("regulator-notice", "immediate-containment", "remediation"):
            self._start(unit, kind, "incident", incident_id, "", anchor)
        if personal_data:
            self._start(unit, "personal-data-notice", "incident", incident_id, "", anchor)
        for client in clients:
            self._start(unit, "client-notice", "incident", incident_id, client, anchor)

    def _joined(self, unit: Unit, fact: incidents.FindingJoined) -> None:
        incident = unit.load(Incident, fact.incident_id)
        if incident.notifiable:
            for client in fact.new_clients:
                self._start(unit, "client-notice", "incident", incident.id, client, fact.detected_at)
        self._reanchor(unit, incident.id, fact.detected_at, "an earlier detection joined the incident")

    def _absorbed(self, unit: Unit, fact: incidents.IncidentAbsorbed) -> None:
        """The surviving incident takes over every duty, counted from the earlier detection."""
        other = unit.load(Incident, fact.other)
        survivor = unit.load(Incident, fact.incident_id)
        assert other.detected_at is not None
        self._reanchor(unit, survivor.id, other.detected_at, f"{other.number} was merged into this incident")
        if survivor.notifiable:
            self._start_duties(unit, survivor.id, other.personal_data, other.entities.clients, other.detected_at)
        self._cancel(unit, other.id, fact, f"merged into {survivor.number}, which owes the duty", ENGINE)

    def _reanchor(self, unit: Unit, owner: str, anchor: datetime, reason: str) -> None:
        for key in self._of(unit, owner):
            clock = unit.load(LegalClock, key)
            facts = clocks.reanchor(
                clock, clock_spec(clock.kind), anchor, at=unit.at, reason=reason, calendar=self.calendar
            )
            unit.record(LegalClock, key, facts)

    def _of(self, unit: Unit, owner: str) -> list[str]:
        return [str(row["id"]) for row in unit.query("SELECT id FROM clock_view WHERE owner_id = ?", owner)]

    def _satisfy(self, unit: Unit, kind: str, owner: str, subject: str, done_at: datetime, recorded: Recorded) -> None:
        key = clocks.clock_id(kind, owner, subject)
        clock = unit.load(LegalClock, key)
        facts = clocks.satisfy(
            clock,
            proof=f"{recorded.fact.topic} at position {recorded.position}",
            done_at=done_at,
            at=unit.at,
            actor=recorded.fact.actor,
        )
        unit.record(LegalClock, key, facts)

    def _acknowledged(self, unit: Unit, fact: protection.OrderAcknowledged, recorded: Recorded) -> None:
        it = unit.load(Protection, fact.protection_id)
        kind = it.orders[fact.order_id].kind
        if it.all_acknowledged(kind):
            done = max(o.acknowledged_at for o in it.orders.values() if o.kind == kind and o.acknowledged_at)
            self._satisfy(unit, kind, it.id, "", done, recorded)

    def _closed(self, unit: Unit, fact: incidents.IncidentClosed, recorded: Recorded) -> None:
        self._satisfy(unit, "triage", fact.incident_id, "", fact.at, recorded)
        if incidents.ends_duties(fact.disposition):
            second = fact.second_person or ENGINE
            self._cancel(unit, fact.incident_id, fact, f"closed as {fact.disposition}: {fact.reason}", second)

    def _cancel(self, unit: Unit, owner: str, cause: Fact, reason: str, second_person: str) -> None:
        for key in self._of(unit, owner):
            facts = clocks.cancel(
                unit.load(LegalClock, key), reason, actor=cause.actor, second_person=second_person, at=unit.at
            )
            unit.record(LegalClock, key, facts)

    def _reopened(self, unit: Unit, fact: incidents.IncidentReopened) -> None:
        for key in self._of(unit, fact.incident_id):
            if unit.load(LegalClock, key).cancelled:
                resumed = ClockResumed(at=unit.at, actor=fact.actor, reason=fact.reason, clock_id=key)
                unit.record(LegalClock, key, [resumed])


class Sweep:
    """Fires what is due at or before now, from the index in the store; called by the scheduler, owed to nobody else."""

    def __init__(self, decisions: Decisions, clock: Clock) -> None:
        self.decisions = decisions
        self.clock = clock

    def run(self) -> int:
        """Fire everything due once; gives the number of clocks that had something."""
        now = self.clock.now()
        due = self.decisions.database.rows("SELECT id FROM clock_view WHERE next_instant <= ?", iso(now))
        if not due:
            return 0
        fired = 0
        with self.decisions.unit(now) as unit:
            for row in due:
                key = str(row["id"])
                facts = clocks.sweep(unit.load(LegalClock, key), now=now)
                unit.record(LegalClock, key, facts)
                fired += bool(facts)
        return fired
