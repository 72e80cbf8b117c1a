"""What can be recorded of a containment: ordered, answered, confirmed; released, and that confirmed too."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from pydantic import AwareDatetime

from engine.kernel.answers import Said, Subject, SubjectOutcome
from engine.kernel.facts import Fact

ContainmentOrder = Literal["access-block", "payout-hold"]
COUNTERPART: dict[ContainmentOrder, str] = {"access-block": "access-release", "payout-hold": "payout-release"}
DEMANDS: dict[str, tuple[str, ...]] = {
    "access-block": (
        "block the accounts of the users and clients named", "end the sessions named", "keep the devices, addresses "
        "and workstations named away from the systems", "say of each subject whether it was done",
    ),
    "payout-hold": (
        "hold every payout of the loans named, or of the clients where no loan is named",
        "say of each subject whether it was done, and refuse where the money had left",
    ),
    "access-release": ("lift what was blocked of the subjects named", "say of each subject whether it was done"),
    "payout-release": ("let the payouts named go on", "say of each subject whether it was done"),
}  # fmt: skip
CLAUSES: dict[str, str] = {
    "access-block": "SMARTOLET ch.4 item 23; item 37; KREDIT7 7.2; PROCREDIT 68",
    "payout-hold": "SMARTOLET ch.4 item 23; item 37; KREDIT7 7.2; PROCREDIT 68",
    "access-release": "the organisation's own",
    "payout-release": "the organisation's own",
}


class ContainmentOrdered(Fact):
    """A system was told to block or hold named subjects; the id is the idempotency key."""

    topic: ClassVar[str] = "containment.ordered.v1"
    containment_id: str
    incident_id: str
    order: ContainmentOrder
    subjects: tuple[Subject, ...]


class ContainmentAnswered(Fact):
    """The system answered, and not everything is done; what it said of each subject."""

    topic: ClassVar[str] = "containment.answered.v1"
    containment_id: str
    verdict: Said
    outcomes: tuple[SubjectOutcome, ...]
    detail: str


class ContainmentConfirmed(Fact):
    """Every subject named is blocked or held, by the system's own word."""

    topic: ClassVar[str] = "containment.confirmed.v1"
    containment_id: str
    reference: str
    done_at: AwareDatetime


class ReleaseProposed(Fact):
    """A person asks that what an incident blocks be released before it ends; a second one must agree."""

    topic: ClassVar[str] = "containment.release-proposed.v1"
    containment_id: str


class ReleaseOrdered(Fact):
    """What was blocked is to be released; subjects that another incident or act holds stay as they are."""

    topic: ClassVar[str] = "containment.release-ordered.v1"
    containment_id: str
    release_id: str
    subjects: tuple[Subject, ...]
    kept: tuple[Subject, ...] = ()
    proposed_by: str = ""


class ReleaseAnswered(Fact):
    """The system answered the release, and not everything is released."""

    topic: ClassVar[str] = "containment.release-answered.v1"
    containment_id: str
    verdict: Said
    outcomes: tuple[SubjectOutcome, ...]
    detail: str


class ReleaseConfirmed(Fact):
    """Everything is released, by the system's word or by that of a named person."""

    topic: ClassVar[str] = "containment.release-confirmed.v1"
    containment_id: str
    reference: str
    done_at: AwareDatetime


ContainmentFact = (
    ContainmentOrdered | ContainmentAnswered | ContainmentConfirmed | ReleaseProposed | ReleaseOrdered
    | ReleaseAnswered | ReleaseConfirmed
)  # fmt: skip
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[ContainmentFact], ...] = get_args(ContainmentFact)
