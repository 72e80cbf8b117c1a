"""An act that cannot be read is owed from its receipt all the same; what can be found out is found out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import NotFound
from engine.protection.facts import LegalAct
from engine.protection.protection import Protection
from infra.store.models.duties import ProtectionRow
from tests.support import CISO, COMPLIANCE, MONDAY, World
from tests.systems import OtherSystems

IIN = "850101300005"
THREE = {"collection-stop", "bureau-correction", "accrual-stop"}


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    yield made
    made.container.close()


def received(world: World, **changes: Any) -> None:
    fields = {
        "mfo__kind": "victim_resolution", "mfo__act__issuer": "ДП", "mfo__act__number": "T-1",
        "mfo__act__date": "2026-11-20", "mfo__received_at": (MONDAY - timedelta(hours=2)).isoformat(),
        "mfo__client__id": "c-1", "mfo__loan__ids": ["L-1"],
    }  # fmt: skip
    given = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    world.feed(world.event("legal.act.received", **given), source="office")


def asked(world: World) -> str:
    """The incident that asks a person."""
    (row,) = [row for row in world.incidents() if row["rule_name"] == "legal-act-incomplete"]
    return str(row["id"])


UNREAD: dict[str, dict[str, Any]] = {
    "another kind": {"mfo__kind": "letter of thanks"},
    "kind other": {"mfo__kind": "other"},
    "no kind": {"mfo__kind": None},
    "no client": {"mfo__client__id": None},
    "no contracts": {"mfo__loan__ids": None},
    "an IIN nobody knows": {"mfo__client__id": None, "mfo__client__iin": IIN, "mfo__loan__ids": None},
    "no number": {"mfo__act__number": None},
    "no issuer": {"mfo__act__issuer": None},
    "no date": {"mfo__act__date": None},
    "a date that is none": {"mfo__act__date": "20th of November"},
}


@pytest.mark.parametrize("changes", UNREAD.values(), ids=list(UNREAD))
def test_what_cannot_be_read_asks_a_person_and_runs_the_three_days(
    world: World, outside: OtherSystems, changes: dict[str, Any]
) -> None:
    received(world, **changes)
    assert outside.orders("collection-stop") == []
    clocks = world.clocks(asked(world))
    assert set(clocks) >= THREE
    assert {clocks[kind]["state"] for kind in THREE} == {"running"}
    assert clocks["collection-stop"]["due_at"].startswith("2026-11-26T03:00"), "from the receipt"


@pytest.mark.parametrize("spelt", ["victim resolution", "Victim_Resolution", "ПОСТАНОВЛЕНИЕ о признании потерпевшим"])
def test_another_spelling_of_a_kind_is_read(world: World, outside: OtherSystems, spelt: str) -> None:
    received(world, mfo__kind=spelt)
    assert world.held(ProtectionRow)[0].kind == "victim_resolution"
    assert world.incidents() == []


def test_reading_it_and_carrying_it_out_ends_its_clocks(world: World, outside: OtherSystems) -> None:
    received(world, mfo__kind="other")
    incident, acts = asked(world), world.container.acts
    acts.close(incident, "false_positive", "read it", by=CISO)
    world.work()
    assert {world.clocks(incident)[kind]["state"] for kind in THREE} == {"running"}, "closing is not carrying out"
    outside.answer = lambda system, order: (503, "")
    number = next(row["number"] for row in world.incidents())
    act = LegalAct(
        kind="victim_resolution", issuer="ДП", number="T-1", act_date=date(2026, 11, 20), received_at=MONDAY,
        channel="office", client="c-1", loans=("L-1",), bureaus=("pkb",),
    )  # fmt: skip
    with pytest.raises(NotFound):
        acts.register_act(act, by=COMPLIANCE, incident="INC-2026-0099")
    key = acts.register_act(act, by=COMPLIANCE, incident=number)
    world.work()
    assert {world.clocks(incident)[kind]["state"] for kind in THREE} == {"running"}, "entered is not yet done"
    outside.answer = type(outside)().answer
    world.clock.forward(minutes=10)
    world.work()
    assert world.container.decisions.load(Protection, key).state == "protected"
    assert {world.clocks(incident)[kind]["state"] for kind in THREE} == {"satisfied"}


def test_a_forgotten_one_is_a_breach(world: World, outside: OtherSystems) -> None:
    received(world, mfo__kind=None)
    world.clock.forward(days=3)
    world.sweep()
    assert {world.clocks(asked(world))[kind]["state"] for kind in THREE} == {"breached"}


def test_an_iin_alone_finds_client_and_loans(world: World, outside: OtherSystems) -> None:
    world.feed(
        world.event("portal.registration.completed", mfo__client__id="c-1", mfo__client__iin=IIN),
        world.event("loan.contract.signed", mfo__loan__id="L-1", mfo__client__id="c-1"),
        world.event("loan.contract.signed", mfo__loan__id="L-2", mfo__client__id="c-1"),
        world.event("loan.contract.signed", mfo__loan__id="L-3", mfo__client__id="c-3"),
    )
    received(world, mfo__client__id=None, mfo__client__iin=IIN, mfo__loan__ids=None)
    (row,) = world.held(ProtectionRow)
    assert (row.client, row.loans) == ("c-1", ("L-1", "L-2"))
    assert [row["title"].split(":")[0] for row in world.incidents() if " the act" in row["title"]] == [
        "Look at the act"
    ]
    assert set(world.clocks(asked(world))) == {"triage"}, "its own clocks run for the protection"


def test_a_contract_alone_finds_its_client(world: World, outside: OtherSystems) -> None:
    world.feed(world.event("loan.contract.signed", mfo__loan__id="L-1", mfo__client__id="c-1"))
    received(world, mfo__client__id=None, mfo__client__iin=IIN)
    assert [row.client for row in world.held(ProtectionRow)] == ["c-1"]


def test_an_iin_of_another_client_is_asked_of_a_person(world: World, outside: OtherSystems) -> None:
    world.feed(world.event("portal.registration.completed", mfo__client__id="c-8", mfo__client__iin=IIN))
    received(world, mfo__client__iin=IIN)
    assert world.held(ProtectionRow) == []
    assert set(world.clocks(asked(world))) >= THREE


def decided(world: World, **changes: Any) -> None:
    fields = {
        "mfo__decision__id": "2-79", "mfo__court_decision__court": "city court",
        "mfo__court_decision__in_force_at": "2026-11-20", "mfo__loan__ids": ["L-1"],
    }  # fmt: skip
    world.feed(world.event("legal.court_decision.received", **{**fields, **changes}), source="office")


@pytest.mark.parametrize(
    "said",
    [
        {}, {"mfo__outcome": "see text"}, {"mfo__outcome": "partly"},
        {"mfo__outcome": "granted", "mfo__court_decision__ruling": "claim-refused"},
    ],
)  # fmt: skip
def test_a_decision_that_is_not_clear_asks_a_person_and_has_a_clock(
    world: World, outside: OtherSystems, said: dict[str, Any]
) -> None:
    received(world)
    (key,) = [row.id for row in world.held(ProtectionRow)]
    decided(world, **said)
    assert "debt-write-off" not in world.clocks(key), "nothing is written off on a guess"
    assert world.clocks(asked(world))["debt-write-off"]["state"] == "running"


def test_a_refused_claim_writes_nothing_off_and_a_granted_one_does(world: World, outside: OtherSystems) -> None:
    received(world)
    (key,) = [row.id for row in world.held(ProtectionRow)]
    decided(world, mfo__outcome="refused", mfo__court_decision__applicant="law_enforcement")
    assert "debt-write-off" not in world.clocks(key)
    assert [it.ruling for it in world.container.decisions.load(Protection, key).rulings] == ["claim-refused"]
    decided(world, mfo__decision__id="2-80", mfo__court_decision__ruling="debt-void")
    assert world.clocks(key)["debt-write-off"]["state"] == "running"


def test_a_decision_about_a_loan_without_an_act_has_a_clock(world: World, outside: OtherSystems) -> None:
    decided(world, mfo__court_decision__ruling="debt-void")
    assert world.clocks(asked(world))["debt-write-off"]["state"] == "running"
