"""What people decide about a clock: that the duty does not exist (two of them), that a later instant is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.duties.clock import Clock, cancel
from engine.duties.facts import ClockCancellationProposed, ClockLaterAccepted
from engine.kernel.errors import DecisionRefused
from engine.kernel.facts import Fact, Person
from engine.permissions import require


def propose_cancellation(clock: Clock, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Say that the duty does not exist; a second person must agree, and until then it runs on."""
    require("propose-cancellation", by)
    if not clock.running:
        raise DecisionRefused(f"the clock is {clock.state}")
    if not reason.strip():
        raise DecisionRefused("cancelling a clock needs a reason")
    if clock.proposed is not None:
        raise DecisionRefused(f"{clock.proposed[0]} proposed it already; somebody else must agree")
    return [ClockCancellationProposed(at=at, actor=by.id, reason=reason, clock_id=clock.id)]


def agree_to_cancel(clock: Clock, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Agree as the second person, from compliance or the CISO."""
    require("agree-to-cancel", by)
    if not clock.running or clock.proposed is None:
        raise DecisionRefused("nobody proposed to cancel this clock")
    proposer, reason = clock.proposed
    return cancel(clock, reason, actor=by.id, second_person=proposer, at=at, by_people=True)


def accept_later(clock: Clock, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Accept the later instants that a changed calendar gives; a passed deadline stays passed."""
    require("accept-later", by)
    if not clock.running or clock.breached_at is not None or clock.offered is None:
        raise DecisionRefused("the calendar offers no later deadline for this clock")
    if not reason.strip():
        raise DecisionRefused("accepting a later deadline needs a reason")
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
