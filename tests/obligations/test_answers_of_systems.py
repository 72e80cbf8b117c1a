"""What another system answers decides whether a duty is done: eight kinds of refusal, and what is really done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from engine.protection.facts import LegalAct
from engine.protection.protection import Protection
from tests.support import COMPLIANCE, MONDAY, World, vouch
from tests.systems import Body, OtherSystems, Said, done, said


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    yield made
    made.container.close()


def act(**changes: Any) -> LegalAct:
    values = {
        "kind": "victim_resolution", "issuer": "УП", "number": "17", "act_date": date(2026, 11, 20),
        "received_at": MONDAY, "channel": "office", "client": "c-9", "loans": ("L-1", "L-2"), "bureaus": ("pkb",),
    }  # fmt: skip
    return LegalAct(**{**values, **changes})


def entered(world: World, **changes: Any) -> str:
    key = world.container.acts.register_act(act(**changes), by=COMPLIANCE)
    world.work()
    return key


def state(world: World, key: str, kind: str = "collection-stop") -> str:
    return str(world.clocks(key)[kind]["state"])


def alerts(world: World, words: str) -> int:
    return sum(words in mail.read_text().replace("=\n", "") for mail in (world.folder / "spool").glob("alert-*.eml"))


def stop(world: World, key: str) -> Any:
    return next(it for it in world.container.decisions.load(Protection, key).orders.values() if it.loans)


REFUSALS: dict[str, Callable[[Body], Said]] = {
    "error in a 200": lambda it: (200, {"status": "error", "error": "unknown loan"}),
    "outcome rejected": lambda it: (200, {"reference": "R", "outcome": "rejected"}),
    "rejected for each": lambda it: (200, {"reference": "R", "outcomes": said(it, "rejected")}),
    "a login page": lambda it: (200, "<html><body>Sign in</body></html>"),
    "an empty body": lambda it: (200, ""),
    "a bare reference": lambda it: (200, {"reference": "R"}),
    "done of nobody": lambda it: (200, {"reference": "R", "outcome": "done"}),
    "done without a reference": lambda it: (200, {"outcomes": said(it, "done")}),
    "a reference of null": lambda it: (200, {"reference": None, "outcomes": said(it, "done")}),
    "other loans": lambda it: (200, {"reference": "R", "outcomes": [{"id": "L-7", "outcome": "done"}]}),
    "one of two": lambda it: (200, {"reference": "R", "outcomes": said(it, "done")[:1]}),
    "both at once": lambda it: (200, {"reference": "R", "outcomes": said(it, "done") + said(it, "refused")}),
    "an unknown word": lambda it: (200, {"reference": "R", "outcomes": said(it, "noted")}),
    "a list": lambda it: (200, [1, 2]),
    "204": lambda it: (204, ""),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=list(REFUSALS))
def test_what_proves_nothing_satisfies_nothing_and_is_told_once(
    world: World, outside: OtherSystems, refusal: Callable[[Body], Said]
) -> None:
    outside.answer = lambda system, order: refusal(order) if system == "collections" else done(order)
    key = entered(world)
    for _ in range(3):
        world.clock.forward(minutes=6)
        world.work()
    assert state(world, key) == "running"
    assert state(world, key, "accrual-stop") == "satisfied", "the others have done it"
    assert alerts(world, "is not done; its clock runs on") == 1
    outside.answer = lambda system, order: done(order)
    world.clock.forward(minutes=6)
    world.work()
    assert state(world, key) == "satisfied", "asked again, it says that it is done"


def test_taken_is_not_done_and_is_asked_again(world: World, outside: OtherSystems) -> None:
    outside.answer = lambda system, order: (202, {"status": "queued", "outcomes": said(order, "done")})
    key = entered(world)
    assert {clock["state"] for clock in world.clocks(key).values()} == {"running"}
    assert stop(world, key).handed_over_at is not None
    assert alerts(world, "is not done") == 0, "nothing is wrong yet"
    outside.answer = lambda system, order: done(order)
    world.clock.forward(minutes=6)
    world.work()
    assert {clock["state"] for clock in world.clocks(key).values()} == {"satisfied"}


def test_one_of_two_loans_is_done_and_the_clock_runs_for_the_other(world: World, outside: OtherSystems) -> None:
    def half(system: str, order: Body) -> Said:
        outcomes = said(order, "done")
        outcomes[-1]["outcome"] = "rejected"
        return 200, {"reference": "R", "outcomes": outcomes}

    outside.answer = half
    key = entered(world)
    assert set(stop(world, key).done) == {"loan:L-1"}
    assert state(world, key) == "running"
    order = stop(world, key).id
    world.feed(world.event("collection.stopped", mfo__order__id=order, mfo__loan__id="L-2"), source="collections")
    assert state(world, key) == "satisfied"


EVENTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "not stopped": ("collection-stop", "collection.stopped", {"mfo__collection__stopped": False}),
    "claims go on": ("collection-stop", "collection.stopped", {
        "mfo__collection__stopped": True, "mfo__collection__claims_stopped": False}),
    "refused": ("collection-stop", "collection.stopped", {"mfo__outcome": "refused"}),
    "an unknown outcome": ("collection-stop", "collection.stopped", {"mfo__outcome": "see letter"}),
    "another loan": ("collection-stop", "collection.stopped", {"mfo__loan__id": "L-7"}),
    "the answer to another order": ("collection-stop", "loan.accrual.stopped", {"mfo__loan__id": "L-1"}),
    "rejected by the bureau": ("bureau-correction", "bureau.correction.acknowledged", {
        "mfo__bureau__reference": "REJ-1", "mfo__outcome": "rejected"}),
    "merely acknowledged": ("bureau-correction", "bureau.correction.acknowledged", {"mfo__bureau__reference": "B-1"}),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "action", "fields"), EVENTS.values(), ids=list(EVENTS))
def test_an_event_that_refuses_satisfies_nothing_and_is_told(
    world: World, outside: OtherSystems, kind: str, action: str, fields: dict[str, Any]
) -> None:
    outside.answer = lambda system, order: (202, "")
    key = entered(world, loans=("L-1",))
    order = next(it for it in world.container.decisions.load(Protection, key).orders.values() if it.kind == kind)
    world.feed(world.event(action, mfo__order__id=order.id, **fields), source="other")
    assert state(world, key, kind) == "running"
    assert alerts(world, "is not done; its clock runs on") == 1


def test_an_event_that_says_what_was_done_satisfies(world: World, outside: OtherSystems) -> None:
    outside.answer = lambda system, order: (202, "")
    key = entered(world, loans=("L-1",))
    orders = {it.kind: it.id for it in world.container.decisions.load(Protection, key).orders.values()}
    world.feed(
        world.event("collection.stopped", mfo__order__id=orders["collection-stop"], mfo__collection__stopped=True),
        world.event("bureau.correction.acknowledged", mfo__order__id=orders["bureau-correction"],
                    mfo__bureau__reference="B-1", mfo__outcome="applied"),
        source="other",
    )  # fmt: skip
    assert (state(world, key), state(world, key, "bureau-correction")) == ("satisfied", "satisfied")
    world.feed(
        world.event("collection.stopped", mfo__order__id=orders["collection-stop"], mfo__collection__stopped=False),
        source="other",
    )
    assert state(world, key) == "running", "what they take back is owed again"


def test_a_system_of_the_first_contract_only_takes_over_and_two_persons_vouch(
    tmp_path: Path, outside: OtherSystems
) -> None:
    until = {"collections": date(2026, 12, 1)}
    world = World(tmp_path / "data", bureaus=("pkb",), order_contract_1=until, **outside.settings).people()
    outside.answer = lambda system, order: (200, {"reference": "OLD-1"}) if system == "collections" else done(order)
    key = entered(world)
    assert stop(world, key).handed_over_at is not None
    assert state(world, key) == "running"
    assert alerts(world, "is not done") == 0
    vouch(world, key, stop(world, key).id, "their letter 5")
    world.work()
    assert state(world, key) == "satisfied"
    world.container.acts.withdraw_acknowledgement(key, stop(world, key).id, "they called again", by=COMPLIANCE)
    world.work()
    assert state(world, key) == "running"
    world.clock.forward(days=10)
    later = entered(world, number="18", received_at=world.clock.now())
    assert stop(world, later).handed_over_at is None
    assert alerts(world, "is not done") == 1, "after the day it answers by the contract like everybody"
    world.container.close()


def test_orders_are_signed_and_say_what_is_asked_on_what_ground(tmp_path: Path, outside: OtherSystems) -> None:
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    world = World(tmp_path / "data", bureaus=("pkb",), order_secrets=(secret,), **outside.settings).people()
    entered(world)
    _, order, headers = outside.seen[0]
    assert order["contract"] == 2
    assert order["subjects"] == [{"type": "loan", "id": "L-1"}, {"type": "loan", "id": "L-2"}]
    assert (order["basis"]["clause"], order["basis"]["number"]) == ("PROCREDIT 36", "17")
    named = {name.lower(): value for name, value in headers.items()}
    at = datetime.fromtimestamp(int(named["webhook-timestamp"]), UTC)
    assert Webhook(secret).sign(named["webhook-id"], at, outside.raw[0].decode()) == named["webhook-signature"]
    assert at == world.clock.now()
    world.container.close()
