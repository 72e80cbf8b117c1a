"""Handlers of what people ask of retention: ends of obligations, holds, erasure by two persons."""

from __future__ import annotations

from datetime import timedelta

from engine.duties.clock import Clock as LegalClock
from engine.handlers.desk import Desk, Work
from engine.handlers.register import handles, in_unit
from engine.incidents.incident import Incident
from engine.kernel.commands import DONE, Decided, Outcome
from engine.kernel.facts import Fact, Person
from engine.protection.protection import Protection
from engine.retention import retention
from engine.retention.commands import ApproveErasure, EndObligations, LiftHold, PlaceHold, ProposeErasure
from engine.retention.facts import HoldLiftProposed, ObligationsEndProposed
from engine.retention.retention import Retention, retention_id


@handles(EndObligations)
def end_obligations(desk: Desk, command: EndObligations, by: Person) -> Decided:
    """Record when the obligations of a client ended; a document is kept when what rests on it is not refused."""
    key, document_id = retention_id(command.client), ""
    if command.document is not None:
        with desk.work(by) as work:
            _ended(work, command, "kept")
        kept = desk.keep(command.document, client=command.client, about="end of obligations", by=by, name="end")
        document_id = kept.document_id
    with desk.work(by) as work:
        facts = _ended(work, command, document_id)
        work.record(Retention, key, facts)
        return Decided(decided=not isinstance(facts[0], ObligationsEndProposed))


def _ended(work: Work, command: EndObligations, document_id: str) -> list[Fact]:
    it = work.unit.load(Retention, retention_id(command.client))
    return retention.end_obligations(
        it, command.client, command.ended_on, command.loan, by=work.by, reason=command.reason, at=work.at,
        document_id=document_id,
    )  # fmt: skip


@in_unit(PlaceHold)
def place_hold(work: Work, command: PlaceHold) -> Outcome:
    """Put a client's data under legal hold."""
    facts = retention.place_hold(command.client, by=work.by, reason=command.reason, at=work.at)
    work.record(Retention, retention_id(command.client), facts)
    return DONE


@in_unit(LiftHold)
def lift_hold(work: Work, command: LiftHold) -> Decided:
    """End a legal hold, as the second of two persons."""
    it = work.get(Retention, retention_id(command.client))
    facts = retention.lift_hold(it, by=work.by, reason=command.reason, at=work.at)
    work.record(Retention, it.id, facts)
    return Decided(decided=not isinstance(facts[0], HoldLiftProposed))


@in_unit(ProposeErasure)
def propose_erasure(work: Work, command: ProposeErasure) -> Outcome:
    """Ask that what is kept of a client be destroyed."""
    it = work.get(Retention, retention_id(command.client))
    facts = retention.propose_erasure(
        it, by=work.by, reason=command.reason, today=work.at.date(), at=work.at, tied=tied(work, it.client),
        wait=_wait(work),
    )  # fmt: skip
    work.record(Retention, it.id, facts)
    return DONE


@in_unit(ApproveErasure)
def approve_erasure(work: Work, command: ApproveErasure) -> Outcome:
    """Agree to it, as a second person; the engine destroys the keys at once."""
    it = work.get(Retention, retention_id(command.client))
    facts = retention.approve_erasure(
        it, by=work.by, reason=command.reason, today=work.at.date(), at=work.at, tied=tied(work, it.client),
        wait=_wait(work),
    )  # fmt: skip
    work.record(Retention, it.id, facts)
    return DONE


def tied(work: Work, client: str) -> str:
    """Name what still needs the data of a client: a protection that holds, an open incident, a running clock. Empty
    where nothing does."""
    unit = work.unit
    for key in unit.find(Protection, client=client):
        held = unit.load(Protection, key)
        if held.holds or unit.find(LegalClock, owner_id=key, running=True):
            return f"{held.act.issuer} {held.act.number}" if held.act is not None else key
    found = unit.find(Incident, client=client, is_open=True)
    if found:
        return unit.load(Incident, found[0]).number
    running = unit.find(LegalClock, client=client, running=True)
    return unit.load(LegalClock, running[0]).kind if running else ""


def _wait(work: Work) -> timedelta:
    return timedelta(days=max(work.desk.settings.erasure_wait_days, retention.WAIT.days))
