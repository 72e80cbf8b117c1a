"""Four eyes: the second person is another one with another interest, judged over the whole history of the thing."""

from __future__ import annotations

from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from engine.incidents.casework import Report
from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, SecondPersonNeeded
from engine.kernel.facts import Person
from engine.kernel.ports import Delivery
from engine.notices.facts import NoticeApproved
from engine.notices.notice import Notice
from engine.protection.facts import LegalAct
from engine.retention.retention import Retention, retention_id
from engine.rule_life.rules import RuleLife, rule_id
from infra.app.container import Outside, stages_of
from infra.lab.simulate.year import plain
from infra.outbound.orders import HttpPost
from infra.read.notices.approvers import approvers_of
from infra.read.reporting import Reports
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, FRAUD, PASSWORD, World

ANALYST_2 = Person(id="serik", roles=frozenset({"soc_analyst"}), name="Serik")
BOTH = Person(id="two1", roles=frozenset({"soc_analyst", "compliance_officer"}), name="Two")
RULE = "sensitive-change"
PDF = b"%PDF-1.7 what it rests on"


class Post:
    """A mail server that refuses one box."""

    repeatable = False
    channel = "smtp"

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        self.mails.append(mail)
        refused = "full@" in str(mail["To"])
        return Delivery(outcome="refused" if refused else "done", detail="550" if refused else "250 ok")


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(
        tmp_path / "data", regulator_mail="full@agency.kz", notice_mail={"stakeholder": ""},
        notice_recipients=("partner.kz", "one@bureau.kz"),
    ).people()  # fmt: skip
    made.stages = stages_of(made.container, Outside(Post(), HttpPost(made.clock), plain))
    yield made
    made.container.close()


def entered(world: World, by: Person = ANALYST, title: str = "strange access", **more: Any) -> str:
    """Somebody enters an incident; return its id."""
    values = {
        "title": title, "incident_class": "unauthorised-access", "channel": "hot-line", "told_at": world.clock.now(),
        "clients": ("c-777",), "loans": ("L-42",),
    }  # fmt: skip
    key = world.container.acts.report(Report(**{**values, **more}), by=by)
    world.work()
    return key


def notice(world: World, incident: str, kind: str) -> str:
    return str(world.notices(incident)[kind]["id"])


# Drafting and approving, addresses


def test_who_drafts_a_notice_by_hand_cannot_approve_it(world: World) -> None:
    acts = world.container.acts
    incident = entered(world)
    key = acts.draft_notice(incident, "law_enforcement", "duty@police.gov.kz", by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded, match="who drafted the notice"):
        acts.approve_notice(key, None, by=COMPLIANCE)
    acts.approve_notice(key, None, by=COMPLIANCE_2)


@pytest.mark.parametrize("kind", ["afc", "law_enforcement", "stakeholder"])
def test_nobody_names_an_address_that_is_on_no_list_of_the_house(world: World, kind: str) -> None:
    incident = entered(world)
    with pytest.raises(InputError, match="do not go to this address"):
        world.container.acts.draft_notice(incident, kind, "own@mailbox.kz", by=COMPLIANCE)
    assert not any("own@" in str(row["recipient"]) for row in world.notices(incident).values())


def test_listed_addresses_and_domains_can_be_chosen(world: World) -> None:
    acts = world.container.acts
    incident = entered(world)
    for to in ("a@partner.kz", "b@mail.partner.kz", "one@bureau.kz"):
        assert acts.draft_notice(incident, "stakeholder", to, by=COMPLIANCE)
    for to in ("two@bureau.kz", "a@notpartner.kz"):
        with pytest.raises(InputError):
            acts.draft_notice(incident, "stakeholder", to, by=COMPLIANCE)


def test_who_wrote_a_text_again_or_a_supplement_cannot_approve_it(world: World) -> None:
    acts = world.container.acts
    key = notice(world, entered(world), "regulator")
    acts.edit_notice(key, "ru", {next(iter(text_of(world, key))): "слова"}, None, by=COMPLIANCE_2)
    acts.redraft_notice(key, by=COMPLIANCE)
    for by in (COMPLIANCE, COMPLIANCE_2):  # that the words are the engine's again takes nothing back
        with pytest.raises(SecondPersonNeeded, match=r"edited the notice|drafted the notice"):
            acts.approve_notice(key, None, by=by)


