"""Handlers of what people ask of legal clocks."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from engine.duties import clock as clocks
from engine.duties.clock import Clock as LegalClock
from engine.duties.commands import (
    AcceptLater,
    Address,
    AgreeToCancel,
    MakeCalendarFeed,
    ProposeCancellation,
    StartClock,
)
from engine.duties.facts import Owner
from engine.incidents.incident import Incident
from engine.kernel.commands import DONE, Made, Outcome
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.kernel.facts import Person
from engine.protection.protection import Protection
from engine.terms.counting import ClockSpec
from infra.commands.desk import Desk, Work
from infra.commands.handlers import handles, in_unit


@in_unit(StartClock)
def start(work: Work, command: StartClock) -> Made:
    """Start the clock of a duty by hand, for an incident or a protection."""
    spec, desk = _startable(work.desk, command), work.desk
    if command.anchor_at > work.at + timedelta(minutes=5):
        raise InputError("a duty cannot have begun in the future", field="anchor_at")
    _owner(work, command.owner_id, spec.owner)
    subject, policy = command.subject.strip(), desk.settings.clock_policy
    key = clocks.clock_id(command.kind, command.owner_id, subject)
    held = work.unit.load(LegalClock, key)
    if held.id:
        raise DecisionRefused("this clock is there already and is {state}", state=held.state)
    started = clocks.start(
        spec, owner_kind=cast(Owner, spec.owner), owner_id=command.owner_id, subject=subject,
        anchor_at=command.anchor_at, at=work.at, calendar=desk.calendar, reading=policy.reading_of(command.kind),
        ladder=policy.ladder, target_percent=policy.target_percent, actor=work.by.id, reason=command.reason,
    )  # fmt: skip
    work.record(LegalClock, key, [started])
    return Made(id=key)


def _startable(desk: Desk, command: StartClock) -> ClockSpec:
    if not command.reason.strip():
        raise DecisionRefused("starting a clock needs a reason")
    specs = desk.settings.clock_policy.specs
    spec = specs.get(command.kind)
    if spec is None or spec.owner not in ("incident", "protection"):
        startable = sorted(kind for kind, it in specs.items() if it.owner in ("incident", "protection"))
        raise NotFound(
            "no clock '{kind}' can be started by hand; there are {startable}",
            kind=command.kind[:40],
            startable=tuple(startable),
        )
    return spec


def _owner(work: Work, owner_id: str, kind: str) -> None:
    if kind == "incident":
        incident = work.get(Incident, owner_id)
        if not incident.is_open:
            raise DecisionRefused("incident {number} is {phase}", number=incident.number, phase=incident.phase)
    else:
        work.get(Protection, owner_id)


@in_unit(ProposeCancellation)
def propose_cancellation(work: Work, command: ProposeCancellation) -> Outcome:
    """Say that a duty does not exist; the clock runs on until a second person agrees."""
    clock = work.get(LegalClock, command.clock_id)
    facts = clocks.propose_cancellation(clock, command.reason, by=work.by, at=work.at)
    work.record(LegalClock, clock.id, facts)
    return DONE


@in_unit(AgreeToCancel)
def agree_to_cancel(work: Work, command: AgreeToCancel) -> Outcome:
    """Agree to it as the second person."""
    clock = work.get(LegalClock, command.clock_id)
    work.record(LegalClock, clock.id, clocks.agree_to_cancel(clock, by=work.by, at=work.at))
    return DONE


@in_unit(AcceptLater)
def accept_later(work: Work, command: AcceptLater) -> Outcome:
    """Accept the later deadline that a changed calendar gives."""
    clock = work.get(LegalClock, command.clock_id)
    work.record(LegalClock, clock.id, clocks.accept_later(clock, command.reason, by=work.by, at=work.at))
    return DONE


@handles(MakeCalendarFeed)
def make_feed(desk: Desk, command: MakeCalendarFeed, by: Person) -> Address:
    """Make the address of one's own calendar feed."""
    return Address(token=desk.accounts.new_feed(by))
