"""A source that is expected to send events and falls silent opens an incident; once, whatever restarts meanwhile."""

from __future__ import annotations

from pathlib import Path

from tests.support import World


def test_silence_opens_an_incident_once_and_being_heard_again_is_noted(tmp_path: Path) -> None:
    world = World(tmp_path, expected_sources={"portal": 900, "bureau-gateway": 3600})
    world.work()
    world.feed(world.event("backup.job", mfo__outcome="ok"))
    world.clock.forward(seconds=800)
    world.work()
    assert world.incidents() == []
    world.clock.forward(seconds=200)
    world.work()
    assert [row["dedup_key"] for row in world.incidents()] == ["source-silent|portal"]
    again = world.restart()
    again.clock.forward(seconds=900)
    again.work()
    assert len(again.incidents()) == 1, "it is said once"
    again.feed(again.event("backup.job", mfo__outcome="ok"))
    said = [e.action for e in again.container.ledger.read(0, 100) if e.action.startswith("log.source")]
    assert said == ["log.source.silent", "log.source.resumed"]
    again.clock.forward(seconds=3000)
    again.work()
    keys = [row["dedup_key"] for row in again.incidents()]
    assert sorted(keys) == ["source-silent|bureau-gateway", "source-silent|portal"]
    assert [e.action for e in again.container.ledger.read(0, 100)].count("log.source.silent") == 3
    again.whole()
    again.container.close()


def test_a_source_is_heard_by_the_name_its_events_give_too(tmp_path: Path) -> None:
    world = World(tmp_path, expected_sources={"otp-gateway": 60})
    world.work()
    world.clock.forward(seconds=50)
    world.feed(world.event("otp.sent", mfo__otp__id="o", event__provider="otp-gateway"))
    world.clock.forward(seconds=50)
    world.work()
    assert world.incidents() == []
    world.container.close()