def text_of(world: World, key: str) -> dict[str, str]:
    return world.container.decisions.load(Notice, key).content["ru"]


def failed(world: World) -> str:
    """A regulator's notice that was approved and refused by the other side."""
    key = notice(world, entered(world), "regulator")
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    assert world.container.decisions.load(Notice, key).state == "refused"
    return key


def test_a_changed_address_needs_approval_by_a_person_who_did_not_name_it(world: World) -> None:
    key, acts = failed(world), world.container.acts
    with pytest.raises(InputError, match="do not go to this address"):
        acts.resend_notice(key, "own@mailbox.kz", "full@agency.kz", "the box is full", by=COMPLIANCE)
    key = acts.draft_notice(entered(world, title="another"), "stakeholder", "full@partner.kz", by=COMPLIANCE)
    acts.approve_notice(key, None, by=COMPLIANCE_2)
    world.work()
    acts.resend_notice(key, "new@partner.kz", "full@partner.kz", "the box is full", by=COMPLIANCE)
    world.work()
    held = world.container.decisions.load(Notice, key)
    assert (held.state, list(held.deliveries)) == ("refused", ["full@partner.kz"]), "nothing went to the new address"
    with pytest.raises(SecondPersonNeeded):
        acts.approve_address(key, "full@partner.kz", by=COMPLIANCE)
    acts.approve_address(key, "full@partner.kz", by=CISO)
    world.work()
    assert world.container.decisions.load(Notice, key).state == "sent"


def test_a_changed_address_can_be_refused_and_the_same_one_is_tried_at_once(world: World) -> None:
    acts = world.container.acts
    key = acts.draft_notice(entered(world), "stakeholder", "full@partner.kz", by=COMPLIANCE)
    acts.approve_notice(key, None, by=COMPLIANCE_2)
    world.work()
    acts.resend_notice(key, "new@partner.kz", "full@partner.kz", "the box is full", by=COMPLIANCE)
    with pytest.raises(DecisionRefused, match="needs a reason"):
        acts.approve_address(key, "full@partner.kz", False, by=COMPLIANCE_2)
    acts.approve_address(key, "full@partner.kz", False, "nobody knows this box", by=COMPLIANCE_2)
    with pytest.raises(DecisionRefused, match="waits"):
        acts.approve_address(key, "full@partner.kz", by=COMPLIANCE_2)
    acts.resend_notice(key, "full@partner.kz", "full@partner.kz", "emptied", by=COMPLIANCE)
    assert world.container.decisions.load(Notice, key).deliveries["full@partner.kz"].attempt == 2


# The whole history of the incident


def test_who_ever_worked_on_an_incident_cannot_approve_its_notice(world: World) -> None:
    acts = world.container.acts
    incident = entered(world, by=BOTH)
    acts.assign(incident, ANALYST.id, by=ANALYST)
    key = notice(world, incident, "regulator")
    with pytest.raises(SecondPersonNeeded, match="worked on the incident"):
        acts.approve_notice(key, None, by=BOTH)
    acts.note(incident, "looked at it", by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded, match="worked on the incident"):
        acts.approve_notice(key, None, by=COMPLIANCE)
    acts.approve_notice(key, None, by=COMPLIANCE_2)


def test_who_was_assigned_once_stays_excluded(world: World) -> None:
    acts = world.container.acts
    old_account(world)  # of an earlier version: today it is refused
    incident = entered(world)
    acts.assign(incident, BOTH.id, by=ANALYST)
    acts.assign(incident, ANALYST.id, by=ANALYST)
    with pytest.raises(SecondPersonNeeded, match="now or earlier"):
        acts.approve_notice(notice(world, incident, "regulator"), None, by=BOTH)


def old_account(world: World) -> None:
    world.container.accounts.add(BOTH.id, BOTH.name, ("soc_analyst",), PASSWORD, actor="test")
    with world.container.database.write() as cursor:
        cursor.execute(
            "UPDATE users SET roles = ? WHERE id = ?", ('["compliance_officer","soc_analyst"]', BOTH.id)
        )  # fmt: skip


