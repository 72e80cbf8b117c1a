"""Incidents start playbooks; runs go on by themselves as far as they can; finished steps become measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.incidents import facts as i
from engine.incidents import triage
from engine.incidents.facts import NoteAdded
from engine.incidents.incident import Incident, ends_duties
from engine.kernel.errors import DecisionRefused
from engine.kernel.facts import ENGINE, Person
from engine.kernel.ports import Clock, Intent
from infra.processes.base import DecisionFollower
from infra.store.log.decisions import Decisions, Recorded
from infra.store.log.unit import Unit
from playbooks import run as runs
from playbooks.cacao import Playbook
from playbooks.run import Run


class Playbooks(DecisionFollower):
    """Starts, advances and cancels runs."""

    name = "playbooks"
    wants = (i.IncidentOpened, i.IncidentClosed, i.IncidentMerged, runs.RunStarted, runs.StepFinished)

    def __init__(
        self, decisions: Decisions, clock: Clock, library: Mapping[str, Playbook], automatic: frozenset[str]
    ) -> None:
        super().__init__(decisions, clock)
        self.library = library
        self.by_digest = {playbook.digest: playbook for playbook in library.values()}
        self.automatic = automatic

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer one fact."""
        match recorded.fact:
            case i.IncidentOpened(playbook=str(name)) as fact if name in self.library:
                self._start(unit, fact, self.library[name])
            case runs.RunStarted() as fact:
                self._advance(unit, fact.run_id)
            case runs.StepFinished() as fact:
                if fact.measure is not None:
                    self._measure(unit, fact)
                self._advance(unit, fact.run_id)
            case i.IncidentClosed() as fact if ends_duties(fact.disposition):
                self._cancel(unit, fact.incident_id, f"the incident was closed as {fact.disposition}")
            case i.IncidentMerged() as fact:
                self._cancel(unit, fact.incident_id, "the incident was merged into another one")

    def _start(self, unit: Unit, fact: i.IncidentOpened, playbook: Playbook) -> None:
        key = runs.run_id(fact.incident_id, playbook.id)
        if unit.load(Run, key).id:
            return
        incident = unit.load(Incident, fact.incident_id)
        started = runs.begin(
            playbook,
            fact.incident_id,
            variables_of(incident),
            at=unit.at,
            actor=ENGINE,
            reason=f"rule {fact.rule_name}",
        )
        unit.record(Run, key, [started])

    def _advance(self, unit: Unit, key: str) -> None:
        run = unit.load(Run, key)
        playbook = self.by_digest.get(run.digest)
        if playbook is None or run.state != "running":
            return
        facts = runs.advance(run, playbook, at=unit.at, automatic=self.automatic)
        unit.record(Run, key, facts)
        for fact in facts:
            if isinstance(fact, runs.CommandRequested):
                payload = {
                    "system": "access",
                    "order": fact.order,
                    "run_id": key,
                    "step_id": fact.step_id,
                    "measure": playbook.extension(fact.step_id).get("measure"),
                    "body": {"order": fact.order, **run.variables},
                }
                unit.intend(Intent(key=fact.key, kind="command", payload=payload))

    def _measure(self, unit: Unit, fact: runs.StepFinished) -> None:
        run = unit.load(Run, fact.run_id)
        incident = unit.load(Incident, run.incident_id)
        by = Person(id=fact.actor, roles=frozenset(triage.TRIAGE))
        try:
            facts = triage.record_measure(incident, fact.measure, fact.evidence, by=by, at=unit.at)  # type: ignore[arg-type]
        except DecisionRefused as refused:
            text = f"The step was finished but its measure '{fact.measure}' was not recorded: {refused.message}."
            facts = [NoteAdded(at=unit.at, incident_id=incident.id, text=text)]
        unit.record(Incident, incident.id, facts)

    def _cancel(self, unit: Unit, incident_id: str, reason: str) -> None:
        for row in unit.query("SELECT id FROM run_view WHERE incident_id = ?", incident_id):
            run = unit.load(Run, str(row["id"]))
            unit.record(Run, run.id, runs.cancel(run, reason, at=unit.at))


def variables_of(incident: Incident) -> dict[str, Any]:
    """Give what a playbook may know of its incident."""
    clients = incident.entities.clients
    return {
        "__incident_number__": incident.number,
        "__severity__": incident.severity,
        "__clients__": ", ".join(clients[:20]) + (" …" if len(clients) > 20 else ""),
        "__client_count__": len(clients),
        "__loan_count__": len(incident.entities.loans),
        "__personal_data__": incident.personal_data,
    }
