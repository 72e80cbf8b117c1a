"""What can be recorded of governance: duties done, actions, evidence, controls as they are stated, risks."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal, get_args

from pydantic import Field

from engine.kernel.facts import Fact, Record

Book = Literal["asset", "fraud"]
Treatment = Literal["reduce", "accept", "avoid", "transfer"]
TREATMENTS: tuple[Treatment, ...] = get_args(Treatment)


class Output(Record):
    """One decision of a review: what will be done, by whom, until when (KMG 7.3)."""

    text: str = Field(min_length=1, max_length=1000)
    owner: str = Field(min_length=1, max_length=100)
    due_on: date


class DutyDone(Fact):
    """A returning duty was done on a day; its next term counts from there."""

    topic: ClassVar[str] = "duty.done.v1"
    duty_id: str
    key: str
    done_on: date
    evidence: str
    document_id: str = ""


class ActionPlanned(Fact):
    """A corrective action with its owner and day (KMG 7.3, 8)."""

    topic: ClassVar[str] = "duty.action-planned.v1"
    duty_id: str
    key: str
    action_id: str
    text: str
    owner: str
    due_on: date


class ActionClosed(Fact):
    """A corrective action was carried out, with its evidence."""

    topic: ClassVar[str] = "duty.action-closed.v1"
    duty_id: str
    action_id: str
    evidence: str


class EvidenceRecorded(Fact):
    """A person handed in evidence for an obligation that no system proves by itself."""

    topic: ClassVar[str] = "duty.evidence-recorded.v1"
    duty_id: str
    key: str
    obligation: str
    text: str
    document_id: str = ""
    valid_until: date | None = None


class ControlStated(Fact):
    """What the organisation says of a control of ISO/IEC 27001 Annex A: applicable or not, and why (KMG 4.2.1)."""

    topic: ClassVar[str] = "control.stated.v1"
    control_id: str
    control: str
    applicable: bool
    justification: str


class RiskEntered(Fact):
    """A risk was written into a register: asset or process, threat, its source, vulnerability, present controls."""

    topic: ClassVar[str] = "risk.entered.v1"
    risk_id: str
    book: Book
    name: str
    asset: str
    threat: str
    source: str
    vulnerability: str
    controls: str
    owner: str


class RiskScored(Fact):
    """One expert's score: likelihood, and loss of confidentiality, integrity, availability, each 1 to 5."""

    topic: ClassVar[str] = "risk.scored.v1"
    risk_id: str
    expert: str
    likelihood: int
    confidentiality: int
    integrity: int
    availability: int


class RiskTreated(Fact):
    """What is done about a risk; accepting one takes somebody who did not score it."""

    topic: ClassVar[str] = "risk.treated.v1"
    risk_id: str
    treatment: Treatment
    measures: str
    due_on: date | None


class ServiceBegan(Fact):
    """The worker ran for the first time: from here on returning duties that were never done are due."""

    topic: ClassVar[str] = "house.service-began.v1"


class MemberKnown(Fact):
    """Somebody or something a returning duty has to be done for: an employee, a workstation, a system, an asset."""

    topic: ClassVar[str] = "duty.member-known.v1"
    duty_id: str
    key: str
    member: str


class MemberGone(Fact):
    """It need not be done for that any more."""

    topic: ClassVar[str] = "duty.member-gone.v1"
    duty_id: str
    key: str
    member: str


class MemberDone(Fact):
    """A returning duty was done for one of those it has to be done for."""

    topic: ClassVar[str] = "duty.member-done.v1"
    duty_id: str
    key: str
    member: str
    done_on: date
    evidence: str


DutyFact = DutyDone | ActionPlanned | ActionClosed | EvidenceRecorded | MemberKnown | MemberGone | MemberDone
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[DutyFact], ...] = get_args(DutyFact)
CONTROL_FACTS: tuple[type[Fact], ...] = (ControlStated,)
RiskFact = RiskEntered | RiskScored | RiskTreated
"""The closed set: what folds it leaves none out."""
RISK_FACTS: tuple[type[RiskFact], ...] = get_args(RiskFact)
