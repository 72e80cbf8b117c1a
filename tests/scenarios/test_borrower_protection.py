"""A resolution makes a borrower a victim: the orders, the three days, and a call that should not have been made."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import InputError, NotAllowed, SecondPersonNeeded
from engine.protection.facts import LegalAct
from infra.store.models.duties import OrderRow
from tests.support import ANALYST, AUDITOR, COMPLIANCE, COMPLIANCE_2, MONDAY, World, vouch

STOPS = {"collection-stop", "accrual-stop", "bureau-correction", "client-flag"}


class Collections:
    """A small real server with the documented contract of an order channel."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.failing = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if outer.failing:
                    outer.failing -= 1
                    self.send_error(503)
                    return
                outer.orders.append((self.headers["Idempotency-Key"], body))
                done = [{**it, "outcome": "done"} for it in body["subjects"]]
                answer = json.dumps({"reference": f"ref-{len(outer.orders)}", "outcomes": done}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/orders"


@pytest.fixture
def outside() -> Iterator[Collections]:
    made = Collections()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def world(tmp_path: Path, outside: Collections) -> Iterator[World]:
    made = World(
        tmp_path / "data", collections_url=outside.url, loans_url=outside.url, bureau_url=outside.url, bureaus=("pkb",)
    ).people()
    yield made
    made.container.close()


def resolution(**changes: Any) -> LegalAct:
    values = {
        "kind": "victim_resolution", "issuer": "УП Алмалинского района", "number": "17/26",
        "act_date": date(2026, 11, 20), "received_at": MONDAY, "channel": "office", "client": "c-9",
        "loans": ("L-9",), "bureaus": ("pkb",),
    }  # fmt: skip
    return LegalAct(**{**values, **changes})


def test_the_act_starts_the_clocks_and_the_orders_reach_the_systems(world: World, outside: Collections) -> None:
    key = world.container.acts.register_act(resolution(), by=COMPLIANCE)
    world.work()
    clocks = world.clocks(key)
    assert set(clocks) == {"collection-stop", "accrual-stop", "bureau-correction"}
    assert {clock["state"] for clock in clocks.values()} == {"satisfied"}
    assert clocks["collection-stop"]["due_at"].startswith("2026-11-26T05:00:00")
    assert {body["order"] for _, body in outside.orders} == STOPS
    assert len({key for key, _ in outside.orders}) == 4


def test_a_later_collection_action_opens_an_incident(world: World) -> None:
    world.container.acts.register_act(resolution(), by=COMPLIANCE)
    world.work()
    world.clock.forward(hours=3)
    world.feed(world.event("collection.contact_attempted", mfo__loan__id="L-9", mfo__channel="call"))
    world.feed(world.event("collection.contact_attempted", mfo__loan__id="L-8", mfo__channel="call"))
    assert [row["rule_name"] for row in world.incidents()] == ["collection-after-stop"]


def test_a_system_that_is_down_is_asked_again_with_the_same_key(world: World, outside: Collections) -> None:
    outside.failing = 5
    key = world.container.acts.register_act(resolution(), by=COMPLIANCE)
    world.work()
    assert world.clocks(key)["collection-stop"]["state"] == "running"
    for _ in range(8):
        world.clock.forward(minutes=6)
        world.work()
    assert world.clocks(key)["collection-stop"]["state"] == "satisfied"
    keys = [key for key, _ in outside.orders]
    assert len(keys) == len(set(keys)) == 4


def test_an_hour_without_an_answer_is_told_and_tried_on(world: World, outside: Collections) -> None:
    outside.failing = 10_000
    key = world.container.acts.register_act(resolution(), by=COMPLIANCE)
    world.work()
    for _ in range(15):
        world.clock.forward(minutes=5)
        world.work()
    overdue = world.held(OrderRow, protection_id=key)
    assert [(row.overdue, row.acknowledged_at) for row in overdue] == [(True, None)] * 4
    assert len(list((world.folder / "spool").glob("alert-*.eml"))) == 4
    vouch(world, key, world.held(OrderRow, kind="collection-stop")[0].id, "letter 5")
    world.work()
    assert world.clocks(key)["collection-stop"]["state"] == "satisfied"


def test_three_days_without_an_answer_are_a_breach_on_a_holiday_too(world: World, outside: Collections) -> None:
    outside.failing = 10_000
    key = world.container.acts.register_act(resolution(), by=COMPLIANCE)
    world.work()
    world.clock.forward(days=3, seconds=1)
    world.sweep()
    assert {clock["state"] for clock in world.clocks(key).values()} == {"breached"}


def test_the_same_act_twice_is_one_protection(world: World, outside: Collections) -> None:
    first = world.container.acts.register_act(resolution(), by=COMPLIANCE)
    second = world.container.acts.register_act(resolution(), by=ANALYST)
    world.work()
    assert first == second
    assert len(outside.orders) == 4


def test_an_act_may_arrive_as_an_event(world: World, outside: Collections) -> None:
    world.feed(
        world.event(
            "legal.act.received", mfo__kind="victim_resolution", mfo__act__issuer="УП", mfo__act__number="1",
            mfo__act__date="2026-11-20", mfo__client__id="c-9", mfo__loan__ids=["L-9", "L-10"],
        )
    )  # fmt: skip
    assert len(outside.orders) == 4
    assert outside.orders[0][1]["loans"] == ["L-9", "L-10"]


def test_an_act_that_cannot_be_read_opens_an_incident_for_a_person(world: World, outside: Collections) -> None:
    world.feed(world.event("legal.act.received", mfo__kind="victim_resolution", mfo__act__issuer="УП"))
    assert outside.orders == []
    row = world.incidents()[0]
    assert (row["severity"], row["rule_name"]) == ("critical", "legal-act-incomplete")


def test_receipt_cannot_be_stated_in_the_future_or_before_the_act(world: World) -> None:
    with pytest.raises(InputError, match="future"):
        world.container.acts.register_act(resolution(received_at=MONDAY + timedelta(hours=1)), by=COMPLIANCE)
    with pytest.raises(InputError, match="before its own date"):
        world.container.acts.register_act(resolution(act_date=date(2026, 12, 1)), by=COMPLIANCE)


def test_checking_takes_another_person(world: World) -> None:
    key = world.container.acts.register_act(resolution(), by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded):
        world.container.acts.verify_act(key, True, "called them", by=COMPLIANCE)
    with pytest.raises(NotAllowed):
        world.container.acts.verify_act(key, True, "called them", by=AUDITOR)
    world.container.acts.verify_act(key, True, "called them", by=COMPLIANCE_2)
