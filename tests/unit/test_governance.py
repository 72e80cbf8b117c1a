"""Returning duties, corrective actions, evidence, controls and risks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.governance import governance
from engine.governance.facts import (
    CONTROL_FACTS,
    FACTS,
    RISK_FACTS,
    ActionClosed,
    ActionPlanned,
    ControlStated,
    DutyDone,
    EvidenceRecorded,
    Output,
    RiskEntered,
    RiskScored,
    RiskTreated,
)
from engine.governance.governance import (
    Control,
    Duty,
    Risk,
    control_id,
    controls,
    duty_id,
    duty_specs,
    risk_id,
)
from engine.governance.register import builtin_register
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.kernel.facts import Fact, Person
from tests.past import NOW
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, MONDAY

KEY = next(iter(duty_specs()))
TODAY = date(2026, 11, 23)
OBLIGATION = next(iter(builtin_register().obligations))
SYSTEM = Person(id="portal", roles=frozenset({"source"}))


def did(on: date, key: str = KEY) -> DutyDone:
    return DutyDone(at=MONDAY, actor="bolat", duty_id=duty_id(key), key=key, done_on=on, evidence="minutes")


@pytest.mark.parametrize("by", [COMPLIANCE, CISO, SYSTEM], ids=lambda by: by.id)
def test_a_duty_is_done_on_a_day_with_its_evidence(by: Person) -> None:
    after = given(Duty).when_asked(governance.done, KEY, TODAY, "minutes 3", "d-1", by=by, today=TODAY, at=NOW).then(
        Like(DutyDone, key=KEY, done_on=TODAY, evidence="minutes 3", document_id="d-1", duty_id=duty_id(KEY))
    )  # fmt: skip
    assert (after.id, after.key, after.last_on) == (duty_id(KEY), KEY, TODAY)


@pytest.mark.parametrize(
    ("key", "on", "evidence", "by", "why"),
    [
        (KEY, TODAY, "x", ANALYST, "decision.not-allowed"),
        ("tea", TODAY, "x", CISO, f"no duty 'tea'; known: {sorted(duty_specs())[0]}"),
        (KEY, TODAY + timedelta(days=1), "x", CISO, "done in the future"),
        (KEY, TODAY, " ", CISO, "in your own words"),
        (KEY, TODAY, ".", CISO, "in your own words"),
        (KEY, TODAY, "no", CISO, "in your own words"),
        (KEY, TODAY, "-", CISO, "in your own words"),
        (KEY, TODAY, "N/A", CISO, "in your own words"),
        (KEY, TODAY, "the minutes " * 500, CISO, "at most 5000 characters"),
    ],
)
def test_a_duty_is_not_done_so(key: str, on: date, evidence: str, by: Person, why: str) -> None:
    given(Duty).when_asked(governance.done, key, on, evidence, "", by=by, today=TODAY, at=NOW).refused(why)


def test_the_last_day_counts_in_whatever_order_they_are_recorded() -> None:
    assert Duty().last_on is None
    assert fold(Duty, did(TODAY), did(date(2025, 1, 1))).last_on == TODAY


PLAN = Output(text="Train the team", owner="aigul", due_on=date(2026, 12, 1))


def planned(plan: Output = PLAN) -> Fact:
    (fact,) = governance.plan_action(Duty(), KEY, plan, by=CISO, at=NOW)
    return fact


def test_an_action_is_planned_with_owner_and_day() -> None:
    after = given(Duty).when(governance.plan_action, KEY, PLAN, by=ANALYST, at=NOW).then(
        Like(ActionPlanned, key=KEY, text="Train the team", owner="aigul", due_on=date(2026, 12, 1))
    )  # fmt: skip
    assert [it.owner for it in after.actions.values()] == ["aigul"]


def test_the_same_action_is_planned_once_and_another_day_is_another_action() -> None:
    later = PLAN.model_copy(update={"due_on": date(2026, 12, 2)})
    given(Duty, planned()).when(governance.plan_action, KEY, PLAN, by=CISO, at=NOW).nothing()
    after = given(Duty, planned()).when(governance.plan_action, KEY, later, by=CISO, at=NOW).then(Like(ActionPlanned))
    assert len(after.actions) == 2


def test_an_action_lies_ahead_or_was_due_yesterday_elsewhere() -> None:
    yesterday, before = (PLAN.model_copy(update={"due_on": TODAY - timedelta(days=n)}) for n in (1, 2))
    given(Duty).when(governance.plan_action, KEY, yesterday, by=CISO, at=NOW).then(Like(ActionPlanned))
    given(Duty).when(governance.plan_action, KEY, before, by=CISO, at=NOW).refused("a day to come", InputError)


def test_an_action_belongs_to_a_known_duty_and_is_planned_by_who_may_write() -> None:
    given(Duty).when(governance.plan_action, "tea", PLAN, by=CISO, at=NOW).refused("no duty 'tea'", NotFound)
    given(Duty).when(governance.plan_action, KEY, PLAN, by=AUDITOR, at=NOW).refused("decision.not-allowed")


def test_an_action_is_closed_once_with_evidence() -> None:
    action = planned().action_id  # type: ignore[attr-defined]
    past = given(Duty, planned())
    after = past.when(governance.close_action, action, "list of names", by=FRAUD, at=NOW).then(
        Like(ActionClosed, action_id=action, evidence="list of names")
    )
    assert list(after.closed) == [action]
    for text in (" ", ".", "ok"):
        past.when(governance.close_action, action, text, by=FRAUD, at=NOW).refused("needs its evidence")
    past.when(governance.close_action, action, "x", by=AUDITOR, at=NOW).refused("decision.not-allowed")
    past.when(governance.close_action, "a-9", "x", by=FRAUD, at=NOW).refused("no such open action")
    given(Duty, planned(), after.closed[action]).when(
        governance.close_action, action, "x", by=FRAUD, at=NOW
    ).refused("no such open action")  # fmt: skip


def test_evidence_is_handed_in_for_an_obligation_of_the_register() -> None:
    until = date(2027, 1, 1)
    after = given(Duty).when_asked(
        governance.record_evidence, OBLIGATION, "signed list", "d-1", until, by=ANALYST, at=NOW
    ).then(
        Like(EvidenceRecorded, obligation=OBLIGATION, text="signed list", document_id="d-1", valid_until=until)
    )  # fmt: skip
    assert (after.key, after.id) == (f"obligation:{OBLIGATION}", duty_id(f"obligation:{OBLIGATION}"))
    assert len(after.evidence) == 1


@pytest.mark.parametrize(
    ("obligation", "text", "by", "why"),
    [
        (OBLIGATION, "x", AUDITOR, "decision.not-allowed"),
        ("tea", "x", CISO, "'tea' is not in the register"),
        (OBLIGATION, "", CISO, "in your own words"),
        (OBLIGATION, "ok", CISO, "in your own words"),
        (OBLIGATION, "жоқ", CISO, "in your own words"),
        (OBLIGATION, "the minutes " * 500, CISO, "at most 5000 characters"),
    ],
)
def test_evidence_is_not_handed_in_so(obligation: str, text: str, by: Person, why: str) -> None:
    given(Duty).when_asked(governance.record_evidence, obligation, text, "", None, by=by, at=NOW).refused(why)


@pytest.mark.parametrize("applicable", [True, False])
def test_a_control_is_stated_with_a_justification_either_way(applicable: bool) -> None:
    after = given(Control).when_asked(
        governance.state_control, "5.1", applicable, "we have one", by=CISO, at=NOW
    ).then(Like(ControlStated, control="5.1", applicable=applicable, justification="we have one"))  # fmt: skip
    assert after.stated is not None
    assert (after.id, after.control, after.stated.applicable) == (control_id("5.1"), "5.1", applicable)


@pytest.mark.parametrize(
    ("control", "words", "by", "why"),
    [
        ("5.1", "x", ANALYST, "decision.not-allowed"),
        ("A.99.1", "x", CISO, "no control 'A.99.1'"),
        ("5.1", " ", CISO, "needs a justification"),
    ],
)
def test_a_control_is_not_stated_so(control: str, words: str, by: Person, why: str) -> None:
    given(Control).when_asked(governance.state_control, control, True, words, by=by, at=NOW).refused(why)


def test_what_is_no_statement_leaves_a_control_as_it_is() -> None:
    assert fold(Control, did(TODAY)).stated is None


def entry(**fields: Any) -> RiskEntered:
    given_ = {
        "at": NOW, "actor": "aigul", "risk_id": risk_id("asset", "Portal"), "book": "asset", "name": "Portal",
        "asset": "portal", "threat": "takeover", "source": "criminals", "vulnerability": "sms", "controls": "otp",
        "owner": "gulnar",
    }  # fmt: skip
    return RiskEntered(**{**given_, **fields})


def scored(expert: str, likelihood: int, *loss: int, by: str = "aigul") -> RiskScored:
    return RiskScored(
        at=MONDAY, actor=by, risk_id=entry().risk_id, expert=expert, likelihood=likelihood,
        confidentiality=loss[0], integrity=loss[1], availability=loss[2],
    )  # fmt: skip


def test_a_risk_is_entered_once_and_changed_by_entering_it_otherwise() -> None:
    given(Risk).when(governance.enter_risk, entry(), by=ANALYST).then(entry())
    given(Risk, entry(at=MONDAY, actor="bolat")).when(governance.enter_risk, entry(), by=ANALYST).nothing()
    after = given(Risk, entry()).when(governance.enter_risk, entry(owner="bolat"), by=ANALYST).then(
        Like(RiskEntered, owner="bolat")
    )  # fmt: skip
    assert after.entered is not None
    assert after.entered.owner == "bolat"


@pytest.mark.parametrize("field", ["name", "asset", "threat"])
def test_a_risk_has_a_name_a_thing_and_a_threat(field: str) -> None:
    given(Risk).when(governance.enter_risk, entry(**{field: " "}), by=ANALYST).refused("a risk has a name")
    given(Risk).when(governance.enter_risk, entry(), by=AUDITOR).refused("decision.not-allowed")


def test_a_risk_has_one_id_in_each_register_however_it_is_written() -> None:
    assert risk_id("asset", "Portal") == risk_id("asset", "PORTAL")
    assert risk_id("asset", "Portal") != risk_id("fraud", "Portal")


def test_an_expert_scores_a_risk() -> None:
    after = given(Risk, entry()).when(governance.score_risk, 3, (1, 4, 2), " aigul ", by=ANALYST, at=NOW).then(
        Like(RiskScored, expert="aigul", likelihood=3, confidentiality=1, integrity=4, availability=2)
    )  # fmt: skip
    assert (after.likelihood, after.loss, after.level) == (3, (1, 4, 2), 12)


def test_of_several_experts_the_highest_counts_and_each_replaces_only_his_own() -> None:
    past = (entry(), scored("a", 2, 5, 1, 1), scored("b", 4, 1, 3, 1))
    assert fold(Risk, *past).level == 20
    assert fold(Risk, *past).loss == (5, 3, 1)
    assert fold(Risk, *past, scored("a", 1, 1, 1, 1)).level == 12


def test_a_risk_nobody_scored_has_no_level() -> None:
    assert (fold(Risk, entry()).likelihood, fold(Risk, entry()).loss, fold(Risk, entry()).level) == (0, (0, 0, 0), 0)


@pytest.mark.parametrize(
    ("likelihood", "loss", "expert", "by", "why"),
    [
        (0, (1, 1, 1), "a", ANALYST, "numbers from 1 to 5"),
        (6, (1, 1, 1), "a", ANALYST, "numbers from 1 to 5"),
        (1, (1, 0, 1), "a", ANALYST, "numbers from 1 to 5"),
        (1, (1, 1, 6), "a", ANALYST, "numbers from 1 to 5"),
        (1, (1, 1, 1), " ", ANALYST, "in one's own name"),
        (1, (1, 1, 1), "erlan", ANALYST, "in one's own name"),
        (1, (1, 1, 1), "a", AUDITOR, "decision.not-allowed"),
    ],
)
def test_a_score_is_refused(likelihood: int, loss: Any, expert: str, by: Person, why: str) -> None:
    given(Risk, entry()).when(governance.score_risk, likelihood, loss, expert, by=by, at=NOW).refused(why)


@for_all(st.lists(st.tuples(st.sampled_from("abc"), *[st.integers(1, 5)] * 4), min_size=1))
def test_the_level_is_the_highest_likelihood_times_the_highest_loss(scores: list[Any]) -> None:
    state = fold(Risk, entry(), *(scored(*it) for it in scores))
    last = {it[0]: it for it in scores}.values()
    assert state.level == max(it[1] for it in last) * max(max(it[2:]) for it in last)
    assert 1 <= state.level <= 25


SCORED = (entry(), scored("a", 2, 2, 2, 2, by="bolat"))


@pytest.mark.parametrize("treatment", ["reduce", "accept", "avoid", "transfer"])
def test_a_risk_is_treated_with_measures_and_a_day(treatment: str) -> None:
    day = date(2027, 1, 1)
    after = given(Risk, *SCORED).when(governance.treat_risk, treatment, "second factor", day, by=CISO, at=NOW).then(
        Like(RiskTreated, treatment=treatment, measures="second factor", due_on=day)
    )  # fmt: skip
    assert after.treated is not None


def test_who_scored_a_risk_may_reduce_it_and_not_accept_it() -> None:
    past = given(Risk, *SCORED)
    past.when(governance.treat_risk, "accept", "small", None, by=COMPLIANCE, at=NOW).refused("decision.second-person")
    past.when(governance.treat_risk, "reduce", "small", None, by=COMPLIANCE, at=NOW).then(Like(RiskTreated))


@pytest.mark.parametrize(
    ("past", "treatment", "measures", "by", "why"),
    [
        (SCORED, "accept", "x", ANALYST, "decision.not-allowed"),
        (SCORED, "forget", "x", CISO, "a treatment is"),
        ((entry(),), "accept", "x", CISO, "after it was scored"),
        (SCORED, "accept", " ", CISO, "say what is done"),
    ],
)
def test_a_risk_is_not_treated_so(past: Any, treatment: str, measures: str, by: Person, why: str) -> None:
    given(Risk, *past).when(governance.treat_risk, treatment, measures, None, by=by, at=NOW).refused(why)


def test_the_register_of_controls_has_all_of_annex_a_and_only_known_obligations() -> None:
    assert len(controls()) == 93
    assert all(name in builtin_register() for it in controls().values() for name in it.obligations)


@pytest.mark.parametrize("key", sorted(duty_specs()))
def test_a_returning_duty_answers_known_obligations(key: str) -> None:
    spec = duty_specs()[key]
    assert spec.key == key
    assert spec.obligations
    assert all(name in builtin_register() for name in spec.obligations)


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    topics = [kind.topic for kind in (*FACTS, *CONTROL_FACTS, *RISK_FACTS)]
    assert len(set(topics)) == len(topics) == 11
    assert DecisionRefused.code == "decision.refused"
