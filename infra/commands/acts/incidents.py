"""Acts on incidents and their playbooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from engine.incidents import casework, triage
from engine.incidents.casework import Report
from engine.incidents.incident import Incident
from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, QorgauError
from engine.kernel.facts import Fact, Person
from infra.commands.acts.base import Base, by_number, get
from infra.store.log.unit import Unit
from playbooks import run as runs
from playbooks.cacao import Playbook
from playbooks.policy import variables_of
from playbooks.run import Run

MOST_AT_ONCE = 200


class IncidentActs(Base):
    """What may be done with an incident."""

    def _on(self, incident_id: str, act: Callable[[Incident, Unit], Sequence[Fact]]) -> None:
        with self._unit() as unit:
            incident = get(unit, Incident, incident_id)
            unit.record(Incident, incident.id, act(incident, unit))

    def report(self, told: Report, *, by: Person) -> str:
        """Open an incident that somebody told of; gives its id. The same report twice is one incident."""
        with self._unit() as unit:
            key = casework.report_id(told)
            if not unit.load(Incident, key).id:
                key, facts = casework.report(told, unit.next_number(), by=by, at=unit.at)
                unit.record(Incident, key, facts)
        return key

    def assign(self, incident_id: str, assignee: str, *, by: Person) -> None:
        """Give an incident to somebody who may work it."""
        people = {person.id: person for person in self.accounts.people()}
        if assignee not in people or not people[assignee].may(*triage.TRIAGE):
            raise InputError("the assignee must be an account with a triage role", field="assignee")
        self._on(incident_id, lambda it, unit: triage.assign(it, assignee, by=by, at=unit.at))

    def acknowledge(self, incident_id: str, *, by: Person) -> None:
        """Say that an incident was seen."""
        self._on(incident_id, lambda it, unit: triage.acknowledge(it, by=by, at=unit.at))

    def note(self, incident_id: str, text: str, *, by: Person) -> None:
        """Write a note."""
        self._on(incident_id, lambda it, unit: triage.add_note(it, text, by=by, at=unit.at))

    def change_severity(self, incident_id: str, severity: str, reason: str, *, by: Person) -> None:
        """Judge the severity anew."""
        self._on(incident_id, lambda it, unit: triage.change_severity(it, severity, reason, by=by, at=unit.at))

    def measure(self, incident_id: str, measure: str, evidence: str, *, by: Person) -> None:
        """Record a measure taken outside a playbook."""
        if measure not in ("containment", "cause", "consequence", "recovery"):
            raise InputError("a measure is containment, cause, consequence or recovery", field="measure")
        self._on(
            incident_id,
            lambda it, unit: triage.record_measure(it, measure, evidence, by=by, at=unit.at),  # type: ignore[arg-type]
        )

    def raise_notifiability(self, incident_id: str, personal_data: bool, reason: str, *, by: Person) -> None:
        """Say that the law's duties hold for this incident."""
        self._on(
            incident_id, lambda it, unit: casework.raise_notifiability(it, personal_data, reason, by=by, at=unit.at)
        )

    def lower_notifiability(self, incident_id: str, reason: str, *, by: Person) -> bool:
        """Say that they do not: propose, or agree as the second person; says whether it is decided."""
        with self._unit() as unit:
            incident = get(unit, Incident, incident_id)
            facts = casework.lower_notifiability(incident, reason, by=by, at=unit.at)
            unit.record(Incident, incident.id, facts)
            return not incident.notifiable

    def name_clients(
        self, incident_id: str, clients: Sequence[str], loans: Sequence[str], reason: str, *, by: Person
    ) -> None:
        """Name clients and loans that the events did not show."""
        self._on(incident_id, lambda it, unit: casework.name_clients(it, clients, loans, reason, by=by, at=unit.at))

    def merge(self, incident_id: str, into_number: str, reason: str, *, by: Person) -> None:
        """Merge one incident into another, named by its number."""
        with self._unit() as unit:
            incident, into = get(unit, Incident, incident_id), by_number(unit, into_number)
            merged, absorbed = triage.merge(incident, into, reason, by=by, at=unit.at)
            unit.record(Incident, incident.id, merged)
            unit.record(Incident, into.id, absorbed)

    def split(self, incident_id: str, findings: Sequence[str], title: str, reason: str, *, by: Person) -> str:
        """Move findings into a new incident; gives its id."""
        with self._unit() as unit:
            incident = get(unit, Incident, incident_id)
            key, left, opened = casework.split(incident, findings, unit.next_number(), title, reason, by=by, at=unit.at)
            unit.record(Incident, key, opened)
            unit.record(Incident, incident.id, left)
        return key

    def move(self, incident_id: str, findings: Sequence[str], into_number: str, reason: str, *, by: Person) -> None:
        """Move findings into another open incident."""
        with self._unit() as unit:
            incident, into = get(unit, Incident, incident_id), by_number(unit, into_number)
            left, taken = casework.move(incident, findings, into, reason, by=by, at=unit.at)
            unit.record(Incident, into.id, taken)
            unit.record(Incident, incident.id, left)

    def link(self, incident_id: str, other_number: str, relation: str, reason: str, *, by: Person) -> None:
        """Link two incidents."""
        with self._unit() as unit:
            incident, other = get(unit, Incident, incident_id), by_number(unit, other_number)
            one, two = casework.link(incident, other, relation, reason, by=by, at=unit.at)
            unit.record(Incident, incident.id, one)
            unit.record(Incident, other.id, two)

    def unlink(self, incident_id: str, other_number: str, reason: str, *, by: Person) -> None:
        """Take a link back."""
        with self._unit() as unit:
            incident, other = get(unit, Incident, incident_id), by_number(unit, other_number)
            one, two = casework.unlink(incident, other, reason, by=by, at=unit.at)
            unit.record(Incident, incident.id, one)
            unit.record(Incident, other.id, two)

    def suppress(self, incident_id: str, until: datetime, reason: str, *, by: Person) -> None:
        """Let further findings with the key of a closed incident open nothing for a while."""
        self._on(incident_id, lambda it, unit: casework.suppress(it, until, reason, by=by, at=unit.at))

    def close(self, incident_id: str, disposition: str, reason: str, *, by: Person) -> bool:
        """Close, or propose closing; says whether the incident is closed now."""
        with self._unit() as unit:
            incident = get(unit, Incident, incident_id)
            unit.record(Incident, incident.id, triage.close(incident, disposition, reason, by=by, at=unit.at))
            return not incident.is_open

    def record_lessons(self, incident_id: str, lessons: str, actions: str, *, by: Person) -> None:
        """Record what was learnt from a closed incident."""
        self._on(incident_id, lambda it, unit: triage.record_lessons(it, lessons, actions, by=by, at=unit.at))

    def reopen(self, incident_id: str, reason: str, *, by: Person) -> None:
        """Go on with a closed incident."""
        self._on(incident_id, lambda it, unit: triage.reopen(it, reason, by=by, at=unit.at))

    def in_bulk(
        self, incident_ids: Sequence[str], act: str, values: dict[str, str], *, by: Person
    ) -> list[dict[str, Any]]:
        """Do one act on many incidents, each by itself; gives what became of each."""
        if not 0 < len(incident_ids) <= MOST_AT_ONCE:
            raise InputError(f"choose 1 to {MOST_AT_ONCE} incidents", field="ids")
        acts: dict[str, Callable[[str], object]] = {
            "assign": lambda key: self.assign(key, values.get("assignee") or by.id, by=by),
            "acknowledge": lambda key: self.acknowledge(key, by=by),
            "severity": lambda key: self.change_severity(
                key, values.get("severity", ""), values.get("reason", ""), by=by
            ),
            "merge": lambda key: self.merge(key, values.get("into", ""), values.get("reason", ""), by=by),
            "note": lambda key: self.note(key, values.get("text", ""), by=by),
            "close": lambda key: self.close(key, values.get("disposition", ""), values.get("reason", ""), by=by),
        }
        if act not in acts:
            raise InputError(f"an act on many is one of {', '.join(acts)}", field="act")
        results = []
        for key in dict.fromkeys(incident_ids):
            try:
                said = acts[act](key)
                result = "proposed" if act == "close" and said is False else "done"
                results.append({"id": key, "result": result, "reason": ""})
            except QorgauError as error:
                results.append({"id": key, "result": "refused", "reason": error.message})
        return results

    def start_playbook(self, incident_id: str, playbook: Playbook, *, by: Person) -> str:
        """Start a playbook on an incident by hand; gives the run's id. Starting it twice changes nothing."""
        if not by.may(*triage.TRIAGE):
            raise NotAllowed("starting a playbook needs a triage role")
        with self._unit() as unit:
            incident = get(unit, Incident, incident_id)
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
            run = get(unit, Run, run_id)
            unit.record(Run, run.id, runs.complete_task(run, step_id, outcome, evidence, by=by, at=unit.at))