def test_the_people_of_a_merged_incident_are_excluded_too(world: World) -> None:
    acts = world.container.acts
    one, other = entered(world, by=COMPLIANCE), entered(world, title="the same", clients=("c-8",))
    into = next(str(row["number"]) for row in world.incidents() if row["id"] == other)
    acts.merge(one, into, "the same breach", by=ANALYST)
    world.work()
    with pytest.raises(SecondPersonNeeded, match="worked on the incident"):
        acts.approve_notice(notice(world, other, "regulator"), None, by=COMPLIANCE)


def test_a_remark_in_the_review_is_no_work_on_the_incident(world: World) -> None:
    acts = world.container.acts
    key = notice(world, entered(world), "regulator")
    acts.submit_notice(key, None, by=ANALYST)
    acts.return_notice(key, "say what the damage is", by=COMPLIANCE)
    acts.approve_notice(key, None, by=COMPLIANCE)


def test_an_account_that_would_stand_on_both_sides_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="both work on incidents and approve"):
        world.container.accounts.add("two2", "", ("fraud_analyst", "compliance_officer"), PASSWORD, actor="test")
    world.container.accounts.add("two3", "", ("ciso", "compliance_officer"), PASSWORD, actor="test")


# Never a deadlock


def small(world: World) -> tuple[str, str]:
    """Both officers worked on an incident; its id and the regulator's notice."""
    incident = entered(world, by=COMPLIANCE)
    world.container.acts.note(incident, "called the client", by=COMPLIANCE_2)
    return incident, notice(world, incident, "regulator")


def test_the_house_is_told_who_can_still_approve(world: World) -> None:
    decisions, people = world.container.decisions, world.container.accounts.people()
    key = notice(world, entered(world, by=COMPLIANCE), "regulator")
    found = approvers_of(decisions, decisions.load(Notice, key), people)
    assert found is not None
    assert (found.free, [who for who, _ in found.kept], found.heads) == (("dana",), ["bolat"], ("gulnar",))
    world.container.acts.approve_notice(key, None, by=COMPLIANCE_2)
    assert approvers_of(decisions, decisions.load(Notice, key), people) is None


def test_the_head_of_the_house_approves_what_is_due_within_hours_when_nobody_is_left(world: World) -> None:
    acts, (_, key) = world.container.acts, small(world)
    with pytest.raises(DecisionRefused, match="last four working hours"):
        acts.approve_as_last(key, "both officers worked on it", by=CISO)
    world.clock.forward(hours=5)
    with pytest.raises(NotAllowed):
        acts.approve_as_last(key, "both officers worked on it", by=COMPLIANCE)
    world.clock.forward(days=1)
    world.clock.at = world.clock.at.replace(hour=11)
    with pytest.raises(DecisionRefused, match="own words"):
        acts.approve_as_last(key, "ok", by=CISO)
    acts.approve_as_last(key, "both officers worked on it", by=CISO)
    facts = [it.fact for it in world.container.decisions.read_topic(NoticeApproved.topic, 0, 10)]
    assert [(it.actor, it.as_last, it.reason) for it in facts if isinstance(it, NoticeApproved)] == [
        ("gulnar", True, "both officers worked on it")
    ]
    told = Reports(world.container).build("security")
    assert any("gulnar: both officers worked on it" in block.text for block in told.blocks)


def test_while_somebody_is_left_the_head_of_the_house_does_not_approve(world: World) -> None:
    key = notice(world, entered(world, by=COMPLIANCE), "regulator")
    world.clock.forward(days=1, hours=6)
    with pytest.raises(DecisionRefused, match="dana may still approve it"):
        world.container.acts.approve_as_last(key, "nobody was there", by=CISO)


def test_what_no_law_asks_for_is_never_approved_alone(world: World) -> None:
    acts = world.container.acts
    incident, _ = small(world)
    key = acts.draft_notice(incident, "law_enforcement", "duty@police.gov.kz", by=COMPLIANCE)
    world.clock.forward(days=30)
    with pytest.raises(DecisionRefused, match="whose term of the law runs"):
        acts.approve_as_last(key, "both officers worked on it", by=CISO)


