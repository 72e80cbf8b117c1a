"""What is kept of a client, how long, and the two persons who destroy it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.kernel.errors import QorgauError
from engine.kernel.facts import Fact, Person
from engine.retention import retention
from engine.retention.facts import (
    FACTS,
    ErasureApproved,
    ErasureDone,
    ErasureProposed,
    HoldLifted,
    HoldLiftProposed,
    HoldPlaced,
    ObligationsBegan,
    ObligationsEnded,
    ObligationsEndProposed,
)
from engine.retention.retention import Retention, retention_id, term_end
from tests.past import NOW
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY

KEY = retention_id("c-1")
ENDED_ON = date(2021, 11, 20)
FREE = date(2026, 11, 21)
TODAY = date(2026, 11, 23)


def ended(on: date = ENDED_ON, loan: str = "") -> ObligationsEnded:
    return ObligationsEnded(at=MONDAY, retention_id=KEY, client="c-1", ended_on=on, loan=loan)


def began(loan: str = "") -> ObligationsBegan:
    return ObligationsBegan(at=MONDAY, retention_id=KEY, client="c-1", loan=loan)


HELD = HoldPlaced(at=MONDAY, actor="bolat", reason="case 7", retention_id=KEY, client="c-1")
LIFTED = HoldLifted(at=MONDAY, actor="bolat", retention_id=KEY)
PROPOSED = ErasureProposed(at=MONDAY, actor="bolat", retention_id=KEY)
APPROVED = ErasureApproved(at=MONDAY, actor="dana", retention_id=KEY, proposed_by="bolat")
DONE = ErasureDone(
    at=NOW, retention_id=KEY, client="c-1", proposed_by="bolat", approved_by="dana", keys=("k",), documents=1,
    ledger_size=9, ledger_root="00",
)  # fmt: skip


@pytest.mark.parametrize(
    ("on", "free"),
    [
        (date(2021, 11, 20), date(2026, 11, 21)),
        (date(2020, 2, 29), date(2025, 3, 1)),
        (date(2019, 12, 31), date(2025, 1, 1)),
    ],
)
def test_the_term_ends_the_day_after_the_same_day_five_years_on(on: date, free: date) -> None:
    assert term_end(on) == free


@for_all(st.dates(date(1992, 1, 1), date(2190, 1, 1)))
def test_no_term_is_shorter_than_five_years(on: date) -> None:
    assert 5 * 365 + 1 <= (term_end(on) - on).days <= 5 * 365 + 3
    assert term_end(on + timedelta(days=1)) >= term_end(on)


@pytest.mark.parametrize(
    ("past", "free"),
    [
        ((), None),
        ((began("l-1"),), None),
        ((ended(),), FREE),
        ((ended(), began("l-2")), None),
        ((began("l-1"), ended(loan="l-1")), FREE),
        ((began("l-1"), began("l-2"), ended(loan="l-1")), None),
        ((began("l-1"), began("l-2"), ended()), FREE),
        ((ended(), ended(date(2020, 1, 1))), FREE),
        ((ended(date(2020, 1, 1)), ended()), FREE),
    ],
)
def test_the_term_runs_from_the_last_end_while_no_contract_is_open(past: Any, free: date | None) -> None:
    assert fold(Retention, *past).free_from == free


@pytest.mark.parametrize(
    ("past", "state"),
    [
        ((ended(),), "kept"),
        ((ended(), PROPOSED), "proposed"),
        ((ended(), PROPOSED, APPROVED), "approved"),
        ((ended(), PROPOSED, APPROVED, DONE), "erased"),
        ((ended(), HELD), "held"),
        ((ended(), PROPOSED, HELD), "held"),
        ((ended(), PROPOSED, HELD, LIFTED), "kept"),
        ((ended(), PROPOSED, began("l-2")), "kept"),
        ((ended(), PROPOSED, APPROVED, DONE, began("l-2")), "kept"),
    ],
)
def test_the_state_in_one_word(past: tuple[Fact, ...], state: str) -> None:
    assert fold(Retention, *past).state == state


def test_the_certificate_says_when() -> None:
    assert fold(Retention, ended(), PROPOSED, APPROVED, DONE).erased_at == NOW


def test_a_hold_without_words_holds_too() -> None:
    assert fold(Retention, HELD.model_copy(update={"reason": ""})).held == "held"


def test_the_end_of_obligations_is_recorded_by_hand() -> None:
    day = TODAY - timedelta(days=31)
    after = given(Retention).when(retention.end_obligations, "c-1", day, "l-1", by=CISO, reason="paid", at=NOW).then(
        Like(ObligationsEnded, client="c-1", ended_on=day, loan="l-1", reason="paid", retention_id=KEY)
    )  # fmt: skip
    assert (after.id, after.client, after.free_from) == (KEY, "c-1", term_end(day))


def test_an_end_long_past_takes_a_document_and_two_persons() -> None:
    words: dict[str, Any] = {"reason": "paid", "at": NOW}
    state = given(Retention)
    state.when(retention.end_obligations, "c-1", ENDED_ON, "", by=CISO, **words).refused("needs the document")
    asked = state.when(retention.end_obligations, "c-1", ENDED_ON, "", by=CISO, document_id="d-1", **words).then(
        Like(ObligationsEndProposed, ended_on=ENDED_ON, document_id="d-1", roles=("ciso",))
    )  # fmt: skip
    assert asked.free_from is None
    waiting = ObligationsEndProposed(at=NOW, actor="gulnar", retention_id=KEY, client="c-1", ended_on=ENDED_ON)
    again = given(Retention, waiting)
    again.when(retention.end_obligations, "c-1", ENDED_ON, "", by=CISO, **words).refused("decision.second-person")
    other = again.when(retention.end_obligations, "c-1", date(2020, 1, 1), "", by=COMPLIANCE, **words)
    other.refused("needs the document")
    after = again.when(retention.end_obligations, "c-1", ENDED_ON, "", by=COMPLIANCE, **words).then(
        Like(ObligationsEnded, ended_on=ENDED_ON, proposed_by="gulnar")
    )  # fmt: skip
    assert after.free_from == FREE


def test_obligations_do_not_end_before_they_began() -> None:
    begun = ObligationsBegan(at=MONDAY, retention_id=KEY, client="c-1", loan="l-1", began_on=TODAY)
    given(Retention, begun).when(
        retention.end_obligations, "c-1", TODAY - timedelta(days=1), "l-1", by=CISO, reason="x", at=NOW
    ).refused("before they began")


def test_destruction_waits_after_a_hold_and_is_not_proposed_by_who_lifted_it() -> None:
    lifted = HoldLifted(at=NOW - timedelta(days=7), actor="gulnar", retention_id=KEY, proposed_by="bolat")
    words: dict[str, Any] = {"reason": "x", "today": TODAY, "at": NOW}
    state = given(Retention, ended(), HELD, lifted)
    for by in (CISO, COMPLIANCE):
        state.when(retention.propose_erasure, by=by, **words).refused("decision.second-person")
    state.when(retention.propose_erasure, by=COMPLIANCE_2, **words).then(Like(ErasureProposed))
    early = {**words, "at": NOW - timedelta(seconds=1)}
    state.when(retention.propose_erasure, by=COMPLIANCE_2, **early).refused("a hold was lifted")
    state.when(retention.propose_erasure, by=COMPLIANCE_2, tied="INC-1", **words).refused("still needed: INC-1")


@pytest.mark.parametrize(
    ("client", "on", "reason", "by", "why"),
    [
        ("c-1", ENDED_ON, "x", ANALYST, "decision.not-allowed"),
        ("c-1", ENDED_ON, " ", CISO, "give the reason"),
        (" ", ENDED_ON, "x", CISO, "name the client"),
        ("c-1", TODAY + timedelta(days=1), "x", CISO, "have not ended yet"),
    ],
)
def test_an_end_is_not_recorded_so(client: str, on: date, reason: str, by: Person, why: str) -> None:
    given(Retention).when(retention.end_obligations, client, on, "", by=by, reason=reason, at=NOW).refused(why)


def test_a_hold_is_placed_and_ends_a_proposal() -> None:
    after = given(Retention, ended(), PROPOSED).when_asked(
        retention.place_hold, "c-1", by=COMPLIANCE, reason="case 7", at=NOW
    ).then(Like(HoldPlaced, client="c-1", reason="case 7"))  # fmt: skip
    assert (after.state, after.held, after.proposed_by) == ("held", "case 7", "")


def test_a_hold_is_lifted_where_there_is_one() -> None:
    asked = given(Retention, ended(), HELD).when(retention.lift_hold, by=CISO, reason="over", at=NOW).then(
        Like(HoldLiftProposed, reason="over")
    )  # fmt: skip
    assert asked.state == "held", "one person lifts no hold"
    asking = HoldLiftProposed(at=NOW, actor="gulnar", retention_id=KEY)
    again = given(Retention, ended(), HELD, asking)
    again.when(retention.lift_hold, by=CISO, reason="over", at=NOW).refused("decision.second-person")
    after = again.when(retention.lift_hold, by=COMPLIANCE, reason="over", at=NOW).then(
        Like(HoldLifted, reason="over", proposed_by="gulnar")
    )  # fmt: skip
    assert after.state == "kept"
    given(Retention, ended()).when(retention.lift_hold, by=CISO, reason="over", at=NOW).refused("there is no hold")


@pytest.mark.parametrize("by", [ANALYST, AUDITOR])
def test_only_compliance_and_the_ciso_decide_what_is_kept(by: Person) -> None:
    outcomes = [
        given(Retention).when_asked(retention.place_hold, "c-1", by=by, reason="x", at=NOW),
        given(Retention, HELD).when(retention.lift_hold, by=by, reason="x", at=NOW),
        given(Retention, ended()).when(retention.propose_erasure, by=by, reason="x", today=TODAY, at=NOW),
        given(Retention, ended(), PROPOSED).when(retention.approve_erasure, by=by, reason="x", today=TODAY, at=NOW),
    ]
    for outcome in outcomes:
        outcome.refused("decision.not-allowed")


def test_nothing_about_retention_is_decided_without_a_reason() -> None:
    outcomes = [
        given(Retention).when_asked(retention.place_hold, "c-1", by=CISO, reason=" ", at=NOW),
        given(Retention, HELD).when(retention.lift_hold, by=CISO, reason="", at=NOW),
        given(Retention, ended()).when(retention.propose_erasure, by=CISO, reason="", today=TODAY, at=NOW),
        given(Retention, ended(), PROPOSED).when(retention.approve_erasure, by=CISO, reason="", today=TODAY, at=NOW),
    ]
    for outcome in outcomes:
        outcome.refused("give the reason")


def test_destruction_is_first_proposed() -> None:
    after = given(Retention, ended()).when(
        retention.propose_erasure, by=COMPLIANCE, reason="term over", today=FREE, at=NOW
    ).then(Like(ErasureProposed, reason="term over"))  # fmt: skip
    assert (after.state, after.proposed_by, after.erased_at) == ("proposed", "bolat", None)


def test_another_person_approves_destruction_and_the_first_is_named() -> None:
    after = given(Retention, ended(), PROPOSED).when(
        retention.approve_erasure, by=COMPLIANCE_2, reason="yes", today=TODAY, at=NOW
    ).then(Like(ErasureApproved, actor="dana", proposed_by="bolat"))  # fmt: skip
    assert (after.state, after.approved_by) == ("approved", "dana")


def test_who_proposed_destruction_does_not_approve_it() -> None:
    given(Retention, ended(), PROPOSED).when(
        retention.approve_erasure, by=COMPLIANCE, reason="yes", today=TODAY, at=NOW
    ).refused("decision.second-person")


def test_destruction_is_approved_only_where_it_was_proposed_and_proposed_once() -> None:
    given(Retention, ended()).when(
        retention.approve_erasure, by=CISO, reason="x", today=TODAY, at=NOW
    ).refused("nobody has proposed it")  # fmt: skip
    given(Retention, ended(), PROPOSED).when(
        retention.propose_erasure, by=CISO, reason="x", today=TODAY, at=NOW
    ).refused("proposed already")  # fmt: skip


FORBIDDEN = [
    pytest.param((), TODAY, "their end is not recorded", id="unknown"),
    pytest.param((ended(), began("l-2")), TODAY, "obligations of this client last", id="open"),
    pytest.param((ended(),), FREE - timedelta(days=1), "before 2026-11-21", id="early"),
    pytest.param((ended(), HELD), TODAY, "a legal hold forbids it: case 7", id="held"),
    pytest.param((ended(), PROPOSED, APPROVED), TODAY, "or about to be", id="approved"),
    pytest.param((ended(), PROPOSED, APPROVED, DONE), TODAY, "it is destroyed", id="done"),
]


@pytest.mark.parametrize(("past", "today", "why"), FORBIDDEN)
def test_nothing_is_destroyed_before_its_term_or_against_a_hold(past: Any, today: date, why: str) -> None:
    words: dict[str, Any] = {"reason": "x", "today": today, "at": NOW}
    given(Retention, *past).when(retention.propose_erasure, by=CISO, **words).refused(why)
    given(Retention, *past).when(retention.approve_erasure, by=CISO, **words).refused(why)


STEPS = st.one_of(
    st.builds(ended, st.sampled_from([ENDED_ON, date(2022, 1, 1)]), st.sampled_from(["", "l-1"])),
    st.builds(began, st.sampled_from(["l-1", "l-2"])),
    st.sampled_from([HELD, LIFTED]),
    st.tuples(st.sampled_from(["propose", "approve"]), st.sampled_from([COMPLIANCE, COMPLIANCE_2, CISO])),
)


@for_all(st.lists(STEPS, max_size=20), st.dates(date(2026, 1, 1), date(2028, 1, 1)))
def test_whatever_happens_destruction_takes_two_the_term_and_no_hold(steps: list[Any], today: date) -> None:
    facts: list[Fact] = []
    state = Retention()
    for step in steps:
        decided: list[Fact] = [step] if isinstance(step, Fact) else []
        if not decided:
            decide = retention.propose_erasure if step[0] == "propose" else retention.approve_erasure
            try:
                decided = decide(state, by=step[1], reason="x", today=today, at=NOW)
            except QorgauError:
                continue
            assert not state.held
            assert not state.open_loans
            assert state.free_from is not None
            assert state.free_from <= today
        for fact in decided:
            assert not isinstance(fact, ErasureApproved) or fact.actor != fact.proposed_by == state.proposed_by
            state.apply(fact)
        facts += decided
    assert fold(Retention, *facts) == state


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    assert len({kind.topic for kind in FACTS}) == len(FACTS) == 9
    assert isinstance(DONE.at, datetime)
