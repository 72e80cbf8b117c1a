"""What time brings about at a clock: marks of its ladder, lateness, the breach and its reminders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.duties.clock import Clock, reminder_due
from engine.duties.facts import ClockBreached, ClockMarkReached, ClockReminded, ClockWentLate
from engine.kernel.facts import Fact


def sweep(clock: Clock, *, now: datetime, sure: datetime | None = None) -> Sequence[Fact]:
    """Return everything that fell due at or before ``now`` and was not fired yet: once each, in order.

    Level-triggered: after days without a process the marks, the lateness and the breach come at once, and one reminder
    stands for those that were missed. While the clock of the machine is doubted only ``sure`` has passed for certain,
    and nothing is late or breached by more than that.
    """
    passed = now if sure is None else min(now, sure)
    if not clock.running:
        return []
    if clock.breached_at is not None:
        return _remind(clock, now)
    facts: list[Fact] = []
    for mark in clock.marks:
        if mark.at <= now and mark.percent not in clock.reached:
            told = clock.ladder.get(mark.percent, ())
            facts.append(
                ClockMarkReached(at=now, clock_id=clock.id, percent=mark.percent, mark_at=mark.at, escalated_to=told)
            )
    told = clock.ladder[100]
    due, breach = clock.due_at, clock.breach_instant
    if due is not None and due < breach and due <= passed and clock.late_since is None:
        facts.append(ClockWentLate(at=now, clock_id=clock.id, late_since=due, escalated_to=told))
    if breach <= passed:
        facts.append(ClockBreached(at=now, clock_id=clock.id, breached_at=breach, escalated_to=told))
    return facts


def _remind(clock: Clock, now: datetime) -> Sequence[Fact]:
    assert clock.breached_at is not None
    if clock.next_reminder() > now:
        return []
    days = reminder_due(now - clock.breached_at)
    return [ClockReminded(at=now, clock_id=clock.id, after_days=days, escalated_to=clock.ladder[100])]


def late_after_all(clock: Clock, behind: timedelta, *, at: datetime) -> Sequence[Fact]:
    """Return the breach of a duty that was done while the clock of the machine was ``behind``, if by the time that had
    really passed it was late; nothing where it was in time or is recorded as late already."""
    done, breach = clock.satisfied_at, clock.breach_instant
    if done is None or clock.breached_at is not None or done + behind <= breach:
        return []
    return [ClockBreached(at=at, clock_id=clock.id, breached_at=breach, escalated_to=clock.ladder[100])]