# What weakens detection, or ends a duty


def test_two_of_one_trade_put_no_rule_out_of_force(world: World) -> None:
    rules = world.container.rule_acts
    rules.retire(RULE, "too many findings", by=ANALYST)
    with pytest.raises(DecisionRefused, match="one of the two must hold"):
        rules.retire(RULE, "I think so too", by=ANALYST_2)
    with pytest.raises(DecisionRefused, match="one of the two must hold"):
        rules.retire(RULE, "I think so too", by=FRAUD)
    rules.retire(RULE, "agreed, see the review", by=CISO)
    assert world.container.decisions.load(RuleLife, rule_id(RULE)).retired


def test_two_officers_close_no_notifiable_incident(world: World) -> None:
    acts, incident = world.container.acts, entered(world)
    assert acts.close(incident, "false_positive", "a test of our own", by=COMPLIANCE) is False
    with pytest.raises(SecondPersonNeeded, match="different roles"):
        acts.close(incident, "false_positive", "a test of our own", by=COMPLIANCE_2)
    assert acts.close(incident, "false_positive", "a test of our own", by=CISO)


def test_two_officers_cancel_no_clock_and_lower_no_duty(world: World) -> None:
    acts, incident = world.container.acts, entered(world)
    clock = str(world.clocks(incident)["regulator-notice"]["id"])
    acts.propose_cancellation(clock, "the duty does not hold here", by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded, match="different roles"):
        acts.agree_to_cancel(clock, by=COMPLIANCE_2)
    acts.agree_to_cancel(clock, by=CISO)
    acts.lower_notifiability(incident, "no data was touched", by=COMPLIANCE_2)
    with pytest.raises(SecondPersonNeeded, match="different roles"):
        acts.lower_notifiability(incident, "no data was touched", by=COMPLIANCE)
    assert acts.lower_notifiability(incident, "no data was touched", by=CISO)


def test_that_a_notice_was_handed_over_two_persons_say(world: World) -> None:
    key, acts = failed(world), world.container.acts
    acts.hand_over_notice(key, "courier", "receipt 77", None, by=COMPLIANCE)
    state = world.container.decisions.load(Notice, key).state
    assert state == "refused", "one person's word ends no term"
    with pytest.raises(SecondPersonNeeded, match="arrived"):
        acts.hand_over_notice(key, "courier", "receipt 77", None, by=COMPLIANCE)
    said_at = world.clock.now()
    world.clock.forward(hours=3)
    acts.hand_over_notice(key, "courier", "receipt 77", None, by=CISO)
    held = world.container.decisions.load(Notice, key)
    assert (held.state, held.sent_at) == ("sent", said_at), "it counts from when it was handed over"


def test_another_reference_is_another_claim(world: World) -> None:
    key, acts = failed(world), world.container.acts
    acts.hand_over_notice(key, "courier", "receipt 77", None, by=COMPLIANCE)
    acts.hand_over_notice(key, "courier", "receipt 78", None, by=COMPLIANCE_2)
    assert world.container.decisions.load(Notice, key).state == "refused"
    acts.hand_over_notice(key, "courier", "receipt 78", None, by=COMPLIANCE)
    assert world.container.decisions.load(Notice, key).transport_ref == "receipt 78"


# Destroying data


def long_ago(world: World, client: str = "c-1") -> None:
    """Two persons record, on a document, that the obligations of a client ended long ago."""
    give = world.container.acts.end_obligations
    day = date(2015, 1, 1)
    give(client, day, "", "the contract says so", by=COMPLIANCE, document=PDF)
    give(client, day, "", "read the contract", by=CISO)


def test_an_end_long_past_takes_a_document_and_two_persons(world: World) -> None:
    give, day = world.container.acts.end_obligations, date(2015, 1, 1)
    with pytest.raises(InputError, match="document"):
        give("c-1", day, "", "paid", by=COMPLIANCE)
    give("c-1", day, "", "paid", by=COMPLIANCE, document=PDF)
    assert world.container.decisions.load(Retention, retention_id("c-1")).ended_on is None
    with pytest.raises(SecondPersonNeeded, match="cannot also agree"):
        give("c-1", day, "", "paid", by=COMPLIANCE, document=PDF)
    give("c-1", day, "", "read the contract", by=COMPLIANCE_2)
    assert world.container.decisions.load(Retention, retention_id("c-1")).ended_on == day


