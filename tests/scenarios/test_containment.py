"""Containment is what a system confirms of named subjects, or what a named person says; and it has an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.incidents.incident import Incident
from engine.kernel.errors import SecondPersonNeeded
from infra.read.incident_summary import summary
from infra.read.rows import protections
from playbooks.run import Run
from tests.support import ANALYST, CISO, FRAUD, World
from tests.systems import Body, OtherSystems, Said, done, said


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    yield made
    made.container.close()


def insider(world: World, user: str = "op-evil", **fields: Any) -> dict[str, Any]:
    """An operator reads very many records; gives the incident."""
    named = {"user__id": user, "mfo__db__table": "clients", "mfo__db__rows": 120_000, **fields}
    world.feed(world.event("db.query.bulk", **named), source="db")
    return world.incidents()[-1]


def changed(world: World, client: str = "c-1") -> dict[str, Any]:
    """Somebody changes the IIN of a client."""
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    return world.incidents()[-1]


def contained(world: World, incident: dict[str, Any]) -> str:
    return str(world.clocks(incident["id"])["immediate-containment"]["state"])


def subjects(order: Body) -> set[str]:
    return {f"{it['type']}:{it['id']}" for it in order["subjects"]}


def test_the_order_names_the_insider_and_counts_when_the_system_confirms(world: World, outside: OtherSystems) -> None:
    incident = insider(world)
    (order,) = outside.orders("access-block")
    assert subjects(order) == {"user:op-evil"}
    assert order["basis"]["number"] == incident["number"]
    assert contained(world, incident) == "satisfied"


NOTHING: dict[str, Said] = {
    "queued": (202, {"status": "queued"}),
    "an error in a 200": (200, {"error": "unknown user"}),
    "a login page": (200, "<html></html>"),
    "an empty body": (200, ""),
    "a bare reference": (200, {"reference": "R"}),
    "another user": (200, {"reference": "R", "outcomes": [{"type": "user", "id": "op-good", "outcome": "done"}]}),
}


@pytest.mark.parametrize("answer", NOTHING.values(), ids=list(NOTHING))
def test_what_confirms_nobody_contains_nothing_and_becomes_a_task(
    world: World, outside: OtherSystems, answer: Said
) -> None:
    outside.answer = lambda system, order: answer
    incident = insider(world)
    for _ in range(14):
        world.clock.forward(minutes=3)
        world.work()
    assert contained(world, incident) == "running"
    (run,) = protections.runs_of(world.container.database, incident["id"])
    assert run.waiting, "a person is asked"


def test_the_clients_are_named_all_of_them_where_their_accounts_were_taken(world: World, outside: OtherSystems) -> None:
    changed(world)
    (order,) = outside.orders("access-block")
    assert subjects(order) == {"client:c-1"}
    assert "…" not in str(order)


def test_an_order_without_a_subject_is_a_task(world: World, outside: OtherSystems) -> None:
    world.feed(world.event("net.ddos.started"), source="perimeter")
    for row in world.incidents():
        (run,) = protections.runs_of(world.container.database, row["id"]) or [None]
        assert run is None or run.waiting
    assert outside.orders("access-block", "payout-hold") == []


def test_later_findings_order_what_they_add(world: World, outside: OtherSystems) -> None:
    insider(world)
    world.clock.forward(minutes=5)
    insider(world, session__id="s-77")
    assert [subjects(order) for order in outside.orders("access-block")] == [{"user:op-evil"}, {"session:s-77"}]


def test_a_false_alarm_releases_what_was_blocked_and_has_a_clock(world: World, outside: OtherSystems) -> None:
    incident, acts = insider(world), world.container.acts

    def away(system: str, order: Body) -> Said:
        return (503, "") if order["order"] == "access-release" else done(order)

    outside.answer = away
    acts.close(incident["id"], "false_positive", "a planned migration", by=ANALYST)
    acts.close(incident["id"], "false_positive", "a planned migration", by=CISO)
    world.work()
    (order,) = outside.orders("access-release")
    assert subjects(order) == {"user:op-evil"}
    assert world.clocks(incident["id"])["containment-release"]["state"] == "running"
    outside.answer = lambda system, order: (200, {"reference": "R", "outcomes": said(order, "refused")})
    world.clock.forward(minutes=6)
    world.work()
    assert world.clocks(incident["id"])["containment-release"]["state"] == "running"
    outside.answer = lambda system, order: done(order)
    world.clock.forward(minutes=6)
    world.work()
    assert world.clocks(incident["id"])["containment-release"]["state"] == "satisfied"


def test_nobody_is_released_whom_another_incident_holds(world: World, outside: OtherSystems) -> None:
    first, acts = insider(world), world.container.acts
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin",
                           user__id="op-evil"))  # fmt: skip
    second = world.incidents()[-1]
    assert second["id"] != first["id"]
    for by in (ANALYST, CISO):
        acts.close(first["id"], "false_positive", "a planned migration", by=by)
    world.work()
    assert outside.orders("access-release") == [], "the other incident still holds the account"
    for by in (ANALYST, CISO):
        acts.close(second["id"], "benign_positive", "asked for by the client", by=by)
    world.work()
    assert [subjects(order) for order in outside.orders("access-release")] == [{"user:op-evil"}]


def test_two_persons_release_earlier_and_one_says_what_was_done_by_hand(world: World, outside: OtherSystems) -> None:
    incident, acts = changed(world), world.container.acts
    outside.answer = lambda system, order: (503, "")
    acts.release_containment(incident["id"], "the client needs the account", by=ANALYST)
    world.work()
    assert outside.orders("access-release") == []
    with pytest.raises(SecondPersonNeeded):
        acts.release_containment(incident["id"], "the client needs the account", by=ANALYST)
    acts.release_containment(incident["id"], "spoke to the client", by=FRAUD)
    world.work()
    assert [subjects(order) for order in outside.orders("access-release")] == [{"client:c-1"}]
    acts.confirm_release(incident["id"], "unlocked in the portal's own console", by=FRAUD)
    world.work()
    assert world.clocks(incident["id"])["containment-release"]["state"] == "satisfied"


def test_a_payout_is_held_by_its_loan_and_too_late_is_said(world: World, outside: OtherSystems) -> None:
    paid = {"mfo__loan__id": "L-5", "mfo__client__id": "c-5", "mfo__amount": 90_000}
    world.feed(world.event("loan.disbursement.executed", **paid), source="loans")
    (order,) = outside.orders("payout-hold")
    assert subjects(order) == {"loan:L-5"}
    told = world.rows("SELECT state FROM decisions WHERE topic = 'incident.note-added.v1'")
    assert len(told) == 1
    assert b"after the money had left" in bytes(told[0]["state"])


def test_a_person_who_says_what_was_done_is_named(world: World, outside: OtherSystems) -> None:
    outside.answer = lambda system, order: (404, "")
    incident = insider(world)
    assert contained(world, incident) == "running"
    world.container.acts.measure(incident["id"], "containment", "disabled op-evil in the directory", by=ANALYST)
    world.work()
    clock = world.clocks(incident["id"])["immediate-containment"]
    assert clock["state"] == "satisfied"


def refused_for(*names: str) -> Callable[[str, Body], Said]:
    """Answer: refused where an order names one of these, else done."""

    def answer(system: str, order: Body) -> Said:
        if {it["id"] for it in order["subjects"]} & set(names):
            return 200, {"reference": "R", "outcomes": said(order, "refused")}
        return done(order)

    return answer


def test_whoever_joins_and_is_not_blocked_takes_the_containment_back(world: World, outside: OtherSystems) -> None:
    incident = insider(world)
    assert contained(world, incident) == "satisfied"
    outside.answer = refused_for("s-77")
    world.clock.forward(minutes=5)
    insider(world, session__id="s-77")
    assert contained(world, incident) == "running"
    assert world.incidents()[0]["phase"] != "contained"
    outside.answer = lambda system, order: done(order)
    world.clock.forward(minutes=10)
    world.work()
    assert contained(world, incident) == "satisfied", "asked again, the system confirms"


def test_a_merge_contains_nobody(world: World, outside: OtherSystems) -> None:
    outside.answer = refused_for("op-two")
    first, second = insider(world), insider(world, user="op-two")
    assert (contained(world, first), contained(world, second)) == ("satisfied", "running")
    world.container.acts.merge(first["id"], second["number"], "the same attack", by=ANALYST)
    world.work()
    assert contained(world, second) == "running"


def test_what_is_merged_in_and_not_contained_takes_the_containment_back(world: World, outside: OtherSystems) -> None:
    outside.answer = refused_for("op-two")
    first, second = insider(world), insider(world, user="op-two")
    world.container.acts.merge(second["id"], first["number"], "the same attack", by=ANALYST)
    world.work()
    assert contained(world, first) == "running"


def test_two_that_are_contained_stay_so_when_they_are_merged(world: World, outside: OtherSystems) -> None:
    first, second = insider(world), insider(world, user="op-two")
    world.container.acts.merge(second["id"], first["number"], "the same attack", by=ANALYST)
    world.work()
    assert contained(world, first) == "satisfied"


def test_a_bureau_workstation_is_cut_off_with_its_user(world: World, outside: OtherSystems) -> None:
    named = {"mfo__workstation__id": "w-1", "user__id": "op-1"}
    world.feed(world.event("pkb.workstation.session_started", **named), source="bureau")
    world.clock.forward(minutes=3)
    flow = world.event("pkb.workstation.network_flow", destination__domain="web.whatsapp.com", **named)
    world.feed(flow, source="bureau")
    orders = outside.orders("access-block")
    assert orders and all(subjects(order) == {"user:op-1", "workstation:w-1"} for order in orders)


def test_what_is_blocked_by_hand_is_released_too_and_its_length_is_told(world: World, outside: OtherSystems) -> None:
    outside.answer = lambda system, order: (200, {"reference": "R", "outcomes": said(order, "refused")})
    incident, acts = insider(world), world.container.acts
    for _ in range(14):
        world.clock.forward(minutes=3)
        world.work()
    (row,) = protections.runs_of(world.container.database, incident["id"])
    (step,) = world.container.decisions.load(Run, row.id).waiting
    acts.complete_task(row.id, step, "success", "the administrator disabled op-evil in the directory", by=ANALYST)
    world.work()
    assert contained(world, incident) == "satisfied"
    (block,) = protections.contained(world.container.database, incident["id"])
    assert (block.subject, block.state) == ("user:op-evil", "confirmed")
    world.clock.forward(hours=2)
    for by in (ANALYST, CISO):
        acts.close(incident["id"], "false_positive", "a planned migration", by=by)
    world.work()
    assert world.clocks(incident["id"])["containment-release"]["state"] == "running"
    acts.confirm_release(incident["id"], "the administrator enabled op-evil again", by=ANALYST)
    world.work()
    assert world.clocks(incident["id"])["containment-release"]["state"] == "satisfied"
    case = world.container.decisions.load(Incident, incident["id"])
    told = summary(world.container, case, world.clock.now(), 1, 1)
    (part,) = [it for it in told.blocks if it.heading == "Blocked or held"]
    assert part.table is not None and part.table.rows[0][1] == "user:op-evil"
    assert part.table.rows[0][4] == "2.0 h"
