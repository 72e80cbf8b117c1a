"""Handlers of what people ask of retention: ends of obligations, holds, erasure by two persons."""

from __future__ import annotations

from engine.handlers.desk import Work
from engine.handlers.register import in_unit
from engine.kernel.commands import DONE, Outcome
from engine.retention import retention
from engine.retention.commands import ApproveErasure, EndObligations, LiftHold, PlaceHold, ProposeErasure
from engine.retention.retention import Retention, retention_id


@in_unit(EndObligations)
def end_obligations(work: Work, command: EndObligations) -> Outcome:
    """Record when the obligations of a client ended."""
    facts = retention.end_obligations(
        command.client, command.ended_on, command.loan, by=work.by, reason=command.reason, at=work.at
    )
    work.record(Retention, retention_id(command.client), facts)
    return DONE


@in_unit(PlaceHold)
def place_hold(work: Work, command: PlaceHold) -> Outcome:
    """Put a client's data under legal hold."""
    facts = retention.place_hold(command.client, by=work.by, reason=command.reason, at=work.at)
    work.record(Retention, retention_id(command.client), facts)
    return DONE


@in_unit(LiftHold)
def lift_hold(work: Work, command: LiftHold) -> Outcome:
    """End a legal hold."""
    it = work.get(Retention, retention_id(command.client))
    work.record(Retention, it.id, retention.lift_hold(it, by=work.by, reason=command.reason, at=work.at))
    return DONE


@in_unit(ProposeErasure)
def propose_erasure(work: Work, command: ProposeErasure) -> Outcome:
    """Ask that what is kept of a client be destroyed."""
    it = work.get(Retention, retention_id(command.client))
    facts = retention.propose_erasure(it, by=work.by, reason=command.reason, today=work.at.date(), at=work.at)
    work.record(Retention, it.id, facts)
    return DONE


@in_unit(ApproveErasure)
def approve_erasure(work: Work, command: ApproveErasure) -> Outcome:
    """Agree to it, as a second person; the engine destroys the keys at once."""
    it = work.get(Retention, retention_id(command.client))
    facts = retention.approve_erasure(it, by=work.by, reason=command.reason, today=work.at.date(), at=work.at)
    work.record(Retention, it.id, facts)
    return DONE
