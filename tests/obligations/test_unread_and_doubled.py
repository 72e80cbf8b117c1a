"""What could not be read is carried out by itself only; a decision that comes twice; the spellings of one act."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import DecisionRefused, SecondPersonNeeded
from engine.kernel.ids import derive
from engine.protection.deciding import reads_the_same
from engine.protection.facts import ActRegistered, LegalAct, UnreadReceived
from engine.protection.protection import Protection, protection_id
from engine.protection.spelling import issuer_of, number_of
from infra.store.models.duties import ProtectionRow
from tests.support import CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World
from tests.systems import OtherSystems

IIN = "850101300005"
THREE = ("collection-stop", "bureau-correction", "accrual-stop")
PROOF = b"%PDF-1.7 their answer"
WORDS = "I called the investigator and compared the text"


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    yield made
    made.container.close()


def act(**changes: Any) -> LegalAct:
    values = {
        "kind": "victim_resolution", "issuer": "ДП", "number": "17", "act_date": date(2026, 11, 20),
        "received_at": MONDAY, "channel": "office", "client": "c-1", "loans": ("L-1",), "bureaus": ("pkb",),
    }  # fmt: skip
    return LegalAct(**{**values, **changes})


def entered(world: World, **changes: Any) -> str:
    given = {name: changes.pop(name) for name in ("by", "incident", "reason") if name in changes}
    key = world.container.acts.register_act(act(**changes), **{"by": COMPLIANCE, **given})
    world.work()
    return key


def received(world: World, **changes: Any) -> str:
    """An act comes in that cannot be read; returns the incident that asks a person."""
    fields = {
        "mfo__kind": "other", "mfo__act__issuer": "ДП", "mfo__act__number": "17", "mfo__act__date": "2026-11-20",
        "mfo__client__id": "c-1", "mfo__loan__ids": ["L-1"],
    }  # fmt: skip
    given = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    world.feed(world.event("legal.act.received", **given), source="office")
    return asked(world)[-1]


def asked(world: World) -> list[str]:
    return [str(row["id"]) for row in world.incidents() if row["rule_name"] == "legal-act-incomplete"]


def states(world: World, owner: str, kinds: tuple[str, ...] = THREE) -> set[str]:
    return {str(world.clocks(owner)[kind]["state"]) for kind in kinds}


def test_an_act_of_another_client_carries_nothing_out(world: World, outside: OtherSystems) -> None:
    incident = received(world)
    with pytest.raises(DecisionRefused, match="names another client"):
        entered(world, client="c-8", loans=("L-8",), incident=incident, reason=WORDS)
    assert world.held(ProtectionRow) == [], "nothing is kept of what is refused"
    assert states(world, incident) == {"running"}
    entered(world, incident=incident)
    assert states(world, incident) == {"satisfied"}, "the same client, number and loans say so themselves"


def test_a_known_iin_names_the_client(world: World, outside: OtherSystems) -> None:
    world.feed(world.event("portal.registration.completed", mfo__client__id="c-1", mfo__client__iin=IIN))
    incident = received(world, mfo__client__id=None, mfo__client__iin=IIN, mfo__loan__ids=None)
    with pytest.raises(DecisionRefused, match="names another client"):
        entered(world, client="c-8", incident=incident, reason=WORDS)
    entered(world, incident=incident)
    assert states(world, incident) == {"satisfied"}


OTHERWISE: dict[str, dict[str, Any]] = {
    "nobody is named": {"mfo__client__id": None, "mfo__loan__ids": None},
    "an IIN nobody knows": {"mfo__client__id": None, "mfo__client__iin": IIN, "mfo__loan__ids": None},
    "another number": {"mfo__act__number": "18"},
    "another issuer": {"mfo__act__issuer": "Прокуратура"},
    "a loan more": {"mfo__loan__ids": ["L-1", "L-2"]},
}


@pytest.mark.parametrize("changes", OTHERWISE.values(), ids=list(OTHERWISE))
def test_what_does_not_say_that_it_is_this_takes_two_persons_with_own_words(
    world: World, outside: OtherSystems, changes: dict[str, Any]
) -> None:
    incident = received(world, **changes)
    with pytest.raises(DecisionRefused, match="own words"):
        entered(world, incident=incident, reason=".")
    assert world.held(ProtectionRow) == []
    key = entered(world, incident=incident, reason=WORDS)
    assert world.container.decisions.load(Protection, key).state == "protected", "the borrower does not wait"
    assert states(world, incident) == {"running"}
    with pytest.raises(SecondPersonNeeded):
        entered(world, incident=incident, reason=WORDS)
    with pytest.raises(DecisionRefused, match="own words"):
        entered(world, incident=incident, by=COMPLIANCE_2)
    entered(world, incident=incident, by=COMPLIANCE_2, reason="the number on the paper is the same")
    assert states(world, incident) == {"satisfied"}


def test_what_came_in_before_clients_were_kept_does_not_say_whom_it_is_about() -> None:
    old = UnreadReceived(
        at=MONDAY, incident_id="i-1", what="act", received_at=MONDAY, source="office", event_id="e", detail=""
    )
    assert not reads_the_same(old, act(), ("ДП", "17"))
    assert not reads_the_same(None, act(), ("ДП", "17"))
    assert reads_the_same(old.model_copy(update={"clients": ("c-1",)}), act(), ("ДП", "17"))


def test_all_loans_must_be_stopped_also_those_added_to_an_act(world: World, outside: OtherSystems) -> None:
    entered(world)
    incident = received(world, mfo__loan__ids=["L-1", "L-2"])
    outside.answer = lambda system, order: (503, "")
    entered(world, loans=("L-1", "L-2"), incident=incident)
    assert states(world, incident) == {"running"}, "the loan that was added is not stopped yet"
    outside.answer = type(outside)().answer
    world.clock.forward(minutes=10)
    world.work()
    assert states(world, incident) == {"satisfied"}


def test_an_act_that_turns_out_forged_carried_nothing_out(world: World, outside: OtherSystems) -> None:
    incident, acts = received(world), world.container.acts
    key = entered(world, incident=incident)
    assert states(world, incident) == {"satisfied"}
    acts.verify_act(key, False, "they never issued it", by=COMPLIANCE, document=PROOF)
    acts.verify_act(key, False, "asked them again", by=COMPLIANCE_2)
    world.work()
    assert states(world, incident) == {"running"}
    acts.reinstate_act(key, "the police confirmed it after all", by=COMPLIANCE)
    world.work()
    assert states(world, incident) == {"satisfied"}, "its new orders are done"


def test_what_a_double_entry_carried_out_its_twin_carries_out(world: World, outside: OtherSystems) -> None:
    first = entered(world, number="17/2026")
    incident = received(world)
    outside.answer = lambda system, order: (503, "")
    double = entered(world, incident=incident)
    assert states(world, incident) == {"running"}
    world.container.acts.join_act(double, first, "typed without its year", by=COMPLIANCE_2)
    world.work()
    assert states(world, incident) == {"satisfied"}


def test_an_act_is_no_decision_and_a_decision_no_act(world: World, outside: OtherSystems) -> None:
    key = entered(world)
    incident = received(world)
    with pytest.raises(DecisionRefused, match="of another kind"):
        world.container.acts.enter_ruling(
            key, "court", "2-79", date(2026, 11, 20), MONDAY, "debt-void", by=COMPLIANCE, incident=incident,
            reason=WORDS,
        )  # fmt: skip


def decided(world: World, **changes: Any) -> None:
    fields = {
        "mfo__decision__id": "2-79", "mfo__court_decision__court": "city court",
        "mfo__court_decision__in_force_at": "2026-11-20", "mfo__loan__ids": ["L-1"],
        "mfo__court_decision__ruling": "claim-refused",
    }  # fmt: skip
    given = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    world.feed(world.event("legal.court_decision.received", **given), source="office")


@pytest.mark.parametrize(
    "other",
    [
        {"mfo__court_decision__ruling": "debt-void"}, {"mfo__court_decision__in_force_at": "2026-11-21"},
        {"mfo__court_decision__ruling": "debt-void", "mfo__decision__id": "№ 2-79",
         "mfo__court_decision__court": "City  Court"},
        {"mfo__court_decision__ruling": "act-overturned"},
    ],
)  # fmt: skip
def test_the_same_decision_with_another_content_is_asked_of_a_person(
    world: World, outside: OtherSystems, other: dict[str, Any]
) -> None:
    key = entered(world)
    decided(world)
    decided(world)
    assert asked(world) == [], "exactly the same changes nothing"
    decided(world, **other)
    (incident,) = asked(world)
    assert world.clocks(incident)["debt-write-off"]["state"] == "running"
    assert "debt-write-off" not in world.clocks(key)


def test_a_decision_entered_again_with_another_content_is_a_fact_with_a_reason(
    world: World, outside: OtherSystems
) -> None:
    key, acts = entered(world), world.container.acts
    day = (date(2026, 11, 20), MONDAY)
    acts.enter_ruling(key, "city court", "2-79", *day, "claim-refused", by=COMPLIANCE)
    acts.enter_ruling(key, "City court", "№ 2-79", *day, "claim-refused", by=COMPLIANCE)
    world.work()
    with pytest.raises(DecisionRefused, match="another content: ruling"):
        acts.enter_ruling(key, "city court", "2-79", *day, "debt-void", by=COMPLIANCE)
    acts.enter_ruling(key, "city court", "2-79", *day, "debt-void", by=CISO, reason="I had read the wrong page")
    world.work()
    held = world.container.decisions.load(Protection, key).rulings
    assert [it.ruling for it in held] == ["claim-refused", "debt-void"]
    assert world.clocks(key)["debt-write-off"]["state"] == "running"


@pytest.mark.parametrize(
    ("said", "ruling"),
    [
        ({"mfo__outcome": "granted", "mfo__court_decision__applicant": "law_enforcement"}, "debt-void"),
        ({"mfo__outcome": "granted", "mfo__court_decision__applicant": "client"}, "debt-void"),
        ({"mfo__outcome": "refused", "mfo__court_decision__applicant": "прокурор"}, "claim-refused"),
        ({"mfo__outcome": "granted", "mfo__court_decision__applicant": "mfo"}, None),
        ({"mfo__outcome": "refused", "mfo__court_decision__applicant": "mfo"}, None),
        ({"mfo__outcome": "granted"}, None),
        ({"mfo__outcome": "refused"}, None),
        ({"mfo__outcome": "recognised"}, None),
        ({"mfo__court_decision__ruling": "debt-void", "mfo__court_decision__applicant": "mfo"}, "debt-void"),
        ({"mfo__outcome": "debt stands"}, "claim-refused"),
    ],
)
def test_who_sued_says_what_granted_means(
    world: World, outside: OtherSystems, said: dict[str, Any], ruling: str | None
) -> None:
    key = entered(world)
    decided(world, **{"mfo__court_decision__ruling": None, **said})
    held = [it.ruling for it in world.container.decisions.load(Protection, key).rulings]
    assert held == ([ruling] if ruling else [])
    assert len(asked(world)) == (0 if ruling else 1)
    assert ("debt-write-off" in world.clocks(key)) == (ruling == "debt-void")


SPELLINGS = [("ДП", "№ 17"), ("дп", "N17"), (" ДП ", "no. 17"), ("Д П", "17 "), ("«ДП»", "№17")]


@pytest.mark.parametrize(("issuer", "number"), SPELLINGS)
def test_an_act_spelt_otherwise_is_the_same_act(world: World, outside: OtherSystems, issuer: str, number: str) -> None:
    key = entered(world)
    assert entered(world, issuer=issuer, number=number) == key
    received_again = {"mfo__kind": "victim_resolution", "mfo__act__issuer": issuer, "mfo__act__number": number}
    world.feed(
        world.event("legal.act.received", **received_again, mfo__act__date="2026-11-20", mfo__client__id="c-1",
                    mfo__loan__ids=["L-1", "L-2"]),
        source="office",
    )  # fmt: skip
    (row,) = world.held(ProtectionRow)
    assert world.container.decisions.load(Protection, key).loans == ("L-1", "L-2")
    assert row.number == "17", "it keeps the spelling it was entered in"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("№ 17", "17", True), ("N17", "17", True), ("17-А", "17-A", True), ("17–a", "17-A", True),
        ("17/3", "173", False), ("17", "18", False), ("017", "17", False),
        ("17.", "17", True), ("A-17", "17", False), ("номер 5", "5", True),
    ],
)  # fmt: skip
def test_numbers_have_one_spelling(one: str, other: str, same: bool) -> None:
    assert (number_of(one) == number_of(other)) is same
    assert (protection_id(act(number=one)) == protection_id(act(number=other))) is same


def test_issuers_have_one_spelling() -> None:
    assert issuer_of("ДП г. Алматы") == issuer_of("дп  Г.АЛМАТЫ")
    assert issuer_of("ДП Астаны") != issuer_of("ДП Алматы")


def test_an_act_of_before_spellings_were_one_is_found(world: World, outside: OtherSystems) -> None:
    was = str(derive("protection", "ДП", "№ 17", "2026-11-20", "c-1"))
    with world.container.decisions.unit(MONDAY) as unit:
        old = ActRegistered(at=MONDAY, actor=COMPLIANCE.id, protection_id=was, act=act(number="№ 17"))
        unit.record(Protection, was, [old])
    world.work()
    assert entered(world) == was
    assert entered(world, loans=("L-1", "L-2")) == was
    assert world.container.decisions.load(Protection, was).loans == ("L-1", "L-2")
    assert len(world.held(ProtectionRow)) == 1
