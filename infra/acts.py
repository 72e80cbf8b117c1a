"""What people do: each act is one unit of work around one command of the domain. Console, API and CLI call these."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import date

from engine import notices, protection, retention, triage
from engine.errors import Conflict, DecisionRefused, InputError, NotAllowed, NotFound
from engine.facts import Person
from engine.incidents import Incident
from engine.notices import Notice
from engine.ports import Clock, Intent
from engine.protection import LegalAct, Protection
from engine.retention import Retention
from infra.accounts import Accounts
from infra.stages.playbooks import variables_of
from infra.stages.protection import acknowledge
from infra.store.decisions import A, Decisions, Unit
from playbooks import run as runs
from playbooks.cacao import Playbook
from playbooks.run import Run


class Acts:
    """The acts of people on incidents, tasks, notices and protections."""

    def __init__(self, decisions: Decisions, clock: Clock, accounts: Accounts) -> None:
        self.decisions = decisions
        self.clock = clock
        self.accounts = accounts

    def assign(self, incident_id: str, assignee: str, *, by: Person) -> None:
        """Give an incident to somebody who may work it."""
        people = {person.id: person for person in self.accounts.people()}
        if assignee not in people or not people[assignee].may(*triage.TRIAGE):
            raise InputError("the assignee must be an account with a triage role", field="assignee")
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            unit.record(Incident, incident.id, triage.assign(incident, assignee, by=by, at=unit.at))

    def acknowledge(self, incident_id: str, *, by: Person) -> None:
        """Say that an incident was seen."""
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            unit.record(Incident, incident.id, triage.acknowledge(incident, by=by, at=unit.at))

    def note(self, incident_id: str, text: str, *, by: Person) -> None:
        """Write a note."""
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            unit.record(Incident, incident.id, triage.add_note(incident, text, by=by, at=unit.at))

    def change_severity(self, incident_id: str, severity: str, reason: str, *, by: Person) -> None:
        """Judge the severity anew."""
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            facts = triage.change_severity(incident, severity, reason, by=by, at=unit.at)
            unit.record(Incident, incident.id, facts)

    def measure(self, incident_id: str, measure: str, evidence: str, *, by: Person) -> None:
        """Record a measure taken outside a playbook."""
        if measure not in ("containment", "cause", "consequence", "recovery"):
            raise InputError("a measure is containment, cause, consequence or recovery", field="measure")
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            facts = triage.record_measure(incident, measure, evidence, by=by, at=unit.at)  # type: ignore[arg-type]
            unit.record(Incident, incident.id, facts)

    def merge(self, incident_id: str, into_number: str, reason: str, *, by: Person) -> None:
        """Merge one incident into another, named by its number."""
        with self._unit() as unit:
            rows = unit.query("SELECT id FROM incident_view WHERE number = ?", into_number.strip().upper())
            if not rows:
                raise NotFound(f"there is no incident {into_number[:40]}")
            incident, into = _get(unit, Incident, incident_id), unit.load(Incident, str(rows[0]["id"]))
            merged, absorbed = triage.merge(incident, into, reason, by=by, at=unit.at)
            unit.record(Incident, incident.id, merged)
            unit.record(Incident, into.id, absorbed)

    def close(self, incident_id: str, disposition: str, reason: str, *, by: Person) -> bool:
        """Close, or propose closing; says whether the incident is closed now."""
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            unit.record(Incident, incident.id, triage.close(incident, disposition, reason, by=by, at=unit.at))
            return not incident.is_open

    def reopen(self, incident_id: str, reason: str, *, by: Person) -> None:
        """Go on with a closed incident."""
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            unit.record(Incident, incident.id, triage.reopen(incident, reason, by=by, at=unit.at))

    def start_playbook(self, incident_id: str, playbook: Playbook, *, by: Person) -> str:
        """Start a playbook on an incident by hand; gives the run's id. Starting it twice changes nothing."""
        if not by.may(*triage.TRIAGE):
            raise NotAllowed("starting a playbook needs a triage role")
        with self._unit() as unit:
            incident = _get(unit, Incident, incident_id)
            if not incident.is_open:
                raise DecisionRefused(f"incident {incident.number} is {incident.phase}")
            key = runs.run_id(incident.id, playbook.id)
            if not unit.load(Run, key).id:
                started = runs.begin(playbook, incident.id, variables_of(incident), at=unit.at, actor=by.id)
                unit.record(Run, key, [started])
            return key

    def complete_task(self, run_id: str, step_id: str, outcome: str, evidence: str, *, by: Person) -> None:
        """Say what came of a task of a playbook."""
        with self._unit() as unit:
            run = _get(unit, Run, run_id)
            unit.record(Run, run.id, runs.complete_task(run, step_id, outcome, evidence, by=by, at=unit.at))

    def edit_notice(
        self, notice_id: str, language: str, fields: Mapping[str, str], version: int | None, *, by: Person
    ) -> None:
        """Change the text of a notice; ``version`` is the one the person saw, so no work of others is lost."""
        with self._unit() as unit:
            notice = _get(unit, Notice, notice_id)
            if version is not None and notice.version != version:
                raise Conflict("somebody changed this notice meanwhile; look at it again and repeat your change")
            unit.record(Notice, notice.id, notices.edit(notice, language, fields, by=by, at=unit.at))

    def approve_notice(self, notice_id: str, version: int | None, *, by: Person) -> None:
        """Approve a notice; sending is ordered in the same commit."""
        with self._unit() as unit:
            notice = _get(unit, Notice, notice_id)
            if version is not None and notice.version != version:
                raise Conflict("somebody changed this notice meanwhile; read the new text before you approve it")
            self._approve(unit, notice, by)

    def approve_client_notices(self, incident_id: str, *, by: Person) -> int:
        """Approve every drafted client notice of an incident; gives their number."""
        with self._unit() as unit:
            rows = unit.query(
                "SELECT id FROM notice_view WHERE incident_id = ? AND kind = 'client' AND state = 'draft' ORDER BY id",
                incident_id,
            )
            for row in rows:
                self._approve(unit, unit.load(Notice, str(row["id"])), by)
            return len(rows)

    def _approve(self, unit: Unit, notice: Notice, by: Person) -> None:
        incident = unit.load(Incident, notice.incident_id)
        facts = notices.approve(notice, incident.assignee, by=by, at=unit.at)
        unit.record(Notice, notice.id, facts)
        unit.intend(Intent(key=f"mail:{notice.id}", kind="mail", payload={"notice_id": notice.id}))

    def settle_notice(self, notice_id: str, taken: bool, evidence: str, *, by: Person) -> None:
        """Decide what became of a notice whose fate is unknown."""
        with self._unit() as unit:
            notice = _get(unit, Notice, notice_id)
            unit.record(Notice, notice.id, notices.settle_unknown(notice, taken, evidence, by=by, at=unit.at))

    def register_act(self, act: LegalAct, *, by: Person) -> str:
        """Enter a law-enforcement act; gives the id of the protection. The orders follow by themselves."""
        key = protection.protection_id(act)
        with self._unit() as unit:
            facts = protection.register_act(unit.load(Protection, key), act, by=by, at=unit.at)
            unit.record(Protection, key, facts)
        return key

    def verify_act(self, protection_id: str, genuine: bool, reason: str, *, by: Person) -> None:
        """Check an act as a second person."""
        with self._unit() as unit:
            it = _get(unit, Protection, protection_id)
            unit.record(Protection, it.id, protection.verify_act(it, genuine, reason, by=by, at=unit.at))

    def acknowledge_order(self, protection_id: str, order_id: str, reference: str, *, by: Person) -> None:
        """Record by hand that another system carried an order out, with its reference."""
        if not by.may("compliance_officer", "ciso"):
            raise NotAllowed("acknowledging an order by hand needs a compliance officer or the CISO")
        if not reference.strip():
            raise DecisionRefused("an acknowledgement needs the other system's reference")
        with self._unit() as unit:
            it = _get(unit, Protection, protection_id)
            acknowledge(unit, it.id, order_id, reference=reference[:200], done_at=unit.at, actor=by.id)

    def end_obligations(self, client: str, ended_on: date, loan: str, reason: str, *, by: Person) -> None:
        """Record when the obligations of a client ended."""
        with self._unit() as unit:
            facts = retention.end_obligations(client, ended_on, loan, by=by, reason=reason, at=unit.at)
            unit.record(Retention, retention.retention_id(client), facts)

    def place_hold(self, client: str, reason: str, *, by: Person) -> None:
        """Put a client's data under legal hold."""
        with self._unit() as unit:
            facts = retention.place_hold(client, by=by, reason=reason, at=unit.at)
            unit.record(Retention, retention.retention_id(client), facts)

    def lift_hold(self, client: str, reason: str, *, by: Person) -> None:
        """End a legal hold."""
        with self._unit() as unit:
            it = _get(unit, Retention, retention.retention_id(client))
            unit.record(Retention, it.id, retention.lift_hold(it, by=by, reason=reason, at=unit.at))

    def propose_erasure(self, client: str, reason: str, *, by: Person) -> None:
        """Ask that what is kept of a client be destroyed."""
        with self._unit() as unit:
            it = _get(unit, Retention, retention.retention_id(client))
            facts = retention.propose_erasure(it, by=by, reason=reason, today=unit.at.date(), at=unit.at)
            unit.record(Retention, it.id, facts)

    def approve_erasure(self, client: str, reason: str, *, by: Person) -> None:
        """Agree to it, as a second person; the engine destroys the keys at once."""
        with self._unit() as unit:
            it = _get(unit, Retention, retention.retention_id(client))
            facts = retention.approve_erasure(it, by=by, reason=reason, today=unit.at.date(), at=unit.at)
            unit.record(Retention, it.id, facts)

    def _unit(self) -> AbstractContextManager[Unit]:
        return self.decisions.unit(self.clock.now())


def _get(unit: Unit, kind: type[A], key: str) -> A:
    """Load what must exist; an id that is no id is simply not found."""
    try:
        found = unit.load(kind, key)
    except ValueError:
        raise NotFound("there is no such thing") from None
    if not found.id:
        raise NotFound("there is no such thing")
    return found
