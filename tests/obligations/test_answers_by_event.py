"""What an event says of an order: whose it is, when it was, what refuses, and what is taken back after "done"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.protection.facts import LegalAct
from engine.protection.protection import Order, Protection
from tests.support import COMPLIANCE, COMPLIANCE_2, MONDAY, World
from tests.systems import OtherSystems, done

IIN = "850101300005"


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb", "gkb"), **outside.settings).people()
    outside.answer = lambda system, order: (202, "")
    yield made
    made.container.close()


def entered(world: World, *loans: str) -> str:
    act = LegalAct(
        kind="victim_resolution", issuer="УП", number="17", act_date=date(2026, 11, 20), received_at=MONDAY,
        channel="office", client="c-9", loans=loans or ("L-1",), bureaus=("pkb", "gkb"),
    )  # fmt: skip
    key = world.container.acts.register_act(act, by=COMPLIANCE)
    world.work()
    return key


def order_of(world: World, key: str, kind: str = "collection-stop", target: str = "") -> Order:
    orders = world.container.decisions.load(Protection, key).orders.values()
    return next(it for it in orders if it.kind == kind and target in ("", it.target))


def state(world: World, key: str, kind: str = "collection-stop") -> str:
    return str(world.clocks(key)[kind]["state"])


def stopped(world: World, key: str, *, source: str = "collections", at: Any = None, **fields: Any) -> None:
    order = order_of(world, key)
    world.feed(world.event("collection.stopped", at=at, mfo__order__id=order.id, **fields), source=source)


REFUSED_OR_FOREIGN: dict[str, dict[str, Any]] = {
    "another client": {"mfo__client__id": "c-1"},
    "an IIN nobody knows": {"mfo__client__iin": IIN},
    "another loan": {"mfo__loan__id": "L-7"},
    "a loan too many": {"mfo__loan__ids": ["L-1", "L-7"]},
    "stopped in the future": {"mfo__stopped_at": (MONDAY + timedelta(days=9)).isoformat()},
    "stopped some day": {"mfo__stopped_at": "soon"},
    "zero as text": {"mfo__collection__stopped": "0"},
    "zero": {"mfo__collection__stopped": 0},
    "no in Russian": {"mfo__collection__stopped": "нет"},
    "no in Kazakh": {"mfo__collection__stopped": "жоқ"},
    "neither yes nor no": {"mfo__collection__stopped": "see letter"},
    "claims go on": {"mfo__collection__claims_stopped": "нет"},
    "the agency is not told": {"mfo__collection__agency_notified": "no"},
    "an error beside done": {"mfo__outcome": "done", "error__message": "timeout of the queue"},
    "an error code beside done": {"mfo__outcome": "done", "error__code": "E7"},
    "a reason that refuses": {"mfo__outcome": "done", "mfo__reason": "refused: unknown contract"},
    "a reason in Russian": {"mfo__outcome": "done", "event__reason": "Отказано: нет договора"},
    "a comment that denies": {"mfo__outcome": "done", "mfo__comment": "взыскание не остановлено"},
    "a state": {"mfo__outcome": "done", "mfo__status": "rejected"},
    "a trial": {"mfo__outcome": "done", "mfo__dry_run": True},
    "in Kazakh": {"mfo__outcome": "орындалмады"},
    "a word nobody knows": {"mfo__outcome": "see letter"},
}
SPEAKS_AGAINST: dict[str, dict[str, Any]] = {
    "success is no": {"mfo__success": False},
    "not applied": {"mfo__applied": False},
    "not accepted": {"mfo__accepted": "no"},
    "a decision": {"mfo__decision": "refused"},
    "a decision in Russian": {"mfo__decision": "отказано"},
    "a type": {"event__type": ["denied"]},
    "a kind of failure": {"event__kind": "pipeline_error"},
    "a label": {"labels__outcome": "rejected"},
    "a tag": {"tags": ["rejected"]},
    "a refusal behind the loan": {"event__reason": "L-1: отказ"},
    "an end": {"mfo__valid_until": (MONDAY + timedelta(days=9)).isoformat()},
    "another end": {"mfo__stop__until": "2026-12-01"},
    "hours": {"mfo__stop__expires_in": 3600},
    "a test": {"mfo__environment": "test"},
    "a shadow": {"mfo__mode": "shadow"},
    "the opposite": {"mfo__action": "resume"},
    "another order": {"mfo__order__kind": "collection-resume"},
    "a part": {"mfo__scope": "sms only"},
    "a state": {"mfo__collection__status": "active"},
    "a message": {"message": "взыскание по L-1 не прекращено"},
    "a flag of the system": {"mfo__done": "нет"},
}


@pytest.mark.parametrize(
    "fields", [*REFUSED_OR_FOREIGN.values(), *SPEAKS_AGAINST.values()], ids=[*REFUSED_OR_FOREIGN, *SPEAKS_AGAINST]
)
def test_an_event_that_contradicts_itself_or_is_about_others_satisfies_nothing(
    world: World, outside: OtherSystems, fields: dict[str, Any]
) -> None:
    key = entered(world)
    stopped(world, key, **{"mfo__loan__id": "L-1", **fields} if "mfo__loan__ids" not in fields else fields)
    assert state(world, key) == "running"


SAYING: list[dict[str, Any]] = [
    {}, {"mfo__collection__stopped": True}, {"mfo__collection__stopped": "да"}, {"mfo__collection__stopped": 1},
    {"mfo__client__id": "c-9", "mfo__loan__id": "L-1"}, {"mfo__outcome": "already done", "mfo__comment": "no errors"},
    {"mfo__stopped_at": MONDAY.isoformat(), "mfo__collection__agency_notified": "agency-1"}, {"error__code": "0"},
    {"mfo__stopped_at": MONDAY.date().isoformat()}, {"mfo__outcome": "выполнено", "mfo__decision": "stop"},
    {"error__code": "SUCCESS", "error__message": "no errors"}, {"event__type": ["end"], "tags": ["crm"]},
    {"mfo__action": "stop", "mfo__environment": "production", "mfo__scope": "all", "labels__team": "collections"},
    {"mfo__valid_until": "", "mfo__success": "да", "mfo__comment": "Отменено взыскание, звонков не будет"},
]  # fmt: skip


@pytest.mark.parametrize("fields", SAYING, ids=str)
def test_an_event_that_says_what_was_done_satisfies(
    world: World, outside: OtherSystems, fields: dict[str, Any]
) -> None:
    key = entered(world)
    stopped(world, key, **fields)
    assert state(world, key) == "satisfied"


def test_an_event_of_before_the_order_proves_nothing_and_undoes_nothing(world: World, outside: OtherSystems) -> None:
    key = entered(world)
    stopped(world, key, at=world.clock.now() - timedelta(days=30))
    assert state(world, key) == "running"
    stopped(world, key)
    assert state(world, key) == "satisfied"
    stopped(world, key, at=world.clock.now() - timedelta(days=30), mfo__outcome="refused")
    assert state(world, key) == "satisfied", "it is about something else"


def test_the_iin_of_the_client_is_no_stranger(world: World, outside: OtherSystems) -> None:
    world.feed(world.event("portal.registration.completed", mfo__client__id="c-9", mfo__client__iin=IIN))
    key = entered(world)
    stopped(world, key, mfo__client__iin=IIN)
    assert state(world, key) == "satisfied"


def test_only_the_bureau_that_was_asked_answers(world: World, outside: OtherSystems) -> None:
    key = entered(world)
    for name in ("pkb", "gkb"):
        order = order_of(world, key, "bureau-correction", name)
        said = {"mfo__order__id": order.id, "mfo__outcome": "applied"}
        other, own = ("gkb", "pkb") if name == "pkb" else ("pkb", "ГКБ")
        world.feed(world.event("bureau.correction.acknowledged", **said, mfo__bureau__name=other), source="gateway")
        world.feed(world.event("bureau.correction.acknowledged", **said), source=other)
        assert order_of(world, key, "bureau-correction", name).acknowledged_at is None
        world.feed(world.event("bureau.correction.acknowledged", **said, mfo__bureau__name=own), source="gateway")
        assert order_of(world, key, "bureau-correction", name).acknowledged_at is not None
    assert state(world, key, "bureau-correction") == "satisfied"


def test_a_correction_of_the_future_or_of_no_day_is_not_applied(world: World, outside: OtherSystems) -> None:
    key = entered(world)
    order = order_of(world, key, "bureau-correction", "pkb")
    for when in ((MONDAY + timedelta(days=2)).isoformat(), "2027-01-01", "b-1"):
        event = world.event("bureau.correction.acknowledged", mfo__order__id=order.id, mfo__correction__applied_at=when)
        world.feed(event, source="gateway")
        assert order_of(world, key, "bureau-correction", "pkb").acknowledged_at is None


def test_where_the_house_names_its_sources_no_other_answers(tmp_path: Path, outside: OtherSystems) -> None:
    sources = {"collections": ("crm",)}
    world = World(tmp_path / "data", bureaus=("pkb",), order_sources=sources, **outside.settings).people()
    outside.answer = lambda system, order: (202, "")
    key = entered(world)
    stopped(world, key, source="portal")
    assert state(world, key) == "running"
    stopped(world, key, source="crm")
    assert state(world, key) == "satisfied"
    stopped(world, key, source="portal", mfo__outcome="refused")
    assert state(world, key) == "satisfied", "nor takes it back"
    world.container.close()


LATER_WORDS = ["cancelled", "reverted", "rolled-back", "rolled_back", "отказ", "unable", "expired", "refused",
               "failure", "аннулировано", "күші жойылды", "queued", "partial", "only L-1 was stopped"]  # fmt: skip


@pytest.mark.parametrize("word", LATER_WORDS)
def test_any_later_word_that_is_not_done_takes_it_back(world: World, outside: OtherSystems, word: str) -> None:
    key = entered(world, "L-1", "L-2")
    stopped(world, key, mfo__loan__ids=["L-1", "L-2"])
    assert state(world, key) == "satisfied"
    world.clock.forward(hours=1)
    stopped(world, key, mfo__loan__id="L-2", mfo__outcome=word)
    assert state(world, key) == "running"
    assert set(order_of(world, key).done) == {"loan:L-1"}, "what was done for the other stays"
    stopped(world, key, at=world.clock.now() - timedelta(minutes=30), mfo__loan__id="L-2")
    assert state(world, key) == "running", "an older word changes nothing"
    world.clock.forward(minutes=5)
    stopped(world, key, mfo__loan__id="L-2")
    assert state(world, key) == "satisfied"


@pytest.mark.parametrize("fields", SPEAKS_AGAINST.values(), ids=list(SPEAKS_AGAINST))
def test_what_speaks_against_done_takes_it_back(world: World, outside: OtherSystems, fields: dict[str, Any]) -> None:
    key = entered(world)
    stopped(world, key)
    assert state(world, key) == "satisfied"
    world.clock.forward(minutes=2)
    stopped(world, key, mfo__loan__id="L-1", **fields)
    assert state(world, key) == "running"


WORDS_THAT_AGREE = ["выполнено", "исполнено", "орындалды", "stopped", "ok", "confirmed", "Done.", "Остановлено",
                    "прекращено"]  # fmt: skip


@pytest.mark.parametrize("word", [*WORDS_THAT_AGREE, "see letter", "done: 3 calls cancelled", "письмо"])
def test_a_word_that_agrees_or_that_nobody_knows_takes_nothing_back(
    world: World, outside: OtherSystems, word: str
) -> None:
    outside.answer = lambda system, order: done(order)
    key = entered(world)
    order, asked = order_of(world, key), len(outside.seen)
    world.clock.forward(minutes=2)
    stopped(world, key, mfo__loan__id="L-1", mfo__outcome=word)
    world.clock.forward(minutes=6)
    world.work()
    assert state(world, key) == "satisfied"
    assert order.id not in [it["order_id"] for _, it, _ in outside.seen[asked:]], "nor is it asked again"


@pytest.mark.parametrize("word", WORDS_THAT_AGREE)
def test_an_event_says_done_in_its_own_words(world: World, outside: OtherSystems, word: str) -> None:
    key = entered(world)
    stopped(world, key, mfo__outcome=word)
    assert state(world, key) == "satisfied"


def test_what_resumes_collection_takes_its_stop_back(world: World, outside: OtherSystems) -> None:
    key = entered(world, "L-1", "L-2")
    order = order_of(world, key)
    stopped(world, key, mfo__loan__ids=["L-1", "L-2"])
    resumed = {"mfo__order__id": order.id, "mfo__client__id": "c-9", "mfo__approver": "boss"}
    world.clock.forward(minutes=2)
    for fields, left in (
        ({"mfo__loan__id": "L-2", "mfo__outcome": "refused"}, {"loan:L-1", "loan:L-2"}),
        ({"mfo__loan__id": "L-7"}, {"loan:L-1", "loan:L-2"}),
        ({"mfo__loan__id": "L-2"}, {"loan:L-1"}),
    ):
        world.feed(world.event("collection.resumed", **resumed, **fields), source="collections")
        assert (state(world, key), set(order_of(world, key).done)) == (
            "satisfied" if len(left) == len(order.subjects) else "running", left
        )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"mfo__correction__applied_at": "2010-01-01T00:00:00Z"},
        {"mfo__correction__applied_at": "2010-01-01"},
        {"mfo__outcome": "applied", "mfo__bureau__reference": "-"},
        {"mfo__outcome": "applied", "mfo__bureau__reference": "n/a"},
        {"mfo__outcome": "applied", "mfo__success": False},
        {"mfo__outcome": "ok"},
        {"mfo__outcome": "received"},
    ],
    ids=str,
)
def test_an_acknowledgement_that_names_nothing_applied_is_none(
    world: World, outside: OtherSystems, fields: dict[str, Any]
) -> None:
    key = entered(world)
    order = order_of(world, key, "bureau-correction", "pkb")
    world.feed(world.event("bureau.correction.acknowledged", mfo__order__id=order.id, **fields), source="pkb")
    assert order_of(world, key, "bureau-correction", "pkb").acknowledged_at is None


@pytest.mark.parametrize("fields", [{"mfo__outcome": "внесено"}, {"mfo__outcome": "исправлено"},
                                    {"mfo__outcome": "applied", "mfo__bureau__reference": "ПКБ-17"}])  # fmt: skip
def test_a_bureau_says_in_its_own_words_that_it_corrected(
    world: World, outside: OtherSystems, fields: dict[str, Any]
) -> None:
    key = entered(world)
    order = order_of(world, key, "bureau-correction", "pkb")
    world.feed(world.event("bureau.correction.acknowledged", mfo__order__id=order.id, **fields), source="pkb")
    assert order_of(world, key, "bureau-correction", "pkb").acknowledged_at is not None


@pytest.mark.parametrize(("interest", "expected"), [
    (0, "satisfied"), ("0", "satisfied"), ("0.00", "satisfied"), ("0,00", "satisfied"), ("stopped", "satisfied"),
    (150.5, "running"), ("150.5", "running"), (True, "running"), ("continues", "running"), (False, "running"),
])  # fmt: skip
def test_interest_that_goes_on_was_not_stopped(
    world: World, outside: OtherSystems, interest: Any, expected: str
) -> None:
    key = entered(world)
    order = order_of(world, key, "accrual-stop")
    fields = {"mfo__order__id": order.id, "mfo__loan__id": "L-1", "mfo__accrual__interest": interest}
    world.feed(world.event("loan.accrual.stopped", **fields), source="loans")
    assert state(world, key, "accrual-stop") == expected


def test_a_part_that_is_taken_back_before_the_rest_is_done_is_owed(world: World, outside: OtherSystems) -> None:
    key = entered(world, "L-1", "L-2")
    for loan, word in (("L-1", "done"), ("L-1", "expired"), ("L-2", "done")):
        world.clock.forward(minutes=2)
        stopped(world, key, mfo__loan__id=loan, mfo__outcome=word)
    assert (state(world, key), set(order_of(world, key).done)) == ("running", {"loan:L-2"})
    for word in ("done", "partial"):
        world.clock.forward(minutes=2)
        stopped(world, key, mfo__loan__id="L-1" if word == "done" else "L-2", mfo__outcome=word)
    assert state(world, key) == "running"


def test_a_system_that_took_it_back_is_asked_again_under_the_same_key(world: World, outside: OtherSystems) -> None:
    outside.answer = lambda system, order: done(order)
    key = entered(world)
    order = order_of(world, key)
    asked = [order_["order_id"] for _, order_, _ in outside.seen].count(order.id)
    world.clock.forward(hours=1)
    stopped(world, key, mfo__outcome="cancelled")
    assert state(world, key) == "running", "not at once: the old answer may still be on its way"
    world.clock.forward(minutes=6)
    world.work()
    keys = {headers["Idempotency-Key"] for _, it, headers in outside.seen if it["order_id"] == order.id}
    assert [order_["order_id"] for _, order_, _ in outside.seen].count(order.id) == asked + 1
    assert keys == {order.id}
    assert state(world, key) == "satisfied", "it says again that it is done"


def test_a_system_that_repeats_its_old_answer_has_not_done_it_again(world: World, outside: OtherSystems) -> None:
    said = world.clock.now().isoformat()
    outside.answer = lambda system, order: (200, {**done(order)[1], "done_at": said})
    key = entered(world)
    assert state(world, key) == "satisfied"
    world.clock.forward(hours=1)
    stopped(world, key, mfo__outcome="cancelled")
    world.clock.forward(minutes=6)
    world.work()
    assert state(world, key) == "running", "that was before it was cancelled"
    outside.answer = lambda system, order: done(order)
    world.clock.forward(minutes=6)
    world.work()
    assert state(world, key) == "satisfied"


def test_a_system_that_goes_on_refusing_is_asked_until_the_act_ends(world: World, outside: OtherSystems) -> None:
    outside.answer = lambda system, order: done(order)
    key = entered(world)
    stopped(world, key, mfo__outcome="cancelled")
    outside.answer = lambda system, order: (200, {"reference": "R-1", "outcome": "refused"})
    world.clock.forward(minutes=6)
    world.work()
    assert state(world, key) == "running"
    proof, acts = b"%PDF-1.7 their answer", world.container.acts
    acts.verify_act(key, False, "they never issued it", by=COMPLIANCE, document=proof)
    acts.verify_act(key, False, "asked them again", by=COMPLIANCE_2)
    world.work()
    before = [it["order"] for _, it, _ in outside.seen].count("collection-stop")
    world.clock.forward(hours=1)
    world.work()
    assert [it["order"] for _, it, _ in outside.seen].count("collection-stop") == before
