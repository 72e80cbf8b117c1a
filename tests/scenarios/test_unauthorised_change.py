"""From an event to a satisfied duty, in the domain's words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.kernel.errors import DecisionRefused, NotAllowed, SecondPersonNeeded
from infra.store.models.duties import ClockRow, NoticeRow
from infra.store.models.incidents import RunRow
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World


def given_an_iin_change(world: World) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.incidents()[0]["id"])


def test_an_iin_change_opens_an_incident_with_clocks_playbook_and_drafts(world: World) -> None:
    incident = given_an_iin_change(world)
    row = world.incidents()[0]
    assert (row["number"], row["severity"], row["phase"]) == ("INC-2026-0001", "critical", "new")
    assert set(world.clocks(incident)) == {
        "regulator-notice", "client-notice", "personal-data-notice", "immediate-containment", "remediation", "triage",
    }  # fmt: skip
    assert {kind: n["state"] for kind, n in world.notices(incident).items()} == {
        "regulator": "draft", "client": "draft", "pd_authority": "draft",
    }  # fmt: skip
    runs = world.held(RunRow, incident_id=incident)
    assert [(run.state, run.waiting) for run in runs] == [("running", 1)]


def test_the_clock_counts_from_the_receipt_of_the_event(world: World) -> None:
    late_event = world.event(
        "portal.profile.change_applied", at=MONDAY - timedelta(days=3), mfo__client__id="c-1", mfo__change__field="iin"
    )
    world.feed(late_event)
    clock = world.clocks(world.incidents()[0]["id"])["regulator-notice"]
    assert clock["anchor_at"].startswith("2026-11-23T05:00:00")
    assert clock["due_at"].startswith("2026-11-24T05:00:00")


def test_approval_by_a_second_person_sends_the_notice_and_satisfies_the_clock(world: World) -> None:
    incident = given_an_iin_change(world)
    world.container.acts.assign(incident, "aigul", by=ANALYST)
    notice = world.notices(incident)["regulator"]["id"]
    world.container.acts.approve_notice(notice, None, by=COMPLIANCE)
    world.work()
    sent = world.notices(incident)["regulator"]
    assert sent["state"] == "sent"
    assert sent["approved_by"] == "bolat"
    clock = world.clocks(incident)["regulator-notice"]
    assert clock["state"] == "satisfied"
    mails = list((world.folder / "spool").glob("*.eml"))
    assert [mail.stem for mail in mails] == [notice]
    text = mails[0].read_bytes()
    assert f"Message-ID: <{notice}@localhost>".encode() in text


def test_who_may_approve(world: World) -> None:
    incident = given_an_iin_change(world)
    notice = world.notices(incident)["regulator"]["id"]
    with pytest.raises(NotAllowed):
        world.container.acts.approve_notice(notice, None, by=ANALYST)
    with pytest.raises(NotAllowed):
        world.container.acts.approve_notice(notice, None, by=AUDITOR)
    content = world.rows("SELECT 1")
    assert content
    world.container.acts.edit_notice(notice, "ru", {"damage": "нет"}, None, by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded):
        world.container.acts.approve_notice(notice, None, by=COMPLIANCE)
    world.container.acts.approve_notice(notice, None, by=COMPLIANCE_2)
    with pytest.raises(DecisionRefused):
        world.container.acts.edit_notice(notice, "ru", {"damage": "есть"}, None, by=COMPLIANCE)


def test_the_assignee_cannot_approve_even_with_the_role(world: World) -> None:
    both = ANALYST.model_copy(update={"roles": frozenset({"soc_analyst", "compliance_officer"})})
    with world.container.database.write() as cursor:  # an account of an earlier version: a new one is refused
        cursor.execute("UPDATE users SET roles = ? WHERE id = ?", ('["compliance_officer","soc_analyst"]', "aigul"))
    incident = given_an_iin_change(world)
    world.container.acts.assign(incident, "aigul", by=both)
    with pytest.raises(SecondPersonNeeded):
        world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=both)


def test_the_playbook_leads_to_recovery_and_satisfies_remediation(world: World) -> None:
    incident = given_an_iin_change(world)
    titles = world.finish_steps(incident)
    assert titles == [
        "Contain: block access and end sessions",
        "Preserve evidence and establish the scope",
        "Eradicate the cause",
        "Undo the consequences and restore",
        "Confirm the normal state",
        "Close the vulnerability",
        "See that the regulator was told",
        "See that the clients were told",
    ]
    assert world.incidents()[0]["phase"] == "recovered"
    clocks = world.clocks(incident)
    assert clocks["immediate-containment"]["state"] == "satisfied"
    assert clocks["remediation"]["state"] == "satisfied"
    assert clocks["regulator-notice"]["state"] == "running"
    assert world.held(RunRow)[0].state == "completed"


def test_what_came_due_while_nobody_was_there_fires_at_once_and_once(world: World) -> None:
    incident = given_an_iin_change(world)
    world.clock.forward(days=9)
    again = world.restart()
    try:
        assert again.sweep() == 6
        assert again.sweep() == 0
        states = {kind: clock["state"] for kind, clock in again.clocks(incident).items()}
        assert set(states.values()) == {"breached"}
        breach = again.clocks(incident)["regulator-notice"]["breached_at"]
        assert breach.startswith("2026-11-24T05:00:00"), "the instant of the breach, not of the restart"
        marks = again.rows("SELECT COUNT(*) AS n FROM decisions WHERE topic = 'clock.mark-reached.v1'")
        assert marks[0]["n"] == 18
    finally:
        again.container.close()


def test_a_second_finding_joins_and_its_new_client_gets_a_clock_and_a_draft(world: World) -> None:
    failed = [
        world.event("db.query.bulk", user__id="adm-1", mfo__db__table="clients", mfo__db__rows=9000, mfo__client__id=c)
        for c in ("c-1", "c-2")
    ]
    world.feed(failed[0])
    world.feed(failed[1])
    assert len(world.incidents()) == 1
    incident = world.incidents()[0]
    assert incident["findings"] == 2
    subjects = world.held(ClockRow, kind="client-notice")
    assert sorted(row.subject for row in subjects) == ["c-1", "c-2"]
    (drafted,) = world.held(NoticeRow, kind="client")
    assert (drafted.subject, drafted.state) == ("", "draft"), "one text for both"
    assert world.told(incident["id"]) == {"c-1", "c-2"}


def test_an_untouched_draft_follows_the_incident_and_an_edited_one_stays(world: World) -> None:
    incident = given_an_iin_change(world)
    notices = world.notices(incident)
    world.container.acts.edit_notice(notices["client"]["id"], "ru", {"done": "Мы всё проверили."}, None, by=COMPLIANCE)
    world.container.acts.measure(incident, "containment", "account blocked", by=ANALYST)
    world.work()
    topics = [row["topic"] for row in world.rows("SELECT topic FROM decisions")]
    assert topics.count("notice.redrafted.v1") == 2


def test_a_false_positive_takes_two_persons_and_cancels_the_clocks(world: World) -> None:
    incident = given_an_iin_change(world)
    assert not world.container.acts.close(incident, "false_positive", "a test account", by=ANALYST)
    with pytest.raises(SecondPersonNeeded):
        world.container.acts.close(incident, "false_positive", "a test account", by=ANALYST)
    assert world.container.acts.close(incident, "false_positive", "agreed", by=COMPLIANCE)
    world.work()
    assert {clock["state"] for kind, clock in world.clocks(incident).items() if kind != "triage"} == {"cancelled"}
    assert {notice["state"] for notice in world.notices(incident).values()} == {"withdrawn"}
    assert world.held(RunRow)[0].state == "cancelled"


def test_reopening_resumes_the_clocks_from_the_first_detection(world: World) -> None:
    incident = given_an_iin_change(world)
    world.container.acts.close(incident, "false_positive", "a test account", by=ANALYST)
    world.container.acts.close(incident, "false_positive", "agreed", by=CISO)
    world.work()
    world.clock.forward(days=3)
    world.container.acts.reopen(incident, "it was none", by=ANALYST)
    world.work()
    world.sweep()
    clock = world.clocks(incident)["regulator-notice"]
    assert clock["state"] == "breached"
    assert clock["breached_at"].startswith("2026-11-24T05:00:00")
    assert world.notices(incident)["regulator"]["state"] == "draft"


def test_merging_keeps_the_earlier_detection_and_every_client(world: World) -> None:
    given_an_iin_change(world)
    world.clock.forward(hours=2)
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-2", mfo__change__field="phone"))
    first, second = world.incidents()
    world.container.acts.merge(first["id"], second["number"], "the same attacker", by=ANALYST)
    world.work()
    clocks = world.clocks(second["id"])
    assert clocks["regulator-notice"]["anchor_at"].startswith("2026-11-23T05:00:00")
    subjects = world.held(ClockRow, kind="client-notice", owner_id=second["id"])
    assert {row.subject for row in subjects} == {"c-1", "c-2"}
    states = {clock["state"] for kind, clock in world.clocks(first["id"]).items()}
    assert states == {"cancelled"}


def test_a_notifiable_incident_cannot_disappear_into_one_that_is_not(world: World) -> None:
    given_an_iin_change(world)
    world.feed(world.event("net.egress.unexpected", host__name="face-1"))
    first, second = world.incidents()
    with pytest.raises(DecisionRefused, match="the other way round"):
        world.container.acts.merge(first["id"], second["number"], "same", by=ANALYST)


def test_an_auditor_changes_nothing(world: World) -> None:
    incident = given_an_iin_change(world)
    acts = world.container.acts
    for act in (
        lambda: acts.assign(incident, "aigul", by=AUDITOR),
        lambda: acts.note(incident, "hello", by=AUDITOR),
        lambda: acts.close(incident, "false_positive", "no", by=AUDITOR),
        lambda: acts.measure(incident, "cause", "they said so", by=AUDITOR),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_playbook_may_be_started_by_hand_and_only_once(world: World) -> None:
    world.feed(world.event("pam.session", user__id="adm-1"))
    incident = world.incidents()[0]["id"]
    assert world.held(RunRow) == []
    playbook = world.container.playbooks["unauthorised-access"]
    with pytest.raises(NotAllowed):
        world.container.acts.start_playbook(incident, playbook, by=COMPLIANCE)
    first = world.container.acts.start_playbook(incident, playbook, by=ANALYST)
    assert world.container.acts.start_playbook(incident, playbook, by=CISO) == first
    world.work()
    assert [row.waiting for row in world.held(RunRow)] == [1]


def test_a_late_regulator_notice_must_say_why_before_it_can_be_approved(world: World) -> None:
    incident = given_an_iin_change(world)
    world.clock.forward(days=2)
    world.sweep()
    notice = world.notices(incident)["regulator"]["id"]
    with pytest.raises(DecisionRefused, match="late"):
        world.container.acts.approve_notice(notice, None, by=COMPLIANCE_2)
    for language in ("ru", "kk"):
        world.container.acts.edit_notice(notice, language, {"late": "нет связи"}, None, by=COMPLIANCE)
    world.container.acts.approve_notice(notice, None, by=COMPLIANCE_2)
    world.work()
    assert world.clocks(incident)["regulator-notice"]["state"] == "satisfied-late"
