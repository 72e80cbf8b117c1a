"""Our own people are watched too: who reads in bulk, without a case or at night opens an incident about himself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from infra.store.reads.access_log import Access
from tests.support import World


def read(world: World, who: str, clients: Sequence[str], *, case: str = "INC", by_itself: bool = False) -> None:
    for client in clients:
        world.container.store.access.write(
            Access(world.clock.now(), who, "console", "GET /incidents/{incident_id}", {"client": [client]}, case=case,
                   by_itself=by_itself)
        )  # fmt: skip


def an_hour_later(world: World) -> None:
    world.clock.forward(hours=1)
    for _ in range(3):
        world.work()


def of_reads(world: World) -> list[dict[str, object]]:
    return [row for row in world.incidents() if row["rule_name"] == "console-bulk-reads"]


def test_bulk_reads_open_an_incident_that_names_no_client(tmp_path: Path) -> None:
    world = World(tmp_path / "data").people()
    world.work()
    read(world, "aigul", [f"p-{number}" for number in range(120)])
    read(world, "bolat", [f"p-{number}" for number in range(30)])
    an_hour_later(world)
    assert [row["severity"] for row in of_reads(world)] == ["high"]
    (event,) = [it for it in world.container.ledger.replay(0, 1) for it in it if it.fields["user.id"] == "aigul"]
    assert (event.fields["mfo.reads.clients"], event.fields["mfo.reads.without_case"]) == (120, 0)
    assert b"p-1" not in orjson.dumps(of_reads(world), default=str)
    an_hour_later(world)
    assert len(of_reads(world)) == 1, "what it tells of is no reading: nothing goes round"
    world.container.close()


def test_reads_without_a_case_and_at_night_are_seen_sooner(tmp_path: Path) -> None:
    world = World(tmp_path / "data").people()
    world.work()
    read(world, "aigul", [f"p-{number}" for number in range(45)], case="")
    an_hour_later(world)
    assert len(of_reads(world)) == 1
    local = world.container.calendar.local(world.clock.now())
    world.clock.forward(hours=(23 - local.hour) % 24)
    world.work()
    for _ in range(30):
        world.work()
    read(world, "bolat", [f"p-{number}" for number in range(25)])
    an_hour_later(world)
    assert len(of_reads(world)) == 2
    world.container.close()


def test_what_pages_ask_for_by_themselves_is_nobodys_reading_and_a_restart_counts_no_hour_twice(tmp_path: Path) -> None:
    world = World(tmp_path / "data").people()
    world.work()
    read(world, "aigul", [f"p-{number}" for number in range(120)], by_itself=True)
    read(world, "bolat", [f"p-{number}" for number in range(120)])
    world = world.restart()
    world.clock.forward(hours=1)
    world.work()
    world = world.restart()
    an_hour_later(world)
    assert len(of_reads(world)) == 1
    assert world.container.ledger.head() == 1
    world.container.close()
