"""Confirmed means owed: a true positive raises the duties, a merge after the notice owes a supplement, and an incident
that is closed stays in sight while its duties run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.read.reporting import Reports, period_of
from infra.read.rows import incidents
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World

DUTIES = {"regulator-notice", "client-notice", "immediate-containment", "remediation", "antifraud-centre-message"}


def given_an_alert(world: World, client: str = "c-1", score: int = 92) -> str:
    world.feed(world.event("antifraud.alert.raised", mfo__client__id=client, event__risk_score=score))
    row = world.incidents()[-1]
    assert not row["notifiable"]
    return str(row["id"])


def given_an_iin_change(world: World, client: str) -> str:
    before = {row["id"] for row in world.incidents()}
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    (key,) = [row["id"] for row in world.incidents() if row["id"] not in before]
    return str(key)


def instant(clock: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(str(clock[name]))


def test_one_analyst_cannot_close_confirmed_fraud_without_a_word(world: World) -> None:
    incident = given_an_alert(world)
    assert set(world.clocks(incident)) == {"triage"}
    assert world.container.acts.close(incident, "true_positive", "loan to another person", by=ANALYST) is False
    world.work()
    clocks = world.clocks(incident)
    assert set(clocks) >= DUTIES
    assert instant(clocks["regulator-notice"], "anchor_at") == MONDAY, "strict: from the first detection"
    assert {"regulator", "client", "afc"} == set(world.notices(incident))


def test_a_confirmation_after_the_term_is_late_because_of_the_triage(world: World) -> None:
    incident = given_an_alert(world)
    world.clock.forward(days=3)
    world.container.acts.confirm(incident, "the client called", by=ANALYST)
    world.work()
    clock = world.clocks(incident)["regulator-notice"]
    assert clock["late_because"] == "triage"
    assert instant(clock, "confirmed_at") == MONDAY + timedelta(days=3)
    assert instant(clock, "confirmed_due_at") > instant(clock, "confirmed_at") > instant(clock, "due_at")
    world.sweep()
    assert world.clocks(incident)["regulator-notice"]["state"] == "breached"


def test_a_confirmation_in_time_is_not_late(world: World) -> None:
    incident = given_an_alert(world)
    world.clock.forward(minutes=20)
    world.container.acts.confirm(incident, "the client called", by=ANALYST)
    world.work()
    assert {clock["late_because"] for clock in world.clocks(incident).values()} == {""}


def test_a_house_may_count_from_the_confirmation(tmp_path: Any) -> None:
    world = World(tmp_path, duties_count_from="confirmation").people()
    incident = given_an_alert(world)
    world.clock.forward(days=3)
    world.container.acts.confirm(incident, "the client called", by=ANALYST)
    world.work()
    clocks = world.clocks(incident)
    assert instant(clocks["regulator-notice"], "anchor_at") == MONDAY + timedelta(days=3)
    assert instant(clocks["triage"], "anchor_at") == MONDAY
    assert clocks["regulator-notice"]["late_because"] == ""
    rule = given_an_iin_change(world, "c-7")
    assert instant(world.clocks(rule)["regulator-notice"], "anchor_at") == world.clock.now()


def test_not_raising_them_takes_a_second_persons_written_reason(world: World) -> None:
    incident = given_an_alert(world)
    assert world.container.acts.lower_notifiability(incident, "an employee's own loan", by=ANALYST) is False
    assert world.container.acts.lower_notifiability(incident, "seen: no client was harmed", by=COMPLIANCE) is True
    assert world.container.acts.close(incident, "true_positive", "own loan", by=ANALYST) is True
    world.work()
    assert set(world.clocks(incident)) == {"triage"}


@pytest.mark.parametrize("disposition", ["false_positive", "benign_positive"])
def test_a_false_alarm_raises_nothing(world: World, disposition: str) -> None:
    incident = given_an_alert(world)
    assert world.container.acts.close(incident, disposition, "a test card", by=ANALYST) is True
    world.work()
    assert set(world.clocks(incident)) == {"triage"}


def given_a_told_regulator(world: World, client: str) -> str:
    incident = given_an_iin_change(world, client)
    world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    assert world.clocks(incident)["regulator-notice"]["state"] == "satisfied"
    return incident


def test_a_merge_after_the_notice_owes_a_supplement_with_a_clock_of_its_own(world: World) -> None:
    told = given_a_told_regulator(world, "c-1")
    world.clock.forward(hours=1)
    other = given_an_iin_change(world, "c-2")
    world.container.acts.merge(other, world.incidents()[0]["number"], "the same attacker", by=ANALYST)
    world.work()
    clock = world.clocks(told)["regulator-supplement"]
    assert clock["state"] == "running"
    assert instant(clock, "anchor_at") == MONDAY + timedelta(hours=1), "from the detection of what was merged in"
    drafts = [it for it in world.held_notices(told) if (it.kind, it.stage) == ("regulator", "follow_up")]
    assert [it.state for it in drafts] == ["draft"]
    world.container.acts.approve_notice(drafts[0].id, None, by=COMPLIANCE)
    world.work()
    assert world.clocks(told)["regulator-supplement"]["state"] == "satisfied"


def test_each_merge_owes_its_own_supplement_and_one_text_may_do_both(world: World) -> None:
    told = given_a_told_regulator(world, "c-1")
    first = world.incidents()[0]["number"]
    for client in ("c-2", "c-3"):
        world.clock.forward(minutes=10)
        world.container.acts.merge(given_an_iin_change(world, client), first, "the same attacker", by=ANALYST)
        world.work()
    clocks = [it for it in world.held_clocks(told) if it.kind == "regulator-supplement"]
    assert len({it.subject for it in clocks}) == 2
    (draft,) = [it for it in world.held_notices(told) if (it.kind, it.stage) == ("regulator", "follow_up")]
    world.container.acts.approve_notice(draft.id, None, by=COMPLIANCE)
    world.work()
    assert {it.state for it in world.held_clocks(told) if it.kind == "regulator-supplement"} == {"satisfied"}
    world.clock.forward(minutes=10)
    world.container.acts.merge(given_an_iin_change(world, "c-4"), first, "the same attacker", by=ANALYST)
    world.work()
    states = sorted(it.state for it in world.held_clocks(told) if it.kind == "regulator-supplement")
    assert states == ["running", "satisfied", "satisfied"], "a text knows nothing of what came after it"


def test_a_merge_before_the_notice_owes_no_supplement(world: World) -> None:
    first, second = given_an_iin_change(world, "c-1"), given_an_iin_change(world, "c-2")
    world.container.acts.merge(second, world.incidents()[0]["number"], "the same attacker", by=ANALYST)
    world.work()
    assert "regulator-supplement" not in world.clocks(first)


def test_a_personal_data_breach_stays_one_when_it_is_merged(world: World) -> None:
    first, second = given_an_alert(world, "c-1"), given_an_alert(world, "c-2")
    world.container.acts.raise_notifiability(first, False, "a client was robbed", by=ANALYST)
    world.container.acts.raise_notifiability(second, True, "a passport leaked", by=ANALYST)
    world.container.acts.merge(second, world.incidents()[0]["number"], "one attacker", by=ANALYST)
    world.work()
    assert world.incidents()[0]["personal_data"]
    assert world.clocks(first)["personal-data-notice"]["state"] == "running"


def test_a_closed_incident_stays_in_sight_while_its_duties_run(world: World) -> None:
    incident = given_an_iin_change(world, "c-1")
    world.container.acts.close(incident, "true_positive", "done", by=ANALYST)
    assert world.container.acts.close(incident, "true_positive", "done", by=COMPLIANCE_2) is True
    world.work()
    database, now = world.container.database, world.clock.now()
    for view in ("open", "owing"):
        assert [row.id for row in incidents.queue(database, view, CISO.id, "", now)] == [incident]
    for kind in ("regulator", "pd_authority"):
        world.container.acts.approve_notice(world.notices(incident)[kind]["id"], None, by=COMPLIANCE)
    world.told(incident)
    for clock in world.held_clocks(incident):
        if clock.running:
            world.container.acts.propose_cancellation(clock.id, "done elsewhere", by=COMPLIANCE)
            world.container.acts.agree_to_cancel(clock.id, by=CISO)
    world.work()
    for view in ("open", "owing"):
        assert incidents.queue(database, view, CISO.id, "", now) == []


def test_the_report_of_the_ciso_shows_the_share_that_the_triage_made_late(world: World) -> None:
    incident = given_an_alert(world)
    world.clock.forward(days=3)
    world.container.acts.confirm(incident, "the client called", by=ANALYST)
    world.work()
    world.sweep()
    late = [it for it in world.held_clocks(incident) if it.breached_at and it.late_because == "triage"]
    report = Reports(world.container).security(period_of(world.container, "2026-11"))
    rows = {row[0]: row[1] for row in report.blocks[0].table.rows}
    share = rows["of them because the triage took longer than the term"]
    assert late and share.startswith(f"{len(late)} (")
