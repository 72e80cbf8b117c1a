"""A legal clock: started once, warned about, satisfied in time, late, or breached; never paused, never erased.

Facts carry the inputs that produced the instants (policy, calendar version), so that every due time can be
counted again. What is due comes from these facts through an index; no timer holds a duty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from engine.calendar import BusinessCalendar
from engine.deadlines import ClockSpec, Reading, add_business_time, count_term
from engine.errors import DecisionRefused, SecondPersonNeeded
from engine.facts import Fact, Record
from engine.ids import derive

MARKS = (50, 75, 90)
ESCALATION: dict[int, tuple[str, ...]] = {
    50: ("compliance_officer",),
    75: ("compliance_officer", "soc_analyst"),
    90: ("compliance_officer", "ciso"),
    100: ("compliance_officer", "ciso", "admin"),
}


class Mark(Record):
    """A warning instant: this share of the term is used up."""

    percent: int
    at: AwareDatetime


class ClockStarted(Fact):
    """A duty has begun to run."""

    topic: ClassVar[str] = "clock.started.v1"
    clock_id: str
    kind: str
    owner_kind: Literal["incident", "protection"]
    owner_id: str
    subject: str
    obligations: tuple[str, ...]
    anchor_at: AwareDatetime
    due_at: AwareDatetime
    latest_at: AwareDatetime
    reading: Reading
    policy: str
    calendar_version: str
    skipped: tuple[str, ...]
    unconfirmed: bool
    marks: tuple[Mark, ...]


class ClockMarkReached(Fact):
    """A share of the term is used up; the named roles are told."""

    topic: ClassVar[str] = "clock.mark-reached.v1"
    clock_id: str
    percent: int
    mark_at: AwareDatetime
    escalated_to: tuple[str, ...]


class ClockWentLate(Fact):
    """The strict instant passed while the organisation's chosen reading still allows time."""

    topic: ClassVar[str] = "clock.went-late.v1"
    clock_id: str
    late_since: AwareDatetime
    escalated_to: tuple[str, ...]


class ClockBreached(Fact):
    """The term ended unsatisfied; ``breached_at`` is the exact instant, ``at`` when it was recorded."""

    topic: ClassVar[str] = "clock.breached.v1"
    clock_id: str
    breached_at: AwareDatetime
    escalated_to: tuple[str, ...]


class ClockSatisfied(Fact):
    """The duty was done; ``proof`` points to the fact that proves it."""

    topic: ClassVar[str] = "clock.satisfied.v1"
    clock_id: str
    satisfied_at: AwareDatetime
    proof: str
    late: bool


class ClockCancelled(Fact):
    """The duty did not exist after all: a reason and two persons."""

    topic: ClassVar[str] = "clock.cancelled.v1"
    clock_id: str
    second_person: str


class ClockResumed(Fact):
    """The incident was reopened: the clock goes on from its original anchor."""

    topic: ClassVar[str] = "clock.resumed.v1"
    clock_id: str


class ClockReanchored(Fact):
    """An earlier detection came to light; the earlier instants count."""

    topic: ClassVar[str] = "clock.reanchored.v1"
    clock_id: str
    anchor_at: AwareDatetime
    due_at: AwareDatetime
    latest_at: AwareDatetime
    marks: tuple[Mark, ...]


FACTS: tuple[type[Fact], ...] = (
    ClockStarted,
    ClockMarkReached,
    ClockWentLate,
    ClockBreached,
    ClockSatisfied,
    ClockCancelled,
    ClockResumed,
    ClockReanchored,
)


@dataclass
class Clock:
    """The state of one clock, folded from its facts."""

    id: str = ""
    kind: str = ""
    owner_kind: str = ""
    owner_id: str = ""
    subject: str = ""
    anchor_at: datetime | None = None
    due_at: datetime | None = None
    latest_at: datetime | None = None
    reading: Reading = "strict"
    marks: tuple[Mark, ...] = ()
    reached: set[int] = field(default_factory=set)
    late_since: datetime | None = None
    breached_at: datetime | None = None
    satisfied_at: datetime | None = None
    cancelled: bool = False
    version: int = 0

    @property
    def running(self) -> bool:
        """Say whether the duty is still owed (a breached clock is owed still)."""
        return bool(self.id) and self.satisfied_at is None and not self.cancelled

    @property
    def state(self) -> str:
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
        """Give the instant of the chosen reading."""
        instant = self.due_at if self.reading == "strict" else self.latest_at
        assert instant is not None
        return instant

    def next_instant(self) -> datetime | None:
        """Give the next instant at which the sweep must act, or None when nothing is left to fire."""
        if not self.running or self.breached_at is not None:
            return None
        pending = [mark.at for mark in self.marks if mark.percent not in self.reached]
        if self.late_since is None and self.due_at is not None and self.due_at < self.breach_instant:
            pending.append(self.due_at)
        return min([*pending, self.breach_instant])

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        match fact:
            case ClockStarted():
                self.id, self.kind, self.subject = fact.clock_id, fact.kind, fact.subject
                self.owner_kind, self.owner_id = fact.owner_kind, fact.owner_id
                self.anchor_at, self.due_at, self.latest_at = fact.anchor_at, fact.due_at, fact.latest_at
                self.reading, self.marks = fact.reading, fact.marks
            case ClockMarkReached():
                self.reached.add(fact.percent)
            case ClockWentLate():
                self.late_since = fact.late_since
            case ClockBreached():
                self.breached_at = fact.breached_at
            case ClockSatisfied():
                self.satisfied_at = fact.satisfied_at
            case ClockCancelled():
                self.cancelled = True
            case ClockResumed():
                self.cancelled = False
            case ClockReanchored():
                self.anchor_at, self.due_at, self.latest_at = fact.anchor_at, fact.due_at, fact.latest_at
                self.marks = fact.marks


