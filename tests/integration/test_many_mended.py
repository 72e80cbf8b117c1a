"""Faults that fresh eyes found in notices to many, each as the test that failed before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.duties.clock import clock_id
from engine.duties.commands import ProposeCancellation
from engine.incidents.commands import NameClients
from engine.kernel.messages import ClientMessage
from engine.kernel.ports import Intent
from engine.notices.commands import ApproveNotice, EditNotice, FollowUpNotice, HandOverNotice
from engine.notices.notice import Notice
from infra.outbound.gateway import ClientGateway, _results
from infra.outbound.orders import HttpPost
from infra.read.rows import notices
from infra.store.sql.turnstile import Turnstile
from tests.integration.test_client_gateway import CLIENTS, FAILING, REFUSED, Leak
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, World


@pytest.fixture
def leak(tmp_path: Path) -> Iterator[Leak]:
    made = Leak(tmp_path)
    yield made
    made.server.stop()


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


def test_a_gateway_that_is_down_for_days_is_told_every_day(tmp_path: Path) -> None:
    leak = Leak(tmp_path)
    leak.server.stop()
    leak.approve()
    for _ in range(80):
        leak.world.clock.forward(hours=1)
        leak.world.work()
    failed = leak.world.container.decisions.read_topic("message.failed.v1", 0, 100)
    days = [it.fact.at.date() for it in failed]
    assert len(days) == len(set(days)) >= 3


def test_each_request_for_a_second_person_is_told(tmp_path: Path) -> None:
    leak = Leak(tmp_path, role_mail={"compliance_officer": "officers@lender.kz"})
    for client in ("c-001", "c-002"):
        key = clock_id("client-notice", leak.incident, client)
        leak.dispatch(ProposeCancellation(clock_id=key, reason="he is an employee"), COMPLIANCE)
        leak.world.work()
    asked = leak.world.rows("SELECT key FROM outbox WHERE kind = 'alert' AND payload LIKE '%second person%'")
    leak.server.stop()
    assert len(asked) == 2


def test_what_was_handed_over_by_hand_is_not_handed_to_the_gateway_too(leak: Leak) -> None:
    leak.world.container.acts.approve_client_notices(leak.incident, by=COMPLIANCE)
    for stage in leak.world.stages:
        while stage.name != "outbox-clients" and stage.step():
            pass
    notice = leak.of("c-001")
    leak.dispatch(HandOverNotice(notice_id=notice.id, channel="letter", reference="RR 1 KZ"), COMPLIANCE)
    world = leak.world
    sender = ClientGateway(world.container.decisions, world.clock, HttpPost(world.clock), leak.server.url)
    message = ClientMessage(notice_id=notice.id, recipient=notice.recipient)
    assert [it.outcome for it in sender.perform_many([Intent(f"mail:{notice.id}", message)])] == ["done"]
    assert leak.gateway.calls == 0


def test_a_lock_file_of_another_owner_is_enough_to_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.sqlite"
    administrator = Turnstile(store, 0)
    administrator.enter()
    administrator.leave()
    real = Path.open

    def open_(self: Path, mode: str = "r", *more: object, **named: object) -> object:
        if "a" in mode:
            raise PermissionError(13, "not yours")
        return real(self, mode, *more, **named)  # type: ignore[arg-type,call-overload]

    monkeypatch.setattr(Path, "open", open_)
    service = Turnstile(store, 0)
    service.enter()
    service.leave()


def test_nobody_is_both_accepted_and_refused(leak: Leak) -> None:
    assert set(REFUSED) & set(FAILING) == set()
    body = b'{"results": [{"id": "1", "outcome": "accepted"}, {"id": "1", "outcome": "refused"}]}'
    assert _results(body)["1"]["outcome"] == "both"
