"""What can be recorded of a legal clock. Facts carry what produced the instants, so that each can be counted again."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal, get_args

from pydantic import AwareDatetime, Field

from engine.kernel.facts import Fact, Owner, Record
from engine.permissions import Role
from engine.terms.counting import Reading

ClockState = Literal["running", "late", "breached", "satisfied", "satisfied-late", "cancelled"]
LateBecause = Literal["", "triage"]
"""``triage``: people found only after the term that the duty holds."""
Ladder = dict[int, tuple[str, ...]]
MARKS = (50, 75, 90)
LADDER: Ladder = {
    50: (Role.COMPLIANCE_OFFICER.value,),
    75: (Role.COMPLIANCE_OFFICER.value, Role.SOC_ANALYST.value),
    90: (Role.COMPLIANCE_OFFICER.value, Role.CISO.value),
    100: (Role.COMPLIANCE_OFFICER.value, Role.CISO.value, Role.ADMIN.value),
}
"""Who is told at which share of the term; 100 is the breach and every reminder after it."""


class Mark(Record):
    """A warning instant: this share of the term is used up."""

    percent: int
    at: AwareDatetime


class ClockStarted(Fact):
    """A duty has begun to run. ``ladder`` is the organisation's as it stood then; ``target_at`` its own early aim."""

    topic: ClassVar[str] = "clock.started.v1"
    clock_id: str
    kind: str
    owner_kind: Owner
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
    target_at: AwareDatetime | None = None
    target_percent: int = 50
    ladder: Ladder = Field(default_factory=lambda: dict(LADDER))
    by_hand: bool = False
    jurisdiction: str = ""
    """Whose law it is, empty in facts of before there was more than one."""
    law_from: date | None = None
    """The day from which the entry of the law holds that the clock was started by, and keeps."""
    confirmed_at: AwareDatetime | None = None
    """When people confirmed an incident whose duties were raised only then; shown beside the detection."""
    confirmed_due_at: AwareDatetime | None = None
    """When it would be due, counted from there in the civil reading."""
    late_because: LateBecause = ""
    """Why its term had passed when it began."""


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


class ClockReminded(Fact):
    """A breached duty is still owed; said again after 1, 2, 4, 8 … days (``after_days``)."""

    topic: ClassVar[str] = "clock.reminded.v1"
    clock_id: str
    after_days: int
    escalated_to: tuple[str, ...]


class ClockSatisfied(Fact):
    """The duty was done; ``proof`` points to the fact that proves it."""

    topic: ClassVar[str] = "clock.satisfied.v1"
    clock_id: str
    satisfied_at: AwareDatetime
    proof: str
    late: bool


class ClockProofWithdrawn(Fact):
    """What was taken for proof proved nothing (a notice came back): the duty is owed again, its term unchanged."""

    topic: ClassVar[str] = "clock.proof-withdrawn.v1"
    clock_id: str


class ClockCancellationProposed(Fact):
    """A person says that the duty does not exist; nothing changes until a second one agrees."""

    topic: ClassVar[str] = "clock.cancellation-proposed.v1"
    clock_id: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class ClockCancelled(Fact):
    """The duty did not exist after all: a reason and two persons. ``by_people`` says that they looked at this clock
    itself; otherwise it follows from what they decided of the incident, and comes back with it."""

    topic: ClassVar[str] = "clock.cancelled.v1"
    clock_id: str
    second_person: str
    by_people: bool = False


class ClockCorrectionProposed(Fact):
    """A person says that a breach was recorded by a clock of the machine that was wrong."""

    topic: ClassVar[str] = "clock.correction-proposed.v1"
    clock_id: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class ClockBreachCorrected(Fact):
    """Two persons say so: the breach was recorded before its term had passed. Both facts stay in the log."""

    topic: ClassVar[str] = "clock.breach-corrected.v1"
    clock_id: str
    breached_at: AwareDatetime
    """The instant that had not passed."""
    proposed_by: str


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
    target_at: AwareDatetime | None = None


class ClockRecounted(Fact):
    """The calendar changed. ``due_at`` and ``latest_at`` hold from now on, each the earlier of old and new;
    ``counted_*`` is what the new calendar gives and, where later, what a person may accept."""

    topic: ClassVar[str] = "clock.recounted.v1"
    clock_id: str
    calendar_version: str
    due_at: AwareDatetime
    latest_at: AwareDatetime
    marks: tuple[Mark, ...]
    target_at: AwareDatetime | None
    counted_due_at: AwareDatetime
    counted_latest_at: AwareDatetime
    counted_marks: tuple[Mark, ...]
    counted_target_at: AwareDatetime | None
    skipped: tuple[str, ...]
    unconfirmed: bool


class ClockLaterAccepted(Fact):
    """A person accepted the later instants that the new calendar gives."""

    topic: ClassVar[str] = "clock.later-accepted.v1"
    clock_id: str
    due_at: AwareDatetime
    latest_at: AwareDatetime
    marks: tuple[Mark, ...]
    target_at: AwareDatetime | None


ClockFact = (
    ClockStarted | ClockMarkReached | ClockWentLate | ClockBreached | ClockReminded | ClockSatisfied
    | ClockProofWithdrawn | ClockCancellationProposed | ClockCancelled | ClockResumed | ClockReanchored
    | ClockRecounted | ClockLaterAccepted | ClockCorrectionProposed | ClockBreachCorrected
)  # fmt: skip
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[ClockFact], ...] = get_args(ClockFact)
