"""Who may approve a notice now, and what keeps the others from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.incidents.incident import Incident
from engine.kernel.facts import ENGINE, Person
from engine.notices.approving import stood, who_may_approve
from engine.notices.notice import OPEN_TEXT, Notice
from engine.permissions import may, roles_of
from engine.permissions.eyes import REASONS
from infra.read.rows import protections
from infra.store.log.decisions import Decisions
from playbooks.run import RunStarted, StepFinished, TaskOpened


def task_doers(decisions: Decisions, incident_id: str) -> set[str]:
    """Return the people who started a playbook or did a task of one. A task that is given to those who approve notices
    only asks whether the notices went out; it is no work on the incident."""
    found = set[str]()
    for run in protections.runs_of(decisions.database, incident_id):
        review = set[str]()
        for fact in decisions.of(run.id):
            match fact:
                case TaskOpened() if set(fact.roles) and set(fact.roles) <= set(roles_of("approve-notice")):
                    review.add(fact.step_id)
                case StepFinished() if fact.step_id not in review:
                    found.add(fact.actor)
                case RunStarted():
                    found.add(fact.actor)
    return found - {ENGINE}


class Approvers(NamedTuple):
    """Who may approve an open text now, and who holds the role but cannot, with the reason (a message id)."""

    free: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]
    heads: tuple[str, ...]
    """Who approves where nobody else is left, in the last working hours of the term."""


def approvers_of(decisions: Decisions, notice: Notice, people: Sequence[Person]) -> Approvers | None:
    """Say who may approve a notice; None for one that is no open text."""
    if notice.state not in OPEN_TEXT:
        return None
    incident = decisions.load(Incident, notice.incident_id)
    where = stood(
        notice, incident, lambda key: decisions.load(Incident, key), lambda key: task_doers(decisions, key)
    )  # fmt: skip
    free, kept = who_may_approve(people, where)
    return Approvers(
        tuple(person.id for person in free),
        tuple((person.id, REASONS[side]) for person, side in kept),
        tuple(person.id for person in people if may("approve-as-last", person)),
    )
