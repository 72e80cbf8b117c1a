"""Incidents, acts and duties start the law's clocks; what people and systems do stops them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from engine.duties import clock as clocks
from engine.duties.clock import Clock as LegalClock
from engine.duties.facts import Owner
from engine.governance import governance as g
from engine.incidents import facts as i
from engine.incidents.incident import Incident, ends_duties
from engine.kernel.facts import ENGINE, Fact
from engine.kernel.ports import Clock
from engine.notices import facts as n
from engine.notices.notice import Notice
from engine.protection import facts as p
from engine.protection.protection import Protection
from engine.terms.calendar import BusinessCalendar
from engine.terms.policy import ClockPolicy
from infra.processes.base import DecisionFollower
from infra.store.log.decisions import Decisions, Recorded
from infra.store.log.unit import Unit

STOP_CLOCKS = ("collection-stop", "accrual-stop", "bureau-correction")
CLOCK_OF_ORDER = {name: name for name in STOP_CLOCKS} | {"write-off": "debt-write-off"}


class Clocks(DecisionFollower):
    """Starts, satisfies, cancels, resumes and re-anchors clocks."""

    name = "clocks"
    wants = (
        i.IncidentOpened, i.FindingJoined, i.FindingsTakenOver, i.ClientsNamed, i.FindingsDetached, i.IncidentAbsorbed,
        i.NotifiabilityRaised, i.NotifiabilityLowered, i.IncidentClosed, i.IncidentReopened, i.IncidentAcknowledged,
        i.ContainmentStarted, i.RecoveryConfirmed, n.NoticeSent, n.NoticeBounced, p.ActRegistered, p.CourtRuled,
        p.OrderAcknowledged, p.ActVerified, p.OutcomeDecided, *g.FACTS,
    )  # fmt: skip

    def __init__(self, decisions: Decisions, clock: Clock, calendar: BusinessCalendar, policy: ClockPolicy) -> None:
        super().__init__(decisions, clock)
        self.calendar = calendar
        self.policy = policy

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer one fact."""
        self._incident(unit, recorded)
        self._handled(unit, recorded)
        self._protection(unit, recorded)
        self._duty(unit, recorded)

    def _incident(self, unit: Unit, recorded: Recorded) -> None:
        """What changes the duties of an incident."""
        match recorded.fact:
            case i.IncidentOpened() as fact:
                self._opened(unit, fact)
            case i.FindingJoined() | i.FindingsTakenOver() | i.ClientsNamed() as fact:
                self._grown(unit, fact.incident_id, "an earlier detection joined the incident")
            case i.FindingsDetached() as fact:
                self._shrunk(unit, fact)
            case i.IncidentAbsorbed() as fact:
                self._absorbed(unit, fact)
            case i.NotifiabilityRaised() as fact:
                self._grown(unit, fact.incident_id, "")
            case i.NotifiabilityLowered() as fact:
                self._cancel(unit, fact.incident_id, fact, f"not notifiable: {fact.reason}", fact.second_person)
            case i.IncidentClosed() as fact:
                self._closed(unit, fact, recorded)
            case i.IncidentReopened() as fact:
                self._reopened(unit, fact)

    def _handled(self, unit: Unit, recorded: Recorded) -> None:
        """What does a duty of an incident."""
        match recorded.fact:
            case i.IncidentAcknowledged() as fact:
                self._satisfy(unit, "triage", fact.incident_id, "", fact.at, recorded)
            case i.ContainmentStarted() as fact:
                self._satisfy(unit, "immediate-containment", fact.incident_id, "", fact.at, recorded)
            case i.RecoveryConfirmed() as fact:
                self._satisfy(unit, "remediation", fact.incident_id, "", fact.at, recorded)
            case n.NoticeSent() as fact:
                notice = unit.load(Notice, fact.notice_id)
                kind = n.CLOCK_OF_KIND.get(notice.kind)
                if kind is not None and notice.stage == "initial" and notice.sent_at is not None:
                    self._satisfy(unit, kind, notice.incident_id, notice.subject, notice.sent_at, recorded)
            case n.NoticeBounced() as fact:
                self._came_back(unit, fact)

    def _protection(self, unit: Unit, recorded: Recorded) -> None:
        match recorded.fact:
            case p.ActRegistered() as fact:
                for kind in STOP_CLOCKS:
                    self._start(unit, kind, "protection", fact.protection_id, "", fact.act.received_at)
                if fact.act.kind == "court_decision":
                    self._start(unit, "debt-write-off", "protection", fact.protection_id, "", fact.act.received_at)
            case p.CourtRuled(ruling="debt-void") as fact:
                self._start(unit, "debt-write-off", "protection", fact.protection_id, "", fact.received_at)
            case p.OrderAcknowledged() as fact:
                self._acknowledged(unit, fact, recorded)
            case p.ActVerified(genuine=False) as fact:
                registered_by = unit.load(Protection, fact.protection_id).registered_by
                self._cancel(unit, fact.protection_id, fact, "the act is not genuine", registered_by)
            case p.OutcomeDecided(outcome="release") as fact:
                self._cancel(unit, fact.protection_id, fact, f"released: {fact.reason}", fact.proposed_by)

    def _duty(self, unit: Unit, recorded: Recorded) -> None:
        match recorded.fact:
            case g.DutyDone() as fact:
                self._duty_done(unit, fact, recorded)
            case g.ActionPlanned() as fact:
                key = clocks.clock_id("corrective-action", fact.duty_id, fact.action_id)
                if not unit.load(LegalClock, key).id:
                    due = self.calendar.close_at(fact.due_on)
                    started = clocks.start_until(
                        "corrective-action", due, owner_id=fact.duty_id, subject=fact.action_id,
                        anchor_at=min(fact.at, due), at=unit.at, calendar_version=self.calendar.version,
                        obligations=("corrective-actions",), ladder=self.policy.ladder,
                    )  # fmt: skip
                    unit.record(LegalClock, key, [started])
            case g.ActionClosed() as fact:
                self._satisfy(unit, "corrective-action", fact.duty_id, fact.action_id, fact.at, recorded)

    def _start(
        self,
        unit: Unit,
        kind: str,
        owner_kind: Owner,
        owner_id: str,
        subject: str,
        anchor: datetime,
    ) -> None:
        key = clocks.clock_id(kind, owner_id, subject)
        held = unit.load(LegalClock, key)
        if held.id:
            unit.record(LegalClock, key, clocks.resume(held, "the duty is owed again", actor=ENGINE, at=unit.at))
            return
        started = clocks.start(
            self.policy.specs[kind],
            owner_kind=owner_kind,
            owner_id=owner_id,
            subject=subject,
            anchor_at=anchor,
            at=unit.at,
            calendar=self.calendar,
            reading=self.policy.reading_of(kind),
            ladder=self.policy.ladder,
            target_percent=self.policy.target_percent,
        )
        unit.record(LegalClock, key, [started])

    def _opened(self, unit: Unit, fact: i.IncidentOpened) -> None:
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

    def _grown(self, unit: Unit, incident_id: str, reason: str) -> None:
        """More is in the incident now: every duty it owes runs, from the earliest detection. A client's counts from
        the detection that showed the client."""
        incident = unit.load(Incident, incident_id)
        if incident.detected_at is None:
            return
        if incident.notifiable:
            self._start_duties(unit, incident.id, incident.personal_data, (), incident.detected_at)
            for client in incident.entities.clients:
                self._start(unit, "client-notice", "incident", incident.id, client, _shown_at(incident, client))
        for key in self._of(unit, incident.id):
            clock = unit.load(LegalClock, key)
            if clock.kind in self.policy.specs:
                own = clock.kind == "client-notice" and clock.subject in incident.entities.clients
                anchor = _shown_at(incident, clock.subject) if own else incident.detected_at
                spec = self.policy.specs[clock.kind]
                facts = clocks.reanchor(clock, spec, anchor, at=unit.at, reason=reason, calendar=self.calendar)
                unit.record(LegalClock, key, facts)

    def _shrunk(self, unit: Unit, fact: i.FindingsDetached) -> None:
        """What left goes on elsewhere: clients that are not in this incident any more are owed nothing here."""
        left = unit.load(Incident, fact.incident_id).entities.clients
        elsewhere = unit.load(Incident, fact.into)
        for key in self._of(unit, fact.incident_id):
            clock = unit.load(LegalClock, key)
            if clock.kind == "client-notice" and clock.subject not in left and elsewhere.notifiable:
                reason = f"moved to {elsewhere.number}, which owes the duty"
                facts = clocks.cancel(clock, reason, actor=fact.actor, second_person=ENGINE, at=unit.at)
                unit.record(LegalClock, key, facts)

    def _absorbed(self, unit: Unit, fact: i.IncidentAbsorbed) -> None:
        """The surviving incident takes over every duty, counted from the earlier detection."""
        other = unit.load(Incident, fact.other)
        survivor = unit.load(Incident, fact.incident_id)
        self._grown(unit, survivor.id, f"{other.number} was merged into this incident")
        if survivor.acknowledged_at is not None:
            self._was_done(unit, "triage", survivor.id, survivor.acknowledged_at, other.number)
        if survivor.contained_at is not None:
            self._was_done(unit, "immediate-containment", survivor.id, survivor.contained_at, other.number)
        self._cancel(unit, other.id, fact, f"merged into {survivor.number}, which owes the duty", ENGINE)

    def _was_done(self, unit: Unit, kind: str, owner: str, done_at: datetime, number: str) -> None:
        key = clocks.clock_id(kind, owner, "")
        proof = f"done in {number} before it was merged"
        facts = clocks.satisfy(unit.load(LegalClock, key), proof=proof, done_at=done_at, at=unit.at, actor=ENGINE)
        unit.record(LegalClock, key, facts)

    def _came_back(self, unit: Unit, fact: n.NoticeBounced) -> None:
        notice = unit.load(Notice, fact.notice_id)
        kind = n.CLOCK_OF_KIND.get(notice.kind)
        if kind is not None and notice.stage == "initial":
            key = clocks.clock_id(kind, notice.incident_id, notice.subject)
            reason = f"the notice came back: {fact.status}"
            facts = clocks.withdraw_proof(unit.load(LegalClock, key), reason, at=unit.at, actor=fact.actor)
            unit.record(LegalClock, key, facts)

    def _duty_done(self, unit: Unit, fact: g.DutyDone, recorded: Recorded) -> None:
        """The terms that ran for this duty end, and the next one begins; a day reported late changes nothing later."""
        spec = g.duty_specs()[fact.key]
        done_at = min(fact.at, self.calendar.close_at(fact.done_on))
        for key in self._of(unit, fact.duty_id):
            clock = unit.load(LegalClock, key)
            if clock.kind == spec.clock and clock.running and clock.subject < fact.done_on.isoformat():
                self._satisfy(unit, spec.clock, fact.duty_id, clock.subject, done_at, recorded)
        duty = unit.load(g.Duty, fact.duty_id)
        if duty.last_on == fact.done_on:
            anchor = self.calendar.start_of_day(fact.done_on)
            self._start(unit, spec.clock, "duty", fact.duty_id, fact.done_on.isoformat(), anchor)

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

    def _acknowledged(self, unit: Unit, fact: p.OrderAcknowledged, recorded: Recorded) -> None:
        it = unit.load(Protection, fact.protection_id)
        kind = it.orders[fact.order_id].kind
        if kind in CLOCK_OF_ORDER and it.all_acknowledged(kind):
            done = max(o.acknowledged_at for o in it.orders.values() if o.kind == kind and o.acknowledged_at)
            self._satisfy(unit, CLOCK_OF_ORDER[kind], it.id, "", done, recorded)

    def _closed(self, unit: Unit, fact: i.IncidentClosed, recorded: Recorded) -> None:
        self._satisfy(unit, "triage", fact.incident_id, "", fact.at, recorded)
        if ends_duties(fact.disposition):
            second = fact.second_person or ENGINE
            self._cancel(unit, fact.incident_id, fact, f"closed as {fact.disposition}: {fact.reason}", second)

    def _cancel(self, unit: Unit, owner: str, cause: Fact, reason: str, second_person: str) -> None:
        for key in self._of(unit, owner):
            facts = clocks.cancel(
                unit.load(LegalClock, key), reason, actor=cause.actor, second_person=second_person, at=unit.at
            )
            unit.record(LegalClock, key, facts)

    def _reopened(self, unit: Unit, fact: i.IncidentReopened) -> None:
        for key in self._of(unit, fact.incident_id):
            facts = clocks.resume(unit.load(LegalClock, key), fact.reason, actor=fact.actor, at=unit.at)
            unit.record(LegalClock, key, facts)


def _shown_at(incident: Incident, client: str) -> datetime:
    """The earliest detection that showed this client; that of the incident for clients people named."""
    shown = [part.detected_at for part in incident.parts.values() if client in part.entities.clients]
    assert incident.detected_at is not None
    return min(shown, default=incident.detected_at)
