"""Handlers of what people ask of containments."""

from __future__ import annotations

from engine.containment import containment
from engine.containment.commands import ConfirmRelease, ReleaseContainment
from engine.containment.containment import Containment
from engine.handlers.desk import Work
from engine.handlers.register import in_unit
from engine.incidents.incident import Incident
from engine.kernel.commands import DONE, Decided, Outcome
from engine.kernel.errors import DecisionRefused
from engine.policies.containment import containments_of, give_release, held_elsewhere


@in_unit(ReleaseContainment)
def release_containment(work: Work, command: ReleaseContainment) -> Decided:
    """Release what an incident blocks, as the second of two persons."""
    for it in _held(work, command.incident_id):
        if it.holding:
            facts = containment.release(it, held_elsewhere(work.unit, it), command.reason, by=work.by, at=work.at)
            give_release(work.unit, it, facts)
    held = _held(work, command.incident_id)
    return Decided(decided=not any(it.holding for it in held))


@in_unit(ConfirmRelease)
def confirm_release(work: Work, command: ConfirmRelease) -> Outcome:
    """Record that it was released by hand."""
    for it in _held(work, command.incident_id):
        facts = containment.confirm_release(it, command.reason, by=work.by, at=work.at)
        work.record(Containment, it.id, facts)
    return DONE


def _held(work: Work, incident_id: str) -> list[Containment]:
    incident = work.get(Incident, incident_id)
    found = [work.unit.load(Containment, key) for key in containments_of(work.unit, incident.id)]
    if not found:
        raise DecisionRefused("nothing was blocked for incident {number}", number=incident.number)
    return found
