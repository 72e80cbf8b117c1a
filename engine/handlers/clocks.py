"""Handlers of what people ask of legal clocks."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.duties import clock as clocks
from engine.duties import decisions
from engine.duties.clock import Clock as LegalClock
from engine.duties.commands import (
    AcceptLater,
    Address,
    AgreeToCancel,
    MakeCalendarFeed,
    ProposeCancellation,
    StartClock,
)
from engine.handlers.desk import Desk, Work
from engine.handlers.register import handles, in_unit
from engine.incidents.incident import Incident
from engine.incidents.triage import must_be_open
from engine.kernel.commands import DONE, Made, Outcome
from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.protection.protection import Protection

EARLIEST = timedelta(days=1)
"""How long before the first that was seen of an incident, or the date of an act, a duty may have begun."""


@in_unit(StartClock)
def start(work: Work, command: StartClock) -> Made:
    """Start the clock of a duty by hand, for an incident or a protection."""
    desk, policy, anchor = work.desk, work.desk.settings.clock_policy, command.anchor_at
    duty = decisions.startable(policy, desk.calendars, command.kind, anchor, command.reason, at=work.at)
    if anchor < _begun(work, command.owner_id, duty.owner) - EARLIEST:
        raise InputError("a duty cannot have begun before what it is about", field="anchor_at")
    subject = command.subject.strip()
    if duty.owner == "incident" and subject and subject not in work.get(Incident, command.owner_id).entities.clients:
        raise InputError("name a client that is in the incident", field="subject")
    key = clocks.clock_id(command.kind, command.owner_id, subject)
    facts = decisions.start_by_hand(
        work.unit.load(LegalClock, key), duty, owner_id=command.owner_id, subject=subject, anchor_at=anchor,
        reason=command.reason, policy=policy, calendars=desk.calendars, by=work.by, at=work.at,
    )  # fmt: skip
    work.record(LegalClock, key, facts)
    return Made(id=key)


def _begun(work: Work, owner_id: str, kind: str) -> datetime:
    """Return when an open incident, or an act, began. Raise NotFound, DecisionRefused."""
    if kind == "incident":
        incident = work.get(Incident, owner_id)
        must_be_open(incident)
        assert incident.detected_at is not None
        return min(incident.first_event_at or incident.detected_at, incident.detected_at)
    act = work.get(Protection, owner_id).act
    assert act is not None
    return work.desk.calendar.start_of_day(act.act_date)


@in_unit(ProposeCancellation)
def propose_cancellation(work: Work, command: ProposeCancellation) -> Outcome:
    """Say that a duty does not exist; the clock runs on until a second person agrees."""
    clock = work.get(LegalClock, command.clock_id)
    grown_at = _grown(work, clock)
    facts = decisions.propose_cancellation(clock, command.reason, by=work.by, at=work.at, grown_at=grown_at)
    work.record(LegalClock, clock.id, facts)
    return DONE


@in_unit(AgreeToCancel)
def agree_to_cancel(work: Work, command: AgreeToCancel) -> Outcome:
    """Agree to it as the second person."""
    clock = work.get(LegalClock, command.clock_id)
    facts = decisions.agree_to_cancel(clock, by=work.by, at=work.at, grown_at=_grown(work, clock))
    work.record(LegalClock, clock.id, facts)
    return DONE


def _grown(work: Work, clock: LegalClock) -> datetime | None:
    """When more came into the incident of a clock last."""
    return work.unit.load(Incident, clock.owner_id).grown_at if clock.owner_kind == "incident" else None


@in_unit(AcceptLater)
def accept_later(work: Work, command: AcceptLater) -> Outcome:
    """Accept the later deadline that a changed calendar gives."""
    clock = work.get(LegalClock, command.clock_id)
    work.record(LegalClock, clock.id, decisions.accept_later(clock, command.reason, by=work.by, at=work.at))
    return DONE


@handles(MakeCalendarFeed)
def make_feed(desk: Desk, command: MakeCalendarFeed, by: Person) -> Address:
    """Make the address of one's own calendar feed."""
    return Address(token=desk.accounts.new_feed(by))
