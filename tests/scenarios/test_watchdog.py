"""When the engine is dead, somebody else says that a term passed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.terms.calendar import builtin_overrides
from infra.watchdog.program import Facts, PostgresFacts, SqliteFacts, Watchdog
from infra.watchdog.terms import Line
from tests.support import ANALYST, COMPLIANCE, World


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


def facts_of(world: World) -> Facts:
    url = world.settings.database
    return PostgresFacts(url) if url else SqliteFacts(world.folder / "qorgau.sqlite")


def dog_of(world: World, told: list[dict[str, Any]]) -> Watchdog:
    return Watchdog(
        facts_of(world), Line(builtin_overrides()), world.clock, world.folder / "watchdog", 60, [told.append]
    )


def given_an_incident(world: World) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.incidents()[0]["id"])


def test_a_dead_engine_is_noticed_at_the_deadline(world: World, told: list[dict[str, Any]]) -> None:
    incident = given_an_incident(world)
    dog = dog_of(world, told)
    assert dog.look() == []
    world.clock.forward(minutes=61, seconds=5)  # nobody sweeps
    assert [cry["kind"] for cry in dog.look()] == ["immediate-containment"]
    world.clock.forward(days=1)
    kinds = {cry["kind"] for cry in dog.look()}
    assert kinds == {"triage", "regulator-notice", "client-notice", "personal-data-notice"}
    assert dog.look() == [], "each is said once"
    assert told[0]["due_at"] == (world.clock.at - timedelta(days=1, minutes=1, seconds=5)).isoformat()
    assert len(told) == 5
    lines = [json.loads(line) for line in dog.file.read_text().splitlines()]
    assert [line["kind"] for line in lines] == [cry["kind"] for cry in told]
    assert incident


def test_a_living_engine_leaves_nothing_to_say(world: World, told: list[dict[str, Any]]) -> None:
    incident = given_an_incident(world)
    dog = dog_of(world, told)
    world.container.acts.measure(incident, "containment", "blocked", by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    for _ in range(80):
        world.clock.forward(hours=1)
        world.sweep()
        assert dog.look() == []
    assert any(it.breached for it in dog.clocks.held.values()), "the engine itself said what was missed"


def test_a_restart_of_the_watchdog_does_not_cry_again(world: World, told: list[dict[str, Any]]) -> None:
    given_an_incident(world)
    world.clock.forward(days=2)
    assert dog_of(world, told).look()
    assert dog_of(world, told).look() == []


def test_a_false_arithmetic_in_the_engine_is_noticed(
    world: World, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: the engine takes every business day for an hour longer than it is."""
    from engine.terms.calendar import BusinessCalendar

    monkeypatch.setattr(BusinessCalendar, "business_day_length", lambda self: timedelta(hours=10))
    given_an_incident(world)
    kinds = {cry["kind"] for cry in dog_of(world, told).look()}
    assert {"regulator-notice", "client-notice", "remediation"} <= kinds
    assert all("differently" in cry["subject"] for cry in told)


def test_a_calendar_that_changed_since_is_no_disagreement(world: World, told: list[dict[str, Any]]) -> None:
    given_an_incident(world)
    facts = facts_of(world)
    day = "days:\n  - {date: 2026-11-24, working: false, reason: r, source: s, entered_by: b, entered_at: x}\n"
    dog = Watchdog(facts, Line(day), world.clock, world.folder / "dog", 60, [told.append])
    assert dog.look() == []
    world.clock.forward(days=1, minutes=2)
    assert "regulator-notice" in {cry["kind"] for cry in dog.look()}, "the instant that was counted holds"


def test_a_store_that_cannot_be_read_is_told_once(world: World, told: list[dict[str, Any]], tmp_path: Path) -> None:
    facts = SqliteFacts(tmp_path / "nowhere.sqlite")
    dog = Watchdog(facts, Line(), world.clock, tmp_path / "dog", 60, [told.append])
    assert [cry["key"] for cry in dog.look()] == ["store"]
    assert dog.look() == []


def test_a_way_of_telling_that_fails_does_not_stop_the_others(world: World, told: list[dict[str, Any]]) -> None:
    def broken(cry: dict[str, Any]) -> None:
        raise OSError("no network")

    given_an_incident(world)
    dog = dog_of(world, told)
    dog.tell.insert(0, broken)
    world.clock.forward(days=3)
    assert len(dog.look()) == len(told) > 0
    assert "untold" in dog.file.read_text()
