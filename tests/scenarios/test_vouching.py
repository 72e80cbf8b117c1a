"""Whoever says that something was done says what, in own words: a dot satisfies no clock, and lifts no protection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from engine.incidents.casework import Report
from engine.kernel.errors import DecisionRefused
from engine.protection.facts import LegalAct
from engine.protection.protection import Protection
from infra.store.models.duties import ClockRow, OrderRow
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World
from tests.systems import OtherSystems, said

DOTS = (".", "-", "ok", "no", "нет", " … ")
ITSELF = b"%PDF-1.7 the act itself"
PROOF = b"%PDF-1.7 their answer"


@pytest.fixture
def outside() -> Iterator[OtherSystems]:
    made = OtherSystems()
    yield made
    made.close()


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    yield made
    made.container.close()


def an_act(world: World) -> str:
    it = LegalAct(
        kind="victim_resolution", issuer="УП", number="A", act_date=date(2026, 11, 20), received_at=MONDAY,
        channel="office", client="c-9", loans=("L-1", "L-2"), bureaus=("pkb",),
    )  # fmt: skip
    key = world.container.acts.register_act(it, by=COMPLIANCE, document=ITSELF, name="act.pdf")
    world.work()
    return key


def an_incident(world: World) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.incidents()[-1]["id"])


def refused(call: Callable[[str], object]) -> None:
    """Every way of saying nothing is refused."""
    for text in DOTS:
        with pytest.raises(DecisionRefused, match=r"own words|reference"):
            call(text)


def test_the_act_does_not_prove_that_it_is_not_genuine(world: World) -> None:
    key, acts = an_act(world), world.container.acts
    with pytest.raises(DecisionRefused, match="document"):
        acts.verify_act(key, False, "looks forged", by=COMPLIANCE_2)
    with pytest.raises(DecisionRefused, match="document"):
        acts.verify_act(key, False, "looks forged", by=COMPLIANCE_2, document=ITSELF)
    acts.verify_act(key, False, "looks forged", by=COMPLIANCE_2, document=PROOF)
    refused(lambda text: acts.verify_act(key, False, text, by=COMPLIANCE))
    assert world.container.decisions.load(Protection, key).holds


def test_neither_of_the_two_who_end_a_protection_is_silent(world: World) -> None:
    key, acts = an_act(world), world.container.acts
    acts.enter_ruling(key, "court", "2-1", date(2026, 11, 20), MONDAY, "act-overturned", by=COMPLIANCE)
    refused(lambda text: acts.propose_outcome(key, "release", text, by=COMPLIANCE, document=PROOF))
    acts.propose_outcome(key, "release", "the court overturned it", by=COMPLIANCE, document=PROOF)
    refused(lambda text: acts.decide_outcome(key, True, text, by=CISO))
    refused(lambda text: acts.decide_outcome(key, True, "", by=CISO))
    assert world.container.decisions.load(Protection, key).holds
    acts.decide_outcome(key, True, "the decision is in force", by=CISO)
    assert not world.container.decisions.load(Protection, key).holds


def test_loans_are_not_removed_by_a_dot(world: World) -> None:
    key, acts = an_act(world), world.container.acts
    refused(lambda text: acts.propose_outcome(key, "remove-loans", text, by=COMPLIANCE, loans=("L-2",), document=PROOF))


def test_an_order_is_vouched_for_with_a_reference_words_and_a_proof_of_its_own(
    world: World, outside: OtherSystems
) -> None:
    outside.answer = lambda system, order: (200, {"reference": "R", "outcomes": said(order, "refused")})
    key, acts = an_act(world), world.container.acts
    order = world.held(OrderRow, protection_id=key, kind="collection-stop")[0].id
    told = "their head of collections confirmed it"
    refused(lambda text: acts.acknowledge_order(key, order, text, reason=told, by=COMPLIANCE, document=PROOF))
    refused(lambda text: acts.acknowledge_order(key, order, "C-17", reason=text, by=COMPLIANCE, document=PROOF))
    with pytest.raises(DecisionRefused, match="document"):
        acts.acknowledge_order(key, order, "C-17", reason=told, by=COMPLIANCE, document=ITSELF)
    acts.acknowledge_order(key, order, "C-17", reason=told, by=COMPLIANCE, document=PROOF)
    refused(lambda text: acts.acknowledge_order(key, order, "C-17", reason=text, by=CISO))
    assert world.clocks(key)["collection-stop"]["state"] == "running"
    acts.acknowledge_order(key, order, "C-17", reason="called them too", by=CISO)
    world.work()
    assert world.clocks(key)["collection-stop"]["state"] == "satisfied"


def test_a_notice_is_not_handed_over_by_a_dot(world: World) -> None:
    incident, acts = an_incident(world), world.container.acts
    notice = world.notices(incident)["regulator"]["id"]
    acts.approve_notice(notice, None, by=COMPLIANCE)
    refused(lambda text: acts.hand_over_notice(notice, text, "in-4711", None, by=COMPLIANCE))
    refused(lambda text: acts.hand_over_notice(notice, "portal", text, None, by=COMPLIANCE))


def test_a_measure_is_recorded_in_words(world: World) -> None:
    incident, acts = an_incident(world), world.container.acts
    for measure in ("containment", "cause", "consequence"):
        refused(lambda text, it=measure: acts.measure(incident, it, text, by=ANALYST))


# -- a breach of personal data is owed to its authority, whatever its class --


def told_by_somebody(world: World) -> str:
    told = Report(
        title="A list of clients lay in the lift", incident_class="control-failure", channel="hot-line",
        told_at=world.clock.now() - timedelta(hours=2), clients=("c-7",), personal_data=True, reference="call 881",
    )  # fmt: skip
    incident = world.container.acts.report(told, by=ANALYST)
    world.work()
    return incident


def test_a_breach_of_personal_data_told_by_a_person_has_its_clock_and_draft(world: World) -> None:
    incident = told_by_somebody(world)
    assert {row.kind: row.state for row in world.held(ClockRow, owner_id=incident)}["personal-data-notice"] == "running"
    assert "pd_authority" in world.notices(incident)
    assert "regulator" not in world.notices(incident), "the duties of the class are not raised by it"


def test_it_is_not_closed_by_one_person(world: World) -> None:
    incident, acts = told_by_somebody(world), world.container.acts
    assert not acts.close(incident, "false_positive", "the list was made up", by=ANALYST)
    world.work()
    assert world.clocks(incident)["personal-data-notice"]["state"] == "running"
    acts.lower_notifiability(incident, "the list was made up", by=ANALYST)
    acts.lower_notifiability(incident, "looked at it: made up", by=COMPLIANCE)
    world.work()
    assert world.clocks(incident)["personal-data-notice"]["state"] == "cancelled"
