"""What people decide about a clock: that a duty began, that it does not exist (two of them), that a later instant is
accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from engine.duties.clock import Clock, cancel, start
from engine.duties.declared import DeclaredDuty
from engine.duties.facts import (
    ClockBreachCorrected,
    ClockCancellationProposed,
    ClockCorrectionProposed,
    ClockLaterAccepted,
)
from engine.duties.policy import ClockPolicy
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.kernel.facts import Fact, Owner, Person
from engine.kernel.words import own_words
from engine.permissions import require
from engine.permissions.eyes import require_two
from engine.terms.calendar import BusinessCalendar

EARLY = timedelta(minutes=5)
"""How far the clock of a person's machine may run ahead."""


def startable(
    policy: ClockPolicy, calendars: Mapping[str, BusinessCalendar], kind: str, anchor_at: datetime, reason: str, *,
    at: datetime,
) -> DeclaredDuty:  # fmt: skip
    """Return the duty that a person may say began at an instant, as the law was on that day."""
    if not reason.strip():
        raise DecisionRefused("starting a clock needs a reason")
    for duty in policy.declared:
        if duty.id != kind or duty.owner not in ("incident", "protection") or duty.spec is None:
            continue
        if duty.in_force(calendars[duty.jurisdiction].local(anchor_at).date()):
            if anchor_at > at + EARLY:
                raise InputError("a duty cannot have begun in the future", field="anchor_at")
            return duty
    kinds = sorted(kind for kind, it in policy.specs.items() if it.owner in ("incident", "protection"))
    raise NotFound(
        "no clock '{kind}' can be started by hand; there are {startable}", kind=kind[:40], startable=tuple(kinds)
    )


def start_by_hand(
    held: Clock, duty: DeclaredDuty, *, owner_id: str, subject: str, anchor_at: datetime, reason: str,
    policy: ClockPolicy, calendars: Mapping[str, BusinessCalendar], by: Person, at: datetime,
) -> Sequence[Fact]:  # fmt: skip
    """Start the clock of a duty that ``startable`` gave; one that is there already stays."""
    require("start-clock", by)
    if held.id:
        raise DecisionRefused("this clock is there already and is {state}", state=held.state)
    spec = policy.spec_of(duty)
    assert spec is not None
    owner: Owner = "incident" if duty.owner == "incident" else "protection"
    return [
        start(
            spec, owner_kind=owner, owner_id=owner_id, subject=subject, anchor_at=anchor_at, at=at,
            calendar=calendars[duty.jurisdiction], reading=duty.reading or policy.reading_of(duty.id),
            ladder=policy.ladder, target_percent=policy.target_percent, actor=by.id, reason=reason,
        )
    ]  # fmt: skip


def is_stale(clock: Clock, grown_at: datetime | None) -> bool:
    """Say whether a proposal was made before something else came into the incident."""
    return grown_at is not None and clock.proposed_at is not None and grown_at > clock.proposed_at


def propose_cancellation(
    clock: Clock, reason: str, *, by: Person, at: datetime, grown_at: datetime | None = None
) -> Sequence[Fact]:
    """Say that the duty does not exist; a second person must agree, and until then it runs on. A proposal of before
    ``grown_at``, when the incident grew last, is void."""
    require("propose-cancellation", by)
    if not clock.running:
        raise DecisionRefused("the clock is {state}", state=clock.state)
    if not own_words(reason):
        raise DecisionRefused("cancelling a clock needs a reason in your own words")
    if clock.proposed is not None and not is_stale(clock, grown_at):
        raise DecisionRefused("{proposed} proposed it already; somebody else must agree", proposed=clock.proposed[0])
    return [ClockCancellationProposed(at=at, actor=by.id, reason=reason, clock_id=clock.id, roles=by.held_roles)]


def agree_to_cancel(clock: Clock, *, by: Person, at: datetime, grown_at: datetime | None = None) -> Sequence[Fact]:
    """Agree as the second person, of another role, from compliance or the CISO; not to what was proposed before the
    incident grew."""
    require("agree-to-cancel", by)
    if not clock.running or clock.proposed is None:
        raise DecisionRefused("nobody proposed to cancel this clock")
    if is_stale(clock, grown_at):
        raise DecisionRefused("more came into the incident since that was proposed; it must be proposed again")
    proposer, reason = clock.proposed
    require_two("propose-cancellation", proposer, clock.proposer_roles, by)
    return cancel(clock, reason, actor=by.id, second_person=proposer, at=at, by_people=True)


def correct_breach(clock: Clock, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Take a breach back that cannot be true, because its term had not passed when it was recorded or when the duty was
    done: propose it, or agree to it as the second person. A true breach stays for ever."""
    require("correct-breach", by)
    breached = clock.breached_at
    if breached is None:
        raise DecisionRefused("the clock is {state}", state=clock.state)
    if min(clock.satisfied_at or at, at) >= breached:
        raise DecisionRefused("the term of this duty has passed: the breach stays")
    if not own_words(reason):
        raise DecisionRefused("correcting a breach needs a reason in your own words")
    first = clock.correction
    if first is None or first.actor == by.id:
        return [ClockCorrectionProposed(at=at, actor=by.id, reason=reason, clock_id=clock.id, roles=by.held_roles)]
    require_two("correct-breach", first.actor, first.roles, by)
    return [
        ClockBreachCorrected(
            at=at, actor=by.id, reason=reason, clock_id=clock.id, breached_at=breached, proposed_by=first.actor
        )
    ]


def accept_later(clock: Clock, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Accept the later instants that a changed calendar gives; a passed deadline stays passed."""
    require("accept-later", by)
    if not clock.running or clock.breached_at is not None or clock.offered is None:
        raise DecisionRefused("the calendar offers no later deadline for this clock")
    if not own_words(reason):
        raise DecisionRefused("accepting a later deadline needs a reason in your own words")
    it = clock.offered
    return [
        ClockLaterAccepted(
            at=at,
            actor=by.id,
            reason=reason,
            clock_id=clock.id,
            due_at=it.counted_due_at,
            latest_at=it.counted_latest_at,
            marks=it.counted_marks,
            target_at=it.counted_target_at,
        )
    ]
