"""How a protection goes on: the document, the court, write-off, release, letters, violations."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import DecisionRefused, NotAllowed, SecondPersonNeeded
from engine.protection.facts import LegalAct
from engine.protection.protection import Protection
from infra.store.models.effects import EffectRow
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World, vouch


def act(**changes: Any) -> LegalAct:
    values = {
        "kind": "victim_resolution", "issuer": "УП", "number": "17", "act_date": date(2026, 11, 20),
        "received_at": MONDAY, "channel": "office", "client": "c-9", "loans": ("L-9",), "bureaus": ("pkb", "gkb"),
    }  # fmt: skip
    return LegalAct(**{**values, **changes})


def it_of(world: World, key: str) -> Protection:
    return world.container.decisions.load(Protection, key)


def carried_out(world: World, key: str) -> None:
    """Every system says that it has done what it was told."""
    for order in it_of(world, key).orders.values():
        if order.acknowledged_at is None and not order.revoked:
            vouch(world, key, order.id, "their letter")
    world.work()


def kinds(world: World, key: str) -> set[str]:
    return {order.kind for order in it_of(world, key).orders.values()}


def test_the_act_itself_is_kept_under_its_hash(world: World) -> None:
    data = b"%PDF-1.7 the resolution"
    key = world.container.acts.register_act(
        act(), by=COMPLIANCE, document=data, name="res.pdf", media_type="application/pdf"
    )
    world.work()
    found = it_of(world, key)
    assert found.act is not None
    assert found.act.document_sha256 is not None
    document = next(iter(found.documents.values()))
    assert world.container.archive.read(document.document_id)[1] == data
    world.container.acts.attach_document(key, b"a second page", "two.pdf", "application/pdf", by=ANALYST)
    assert len(it_of(world, key).documents) == 2


def test_write_off_takes_a_ground_and_two_persons_and_is_clocked_after_a_court(world: World) -> None:
    key = world.container.acts.register_act(act(), by=COMPLIANCE)
    world.work()
    acts = world.container.acts
    acts.enter_ruling(key, "Алмалы ауданының соты", "2-77", date(2026, 11, 21), MONDAY, "debt-void", by=COMPLIANCE)
    world.work()
    assert world.clocks(key)["debt-write-off"]["due_at"].startswith("2026-11-26T05:00")
    with pytest.raises(NotAllowed):
        acts.propose_outcome(key, "write-off", "the court", by=ANALYST)
    acts.propose_outcome(key, "write-off", "the court", by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded):
        acts.decide_outcome(key, True, "it is in force", by=COMPLIANCE)
    acts.decide_outcome(key, False, "read it again", by=CISO)
    assert it_of(world, key).outcome is None
    acts.propose_outcome(key, "write-off", "the court, page 4", by=COMPLIANCE)
    acts.decide_outcome(key, True, "agreed", by=CISO)
    world.work()
    assert "write-off" in kinds(world, key)
    assert world.clocks(key)["debt-write-off"]["state"] == "running", "decided is not yet done"
    carried_out(world, key)
    assert world.clocks(key)["debt-write-off"]["state"] == "satisfied"
    assert it_of(world, key).state == "written-off"


def test_the_stops_are_lifted_only_on_a_court_decision_by_two(world: World) -> None:
    key = world.container.acts.register_act(act(), by=COMPLIANCE)
    world.work()
    acts = world.container.acts
    with pytest.raises(DecisionRefused, match="court"):
        acts.propose_outcome(key, "release", "he paid", by=COMPLIANCE)
    acts.enter_ruling(key, "court", "2-78", date(2026, 11, 21), MONDAY, "act-overturned", by=COMPLIANCE)
    with pytest.raises(DecisionRefused, match="document"):
        acts.propose_outcome(key, "release", "the court overturned it", by=COMPLIANCE)
    acts.propose_outcome(key, "release", "the court overturned it", by=COMPLIANCE, document=b"%PDF-1.7 the decision")
    acts.decide_outcome(key, True, "it is in force", by=COMPLIANCE_2)
    world.work()
    assert {"collection-resume", "accrual-resume", "client-unflag", "bureau-restore"} <= kinds(world, key)
    assert {row["state"] for row in world.clocks(key).values()} == {"cancelled"}
    assert it_of(world, key).state == "released"
    assert not it_of(world, key).holds


def test_an_act_that_is_not_genuine_has_its_stops_taken_back(world: World) -> None:
    key = world.container.acts.register_act(act(), by=COMPLIANCE)
    world.work()
    stop = next(order for order in it_of(world, key).orders.values() if order.kind == "collection-stop")
    vouch(world, key, stop.id, "done")
    world.work()
    acts = world.container.acts
    acts.verify_act(key, False, "the police never issued it", by=COMPLIANCE, document=b"%PDF-1.7 their answer")
    world.work()
    assert it_of(world, key).holds, "one person alone lifts nothing"
    acts.verify_act(key, False, "asked them again", by=COMPLIANCE_2)
    world.work()
    orders = it_of(world, key).orders.values()
    assert not it_of(world, key).orders[stop.id].revoked, "it was carried out, so it is undone, not forgotten"
    assert all(order.revoked for order in orders if order.kind in ("accrual-stop", "bureau-correction"))
    assert {"collection-resume", "accrual-resume", "client-unflag", "bureau-restore"} <= kinds(world, key)
    world.clock.forward(hours=5)
    world.work()
    waiting = world.held(EffectRow, kind="order", state="waiting")
    assert {row.key for row in waiting} == {
        order.id for order in orders if order.acknowledged_at is None and not order.revoked
    }


def test_a_violation_stands_on_the_borrowers_page(world: World) -> None:
    key = world.container.acts.register_act(act(), by=COMPLIANCE)
    world.work()
    carried_out(world, key)
    world.clock.forward(days=1)
    world.feed(
        world.event("collection.contact_attempted", mfo__loan__id="L-9", mfo__client__id="c-9", mfo__channel="call")
    )
    found = it_of(world, key).violations
    assert len(found) == 1
    assert found[0].incident_id == world.incidents()[0]["id"]
    assert any("touched" in mail.read_text() for mail in (world.folder / "spool").glob("alert-*.eml"))


def test_a_court_decision_may_arrive_as_an_event(world: World) -> None:
    key = world.container.acts.register_act(act(), by=COMPLIANCE)
    world.work()
    decision = {"mfo__decision__id": "2-79", "mfo__court_decision__court": "city court",
                "mfo__court_decision__in_force_at": "2026-11-20"}  # fmt: skip
    decision["mfo__court_decision__ruling"] = "debt-void"
    world.feed(world.event("legal.court_decision.received", mfo__loan__ids=["L-9"], **decision))
    assert world.clocks(key)["debt-write-off"]["state"] == "running"
    world.feed(world.event("legal.court_decision.received", mfo__loan__ids=["L-1"], **decision))
    assert [row["rule_name"] for row in world.incidents()] == ["legal-act-incomplete"], "a person must enter it"


def test_a_court_decision_as_the_act_starts_the_write_off_too(world: World) -> None:
    key = world.container.acts.register_act(act(kind="court_decision"), by=COMPLIANCE)
    world.work()
    assert "debt-write-off" in world.clocks(key)


def test_a_system_without_an_interface_gets_a_letter_and_its_answer_is_entered(tmp_path: Path) -> None:
    world = World(tmp_path / "data", collections_mail="agency@collect.kz").people()
    key = world.container.acts.register_act(act(), by=COMPLIANCE)
    world.work()
    stop = next(order for order in it_of(world, key).orders.values() if order.kind == "collection-stop")
    assert stop.handed_over_at is not None
    letters = [mail.read_text() for mail in (world.folder / "spool").glob("order-*.eml")]
    assert len(letters) == 1
    assert "To: agency@collect.kz" in letters[0]
    assert world.clocks(key)["collection-stop"]["state"] == "running", "a letter is not an acknowledgement"
    world.clock.forward(hours=2)
    world.work()
    assert len(list((world.folder / "spool").glob("order-*.eml"))) == 1
    vouch(world, key, stop.id, "their letter 9")
    world.work()
    assert world.clocks(key)["collection-stop"]["state"] == "satisfied"
    world.container.close()


def test_three_days_after_receipt_is_a_breach_however_late_it_was_entered(world: World) -> None:
    key = world.container.acts.register_act(
        act(received_at=MONDAY - timedelta(days=4), act_date=date(2026, 11, 18)), by=COMPLIANCE
    )
    world.work()
    world.sweep()
    assert {row["state"] for row in world.clocks(key).values()} == {"breached"}
    assert world.clocks(key)["collection-stop"]["breached_at"].startswith("2026-11-22T05:00")
