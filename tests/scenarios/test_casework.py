"""Casework beyond triage: told by people, split, moved, merged, linked, suppressed; no time is lost or made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.incidents.casework import Report
from engine.incidents.incident import Incident
from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, SecondPersonNeeded
from engine.kernel.timestamps import iso
from infra.read.incident_graph import graph, similar
from infra.read.metrics import spans, summary
from infra.read.rows.incidents import detected_between
from infra.store.models.duties import ClockRow, NoticeRow
from infra.store.models.incidents import EntityRow
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World


def told(world: World, **changes: Any) -> Report:
    values = {
        "title": "A client never asked for the loan", "incident_class": "fraud", "channel": "hot-line",
        "told_at": world.clock.now(), "clients": ("c-7",), "loans": ("L-7",), "reference": "call 881",
    }  # fmt: skip
    return Report(**{**values, **changes})


def change(world: World, client: str, **more: Any) -> str:
    """An IIN was changed; return the incident's id."""
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin", **more))
    rows = world.held(EntityRow, value=client)
    return rows[-1].incident_id


def incident_of(world: World, key: str) -> Incident:
    return world.container.decisions.load(Incident, key)


def test_a_call_to_the_hot_line_starts_the_duties_from_the_call(world: World) -> None:
    called = MONDAY - timedelta(hours=2)
    key = world.container.acts.report(told(world, told_at=called), by=ANALYST)
    world.work()
    clocks = world.clocks(key)
    assert set(clocks) == {"triage", "regulator-notice", "client-notice", "immediate-containment", "remediation",
                           "antifraud-centre-message"}  # fmt: skip
    assert {clock["anchor_at"] for clock in clocks.values()} == {called.isoformat().replace("+00:00", ".000000Z")}
    assert set(world.notices(key)) == {"regulator", "client", "afc"}
    assert world.sweep() > 0, "containment within the hour was missed before anybody typed it in"


def test_the_same_call_entered_twice_is_one_incident(world: World) -> None:
    first = world.container.acts.report(told(world), by=ANALYST)
    assert world.container.acts.report(told(world), by=COMPLIANCE) == first
    assert len(world.incidents()) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"incident_class": "theft"}, "incident_class"), ({"severity": "huge"}, "severity"),
     ({"told_at": MONDAY + timedelta(hours=1)}, "told_at")],
)  # fmt: skip
def test_a_report_that_is_wrong_names_the_field(world: World, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=field):
        world.container.acts.report(told(world, **changes), by=ANALYST)
    with pytest.raises(NotAllowed):
        world.container.acts.report(told(world), by=AUDITOR)


def two_findings(world: World) -> tuple[str, list[str]]:
    """One incident with two findings an hour apart, of two clients."""
    first = change(world, "c-1")
    world.clock.forward(hours=1)
    second = change(world, "c-2")
    if first != second:
        world.container.acts.merge(first, incident_of(world, second).number, "one attack", by=ANALYST)
        world.work()
    incident = incident_of(world, second)
    return second, incident.findings


def test_a_merge_keeps_the_earliest_detection_and_the_handling_done(world: World) -> None:
    first = change(world, "c-1")
    world.container.acts.assign(first, ANALYST.id, by=ANALYST)
    world.container.acts.measure(first, "containment", "account blocked", by=ANALYST)
    world.clock.forward(hours=1)
    second = change(world, "c-2")
    world.container.acts.merge(first, incident_of(world, second).number, "one attack", by=ANALYST)
    world.work()
    survivor = incident_of(world, second)
    assert survivor.detected_at == MONDAY
    assert survivor.acknowledged_at == MONDAY
    assert survivor.contained_at is None, "what was merged in does not contain the rest"
    assert set(survivor.entities.clients) == {"c-1", "c-2"}
    clocks = world.held(ClockRow, owner_id=second)
    by_kind = {(row.kind, row.subject): row for row in clocks}
    assert by_kind["immediate-containment", ""].state == "running", "c-2 is not contained"
    assert iso(by_kind["regulator-notice", ""].due_at).startswith("2026-11-24T05:00")
    assert iso(by_kind["client-notice", "c-1"].due_at).startswith("2026-11-24T05:00")
    assert iso(by_kind["client-notice", "c-2"].due_at).startswith("2026-11-24T06:00")


def test_what_is_split_off_goes_on_from_its_own_detection(world: World) -> None:
    key, findings = two_findings(world)
    late = max(findings, key=lambda finding: incident_of(world, key).parts[finding].detected_at)
    world.clock.forward(hours=5)
    new = world.container.acts.split(key, [late], "another matter", "another client, another device", by=ANALYST)
    world.work()
    split, rest = incident_of(world, new), incident_of(world, key)
    assert split.detected_at == MONDAY + timedelta(hours=1)
    assert split.findings == [late]
    assert late not in rest.findings
    assert rest.detected_at == MONDAY, "what stays keeps the earliest time"
    assert split.split_from == key
    assert world.clocks(new)["regulator-notice"]["anchor_at"].startswith("2026-11-23T06:00")
    gone = world.held(ClockRow, owner_id=key, subject="c-2")
    assert [row.state for row in gone] == ["cancelled"]
    assert world.told(key) == {"c-1"}
    assert world.told(new) == {"c-2"}


