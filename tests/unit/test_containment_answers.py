"""What a system says of a containment one after the other: a refusal takes back what it confirmed before."""

from __future__ import annotations

from engine.containment import containment
from engine.containment.containment import Containment
from engine.containment.facts import ContainmentAnswered, ContainmentConfirmed, ContainmentOrdered
from engine.kernel.answers import Judged, Said, SubjectOutcome, subjects_of
from tests.spec import Given, Like, given
from tests.support import MONDAY

USERS = subjects_of("user", ("a", "b"))
ORDERED = ContainmentOrdered(
    at=MONDAY, containment_id="c-1", incident_id="i-1", order="access-block", subjects=USERS
)  # fmt: skip


def said(a: Said, b: Said) -> Judged:
    outcomes = (SubjectOutcome(subject="user:a", outcome=a), SubjectOutcome(subject="user:b", outcome=b))
    return Judged(outcomes=outcomes, reference="R-1", detail=f"{a} {b}")


def answered(*words: tuple[Said, Said]) -> Given[Containment]:
    facts = [
        ContainmentAnswered(
            at=MONDAY, containment_id="c-1", verdict=said(*it).verdict, outcomes=said(*it).outcomes, detail=f"{it}"
        )
        for it in words
    ]
    return given(Containment, ORDERED, *facts)


def test_two_halves_confirm_the_whole() -> None:
    answered(("done", "pending")).when(
        containment.answered, said("pending", "done"), done_at=MONDAY, at=MONDAY, actor="system:access"
    ).then(Like(ContainmentConfirmed, reference="R-1"))


def test_a_half_that_is_refused_later_is_not_confirmed_by_the_other() -> None:
    answered(("done", "pending")).when(
        containment.answered, said("refused", "done"), done_at=MONDAY, at=MONDAY, actor="system:access"
    ).then(Like(ContainmentAnswered, verdict="refused"))
    state = answered(("done", "pending"), ("refused", "pending")).when(
        containment.answered, said("pending", "done"), done_at=MONDAY, at=MONDAY, actor="system:access"
    ).then(Like(ContainmentAnswered, verdict="pending"))  # fmt: skip
    assert state.done == {"user:b"}
