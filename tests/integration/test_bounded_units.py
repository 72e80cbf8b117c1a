"""A large answer is given in several units of work, and goes on after a crash where it ended."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra.store.models.duties import ClockRow, NoticeRow
from infra.store.models.unfinished import unfinished
from tests.support import ANALYST, COMPLIANCE, World

CLIENTS = tuple(f"x-{n:03d}" for n in range(30))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that are full after ten facts."""
    monkeypatch.setattr("infra.store.log.unit.MOST_FACTS", 10)
    monkeypatch.setattr("infra.store.log.unit.TOGETHER", 4)
    monkeypatch.setattr("infra.store.log.unit.MOST_S", 1e9)


def leak(folder: Path) -> tuple[World, str]:
    world = World(folder).people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return world, world.incidents()[0]["id"]


def stage(world: World, name: str) -> Any:
    return next(it for it in world.stages if it.name == name)


def states(world: World, incident: str) -> Counter[str]:
    """How the clocks of the clients stand."""
    return Counter(row.state for row in world.held(ClockRow, owner_id=incident, kind="client-notice"))


@pytest.mark.usefixtures("small")
def test_clocks_of_many_clients_start_in_several_units_and_once(tmp_path: Path) -> None:
    world, key = leak(tmp_path)
    world.container.acts.name_clients(key, CLIENTS, (), "the dump", by=ANALYST)
    before = world.container.decisions.head()
    clocks = stage(world, "clocks")
    assert clocks.step()
    assert clocks.unfinished
    assert 0 < world.container.decisions.head() - before <= 14
    for _ in range(3):  # and the process dies: another one goes on
        world = world.restart()
        clocks = stage(world, "clocks")
        assert clocks.step()
    world.work()
    held = Counter(row.subject for row in world.held(ClockRow, owner_id=key, kind="client-notice"))
    assert held == Counter(["c-1", *CLIENTS])
    assert unfinished(world.container.database, "clocks") is None
    world.whole()
    world.container.close()


@pytest.mark.usefixtures("small")
def test_an_incident_that_was_none_cancels_what_it_began_in_several_units(tmp_path: Path) -> None:
    world, key = leak(tmp_path)
    world.container.acts.name_clients(key, CLIENTS, (), "the dump", by=ANALYST)
    world.work()
    world.container.acts.close(key, "false_positive", "a test of the dump", by=ANALYST)
    world.container.acts.close(key, "false_positive", "a test of the dump", by=COMPLIANCE)
    assert stage(world, "clocks").step()
    world = world.restart()
    world.work()
    assert states(world, key) == {"cancelled": len(CLIENTS) + 1}
    world.container.acts.reopen(key, "it was one after all", by=ANALYST)
    world.work()
    assert states(world, key) == {"running": len(CLIENTS) + 1}
    world.container.close()


@pytest.mark.usefixtures("small")
def test_an_approved_text_reaches_each_client_once_across_crashes(tmp_path: Path) -> None:
    world, key = leak(tmp_path)
    world.container.acts.name_clients(key, CLIENTS, (), "the dump", by=ANALYST)
    world.work()
    world.container.acts.approve_client_notices(key, by=COMPLIANCE)
    for _ in range(4):
        while stage(world, "clocks").step():  # which the notices never overtake
            pass
        assert stage(world, "notices").step()
        world = world.restart()
    world.work()
    addressed = [row.subject for row in world.held(NoticeRow, incident_id=key, kind="client") if row.text_of]
    assert Counter(addressed) == Counter(["c-1", *CLIENTS])
    assert states(world, key) == {"satisfied": len(CLIENTS) + 1}
    mails = list((tmp_path / "spool").glob("*.eml"))
    assert len([it for it in mails if b"X-Qorgau-Client" in it.read_bytes()]) == len(CLIENTS) + 1
    world.container.close()
