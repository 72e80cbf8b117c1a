"""Incidents start playbooks; runs go on by themselves as far as they can; finished steps become measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.incidents import facts as i
from engine.incidents import triage
from engine.incidents.facts import NoteAdded
from engine.incidents.incident import Incident, ends_duties
from engine.kernel.errors import DecisionRefused
from engine.kernel.facts import ENGINE, Fact, Person, StoredFact
from engine.kernel.messages import CommandMessage
from engine.kernel.ports import Context, Intent
from playbooks import run as runs
from playbooks.cacao import Playbook
from playbooks.run import Run


class PlaybookPolicy:
    """Starts, advances and cancels runs."""

    name: str = "playbooks"
    after: tuple[str, ...] = ()
    answers: tuple[type[Fact], ...] = (
        i.IncidentOpened,
        i.IncidentClosed,
        i.IncidentMerged,
        runs.RunStarted,
        runs.StepFinished,
    )

    def __init__(self, library: Mapping[str, Playbook], automatic: frozenset[str]) -> None:
        self.library = library
        self.by_digest = {playbook.digest: playbook for playbook in library.values()}
        self.automatic = automatic

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer one fact."""
        match stored.fact:
            case i.IncidentOpened(playbook=str(name)) as fact if name in self.library:
                self._start(context, fact, self.library[name])
            case runs.RunStarted() as fact:
                self._advance(context, fact.run_id)
            case runs.StepFinished() as fact:
                if fact.measure is not None:
                    self._measure(context, fact)
                self._advance(context, fact.run_id)
            case i.IncidentClosed() as fact if ends_duties(fact.disposition):
                self._cancel(context, fact.incident_id, f"the incident was closed as {fact.disposition}")
            case i.IncidentMerged() as fact:
                self._cancel(context, fact.incident_id, "the incident was merged into another one")

    def _start(self, context: Context, fact: i.IncidentOpened, playbook: Playbook) -> None:
        key = runs.run_id(fact.incident_id, playbook.id)
        if context.load(Run, key).id:
            return
        incident = context.past(Incident, fact.incident_id)
        started = runs.begin(
            playbook,
            fact.incident_id,
            variables_of(incident),
            at=context.at,
            actor=ENGINE,
            reason=f"rule {fact.rule_name}",
        )
        context.record(Run, key, [started])

    def _advance(self, context: Context, key: str) -> None:
        run = context.load(Run, key)
        playbook = self.by_digest.get(run.digest)
        if playbook is None or run.state != "running":
            return
        facts = runs.advance(run, playbook, at=context.at, automatic=self.automatic)
        context.record(Run, key, facts)
        for fact in facts:
            if isinstance(fact, runs.CommandRequested):
                message = CommandMessage(
                    system="access",
                    order=fact.order,
                    run_id=key,
                    step_id=fact.step_id,
                    measure=playbook.extension(fact.step_id).get("measure"),
                    body={"order": fact.order, **run.variables},
                )
                context.intend(Intent(fact.key, message))

    def _measure(self, context: Context, fact: runs.StepFinished) -> None:
        run = context.load(Run, fact.run_id)
        incident = context.load(Incident, run.incident_id)
        by = Person(id=fact.actor, roles=frozenset(triage.TRIAGE))
        try:
            facts = triage.record_measure(incident, fact.measure, fact.evidence, by=by, at=context.at)  # type: ignore[arg-type]
        except DecisionRefused as refused:
            text = f"The step was finished but its measure '{fact.measure}' was not recorded: {refused.message}."
            facts = [NoteAdded(at=context.at, incident_id=incident.id, text=text)]
        context.record(Incident, incident.id, facts)

    def _cancel(self, context: Context, incident_id: str, reason: str) -> None:
        for key in context.find(Run, incident_id=incident_id):
            run = context.load(Run, key)
            context.record(Run, run.id, runs.cancel(run, reason, at=context.at))


def variables_of(incident: Incident) -> dict[str, Any]:
    """Return what a playbook may know of its incident."""
    clients = incident.entities.clients
    return {
        "__incident_number__": incident.number,
        "__severity__": incident.severity,
        "__clients__": ", ".join(clients[:20]) + (" …" if len(clients) > 20 else ""),
        "__client_count__": len(clients),
        "__loan_count__": len(incident.entities.loans),
        "__personal_data__": incident.personal_data,
    }
