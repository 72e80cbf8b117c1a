"""One leak, many clients: each is told by the lender's gateway, and owed until he was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.duties.clock import clock_id
from engine.duties.commands import ProposeCancellation
from engine.incidents.commands import NameClients
from engine.kernel.errors import SecondPersonNeeded
from engine.notices.commands import ApproveNotice, EditNotice, FollowUpNotice, ResendFailures
from engine.notices.notice import Notice
from infra.lab.testbed.gateway import GatewayServer
from infra.read.rows import effects, notices
from tests.leak import CLIENTS, FAILING, REFUSED, Leak
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, World


@pytest.fixture
def leak(tmp_path: Path) -> Iterator[Leak]:
    made = Leak(tmp_path)
    yield made
    made.server.stop()


def test_taken_by_the_gateway_is_not_told(leak: Leak) -> None:
    leak.approve()
    assert leak.states() == {"handed-over": 28, "refused": 2}
    assert leak.of("c-001").sent_at is None
    assert leak.clock("c-001").running
    assert leak.gateway.calls == 1


def test_each_client_counts_by_the_status_of_his_own(leak: Leak) -> None:
    leak.approve()
    leak.world.clock.forward(minutes=30)
    leak.report_all()
    assert leak.states() == {"sent": 25, "refused": 5}
    for client in CLIENTS:
        told = client not in (*REFUSED, *FAILING)
        assert bool(leak.of(client).sent_at) == told, client
        assert leak.clock(client).running == (not told), client
    done = leak.clock("c-001")
    assert done.satisfied_at == leak.of("c-001").sent_at == leak.gateway.clock.now().replace(minute=0)


def test_a_client_who_was_told_and_then_not_is_owed_again(leak: Leak) -> None:
    leak.approve()
    key, at = leak.of("c-001").id, leak.world.clock.now()
    leak.world.clock.forward(minutes=20)
    late = at.replace(minute=10).isoformat()
    assert leak.post({"id": key, "status": "delivered", "at": at.isoformat()})["recorded"] == 1
    assert not leak.clock("c-001").running
    assert leak.post({"id": key, "status": "failed", "at": late, "detail": "returned"})["recorded"] == 1
    assert leak.of("c-001").state == "bounced"
    assert leak.clock("c-001").running
    assert leak.post({"id": key, "status": "delivered", "at": at.isoformat()})["older"] == 1


def test_those_whom_it_failed_at_are_sent_again_by_one_act(leak: Leak) -> None:
    text = leak.approve()
    leak.report_all()
    leak.dispatch(ResendFailures(notice_id=text.id, state="refused", reason="the numbers were corrected"), COMPLIANCE)
    leak.world.work()
    assert leak.states() == {"sent": 25, "handed-over": 5}
    leak.report_all()
    assert leak.states() == {"sent": 30}
    assert not any(leak.clock(client).running for client in CLIENTS)
    assert leak.of("c-003").deliveries["client-gateway@localhost"].attempt == 2


def test_what_a_gateway_says_cannot_do_other_duties(leak: Leak) -> None:
    leak.approve()
    regulator = leak.world.notices(leak.incident)["regulator"]["id"]
    now = leak.world.clock.now()
    reports = [
        {"id": regulator, "status": "delivered", "at": now.isoformat()},
        {"id": leak.text().id, "status": "delivered", "at": now.isoformat()},
        {"id": "00000000-0000-0000-0000-000000000000", "status": "delivered", "at": now.isoformat()},
        {"id": "nonsense", "status": "delivered", "at": now.isoformat()},
        {"id": leak.of("c-001").id, "status": "delivered", "at": now.replace(year=2027).isoformat()},
        {"id": leak.of("c-001").id, "status": "delivered", "at": now.replace(year=2020).isoformat()},
        {"id": leak.of("c-001").id, "status": "told", "at": now.isoformat()},
        {"id": leak.of("c-001").id, "status": "delivered", "at": "yesterday"},
    ]
    answer = leak.post(*reports)
    assert answer["recorded"] == 0
    said = [str(it["reason"]) for it in answer["refused"]]  # type: ignore[attr-defined,index]
    assert said[:6] == [
        "not-to-a-client", "not-approved", "no-such-notice", "no-such-notice", "wrong-instant", "wrong-instant",
    ]  # fmt: skip
    assert "statuses.6.status" in said[6]
    assert "statuses.7.at" in said[7]
    kept = [it.fact for it in leak.world.container.decisions.read_topic("gateway.statuses-set-aside.v1", 0, 10)]
    assert [fact.count for fact in kept] == [8]  # type: ignore[attr-defined]
    assert leak.clock("c-001").running


def test_a_gateway_that_does_not_answer_loses_nobody_and_cries_once(tmp_path: Path) -> None:
    leak = Leak(tmp_path)
    leak.server.stop()
    leak.approve()
    for _ in range(8):
        leak.world.clock.forward(minutes=6)
        leak.world.work()
    assert leak.states() == {"approved": 30}
    waiting = effects.unsettled(leak.world.container.database, "mail:")
    assert len([row for row in waiting if row.kind == "client"]) == 30
    failed = leak.world.container.decisions.read_topic("message.failed.v1", 0, 100)
    assert len(failed) == 1
    again = GatewayServer(leak.gateway, port=int(leak.server.url.split(":")[2].split("/")[0])).start()
    leak.world.clock.forward(minutes=6)
    leak.world.work()
    assert leak.states() == {"handed-over": 28, "refused": 2}
    again.stop()


def test_the_marks_of_a_term_that_many_clients_share_are_told_in_one_mail(leak: Leak) -> None:
    leak.world.clock.forward(days=2)
    leak.world.sweep()
    rows = leak.world.rows("SELECT key FROM outbox WHERE kind = 'alert' AND key LIKE '%client-notice%'")
    breached = [row["key"] for row in rows if row["key"].startswith("alert:breached")]
    assert len(breached) <= 3, breached  # one for each address
    assert sum(leak.clock(client).breached_at is not None for client in CLIENTS) == 30


def test_many_failures_are_told_in_one_mail(leak: Leak) -> None:
    leak.approve()
    leak.report_all()
    alerts = [row for row in effects.newest(leak.world.container.database) if row.kind == "alert"]
    assert sum("notices-failed" in row.key for row in alerts) == 1
    assert not any(row.key.startswith("alert:notice") and row.key.split(":")[1].isdigit() for row in alerts)


def test_nothing_was_delivered_that_the_gateway_never_got(tmp_path: Path) -> None:
    leak = Leak(tmp_path)
    leak.server.stop()
    leak.world.container.acts.approve_client_notices(leak.incident, by=COMPLIANCE)
    for stage in leak.world.stages:
        while stage.name != "outbox-clients" and stage.step():
            pass
    told = {"id": leak.of("c-001").id, "status": "delivered", "at": leak.world.clock.now().isoformat()}
    answer = leak.post(told)
    assert (answer["recorded"], answer["refused"]) == (0, [{"id": told["id"], "reason": "not-handed-over"}])
    assert leak.clock("c-001").running


def test_who_named_the_clients_does_not_approve_the_notice_to_them(leak: Leak) -> None:
    leak.dispatch(NameClients(incident_id=leak.incident, clients=("c-900",), reason="more"), COMPLIANCE)
    leak.world.work()
    with pytest.raises(SecondPersonNeeded):
        leak.world.container.acts.approve_client_notices(leak.incident, by=COMPLIANCE)
    leak.world.container.acts.approve_client_notices(leak.incident, by=COMPLIANCE_2)


def test_each_text_has_a_supplement_of_its_own_with_the_day_of_the_first(leak: Leak) -> None:
    leak.approve()
    leak.dispatch(NameClients(incident_id=leak.incident, clients=("c-900",), reason="more"), ANALYST)
    leak.world.work()
    leak.world.container.acts.approve_client_notices(leak.incident, by=COMPLIANCE)
    leak.world.work()
    leak.world.clock.forward(hours=1)
    container = leak.world.container
    texts = [container.decisions.load(Notice, key) for key in notices.with_texts(container.database, leak.incident)]
    firsts = [it for it in texts if it.to_many and it.stage == "initial"]
    assert len(firsts) == 2
    for first in firsts:
        leak.dispatch(FollowUpNotice(notice_id=first.id, stage="follow_up"), COMPLIANCE)
    texts = [container.decisions.load(Notice, key) for key in notices.with_texts(container.database, leak.incident)]
    later = {it.follows: it for it in texts if it.stage == "follow_up" and it.to_many}
    assert set(later) == {it.id for it in firsts}
    assert "уточняется в ходе расследования" not in str(later[firsts[0].id].content["ru"])


def test_an_edited_text_comes_back_with_its_incident(leak: Leak) -> None:
    text, acts = leak.text(), leak.world.container.acts
    fields = {**text.content["ru"], next(iter(text.content["ru"])): "иначе"}
    leak.dispatch(EditNotice(notice_id=text.id, language="ru", fields=fields), COMPLIANCE_2)
    acts.close(leak.incident, "false_positive", "a test run", by=ANALYST)
    acts.close(leak.incident, "false_positive", "a test run", by=CISO)
    leak.world.work()
    assert leak.text().withdrawn
    acts.reopen(leak.incident, "it was none", by=CISO)
    leak.world.work()
    assert leak.text().state == "draft"
    leak.approve()
    assert leak.states()["handed-over"] == 28


def test_what_was_written_for_one_client_goes_to_no_other(tmp_path: Path) -> None:
    world = World(tmp_path).people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    incident, dispatch = world.incidents()[0]["id"], world.container.dispatch
    dispatch(NameClients(incident_id=incident, clients=(), loans=("LOAN-A",), reason="his loan"), by=ANALYST)
    world.work()
    key = world.notices(incident)["client"]["id"]
    content = _text(world, key).content
    assert "LOAN-A" in str(content)
    fields = {**content["ru"], next(iter(content["ru"])): "иначе"}
    dispatch(EditNotice(notice_id=key, language="ru", fields=fields), by=COMPLIANCE_2)
    dispatch(NameClients(incident_id=incident, clients=("c-2",), reason="he too"), by=ANALYST)
    world.work()
    assert "LOAN-A" not in str(_text(world, key).content)


def _text(world: World, key: str) -> Notice:
    return world.container.decisions.load(Notice, key)


def test_a_supplement_goes_to_those_who_may_still_hear_of_the_first(leak: Leak) -> None:
    first = leak.approve()
    leak.post({"id": leak.of("c-001").id, "status": "delivered", "at": leak.world.clock.now().isoformat()})
    made = leak.world.container.dispatch(FollowUpNotice(notice_id=first.id, stage="follow_up"), by=COMPLIANCE)
    leak.dispatch(ApproveNotice(notice_id=made.id), COMPLIANCE_2)
    leak.world.work()
    assert sum(notices.fates_of(leak.world.container.database, made.id).values()) == len(CLIENTS) - len(REFUSED)


def test_each_request_for_a_second_person_is_told(tmp_path: Path) -> None:
    leak = Leak(tmp_path, role_mail={"compliance_officer": "officers@lender.kz"})
    for client in ("c-001", "c-002"):
        key = clock_id("client-notice", leak.incident, client)
        leak.dispatch(ProposeCancellation(clock_id=key, reason="he is an employee"), COMPLIANCE)
        leak.world.work()
    asked = leak.world.rows("SELECT key FROM outbox WHERE kind = 'alert' AND payload LIKE '%second person%'")
    leak.server.stop()
    assert len(asked) == 2
