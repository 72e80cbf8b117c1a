"""The life of a rule: nobody brings his own rule into force, and nobody takes one out of it alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.kernel.errors import InputError, QorgauError
from engine.kernel.facts import Fact, Person
from engine.rule_life import rules as rulebook
from engine.rule_life.rules import (
    FACTS,
    PRODUCT,
    RetirementProposed,
    RuleActivated,
    RuleApproved,
    RuleChangeProposed,
    RuleDrafted,
    RuleLife,
    RuleProposed,
    RuleRetired,
    RuleRolledBack,
    RuleTested,
    rule_id,
)
from tests.past import NOW
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, MONDAY

WHY: dict[str, Any] = {"reason": "fewer false alarms", "at": NOW}


def of(version: str = "v1", by: str = "erlan") -> dict[str, Any]:
    return {"at": MONDAY, "actor": by, "rule": "iin-change", "version": version}


def draft(version: str = "v1", by: str = "erlan") -> RuleDrafted:
    return RuleDrafted(**of(version, by), text="detection: x")


def checked(version: str = "v1", failed: tuple[str, ...] = ()) -> RuleTested:
    return RuleTested(**of(version), tests=3, failed=failed)


def proposed(version: str = "v1", by: str = "aigul") -> RuleProposed:
    return RuleProposed(**of(version, by))


def approved(version: str = "v1") -> RuleApproved:
    return RuleApproved(**of(version, "bolat"), proposed_by="aigul")


def running(version: str = "v1", mode: Any = "active") -> RuleActivated:
    return RuleActivated(**of(version, "bolat"), mode=mode)


RETIRING = RetirementProposed(at=MONDAY, actor="bolat", rule="iin-change")
RETIRED = RuleRetired(at=MONDAY, actor="gulnar", rule="iin-change", proposed_by="bolat")
READY = (draft(), checked(), proposed(), approved())


def test_a_version_is_written_with_its_text() -> None:
    after = given(RuleLife).when_asked(rulebook.draft, "iin-change", "v1", "text", by=FRAUD, **WHY).then(
        Like(RuleDrafted, rule="iin-change", version="v1", text="text", reason="fewer false alarms")
    )  # fmt: skip
    assert (after.id, after.in_force, after.drafts["v1"].stage) == (rule_id("iin-change"), PRODUCT, "draft")


@pytest.mark.parametrize(("failed", "stage"), [((), "tested"), (("case 2",), "draft")])
def test_only_a_version_whose_tests_hold_is_tested(failed: tuple[str, ...], stage: str) -> None:
    after = given(RuleLife, draft()).when(rulebook.tested, "v1", 3, failed, by=FRAUD, at=NOW).then(
        Like(RuleTested, tests=3, failed=failed)
    )  # fmt: skip
    assert after.drafts["v1"].stage == stage


def test_tests_that_fail_later_take_a_version_back_to_draft() -> None:
    assert fold(RuleLife, draft(), checked(), checked(failed=("case 2",))).drafts["v1"].stage == "draft"


@pytest.mark.parametrize("past", [(proposed(),), (proposed(), approved())])
def test_a_version_on_its_way_is_not_tested_again(past: tuple[Fact, ...]) -> None:
    given(RuleLife, draft(), checked(), *past).when(rulebook.tested, "v1", 3, (), by=FRAUD, at=NOW).refused("already")


def test_a_tested_version_is_proposed() -> None:
    after = given(RuleLife, draft(), checked()).when(rulebook.propose, "v1", by=ANALYST, **WHY).then(
        Like(RuleProposed, version="v1")
    )  # fmt: skip
    assert (after.drafts["v1"].stage, after.drafts["v1"].proposed_by) == ("proposed", "aigul")


@pytest.mark.parametrize(("past", "stage"), [((draft(),), "draft"), (READY[:3], "proposed"), (READY, "approved")])
def test_nothing_else_is_proposed(past: tuple[Fact, ...], stage: str) -> None:
    given(RuleLife, *past).when(rulebook.propose, "v1", by=FRAUD, **WHY).refused(f"this one is {stage}")


def test_a_third_person_approves() -> None:
    after = given(RuleLife, *READY[:3]).when(rulebook.approve, "v1", by=COMPLIANCE, **WHY).then(
        Like(RuleApproved, proposed_by="aigul", actor="bolat")
    )  # fmt: skip
    assert (after.drafts["v1"].stage, after.in_force) == ("approved", PRODUCT)


@pytest.mark.parametrize("name", ["erlan", "aigul"], ids=["writer", "proposer"])
def test_neither_writer_nor_proposer_approves(name: str) -> None:
    by = Person(id=name, roles=frozenset({"ciso"}))
    given(RuleLife, *READY[:3]).when(rulebook.approve, "v1", by=by, **WHY).refused("decision.second-person")


def test_only_what_is_proposed_is_approved() -> None:
    given(RuleLife, *READY[:2]).when(rulebook.approve, "v1", by=CISO, **WHY).refused("this one is tested")


def test_an_approved_version_comes_into_force() -> None:
    after = given(RuleLife, *READY).when(rulebook.activate, "v1", "active", by=FRAUD, **WHY).then(
        Like(RuleActivated, version="v1", mode="active")
    )  # fmt: skip
    assert (after.in_force, after.before, after.shadow) == ("v1", [PRODUCT], "")


def test_a_version_in_shadow_leaves_in_force_what_is() -> None:
    after = given(RuleLife, *READY).when(rulebook.activate, "v1", "shadow", by=FRAUD, **WHY).then(Like(RuleActivated))
    assert (after.in_force, after.shadow) == (PRODUCT, "v1")


def test_a_version_that_comes_out_of_the_shadow_leaves_it() -> None:
    other = [fact.model_copy(update={"version": "v2"}) for fact in READY]
    past = (*READY, *other, running(mode="shadow"))
    assert fold(RuleLife, *past, running()).shadow == ""
    assert fold(RuleLife, *past, running("v2")).shadow == "v1"


@pytest.mark.parametrize("mode", ["active", "shadow"])
def test_a_version_is_brought_into_a_mode_once(mode: Any) -> None:
    given(RuleLife, *READY, running(mode=mode)).when(rulebook.activate, "v1", mode, by=FRAUD, **WHY).refused(
        f"this version is {mode} already"
    )


@pytest.mark.parametrize("past", [READY[:1], READY[:2], READY[:3]])
@pytest.mark.parametrize("mode", ["active", "shadow"])
def test_what_nobody_approved_does_not_run(past: tuple[Fact, ...], mode: Any) -> None:
    given(RuleLife, *past).when(rulebook.activate, "v1", mode, by=CISO, **WHY).refused("another person approved")


def test_a_rule_is_taken_out_of_force_by_two() -> None:
    half = given(RuleLife).when(rulebook.retire, "iin-change", by=COMPLIANCE, **WHY).then(Like(RetirementProposed))
    assert (half.retired, half.in_force, half.retirement_by) == (False, PRODUCT, "bolat")
    after = given(RuleLife, RETIRING).when(rulebook.retire, "iin-change", by=CISO, **WHY).then(
        Like(RuleRetired, proposed_by="bolat", actor="gulnar")
    )  # fmt: skip
    assert (after.retired, after.in_force, after.before) == (True, "", [PRODUCT])


def test_who_proposed_a_retirement_does_not_decide_it() -> None:
    given(RuleLife, RETIRING).when(rulebook.retire, "iin-change", by=COMPLIANCE, **WHY).refused(
        "decision.second-person"
    )


def test_a_rule_is_retired_once_and_with_what_runs_in_shadow() -> None:
    past = (*READY, running(mode="shadow"), RETIRING, RETIRED)
    assert fold(RuleLife, *past).shadow == ""
    given(RuleLife, *past).when(rulebook.retire, "iin-change", by=CISO, **WHY).refused("out of force already")


@pytest.mark.parametrize("end", [(running(),), (running("v2"), RuleRolledBack(
    at=MONDAY, actor="x", rule="iin-change", from_version="v2", to_version=PRODUCT))])  # fmt: skip
def test_a_change_of_what_is_in_force_ends_a_proposal_to_retire(end: tuple[Fact, ...]) -> None:
    assert fold(RuleLife, *READY, RETIRING, *end).retirement_by == ""


def test_one_person_rolls_back_to_what_is_stricter_at_once() -> None:
    after = given(RuleLife, *READY, running()).when(rulebook.roll_back, by=ANALYST, loosens=False, **WHY).then(
        Like(RuleRolledBack, from_version="v1", to_version=PRODUCT, proposed_by="")
    )  # fmt: skip
    assert (after.in_force, after.before) == (PRODUCT, [])


def test_rolling_back_to_what_may_detect_less_takes_two_of_different_roles() -> None:
    asked = given(RuleLife, *READY, running()).when(rulebook.roll_back, by=ANALYST, **WHY).then(
        Like(RuleChangeProposed, version=PRODUCT, roles=("soc_analyst",))
    )  # fmt: skip
    assert (asked.in_force, asked.change is not None) == ("v1", True)
    asking = RuleChangeProposed(at=NOW, actor="aigul", rule="iin-change", version=PRODUCT, roles=("soc_analyst",))
    again = given(RuleLife, *READY, running(), asking)
    again.when(rulebook.roll_back, by=ANALYST, **WHY).refused("decision.second-person")
    again.when(rulebook.roll_back, by=FRAUD, **WHY).refused("one of the two must hold")
    after = again.when(rulebook.roll_back, by=CISO, **WHY).then(Like(RuleRolledBack, proposed_by="aigul"))
    assert (after.in_force, after.change) == (PRODUCT, None)


def test_an_earlier_version_that_may_detect_less_does_not_come_back_by_one_person() -> None:
    past = (*READY, draft("v2"), checked("v2"), proposed("v2"), approved("v2"), running(), running("v2"))
    state = given(RuleLife, *past)
    state.when(rulebook.activate, "v1", "active", by=ANALYST, **WHY).then(Like(RuleChangeProposed, version="v1"))
    state.when(rulebook.activate, "v1", "active", by=ANALYST, loosens=False, **WHY).then(Like(RuleActivated))


def test_rolling_back_does_not_retire_a_rule() -> None:
    past = (*READY, RETIRING, RETIRED, running())
    given(RuleLife, *past).when(rulebook.roll_back, by=CISO, **WHY).refused("that takes two persons")


def test_there_is_nothing_before_the_product() -> None:
    given(RuleLife, *READY).when(rulebook.roll_back, by=CISO, **WHY).refused("nothing else was ever in force")


DECISIONS: list[Any] = [
    pytest.param(rulebook.propose, ("v1",), READY[:2], id="propose"),
    pytest.param(rulebook.approve, ("v1",), READY[:3], id="approve"),
    pytest.param(rulebook.activate, ("v1", "active"), READY, id="activate"),
    pytest.param(rulebook.retire, ("iin-change",), READY, id="retire"),
    pytest.param(rulebook.roll_back, (), (*READY, running()), id="roll-back"),
]


@pytest.mark.parametrize(("decider", "words", "past"), DECISIONS)
def test_every_step_needs_a_role_and_a_reason(decider: Any, words: Any, past: Any) -> None:
    given(RuleLife, *past).when(decider, *words, by=AUDITOR, **WHY).refused("decision.not-allowed")
    given(RuleLife, *past).when(decider, *words, by=CISO, reason=" ", at=NOW).refused("give a reason", InputError)


def test_writing_needs_a_role_and_a_reason_too() -> None:
    words = ("iin-change", "v1", "text")
    given(RuleLife).when_asked(rulebook.draft, *words, by=COMPLIANCE, **WHY).refused("decision.not-allowed")
    given(RuleLife).when_asked(rulebook.draft, *words, by=FRAUD, reason="", at=NOW).refused("give a reason")


@pytest.mark.parametrize(("decider", "words", "past"), DECISIONS[:3])
def test_an_unknown_version_is_named_and_cut(decider: Any, words: Any, past: Any) -> None:
    given(RuleLife, *past).when(decider, "w" * 50, *words[1:], by=CISO, **WHY).refused("no version " + "w" * 40)


PEOPLE = st.sampled_from([ANALYST, FRAUD, COMPLIANCE, CISO, AUDITOR])
VERSIONS = st.sampled_from(["v1", "v2"])
ACTS = st.one_of(
    st.tuples(st.just("draft"), VERSIONS),
    st.tuples(st.sampled_from(["tested", "propose", "approve"]), VERSIONS),
    st.tuples(st.sampled_from(["active", "shadow"]), VERSIONS),
    st.tuples(st.sampled_from(["retire", "roll_back"]), st.just("")),
)


def decide(it: RuleLife, what: str, version: str, by: Person) -> list[Fact]:
    match what:
        case "draft":
            return rulebook.draft("r", version, "t", by=by, **WHY)
        case "tested":
            return rulebook.tested(it, version, 1, (), by=by, at=NOW)
        case "active" | "shadow":
            return rulebook.activate(it, version, what, by=by, **WHY)  # type: ignore[arg-type]
        case "retire":
            return rulebook.retire(it, "r", by=by, **WHY)
        case "roll_back":
            return rulebook.roll_back(it, by=by, **WHY)
    return getattr(rulebook, what)(it, version, by=by, **WHY)  # type: ignore[no-any-return]


@for_all(st.lists(st.tuples(ACTS, PEOPLE), max_size=40))
def test_whatever_people_do_two_stand_behind_what_runs_and_what_does_not(acts: list[Any]) -> None:
    facts: list[Fact] = []
    state = RuleLife()
    approvals: set[str] = set()
    for (what, version), by in acts:
        try:
            decided = decide(state, what, version, by)
        except QorgauError:
            continue
        for fact in decided:
            if isinstance(fact, RuleApproved):
                assert fact.actor not in (fact.proposed_by, state.drafts[fact.version].by)
                approvals.add(fact.version)
            if isinstance(fact, RuleRetired):
                assert fact.actor != fact.proposed_by
            state.apply(fact)
        facts += decided
        assert {state.in_force, state.shadow} <= {PRODUCT, "", *approvals}
        assert state.retired == (state.in_force == "")
    assert fold(RuleLife, *facts) == state


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    assert len({kind.topic for kind in FACTS}) == len(FACTS) == 9