def test_findings_move_to_another_open_incident_and_its_duties_count_from_the_earlier(world: World) -> None:
    key, findings = two_findings(world)
    world.clock.forward(hours=2)
    other = world.container.acts.report(told(world), by=ANALYST)
    world.work()
    early = min(findings, key=lambda finding: incident_of(world, key).parts[finding].detected_at)
    world.container.acts.move(key, [early], incident_of(world, other).number, "belongs there", by=ANALYST)
    world.work()
    assert incident_of(world, other).detected_at == MONDAY
    assert world.clocks(other)["regulator-notice"]["due_at"].startswith("2026-11-24T05:00")
    assert "c-1" in incident_of(world, other).entities.clients


def test_an_incident_keeps_a_finding_and_strangers_are_refused(world: World) -> None:
    key, findings = two_findings(world)
    with pytest.raises(DecisionRefused, match="at least one"):
        world.container.acts.split(key, findings, "", "all", by=ANALYST)
    with pytest.raises(DecisionRefused, match="in this incident"):
        world.container.acts.split(key, ["nothing"], "", "x", by=ANALYST)
    with pytest.raises(DecisionRefused, match="reason"):
        world.container.acts.split(key, findings[:1], "", " ", by=ANALYST)


def test_links_stand_on_both_sides_and_can_be_taken_back(world: World) -> None:
    one, two = change(world, "c-1"), world.container.acts.report(told(world), by=ANALYST)
    number = incident_of(world, two).number
    world.container.acts.link(one, number, "same-actor", "same device", by=ANALYST)
    assert incident_of(world, one).links == {two: "same-actor"}
    assert incident_of(world, two).links == {one: "same-actor"}
    world.container.acts.unlink(one, number, "a mistake", by=ANALYST)
    assert incident_of(world, two).links == {}
    with pytest.raises(DecisionRefused):
        world.container.acts.link(one, incident_of(world, one).number, "related", "", by=ANALYST)


def test_one_person_makes_it_notifiable_two_make_it_not(world: World) -> None:
    world.feed(world.event("backup.job", mfo__job__id="j1", mfo__outcome="failed"))
    key = world.incidents()[0]["id"]
    assert set(world.clocks(key)) == {"triage"}
    world.container.acts.raise_notifiability(key, True, "the tape with client data is gone", by=ANALYST)
    world.work()
    assert {"regulator-notice", "personal-data-notice"} <= set(world.clocks(key))
    assert world.clocks(key)["regulator-notice"]["anchor_at"] == world.clocks(key)["triage"]["anchor_at"]
    assert world.container.acts.lower_notifiability(key, "the tape was encrypted", by=ANALYST) is False
    world.work()
    assert world.clocks(key)["regulator-notice"]["state"] == "running", "nothing changes until a second person agrees"
    with pytest.raises(SecondPersonNeeded):
        world.container.acts.lower_notifiability(key, "again", by=ANALYST)
    assert world.container.acts.lower_notifiability(key, "agreed", by=CISO) is True
    world.work()
    assert world.clocks(key)["regulator-notice"]["state"] == "cancelled"
    assert world.notices(key)["regulator"]["state"] == "withdrawn"
    world.container.acts.raise_notifiability(key, False, "the key was on the tape too", by=ANALYST)
    world.work()
    assert world.clocks(key)["regulator-notice"]["state"] == "running", "the duty goes on from where it began"


def test_clients_that_people_name_are_owed_a_notice(world: World) -> None:
    key = change(world, "c-1")
    world.container.acts.name_clients(key, ["c-50", "c-1"], ["L-50"], "the report of the bureau names them", by=ANALYST)
    world.work()
    subjects = {row.subject for row in world.held(ClockRow, kind="client-notice")}
    assert subjects == {"c-1", "c-50"}
    assert [row.subject for row in world.held(NoticeRow, kind="client")] == [""], "one text for both"
    assert world.told(key) == subjects
    assert {row.state for row in world.held(ClockRow, kind="client-notice")} == {"satisfied"}


def test_a_client_who_is_named_after_the_approval_gets_a_text_of_his_own(world: World) -> None:
    key = change(world, "c-1")
    assert world.told(key) == {"c-1"}
    world.container.acts.name_clients(key, ["c-50"], [], "the report of the bureau names him", by=ANALYST)
    world.work()
    texts = [row for row in world.held(NoticeRow, incident_id=key, kind="client") if not row.text_of]
    assert sorted((row.state, row.addressees) for row in texts) == [("approved", 1), ("draft", 0)]
    assert {row.subject: row.state for row in world.held(ClockRow, kind="client-notice")} == {
        "c-1": "satisfied", "c-50": "running",
    }  # fmt: skip
    assert world.told(key) == {"c-1", "c-50"}
    assert {row.state for row in world.held(ClockRow, kind="client-notice")} == {"satisfied"}


