"""Incidents start playbooks; runs go on by themselves as far as they can; finished steps become measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from engine.containment.containment import subjects_for
from engine.containment.facts import ContainmentOrder
from engine.incidents import facts as i
from engine.incidents import triage
from engine.incidents.facts import NoteAdded
from engine.incidents.incident import Incident
from engine.incidents.owing import ends_duties
from engine.kernel.answers import Subject
from engine.kernel.errors import DecisionRefused
from engine.kernel.facts import ENGINE, Fact, FindingRaised, Person, StoredFact
from engine.kernel.messages import CommandMessage
from engine.kernel.ports import Context, Intent
from engine.kernel.timestamps import iso
from engine.kernel.words import own_words
from engine.policies.containment import body_of, by_hand, ordered
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
        incident = context.past(Incident, run.incident_id)
        named = {order: subjects_for(order, incident.entities) for order in self.automatic}
        able = frozenset(order for order, subjects in named.items() if subjects)  # without a subject: a person's task
        facts = runs.advance(run, playbook, at=context.at, automatic=able)
        context.record(Run, key, facts)
        for fact in facts:
            if isinstance(fact, runs.CommandRequested):
                self._command(context, fact, playbook, incident, named[fact.order])

    def _command(
        self, context: Context, fact: runs.CommandRequested, playbook: Playbook, incident: Incident,
        subjects: tuple[Subject, ...],
    ) -> None:  # fmt: skip
        """Order a step to contain, for every subject there is."""
        order = cast(ContainmentOrder, fact.order)
        ordered(context, fact.key, incident.id, order, subjects)
        body = body_of(order, fact.key, incident, subjects, iso(fact.at))
        measure = playbook.extension(fact.step_id).get("measure")
        message = CommandMessage(
            system="access", order=order, run_id=fact.run_id, step_id=fact.step_id, measure=measure,
            containment_id=fact.key, body=body,
        )  # fmt: skip
        context.intend(Intent(fact.key, message))
        if order == "payout-hold":
            self._money(context, incident)

    def _money(self, context: Context, incident: Incident) -> None:
        """Say where a hold comes after the money."""
        shown = [it for key in incident.findings for it in context.facts(key) if isinstance(it, FindingRaised)]
        if any(it.matched.get("event.action") == "loan.disbursement.executed" for it in shown):
            text = "The hold was ordered after the money had left: the payout itself could not be stopped."
            context.record(Incident, incident.id, [NoteAdded(at=context.at, incident_id=incident.id, text=text)])

    def _measure(self, context: Context, fact: runs.StepFinished) -> None:
        run = context.load(Run, fact.run_id)
        incident = context.load(Incident, run.incident_id)
        by = Person(id=fact.actor, roles=frozenset(triage.TRIAGE))
        if fact.measure == "containment" and fact.actor != ENGINE and own_words(fact.evidence):
            playbook = self.by_digest.get(run.digest)
            order = playbook.order_of(fact.step_id) if playbook is not None else ""
            if order and incident.is_open:
                by_hand(context, incident, cast(ContainmentOrder, order), fact.evidence, fact.actor)
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