def test_obligations_do_not_end_before_they_began(world: World) -> None:
    world.feed(world.event("loan.contract.signed", mfo__client__id="c-1", mfo__loan__id="L-1"))
    with pytest.raises(InputError, match="before they began"):
        world.container.acts.end_obligations("c-1", date(2015, 1, 1), "L-1", "paid", by=COMPLIANCE, document=PDF)


def test_a_hold_is_lifted_by_two_and_then_destruction_waits_a_week(world: World) -> None:
    acts = world.container.acts
    long_ago(world)
    acts.place_hold("c-1", "court case 12", by=CISO)
    acts.lift_hold("c-1", "the case ended", by=COMPLIANCE)
    with pytest.raises(DecisionRefused, match="court case 12"):
        acts.propose_erasure("c-1", "term over", by=COMPLIANCE_2)
    with pytest.raises(SecondPersonNeeded):
        acts.lift_hold("c-1", "the case ended", by=COMPLIANCE)
    acts.lift_hold("c-1", "read the judgement", by=CISO)
    with pytest.raises(DecisionRefused, match="nothing may be destroyed before 2026-11-30"):
        acts.propose_erasure("c-1", "term over", by=COMPLIANCE_2)
    world.clock.forward(days=8)
    for lifter in (COMPLIANCE, CISO):
        with pytest.raises(SecondPersonNeeded, match="lifted the legal hold"):
            acts.propose_erasure("c-1", "term over", by=lifter)
    acts.propose_erasure("c-1", "term over", by=COMPLIANCE_2)
    acts.approve_erasure("c-1", "agreed", by=COMPLIANCE)


def test_nothing_is_destroyed_while_an_incident_of_the_client_is_open(world: World) -> None:
    acts = world.container.acts
    long_ago(world, "c-777")
    incident = entered(world)
    with pytest.raises(DecisionRefused, match="still needed: INC-2026-0001"):
        acts.propose_erasure("c-777", "term over", by=COMPLIANCE)
    acts.close(incident, "false_positive", "a test of our own", by=ANALYST)
    acts.close(incident, "false_positive", "a test of our own", by=CISO)
    world.work()
    acts.propose_erasure("c-777", "term over", by=COMPLIANCE)


def test_nothing_is_destroyed_while_a_protection_holds(world: World) -> None:
    acts = world.container.acts
    long_ago(world)
    act = LegalAct(
        kind="victim_resolution", issuer="Almaty police", number="17", act_date=date(2026, 11, 22), channel="courier",
        received_at=world.clock.now(), client="c-1", loans=("L-1",), bureaus=("pkb",),
    )  # fmt: skip
    acts.register_act(act, by=COMPLIANCE)
    with pytest.raises(DecisionRefused, match="still needed"):
        acts.propose_erasure("c-1", "term over", by=COMPLIANCE)


# Days that people type


def test_days_that_people_type_are_bounded(world: World) -> None:
    acts = world.container.acts
    with pytest.raises(InputError, match="more than a year ago"):
        entered(world, told_at=world.clock.now() - timedelta(days=400))
    with pytest.raises(InputError, match="three years"):
        acts.duty_done("policy-review", date(2015, 1, 1), "minutes of the meeting", by=COMPLIANCE)
    incident = entered(world)
    with pytest.raises(InputError, match="before what it is about"):
        acts.start_clock(
            incident, "regulator-notice", "x", world.clock.now() - timedelta(days=20), "the law says so", by=ANALYST
        )  # fmt: skip


def test_a_score_is_given_in_ones_own_name(world: World) -> None:
    key = world.container.acts.enter_risk("asset", "a", "b", "c", "d", "e", "f", "g", by=CISO)
    with pytest.raises(InputError, match="own name"):
        world.container.acts.score_risk(key, 2, (1, 1, 1), FRAUD.id, by=CISO)
