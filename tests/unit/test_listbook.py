"""Changes of lists: what weakens detection waits for a second person, what strengthens it does not."""

from __future__ import annotations

from typing import Any

import pytest

from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.rule_life import lists as listbook
from engine.rule_life.lists import FACTS, ListChanged, ListChangeProposed, ListChangeRefused, ListLife, list_id, weakens
from tests.past import NOW
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, MONDAY

WHY: dict[str, Any] = {"reason": "new office", "at": NOW}
WAITING = ListChangeProposed(
    at=MONDAY, actor="erlan", name="offices", version=1, added=1, removed=0, count=1, digest="d"
)
IN_FORCE = ListChanged(at=MONDAY, actor="bolat", name="offices", version=1, added=1, removed=0, count=1, digest="d")
REFUSED = ListChangeRefused(at=MONDAY, actor="bolat", name="offices", version=1)


@pytest.mark.parametrize(
    ("kind", "added", "removed", "weaker"),
    [
        ("allow", 1, 0, True), ("allow", 0, 1, False), ("allow", 1, 1, True),
        ("deny", 1, 0, False), ("deny", 0, 1, True), ("deny", 1, 1, True),
        ("watch", 1, 0, False), ("watch", 0, 1, True),
        ("internal", 1, 0, True), ("internal", 0, 1, True),
    ],
)  # fmt: skip
def test_what_lets_more_through_weakens(kind: str, added: int, removed: int, weaker: bool) -> None:
    assert weakens(kind, added, removed) is weaker


def test_a_weakening_change_waits() -> None:
    after = given(ListLife).when(listbook.change, "offices", "allow", (2, 1, 9), "d", by=FRAUD, **WHY).then(
        Like(ListChangeProposed, version=1, added=2, removed=1, count=9, digest="d", reason="new office")
    )  # fmt: skip
    assert (after.id, after.in_force, after.waiting is not None) == (list_id("offices"), 0, True)


def test_a_strengthening_change_holds_at_once() -> None:
    after = given(ListLife).when(listbook.change, "stolen", "deny", (2, 0, 9), "d", by=FRAUD, **WHY).then(
        Like(ListChanged, version=1, added=2, count=9, proposed_by="")
    )  # fmt: skip
    assert (after.in_force, after.count, after.waiting) == (1, 9, None)


def test_the_next_version_follows_the_last_even_when_that_was_refused() -> None:
    given(ListLife, WAITING, REFUSED).when(listbook.change, "offices", "allow", (1, 0, 1), "d", by=FRAUD, **WHY).then(
        Like(ListChangeProposed, version=2)
    )
    given(ListLife, WAITING, IN_FORCE).when(listbook.change, "offices", "deny", (1, 0, 1), "d", by=FRAUD, **WHY).then(
        Like(ListChanged, version=2)
    )


@pytest.mark.parametrize(
    ("past", "counts", "reason", "by", "why"),
    [
        ((), (0, 0, 5), "x", FRAUD, "nothing would change"),
        ((WAITING,), (1, 0, 5), "x", FRAUD, "version 1 of the list waits"),
        ((), (1, 0, 5), " ", FRAUD, "give a reason"),
        ((), (1, 0, 5), "x", AUDITOR, "decision.not-allowed"),
    ],
)
def test_a_change_is_refused(past: Any, counts: Any, reason: str, by: Person, why: str) -> None:
    given(ListLife, *past).when(
        listbook.change, "offices", "allow", counts, "d", by=by, reason=reason, at=NOW
    ).refused(why)  # fmt: skip


def test_a_second_person_brings_the_waiting_version_into_force() -> None:
    after = given(ListLife, WAITING).when(listbook.decide, agreed=True, by=COMPLIANCE, **WHY).then(
        Like(ListChanged, version=1, added=1, count=1, digest="d", proposed_by="erlan", actor="bolat")
    )  # fmt: skip
    assert (after.in_force, after.count, after.waiting) == (1, 1, None)


def test_who_proposed_a_weakening_does_not_agree_to_it_and_may_take_it_back() -> None:
    past = given(ListLife, WAITING)
    past.when(listbook.decide, agreed=True, by=FRAUD, **WHY).refused("decision.second-person")
    after = past.when(listbook.decide, agreed=False, by=FRAUD, **WHY).then(Like(ListChangeRefused, version=1))
    assert (after.in_force, after.waiting) == (0, None)


@pytest.mark.parametrize("agreed", [True, False])
def test_a_decision_needs_something_that_waits_a_role_and_a_reason(agreed: bool) -> None:
    given(ListLife, IN_FORCE).when(listbook.decide, agreed=agreed, by=CISO, **WHY).refused("no change of this list")
    past = given(ListLife, WAITING)
    past.when(listbook.decide, agreed=agreed, by=AUDITOR, **WHY).refused("decision.not-allowed")
    past.when(listbook.decide, agreed=agreed, by=ANALYST, reason="", at=NOW).refused("give a reason", InputError)


def test_a_refused_version_leaves_in_force_what_was() -> None:
    waits = WAITING.model_copy(update={"version": 2, "count": 7})
    state = fold(ListLife, IN_FORCE, waits, REFUSED.model_copy(update={"version": 2}))
    assert (state.in_force, state.count, state.last) == (1, 1, 2)


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    assert len({kind.topic for kind in FACTS}) == len(FACTS) == 3
