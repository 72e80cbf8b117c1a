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


# -- what joins is not done by what was done before --


def another(world: World, client: str, field: str = "iin") -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field=field))
    return str(world.incidents()[-1]["id"])


def remedied(world: World, incident: str) -> None:
    for measure in ("containment", "cause", "consequence", "recovery"):
        world.container.acts.measure(incident, measure, f"the {measure} was seen to by the administrator", by=ANALYST)
    world.work()


def test_what_is_merged_in_and_not_remedied_is_remedied_anew(world: World) -> None:
    first = an_incident(world)
    remedied(world, first)
    assert world.clocks(first)["remediation"]["state"] == "satisfied"
    world.clock.forward(hours=1)
    second = another(world, "c-2")
    number = next(str(row["number"]) for row in world.incidents() if row["id"] == first)
    world.container.acts.merge(second, number, "the same attacker", by=ANALYST)
    world.work()
    assert world.clocks(first)["remediation"]["state"] == "running"
    remedied(world, first)
    assert world.clocks(first)["remediation"]["state"] == "satisfied"


def test_a_waiver_covers_what_was_known_then(world: World) -> None:
    incident, acts = told_by_somebody(world), world.container.acts
    acts.lower_notifiability(incident, "the list was made up", by=ANALYST)
    acts.lower_notifiability(incident, "looked at it: made up", by=COMPLIANCE)
    world.work()
    other = told_by_somebody_else(world)
    number = next(str(row["number"]) for row in world.incidents() if row["id"] == incident)
    with pytest.raises(DecisionRefused, match="cannot disappear"):
        acts.merge(other, number, "the same list", by=ANALYST)
    acts.merge(incident, _number(world, other), "the same list", by=ANALYST)
    world.work()
    assert world.clocks(other)["personal-data-notice"]["state"] == "running"


def _number(world: World, incident: str) -> str:
    return next(str(row["number"]) for row in world.incidents() if row["id"] == incident)


def told_by_somebody_else(world: World) -> str:
    told = Report(
        title="A list of clients lay in the yard", incident_class="control-failure", channel="hot-line",
        told_at=world.clock.now() - timedelta(hours=1), clients=("c-8",), personal_data=True, reference="call 882",
    )  # fmt: skip
    incident = world.container.acts.report(told, by=ANALYST)
    world.work()
    return incident


# -- an act that was there before is not what came in later --


def test_an_old_act_does_not_carry_out_what_came_in_later_without_a_number(world: World) -> None:
    key = an_act(world)
    world.clock.forward(days=2)
    received = world.event(
        "legal.act.received", mfo__kind="other", mfo__client__id="c-9", mfo__received_at=world.clock.now().isoformat()
    )
    world.feed(received)
    incident = next(row for row in world.incidents() if row["rule_name"] == "legal-act-incomplete")
    again = LegalAct(
        kind="victim_resolution", issuer="УП", number="A", act_date=date(2026, 11, 20), received_at=MONDAY,
        channel="office", client="c-9", loans=("L-1", "L-2"), bureaus=("pkb",),
    )  # fmt: skip
    with pytest.raises(DecisionRefused, match="own words"):
        world.container.acts.register_act(again, by=COMPLIANCE, incident=str(incident["number"]))
    assert world.container.decisions.load(Protection, key).holds
    states = {row.state for row in world.held(ClockRow, owner_id=str(incident["id"])) if row.kind != "triage"}
    assert states == {"running"}


@pytest.mark.parametrize("changes", (
    {"mfo__loan__ids": ["L-1, L-2"]}, {"mfo__loan__id": "L-1;L-2"}, {"mfo__act__number": "б/н"},
    {"mfo__act__number": "-"}, {"mfo__act__issuer": "."},
))  # fmt: skip
def test_an_act_whose_subjects_or_number_are_none_asks_a_person(world: World, changes: dict[str, object]) -> None:
    values = {
        "mfo__kind": "victim_resolution", "mfo__act__issuer": "УП", "mfo__act__number": "17/26",
        "mfo__act__date": "2026-11-20", "mfo__client__id": "c-9", "mfo__loan__ids": ["L-9"],
        "mfo__channel": "office", "mfo__received_at": MONDAY.isoformat(),
    }  # fmt: skip
    if "mfo__loan__id" in changes:
        del values["mfo__loan__ids"]
    world.feed(world.event("legal.act.received", **{**values, **changes}))
    assert "legal-act-incomplete" in {row["rule_name"] for row in world.incidents()}
    assert world.held(OrderRow) == []


@pytest.mark.parametrize("text", (".", "-", " … ", "?!"))
def test_a_dot_ends_no_duty(world: World, text: str) -> None:
    incident, acts = an_incident(world), world.container.acts
    with pytest.raises(DecisionRefused):
        acts.close(incident, "false_positive", text, by=ANALYST)
    with pytest.raises(DecisionRefused):
        acts.lower_notifiability(incident, text, by=ANALYST)
