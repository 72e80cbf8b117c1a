"""Handlers of what people ask of playbooks."""

from __future__ import annotations

from engine.handlers.register import in_unit
from engine.incidents.commands import CompleteTask, StartPlaybook
from engine.incidents.incident import Incident
from engine.kernel.commands import DONE, Made, Outcome
from engine.kernel.errors import DecisionRefused, NotFound
from infra.commands.desk import Work
from playbooks import run as runs
from playbooks.policy import variables_of
from playbooks.run import Run


@in_unit(StartPlaybook)
def start(work: Work, command: StartPlaybook) -> Made:
    """Start a playbook on an incident by hand, once."""
    playbook = work.desk.playbooks.get(command.playbook)
    if playbook is None:
        raise NotFound("there is no such playbook")
    incident = work.get(Incident, command.incident_id)
    if not incident.is_open:
        raise DecisionRefused("incident {number} is {phase}", number=incident.number, phase=incident.phase)
    key = runs.run_id(incident.id, playbook.id)
    if not work.unit.load(Run, key).id:
        started = runs.begin(playbook, incident.id, variables_of(incident), at=work.at, actor=work.by.id)
        work.record(Run, key, [started])
    return Made(id=key)


@in_unit(CompleteTask)
def complete_task(work: Work, command: CompleteTask) -> Outcome:
    """Say what came of a task of a playbook."""
    run = work.get(Run, command.run_id)
    facts = runs.complete_task(run, command.step_id, command.outcome, command.evidence, by=work.by, at=work.at)
    work.record(Run, run.id, facts)
    return DONE
