"""Faults that fresh eyes found in notices to many, each as the test that failed before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kernel.messages import ClientMessage
from engine.kernel.ports import Intent
from engine.notices.commands import HandOverNotice
from infra.outbound.gateway import ClientGateway, _results
from infra.outbound.orders import HttpPost
from infra.store.sql.turnstile import Turnstile
from tests.leak import FAILING, REFUSED, Leak
from tests.support import CISO, COMPLIANCE


@pytest.fixture
def leak(tmp_path: Path) -> Iterator[Leak]:
    made = Leak(tmp_path)
    yield made
    made.server.stop()


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


def test_what_was_handed_over_by_hand_is_not_handed_to_the_gateway_too(leak: Leak) -> None:
    leak.world.container.acts.approve_client_notices(leak.incident, by=COMPLIANCE)
    for stage in leak.world.stages:
        while stage.name != "outbox-clients" and stage.step():
            pass
    notice = leak.of("c-001")
    for by in (COMPLIANCE, CISO):
        leak.dispatch(HandOverNotice(notice_id=notice.id, channel="letter", reference="RR 1 KZ"), by)
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
