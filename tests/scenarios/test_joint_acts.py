"""Several acts about one loan, acts that grow or were entered wrongly: nobody is released whom an act protects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import DecisionRefused, SecondPersonNeeded
from engine.protection.facts import LegalAct
from engine.protection.protection import LIFTS, Protection
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World
from tests.systems import OtherSystems

RESUMES = tuple(LIFTS.values())
PROOF = b"%PDF-1.7 their answer"


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    yield made
    made.container.close()


def act(**changes: Any) -> LegalAct:
    values = {
        "kind": "victim_resolution", "issuer": "УП", "number": "A", "act_date": date(2026, 11, 20),
        "received_at": MONDAY, "channel": "office", "client": "c-9", "loans": ("L-1",), "bureaus": ("pkb",),
    }  # fmt: skip
    return LegalAct(**{**values, **changes})


def entered(world: World, **changes: Any) -> str:
    key = world.container.acts.register_act(act(**changes), by=COMPLIANCE)
    world.work()
    return key


def not_genuine(world: World, key: str) -> None:
    world.container.acts.verify_act(key, False, "they never issued it", by=COMPLIANCE, document=PROOF)
    world.container.acts.verify_act(key, False, "asked them again", by=COMPLIANCE_2)
    world.work()


def it_of(world: World, key: str) -> Protection:
    return world.container.decisions.load(Protection, key)


def resumed(outside: OtherSystems) -> list[tuple[str, list[str]]]:
    return [(order["order"], order["loans"]) for order in outside.orders(*RESUMES)]


def test_lifting_one_of_two_acts_releases_nobody(world: World, outside: OtherSystems) -> None:
    first, second = entered(world), entered(world, number="B")
    not_genuine(world, second)
    assert resumed(outside) == [], "the other act still protects the loan and its client"
    assert it_of(world, first).state == "protected"
    not_genuine(world, first)
    assert {kind for kind, _ in resumed(outside)} == set(RESUMES), "nothing holds the loan any more"


def test_only_the_loans_of_no_other_act_are_lifted(world: World, outside: OtherSystems) -> None:
    entered(world)
    second = entered(world, number="B", loans=("L-1", "L-2"))
    not_genuine(world, second)
    assert {(kind, *loans) for kind, loans in resumed(outside)} == {
        ("collection-resume", "L-2"), ("accrual-resume", "L-2"), ("bureau-restore", "L-2"),
    }  # fmt: skip


def test_a_court_that_overturns_one_act_leaves_the_other(world: World, outside: OtherSystems) -> None:
    first, second = entered(world), entered(world, number="B")
    acts = world.container.acts
    acts.enter_ruling(second, "court", "2-1", date(2026, 11, 20), MONDAY, "act-overturned", by=COMPLIANCE)
    acts.propose_outcome(second, "release", "the court", by=COMPLIANCE, document=PROOF)
    acts.decide_outcome(second, True, "it is in force", by=CISO)
    world.work()
    assert resumed(outside) == []
    assert it_of(world, first).holds


def test_a_new_act_takes_back_what_an_older_one_still_lifts(world: World, outside: OtherSystems) -> None:
    key = entered(world, loans=("L-1", "L-2"))
    outside.answer = lambda system, order: (503, "")
    not_genuine(world, key)
    entered(world, number="B", loans=("L-1",))
    orders = [it for it in it_of(world, key).orders.values() if it.kind == "collection-resume"]
    assert [(it.loans, it.revoked) for it in orders] == [(("L-1", "L-2"), True), (("L-2",), False)]
    unflag = next(it for it in it_of(world, key).orders.values() if it.kind == "client-unflag")
    assert unflag.revoked, "the client is a victim by the new act"


def test_one_person_lifts_nothing_and_a_wrong_verdict_is_taken_back(world: World, outside: OtherSystems) -> None:
    key, acts = entered(world), world.container.acts
    with pytest.raises(DecisionRefused, match="document"):
        acts.verify_act(key, False, "looks forged", by=COMPLIANCE_2)
    acts.verify_act(key, False, "looks forged", by=COMPLIANCE_2, document=PROOF)
    with pytest.raises(SecondPersonNeeded):
        acts.verify_act(key, False, "looks forged", by=COMPLIANCE_2)
    world.work()
    assert resumed(outside) == []
    acts.verify_act(key, False, "agreed", by=COMPLIANCE)
    world.work()
    assert it_of(world, key).state == "not-genuine"
    assert len(resumed(outside)) == 4
    with pytest.raises(DecisionRefused, match="entered already"):
        acts.register_act(act(), by=COMPLIANCE)
    outside.answer = lambda system, order: (503, "")
    acts.reinstate_act(key, "the police confirmed it", by=COMPLIANCE)
    world.work()
    assert it_of(world, key).state == "stopping"
    clocks = world.clocks(key)
    assert {clock["state"] for clock in clocks.values()} == {"running"}, "what was done was undone"
    assert clocks["collection-stop"]["due_at"].startswith("2026-11-26T05:00"), "from the receipt, as before"
    assert len(outside.orders("collection-stop")) == 2


def test_an_act_that_was_found_genuine_can_still_turn_out_forged(world: World, outside: OtherSystems) -> None:
    key = entered(world)
    world.container.acts.verify_act(key, True, "called them", by=COMPLIANCE_2)
    not_genuine(world, key)
    assert it_of(world, key).state == "not-genuine"


def test_more_loans_of_the_same_act_have_their_own_orders_and_clocks(world: World, outside: OtherSystems) -> None:
    key = entered(world)
    world.clock.forward(days=1)
    assert entered(world, loans=("L-1", "L-2"), received_at=world.clock.now()) == key
    assert [order["loans"] for order in outside.orders("collection-stop")] == [["L-1"], ["L-2"]]
    rows = world.rows("SELECT subject, due_at, state FROM clock_view WHERE kind = 'collection-stop' ORDER BY due_at")
    assert [(row["due_at"][:13], row["state"]) for row in rows] == [
        ("2026-11-26T05", "satisfied"), ("2026-11-27T05", "satisfied"),
    ]  # fmt: skip
    outside.answer = lambda system, order: (503, "")
    world.container.acts.amend_act(key, ["L-3"], world.clock.now(), "page two of the act", by=ANALYST)
    world.work()
    assert it_of(world, key).loans == ("L-1", "L-2", "L-3")
    running = world.rows("SELECT kind FROM clock_view WHERE running = 1")
    assert sorted(row["kind"] for row in running) == ["accrual-stop", "bureau-correction", "collection-stop"]
    with pytest.raises(DecisionRefused, match="covers these loans already"):
        world.container.acts.amend_act(key, ["L-3"], world.clock.now(), "again", by=ANALYST)


@pytest.mark.parametrize(
    "other", [{"kind": "remedial_submission"}, {"received_at": MONDAY - timedelta(days=1)}, {"loans": ("L-1",)}]
)
def test_the_same_act_with_another_content_is_never_silently_nothing(
    world: World, outside: OtherSystems, other: dict[str, Any]
) -> None:
    entered(world, loans=("L-1", "L-2"))
    with pytest.raises(DecisionRefused, match="another content"):
        world.container.acts.register_act(act(**{"loans": ("L-1", "L-2"), **other}), by=COMPLIANCE)


def test_a_wrong_contract_gives_way_to_the_right_one(world: World, outside: OtherSystems) -> None:
    key, acts = entered(world, loans=("L-wrong",)), world.container.acts
    with pytest.raises(DecisionRefused, match="add the right one first"):
        acts.propose_outcome(key, "remove-loans", "typed wrongly", loans=["L-wrong"], by=COMPLIANCE, document=PROOF)
    acts.amend_act(key, ["L-1"], MONDAY, "typed wrongly", by=COMPLIANCE)
    world.work()
    acts.propose_outcome(key, "remove-loans", "typed wrongly", loans=["L-wrong"], by=COMPLIANCE, document=PROOF)
    acts.decide_outcome(key, True, "read the act", by=CISO)
    world.work()
    assert it_of(world, key).loans == ("L-1",)
    assert {(kind, *loans) for kind, loans in resumed(outside)} == {
        ("collection-resume", "L-wrong"), ("accrual-resume", "L-wrong"), ("bureau-restore", "L-wrong"),
    }  # fmt: skip
    assert it_of(world, key).state == "protected"
    assert outside.orders("client-unflag") == []


def test_a_wrong_contract_that_was_not_stopped_yet_is_not_stopped_any_more(world: World, outside: OtherSystems) -> None:
    outside.answer = lambda system, order: (503, "")
    key, acts = entered(world, loans=("L-wrong", "L-1")), world.container.acts
    acts.propose_outcome(key, "remove-loans", "typed wrongly", loans=["L-wrong"], by=COMPLIANCE, document=PROOF)
    acts.decide_outcome(key, True, "read the act", by=CISO)
    world.work()
    stops = [it for it in it_of(world, key).orders.values() if it.kind == "collection-stop" and it.open]
    assert [it.loans for it in stops] == [("L-1",)]


def test_a_loan_of_somebody_else_is_refused(world: World, outside: OtherSystems) -> None:
    world.feed(world.event("loan.contract.signed", mfo__loan__id="L-7", mfo__client__id="c-7"), source="loans")
    acts = world.container.acts
    with pytest.raises(DecisionRefused, match="another client"):
        acts.register_act(act(loans=("L-7",)), by=COMPLIANCE)
    key = entered(world)
    with pytest.raises(DecisionRefused, match="another client"):
        acts.amend_act(key, ["L-7"], MONDAY, "page two", by=COMPLIANCE)
    world.feed(
        world.event(
            "legal.act.received", mfo__kind="victim_resolution", mfo__act__issuer="УП", mfo__act__number="9",
            mfo__act__date="2026-11-20", mfo__client__id="c-9", mfo__loan__ids=["L-7"],
        )
    )  # fmt: skip
    asked = [row["rule_name"] for row in world.incidents() if row["rule_name"].startswith("legal")]
    assert asked == ["legal-act-incomplete"], "an event is asked of a person"
    assert all("L-7" not in order["loans"] for order in outside.orders("collection-stop"))


def test_a_double_entry_joins_its_twin(world: World, outside: OtherSystems) -> None:
    first, acts = entered(world, loans=("L-1", "L-2")), world.container.acts
    outside.answer = lambda system, order: (503, "")
    double = entered(world, number="A/2026", loans=("L-1",))
    with pytest.raises(SecondPersonNeeded):
        acts.join_act(double, first, "typed with its year", by=COMPLIANCE)
    with pytest.raises(DecisionRefused, match="does not cover"):
        acts.join_act(first, double, "typed with its year", by=COMPLIANCE_2)
    acts.join_act(double, first, "typed with its year", by=COMPLIANCE_2)
    world.work()
    assert it_of(world, double).state == "joined"
    assert {clock["state"] for clock in world.clocks(double).values()} == {"cancelled"}
    assert resumed(outside) == []
    assert it_of(world, first).holds


def test_a_contact_after_a_word_of_collections_alone_is_found(world: World, outside: OtherSystems) -> None:
    """Lifting one of two acts, and what collections says of itself, do not free the loan; our own order does."""
    first, second = entered(world), entered(world, number="B")
    not_genuine(world, second)
    world.feed(world.event("collection.resumed", mfo__loan__id="L-1", mfo__approver="boss"), source="collections")
    world.clock.forward(hours=1)
    world.feed(world.event("collection.contact_attempted", mfo__loan__id="L-1", mfo__channel="call"))
    assert "collection-after-stop" in {row["rule_name"] for row in world.incidents()}
    assert len(it_of(world, first).violations) == 2, "the word and the call"
    findings = "SELECT COUNT(*) AS n FROM decisions WHERE topic = 'finding.raised.v1'"
    before = world.rows(findings)
    not_genuine(world, first)
    world.clock.forward(hours=1)
    world.feed(world.event("collection.contact_attempted", mfo__loan__id="L-1", mfo__channel="call"))
    assert world.rows(findings) == before
