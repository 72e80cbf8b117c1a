"""Every affected client: an incident names everybody that is touched while it is open, not multiples of a limit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.incidents.incident import Incident
from tests.support import ANALYST, CISO, MONDAY, World


def given_reads(world: World, first: int, count: int, every_s: float = 30, purpose: str = "call") -> None:
    start = world.clock.now()
    lines = [
        world.event(
            "portal.record.accessed", at=start + timedelta(seconds=every_s * n), user__id="op-7",
            mfo__client__id=f"c-{first + n}", mfo__purpose=purpose,
        )
        for n in range(count)
    ]  # fmt: skip
    world.clock.forward(seconds=every_s * count)
    world.feed(*lines)


def then_named(world: World) -> set[str]:
    bulk = [row for row in world.incidents() if row["rule_name"] in ("bulk-record-access", "insider-slow-read")]
    return {c for row in bulk for c in world.container.decisions.load(Incident, row["id"]).entities.clients}


@pytest.mark.parametrize("count", [40, 41, 45, 79, 80, 105])
def test_as_many_clients_are_named_as_were_read(world: World, count: int) -> None:
    given_reads(world, 0, count)
    assert then_named(world) == {f"c-{n}" for n in range(count)}


def test_each_of_them_is_owed_a_notice(world: World) -> None:
    given_reads(world, 0, 45)
    (row,) = world.incidents()
    clocks = [it for it in world.held_clocks(row["id"]) if it.kind == "client-notice"]
    assert {it.subject for it in clocks} == {f"c-{n}" for n in range(45)}
    assert world.told(row["id"]) == {f"c-{n}" for n in range(45)}


def test_who_is_read_days_later_is_named_too_while_the_incident_is_open(world: World) -> None:
    given_reads(world, 0, 40)
    world.clock.forward(days=3)
    given_reads(world, 500, 2)
    assert {"c-500", "c-501"} <= then_named(world)
    assert len(world.incidents()) == 1


def test_a_single_read_opens_nothing_after_the_incident_was_closed(world: World) -> None:
    given_reads(world, 0, 40)
    (row,) = world.incidents()
    world.container.acts.lower_notifiability(row["id"], "a campaign", by=ANALYST)
    world.container.acts.lower_notifiability(row["id"], "a campaign that was agreed", by=CISO)
    world.container.acts.close(row["id"], "benign_positive", "a campaign", by=ANALYST)
    world.work()
    given_reads(world, 500, 2)
    assert [it["phase"] for it in world.incidents()] == ["closed"]


def test_a_restart_goes_on_following(world: World) -> None:
    given_reads(world, 0, 40)
    world = world.restart()
    given_reads(world, 500, 3)
    assert {"c-500", "c-501", "c-502"} <= then_named(world)
    world.container.close()


def test_a_slow_reader_is_found_over_a_day(world: World) -> None:
    for hour in range(3):
        given_reads(world, hour * 39, 39, every_s=3600 / 39, purpose="made up")
    assert then_named(world) == {f"c-{n}" for n in range(117)}
    assert world.incidents()[0]["detected_at"] > MONDAY.isoformat()


def test_a_client_read_twice_is_one(world: World) -> None:
    given_reads(world, 0, 40)
    before = world.container.decisions.head()
    given_reads(world, 0, 5)
    assert world.container.decisions.head() == before
