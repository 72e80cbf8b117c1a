"""Notices to clients over the gateway's contract, against a real HTTP server and the real API."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from engine.duties.clock import Clock, clock_id
from engine.incidents.commands import NameClientList, NameClients
from engine.kernel.commands import Attachment
from engine.kernel.errors import SecondPersonNeeded
from engine.notices import facts as n
from engine.notices.commands import FollowUpNotice, ResendFailures
from engine.notices.many import client_notice_id
from engine.notices.notice import Notice
from infra.lab.testbed.gateway import GatewayServer, ReferenceGateway
from infra.read.rows import effects, notices
from infra.web.app import create_app
from tests.commands import qorgau
from tests.support import ANALYST, COMPLIANCE, COMPLIANCE_2, PASSWORD, MovingClock, World

SECRET = "whsec_" + "QUJD" * 11
CLIENTS = [f"c-{number:03d}" for number in range(30)]
REFUSED, FAILING = ("c-003", "c-017"), ("c-005", "c-020", "c-021")


class Leak:
    """A leak of thirty clients and the gateway that is to tell them."""

    def __init__(self, folder: Path, **settings: object) -> None:
        clock = MovingClock()
        self.gateway = ReferenceGateway(refused=REFUSED, failing=FAILING, secrets=[SECRET], clock=clock)
        self.server = GatewayServer(self.gateway).start()
        chosen = {"client_gateway_url": self.server.url, "client_gateway_secrets": [SECRET], **settings}
        self.world = World(folder, clock, **chosen).people()
        self.token = self.world.container.accounts.new_source("client-gateway")
        self.web = TestClient(create_app(self.world.container), base_url="http://127.0.0.1")
        self.world.feed(
            self.world.event("portal.profile.change_applied", mfo__client__id="c-000", mfo__change__field="iin")
        )
        self.incident = self.world.incidents()[0]["id"]
        document = Attachment(data="\n".join(CLIENTS).encode(), name="leak.csv", media_type="text/csv")
        self.dispatch(NameClientList(incident_id=self.incident, document=document, reason="a leak"), ANALYST)
        self.world.work()

    def dispatch(self, command: object, by: object) -> object:
        return self.world.container.dispatch(command, by=by)  # type: ignore[arg-type,type-var]

    def approve(self) -> Notice:
        self.world.container.acts.approve_client_notices(self.incident, by=COMPLIANCE)
        self.world.work()
        return self.text()

    def text(self) -> Notice:
        keys = notices.with_texts(self.world.container.database, self.incident)
        found = [self.world.container.decisions.load(Notice, key) for key in keys]
        return next(it for it in found if it.to_many)

    def of(self, client: str) -> Notice:
        return self.world.container.decisions.load(Notice, client_notice_id(self.text(), client))

    def clock(self, client: str) -> Clock:
        return self.world.container.decisions.load(Clock, clock_id("client-notice", self.incident, client))

    def states(self) -> Counter[str]:
        return Counter(notices.fates_of(self.world.container.database, self.text().id))

    def post(self, *reports: dict[str, object], token: str | None = None) -> dict[str, object]:
        answer = self.web.post(
            "/api/v1/client-gateway/statuses", json={"statuses": reports},
            headers={"Authorization": f"Bearer {self.token if token is None else token}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        self.world.work()
        return dict(answer.json())

    def report_all(self) -> None:
        while part := self.gateway.statuses(7):
            self.post(*part)


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


def test_the_text_goes_out_once_with_the_hash_that_was_approved(leak: Leak) -> None:
    text = leak.approve()
    sent = leak.gateway.texts[text.id]
    assert sent["sha256"] == text.content_hash
    assert set(sent["languages"]) == {"ru", "kk"}
    assert "[[client]]" not in sent["languages"]["ru"]["title"]
    assert sorted({it["client"] for it in leak.gateway.messages.values()}) == sorted(set(CLIENTS) - set(REFUSED))


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


def test_a_second_report_of_the_same_changes_nothing(leak: Leak) -> None:
    leak.approve()
    reports = leak.gateway.statuses(100)
    assert leak.post(*reports)["recorded"] == 28
    before = leak.world.container.decisions.head()
    again = leak.post(*random.Random(3).sample(reports, len(reports)))
    assert (again["recorded"], again["known"]) == (0, 28)
    assert leak.world.container.decisions.head() == before


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


def test_only_the_gateway_may_report(leak: Leak) -> None:
    other = leak.world.container.accounts.new_source("portal")
    for token, status in (("", 401), ("wrong", 401), (other, 403)):
        answer = leak.web.post(
            "/api/v1/client-gateway/statuses", json={"statuses": []}, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == status
    bad = leak.web.post(
        "/api/v1/client-gateway/statuses", content=b"[{", headers={"Authorization": f"Bearer {leak.token}"}
    )
    assert bad.status_code == 400


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


def test_many_failures_are_told_in_one_mail(leak: Leak) -> None:
    leak.approve()
    leak.report_all()
    alerts = [row for row in effects.newest(leak.world.container.database) if row.kind == "alert"]
    assert sum("notices-failed" in row.key for row in alerts) == 1
    assert not any(row.key.startswith("alert:notice") and row.key.split(":")[1].isdigit() for row in alerts)


def test_the_marks_of_a_term_that_many_clients_share_are_told_in_one_mail(leak: Leak) -> None:
    leak.world.clock.forward(days=2)
    leak.world.sweep()
    rows = leak.world.rows("SELECT key FROM outbox WHERE kind = 'alert' AND key LIKE '%client-notice%'")
    breached = [row["key"] for row in rows if row["key"].startswith("alert:breached")]
    assert len(breached) <= 3, breached  # one for each address
    assert sum(leak.clock(client).breached_at is not None for client in CLIENTS) == 30


def test_files_and_lists_on_the_command_line(leak: Leak, tmp_path: Path) -> None:
    text = leak.approve()
    file = tmp_path / "statuses.json"
    told = {"id": leak.of("c-001").id, "status": "delivered", "at": leak.world.clock.now().isoformat()}
    file.write_text(f"{json.dumps(told)}\nnull\n")
    leak.world.container.close()
    took = qorgau("notices", "gateway-in", str(file), data=tmp_path)
    assert b"delivered recorded" in took.stdout, took.stderr
    assert b"statuses.1" in took.stderr
    listed = qorgau("notices", "clients", text.id, "--state", "sent", data=tmp_path).stdout.splitlines()
    assert listed[0].startswith(b"id,subject,state")
    assert len(listed) == 2


def test_the_facts_say_when_and_by_which_way(leak: Leak) -> None:
    leak.approve()
    leak.report_all()
    facts = leak.world.container.decisions.of(leak.of("c-001").id)
    kinds = [type(fact) for fact in facts]
    assert kinds == [n.NoticeAddressed, n.NoticeHandedOver, n.NoticeSent]
    assert facts[-1].channel == "gateway: sms"  # type: ignore[attr-defined]
    assert facts[-1].actor == "client-gateway"


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


def test_one_report_nested_too_deeply_stops_no_other(leak: Leak) -> None:
    leak.approve()
    good = {"id": leak.of("c-001").id, "status": "delivered", "at": leak.world.clock.now().isoformat()}
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    answer = leak.post(good, {"id": deep})
    assert answer["recorded"] == 1
    assert "nested" in str(answer["refused"])


def test_the_list_of_failures_is_a_page_with_one_button_and_a_file(leak: Leak) -> None:
    text = leak.approve()
    leak.report_all()
    leak.web.post("/sign-in", data={"user": "bolat", "password": PASSWORD})
    page = leak.web.get(f"/notices/{text.id}/clients?state=refused", headers={"Accept-Language": "ru"})
    assert page.status_code == 200
    assert "Отправить снова 5 клиентам" in page.text
    assert "absent subscriber" in page.text
    rows = leak.web.get(f"/notices/{text.id}/clients.csv?state=refused").text.splitlines()
    assert len(rows) == 6
    names = leak.web.get(f"/notices/{text.id}/clients.txt").content
    assert hashlib.sha256(names).hexdigest() == text.list_sha256
    assert leak.web.get(f"/notices/{text.id}/document.html?client=c-999").status_code == 404
    assert leak.web.get(f"/notices/{text.id}/clients.csv?state=é").status_code == 200
    api = leak.web.get(f"/api/v1/notices/{text.id}/clients?state=refused").json()
    assert [it["subject"] for it in api["clients"]] == sorted((*REFUSED, *FAILING))


def test_the_list_can_be_read_before_it_is_approved(leak: Leak) -> None:
    leak.web.post("/sign-in", data={"user": "bolat", "password": PASSWORD})
    draft = leak.text()
    assert "c-017" in leak.web.get(f"/notices/{draft.id}/clients").text
    names = leak.web.get(f"/notices/{draft.id}/clients.txt").content
    assert hashlib.sha256(names).hexdigest() in leak.web.get(f"/notices/{draft.id}").text


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