def test_noise_is_suppressed_for_a_while_and_never_what_the_law_wants_told(world: World) -> None:
    fail = {"mfo__job__id": "j1", "mfo__outcome": "failed"}
    world.feed(world.event("backup.job", **fail))
    key = world.incidents()[0]["id"]
    with pytest.raises(DecisionRefused, match="closed"):
        world.container.acts.suppress(key, MONDAY + timedelta(days=2), "known", by=ANALYST)
    world.container.acts.close(key, "benign_positive", "the job is being rebuilt", by=ANALYST)
    with pytest.raises(DecisionRefused, match="90 days"):
        world.container.acts.suppress(key, MONDAY + timedelta(days=200), "known", by=ANALYST)
    world.container.acts.suppress(key, MONDAY + timedelta(days=2), "the job is being rebuilt", by=ANALYST)
    world.clock.forward(days=1)
    world.feed(world.event("backup.job", **fail))
    assert len(world.incidents()) == 1
    assert world.incidents()[0]["suppressed"] == 1
    world.clock.forward(days=2)
    world.feed(world.event("backup.job", **fail))
    assert len(world.incidents()) == 2, "afterwards it opens an incident again"
    told_of = change(world, "c-1")
    for by in (ANALYST, COMPLIANCE):
        world.container.acts.close(told_of, "false_positive", "a test", by=by)
    with pytest.raises(DecisionRefused, match="never suppressed"):
        world.container.acts.suppress(told_of, world.clock.at + timedelta(days=2), "a test", by=ANALYST)


def test_many_at_once_each_by_itself(world: World) -> None:
    keys = [change(world, f"c-{n}") for n in range(3)]
    results = world.container.acts.in_bulk([*keys, "nothing"], "assign", {}, by=ANALYST)
    assert [result["result"] for result in results] == ["done", "done", "done", "refused"]
    assert {row["assignee"] for row in world.incidents()} == {ANALYST.id}
    closing = world.container.acts.in_bulk(
        keys, "close", {"disposition": "false_positive", "reason": "a drill"}, by=ANALYST
    )
    assert {result["result"] for result in closing} == {"proposed"}
    agreed = world.container.acts.in_bulk(
        keys, "close", {"disposition": "false_positive", "reason": "agreed"}, by=COMPLIANCE
    )
    assert {result["result"] for result in agreed} == {"done"}
    with pytest.raises(InputError):
        world.container.acts.in_bulk([], "assign", {}, by=ANALYST)


def test_similar_incidents_and_the_graph_come_from_what_they_share(world: World) -> None:
    old = change(world, "c-1", device__id="d-9")
    for by in (ANALYST, COMPLIANCE):
        world.container.acts.close(old, "true_positive", "handled", by=by)
    world.work()
    world.clock.forward(days=3)
    new = world.container.acts.report(told(world, clients=("c-1",)), by=ANALYST)
    world.work()
    found = similar(world.container, new)
    assert [row.id for row in found] == [old]
    assert found[0].disposition == "true_positive"
    assert found[0].shared == ("c-1",)
    picture = graph(world.container, new)
    assert picture is not None
    assert {node.kind for node in picture.nodes} == {"clients", "loans", "incident"}
    assert picture == graph(world.container, new), "always the same picture"


def test_lessons_belong_to_a_closed_incident(world: World) -> None:
    key = change(world, "c-1")
    with pytest.raises(DecisionRefused, match="closed"):
        world.container.acts.record_lessons(key, "x", "y", by=ANALYST)
    for by in (ANALYST, COMPLIANCE):
        world.container.acts.close(key, "true_positive", "handled", by=by)
    world.container.acts.record_lessons(key, "the form had no second factor", "add it by January", by=ANALYST)
    assert incident_of(world, key).lessons is not None


def test_every_metric_comes_from_recorded_facts(world: World) -> None:
    key = change(world, "c-1")
    world.clock.forward(minutes=10)
    world.container.acts.assign(key, ANALYST.id, by=ANALYST)
    world.clock.forward(minutes=20)
    world.container.acts.measure(key, "containment", "blocked", by=ANALYST)
    world.clock.forward(hours=1)
    world.container.acts.approve_notice(world.notices(key)["regulator"]["id"], None, by=COMPLIANCE_2)
    world.work()
    rows = detected_between(
        world.container.database, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert spans(rows[0]) == {
        "detect": 0.0, "acknowledge": 600.0, "contain": 1800.0, "notify": 5400.0, "recover": None, "close": None,
    }  # fmt: skip
    assert summary(rows)["contain"].median_s == 1800.0
    assert rows[0].detected_at == MONDAY
