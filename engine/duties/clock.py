"""A legal clock: started once, warned about, satisfied in time, late, or breached; never paused, never erased.

What is due comes from the facts through an index; no timer holds a duty. (Register, kinds ``clock`` and ``enforce``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import cast

from engine.duties.facts import (
    LADDER,
    MARKS,
    ClockBreachCorrected,
    ClockBreached,
    ClockCancellationProposed,
    ClockCancelled,
    ClockCorrectionProposed,
    ClockFact,
    ClockLaterAccepted,
    ClockMarkReached,
    ClockProofWithdrawn,
    ClockReanchored,
    ClockRecounted,
    ClockReminded,
    ClockResumed,
    ClockSatisfied,
    ClockStarted,
    ClockState,
    ClockWentLate,
    Ladder,
    LateBecause,
    Mark,
)
from engine.duties.marks import counted, marks_of, share_of
from engine.kernel.errors import DecisionRefused, SecondPersonNeeded
from engine.kernel.facts import ENGINE, Fact, Owner, foreign
from engine.kernel.ids import derive
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import ClockSpec, Reading, Term, count_term

LONGEST_REMINDER_DAYS = 64


@dataclass
class Clock:
    """The state of one clock, folded from its facts."""

    id: str = ""
    kind: str = ""
    owner_kind: Owner = "incident"
    owner_id: str = ""
    subject: str = ""
    anchor_at: datetime | None = None
    due_at: datetime | None = None
    latest_at: datetime | None = None
    target_at: datetime | None = None
    reading: Reading = "strict"
    target_percent: int = 50
    marks: tuple[Mark, ...] = ()
    ladder: Ladder = field(default_factory=lambda: dict(LADDER))
    calendar_version: str = ""
    jurisdiction: str = ""
    law_from: date | None = None
    started_at: datetime | None = None
    confirmed_at: datetime | None = None
    confirmed_due_at: datetime | None = None
    late_because: LateBecause = ""
    offered: ClockRecounted | None = None
    reached: set[int] = field(default_factory=set)
    late_since: datetime | None = None
    breached_at: datetime | None = None
    reminded_days: int = 0
    satisfied_at: datetime | None = None
    cancelled: bool = False
    cancelled_by_people: bool = False
    proposed: tuple[str, str] | None = None
    proposed_at: datetime | None = None
    """Who proposed to cancel, and why."""
    proposer_roles: tuple[str, ...] = ()
    correction: ClockCorrectionProposed | None = None
    version: int = 0

    @property
    def duty(self) -> str:
        """The id of the duty it counts: its kind."""
        return self.kind

    @property
    def running(self) -> bool:
        """Say whether the duty is still owed (a breached clock is owed still)."""
        return bool(self.id) and self.satisfied_at is None and not self.cancelled

    @property
    def state(self) -> ClockState:
        """Name the state: running, late, breached, satisfied, satisfied-late or cancelled."""
        if self.cancelled:
            return "cancelled"
        if self.satisfied_at is not None:
            return "satisfied-late" if self.breached_at else "satisfied"
        if self.breached_at is not None:
            return "breached"
        return "late" if self.late_since is not None else "running"

    @property
    def breach_instant(self) -> datetime:
        """Return the instant of the chosen reading."""
        instant = self.due_at if self.reading == "strict" else self.latest_at
        assert instant is not None
        return instant

    def next_instant(self) -> datetime | None:
        """Return the next instant at which the sweep must act, or None when nothing is left to fire."""
        if not self.running:
            return None
        if self.breached_at is not None:
            return self.next_reminder()
        pending = [mark.at for mark in self.marks if mark.percent not in self.reached]
        if self.late_since is None and self.due_at is not None and self.due_at < self.breach_instant:
            pending.append(self.due_at)
        return min([*pending, self.breach_instant])

    def next_reminder(self) -> datetime:
        """Return the instant at which a breach is said again: 1, 2, 4 … 64 days after it, then every 64."""
        assert self.breached_at is not None
        done = self.reminded_days
        following = 1 if done == 0 else done * 2 if done < LONGEST_REMINDER_DAYS else done + LONGEST_REMINDER_DAYS
        return self.breached_at + timedelta(days=following)

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(ClockFact, fact))

    def _take(self, fact: ClockFact) -> None:
        match fact:
            case ClockStarted():
                self._start(fact)
            case ClockMarkReached():
                self.reached.add(fact.percent)
            case ClockWentLate():
                self.late_since = fact.late_since
            case ClockBreached():
                self.breached_at = fact.breached_at
                self.reminded_days = reminder_due(fact.at - fact.breached_at)  # one word is enough for what passed
            case ClockReminded():
                self.reminded_days = fact.after_days
            case ClockSatisfied():
                self.satisfied_at, self.proposed = fact.satisfied_at, None
            case ClockProofWithdrawn():
                self.satisfied_at = None
            case ClockCancellationProposed():
                self.proposed, self.proposer_roles, self.proposed_at = (fact.actor, fact.reason), fact.roles, fact.at
            case ClockCancelled():
                self.cancelled, self.cancelled_by_people, self.proposed = True, fact.by_people, None
            case ClockResumed():
                self.cancelled = False
            case ClockCorrectionProposed():
                self.correction = fact
            case ClockBreachCorrected():
                self.breached_at, self.late_since, self.reminded_days, self.correction = None, None, 0, None
            case ClockReanchored():
                self.anchor_at, self.offered = fact.anchor_at, None
                self._due(fact)
            case ClockRecounted():
                self.calendar_version = fact.calendar_version
                later = fact.counted_due_at > fact.due_at or fact.counted_latest_at > fact.latest_at
                self.offered = fact if later else None
                self._due(fact)
            case ClockLaterAccepted():
                self.offered = None
                self._due(fact)
            case _:
                foreign(fact)

    def _start(self, fact: ClockStarted) -> None:
        self.id, self.kind, self.subject = fact.clock_id, fact.kind, fact.subject
        self.owner_kind, self.owner_id = fact.owner_kind, fact.owner_id
        self.anchor_at, self.reading, self.ladder = fact.anchor_at, fact.reading, dict(fact.ladder)
        self.calendar_version, self.target_percent = fact.calendar_version, fact.target_percent
        self.jurisdiction, self.law_from = fact.jurisdiction, fact.law_from
        self.started_at, self.late_because = fact.at, fact.late_because
        self.confirmed_at, self.confirmed_due_at = fact.confirmed_at, fact.confirmed_due_at
        self._due(fact)

    def _due(self, fact: ClockStarted | ClockReanchored | ClockRecounted | ClockLaterAccepted) -> None:
        self.due_at, self.latest_at, self.marks = fact.due_at, fact.latest_at, fact.marks
        self.target_at = fact.target_at


def clock_id(kind: str, owner_id: str, subject: str, about: str = "") -> str:
    """Return the id of the one clock of this kind, owner and subject: a duty never runs twice. ``about`` tells those
    apart that one subject is owed for several things."""
    return str(derive("clock", kind, owner_id, subject, *((about,) if about else ())))


def start(
    spec: ClockSpec,
    *,
    owner_kind: Owner,
    owner_id: str,
    subject: str,
    anchor_at: datetime,
    at: datetime,
    calendar: BusinessCalendar,
    reading: Reading = "strict",
    ladder: Ladder = LADDER,
    target_percent: int = 50,
    actor: str | None = None,
    reason: str = "",
    outer: datetime | None = None,
    about: str = "",
) -> ClockStarted:
    """Start the clock of one duty from its anchor; with an ``actor`` it was started by hand. ``outer`` is the start of
    the outer limit of a term that has one, ``about`` what its id names beside the subject."""
    term, marks, target_at = counted(spec, anchor_at, calendar, target_percent, outer)
    return ClockStarted(
        at=at,
        reason=reason,
        clock_id=clock_id(spec.kind, owner_id, subject, about),
        kind=spec.kind,
        owner_kind=owner_kind,
        owner_id=owner_id,
        subject=subject,
        obligations=spec.obligations,
        anchor_at=anchor_at,
        due_at=term.due_at,
        latest_at=term.latest_at,
        reading=reading,
        policy=f"{spec.n} {spec.unit}, {reading}",
        calendar_version=calendar.version,
        skipped=term.skipped,
        unconfirmed=bool(term.unconfirmed),
        marks=marks,
        target_at=target_at,
        target_percent=target_percent,
        ladder=dict(ladder),
        jurisdiction=spec.jurisdiction,
        law_from=spec.valid_from,
        actor=ENGINE if actor is None else actor,
        by_hand=actor is not None,
    )


def start_until(
    kind: str, due_at: datetime, *, owner_id: str, subject: str, anchor_at: datetime, at: datetime,
    calendar_version: str, obligations: tuple[str, ...], ladder: Ladder = LADDER,
) -> ClockStarted:  # fmt: skip
    """Start the clock of something whose day people set themselves (a corrective action, KMG 8)."""
    length = max(due_at - anchor_at, timedelta(0))
    marks = tuple(Mark(percent=p, at=anchor_at + length * p / 100) for p in MARKS)
    return ClockStarted(
        at=at, clock_id=clock_id(kind, owner_id, subject), kind=kind, owner_kind="duty", owner_id=owner_id,
        subject=subject, obligations=obligations, anchor_at=anchor_at, due_at=due_at, latest_at=due_at,
        reading="strict", policy="the day that was set", calendar_version=calendar_version, skipped=(),
        unconfirmed=False, marks=marks, target_at=marks[0].at, ladder=dict(ladder),
    )  # fmt: skip


def reminder_due(passed: timedelta) -> int:
    """Return the last reminder, in days after the breach, that is due when so much has passed; 0 for none."""
    if passed.days >= LONGEST_REMINDER_DAYS:
        return passed.days // LONGEST_REMINDER_DAYS * LONGEST_REMINDER_DAYS
    return 1 << (passed.days.bit_length() - 1) if passed.days > 0 else 0


def satisfy(clock: Clock, *, proof: str, done_at: datetime, at: datetime, actor: str) -> Sequence[Fact]:
    """Record that the duty was done; a passed deadline never becomes "in time"."""
    if not clock.running:
        return []
    late = clock.breached_at is not None or done_at > clock.breach_instant
    facts: list[Fact] = []
    if late and clock.breached_at is None:
        breached = ClockBreached(
            at=at, clock_id=clock.id, breached_at=clock.breach_instant, escalated_to=clock.ladder[100]
        )
        facts.append(breached)
    facts.append(ClockSatisfied(at=at, actor=actor, clock_id=clock.id, satisfied_at=done_at, proof=proof, late=late))
    return facts


def withdraw_proof(clock: Clock, reason: str, *, at: datetime, actor: str) -> Sequence[Fact]:
    """Say that the proof proved nothing: the duty is owed again, and breached if its term has passed."""
    if clock.satisfied_at is None or clock.cancelled:
        return []
    return [ClockProofWithdrawn(at=at, actor=actor, reason=reason, clock_id=clock.id)]


def cancel(
    clock: Clock, reason: str, *, actor: str, second_person: str, at: datetime, by_people: bool = False
) -> Sequence[Fact]:
    """Cancel because the duty never existed, or another clock took it over: a reason and two different sides."""
    if not clock.running:
        return []
    if not reason.strip():
        raise DecisionRefused("cancelling a clock needs a reason")
    if second_person == actor:
        raise SecondPersonNeeded("cancelling a legal clock takes two persons")
    return [
        ClockCancelled(
            at=at, actor=actor, reason=reason, clock_id=clock.id, second_person=second_person, by_people=by_people
        )
    ]


def resume(clock: Clock, reason: str, *, actor: str, at: datetime, again: bool = False) -> Sequence[Fact]:
    """Go on with a clock that was cancelled with its incident, or by two persons, if it is owed ``again`` by more."""
    if not clock.cancelled or (clock.cancelled_by_people and not again):
        return []
    return [ClockResumed(at=at, actor=actor, reason=reason, clock_id=clock.id)]


def reanchor(
    clock: Clock, spec: ClockSpec, anchor_at: datetime, *, at: datetime, reason: str, calendar: BusinessCalendar,
    outer: datetime | None = None,
) -> Sequence[Fact]:  # fmt: skip
    """Move the anchor earlier; a later anchor changes nothing. A term that had passed had then passed earlier."""
    if not clock.running or clock.anchor_at is None or anchor_at >= clock.anchor_at:
        return []
    term = count_term(spec, anchor_at, calendar, outer=outer)
    facts: list[Fact] = [
        ClockReanchored(
            at=at,
            reason=reason,
            clock_id=clock.id,
            anchor_at=anchor_at,
            due_at=term.due_at,
            latest_at=term.latest_at,
            marks=marks_of(spec, anchor_at, term.due_at, calendar),
            target_at=share_of(spec, anchor_at, term.due_at, calendar, clock.target_percent),
        )
    ]
    if clock.breached_at is not None:
        ended = term.reading(clock.reading)
        facts.append(ClockBreached(at=at, clock_id=clock.id, breached_at=ended, escalated_to=clock.ladder[100]))
    return facts


def recount(clock: Clock, spec: ClockSpec | None, *, calendar: BusinessCalendar, at: datetime) -> Sequence[Fact]:
    """Count an open term again under another calendar. The earlier instants hold until a person accepts the later.

    Without a ``spec`` people set the day themselves, and it stays.
    """
    if not clock.running or clock.breached_at is not None or clock.calendar_version == calendar.version:
        return []
    assert clock.anchor_at is not None and clock.due_at is not None and clock.latest_at is not None
    if spec is None:
        term, marks, target = Term(clock.due_at, clock.latest_at, (), ()), clock.marks, clock.target_at
    else:
        term = count_term(spec, clock.anchor_at, calendar)
        marks = marks_of(spec, clock.anchor_at, term.due_at, calendar)
        target = share_of(spec, clock.anchor_at, term.due_at, calendar, clock.target_percent)
    sooner = term.due_at < clock.due_at
    return [
        ClockRecounted(
            at=at,
            reason=f"the calendar is now {calendar.version}",
            clock_id=clock.id,
            calendar_version=calendar.version,
            due_at=min(clock.due_at, term.due_at),
            latest_at=min(clock.latest_at, term.latest_at),
            marks=marks if sooner else clock.marks,
            target_at=target if sooner else clock.target_at,
            counted_due_at=term.due_at,
            counted_latest_at=term.latest_at,
            counted_marks=marks,
            counted_target_at=target,
            skipped=term.skipped,
            unconfirmed=bool(term.unconfirmed),
        )
    ]