def clock_id(kind: str, owner_id: str, subject: str) -> str:
    """Give the id of the one clock of this kind, owner and subject: a duty never runs twice."""
    return str(derive("clock", kind, owner_id, subject))


def start(
    spec: ClockSpec,
    *,
    owner_kind: Literal["incident", "protection"],
    owner_id: str,
    subject: str,
    anchor_at: datetime,
    at: datetime,
    calendar: BusinessCalendar,
    reading: Reading = "strict",
) -> ClockStarted:
    """Start the clock of one duty from its anchor."""
    term = count_term(spec, anchor_at, calendar)
    return ClockStarted(
        at=at,
        clock_id=clock_id(spec.kind, owner_id, subject),
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
        marks=_marks(spec, anchor_at, term.due_at, calendar),
    )


def _marks(spec: ClockSpec, anchor: datetime, due: datetime, calendar: BusinessCalendar) -> tuple[Mark, ...]:
    if spec.unit == "business_day":
        total = spec.n * calendar.business_day_length()
        return tuple(Mark(percent=p, at=add_business_time(calendar, anchor, total * p / 100)) for p in MARKS)
    length: timedelta = due - anchor
    return tuple(Mark(percent=p, at=anchor + length * p / 100) for p in MARKS)


def sweep(clock: Clock, *, now: datetime) -> Sequence[Fact]:
    """Give everything that fell due at or before ``now`` and was not fired yet: once each, in order.

    Level-triggered: after days without a process the marks, the lateness and the breach come at once.
    """
    if not clock.running or clock.breached_at is not None:
        return []
    facts: list[Fact] = []
    for mark in clock.marks:
        if mark.at <= now and mark.percent not in clock.reached:
            facts.append(
                ClockMarkReached(
                    at=now,
                    clock_id=clock.id,
                    percent=mark.percent,
                    mark_at=mark.at,
                    escalated_to=ESCALATION[mark.percent],
                )
            )
    due, breach = clock.due_at, clock.breach_instant
    if due is not None and due < breach and due <= now and clock.late_since is None:
        facts.append(ClockWentLate(at=now, clock_id=clock.id, late_since=due, escalated_to=ESCALATION[100]))
    if breach <= now:
        facts.append(ClockBreached(at=now, clock_id=clock.id, breached_at=breach, escalated_to=ESCALATION[100]))
    return facts


def satisfy(clock: Clock, *, proof: str, done_at: datetime, at: datetime, actor: str) -> Sequence[Fact]:
    """Record that the duty was done; a passed deadline never becomes "in time"."""
    if not clock.running:
        return []
    late = clock.breached_at is not None or done_at > clock.breach_instant
    facts: list[Fact] = []
    if late and clock.breached_at is None:
        facts.append(
            ClockBreached(at=at, clock_id=clock.id, breached_at=clock.breach_instant, escalated_to=ESCALATION[100])
        )
    facts.append(ClockSatisfied(at=at, actor=actor, clock_id=clock.id, satisfied_at=done_at, proof=proof, late=late))
    return facts


def cancel(clock: Clock, reason: str, *, actor: str, second_person: str, at: datetime) -> Sequence[Fact]:
    """Cancel because the duty never existed, or another clock took it over: a reason and two different sides."""
    if not clock.running:
        return []
    if not reason.strip():
        raise DecisionRefused("cancelling a clock needs a reason")
    if second_person == actor:
        raise SecondPersonNeeded("cancelling a legal clock takes two persons")
    return [ClockCancelled(at=at, actor=actor, reason=reason, clock_id=clock.id, second_person=second_person)]


def reanchor(
    clock: Clock, spec: ClockSpec, anchor_at: datetime, *, at: datetime, reason: str, calendar: BusinessCalendar
) -> Sequence[Fact]:
    """Move the anchor earlier; a later anchor changes nothing."""
    if not clock.running or clock.anchor_at is None or anchor_at >= clock.anchor_at:
        return []
    term = count_term(spec, anchor_at, calendar)
    return [
        ClockReanchored(
            at=at,
            reason=reason,
            clock_id=clock.id,
            anchor_at=anchor_at,
            due_at=term.due_at,
            latest_at=term.latest_at,
            marks=_marks(spec, anchor_at, term.due_at, calendar),
        )
    ]
