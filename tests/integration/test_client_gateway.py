"""Notices to clients over the gateway's contract, against a real HTTP server and the real API."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.notices import facts as n
from tests.commands import qorgau
from tests.leak import CLIENTS, FAILING, REFUSED, Leak
from tests.support import PASSWORD


@pytest.fixture
def leak(tmp_path: Path) -> Iterator[Leak]:
    made = Leak(tmp_path)
    yield made
    made.server.stop()


def test_the_text_goes_out_once_with_the_hash_that_was_approved(leak: Leak) -> None:
    text = leak.approve()
    sent = leak.gateway.texts[text.id]
    assert sent["sha256"] == text.content_hash
    assert set(sent["languages"]) == {"ru", "kk"}
    assert "[[client]]" not in sent["languages"]["ru"]["title"]
    assert sorted({it["client"] for it in leak.gateway.messages.values()}) == sorted(set(CLIENTS) - set(REFUSED))


def test_a_second_report_of_the_same_changes_nothing(leak: Leak) -> None:
    leak.approve()
    reports = leak.gateway.statuses(100)
    assert leak.post(*reports)["recorded"] == 28
    before = leak.world.container.decisions.head()
    again = leak.post(*random.Random(3).sample(reports, len(reports)))
    assert (again["recorded"], again["known"]) == (0, 28)
    assert leak.world.container.decisions.head() == before


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
