"""The store: read models that can be rebuilt, positions that never go back, one worker per directory."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError

from engine.incidents.facts import NoteAdded
from engine.incidents.incident import Incident
from engine.kernel.errors import DataError, QorgauError
from infra.app.worker import WorkerLock
from infra.store.log import topics
from infra.store.sql.sqlite import CHECKPOINT_EVERY, SqliteDatabase
from tests.support import ANALYST, COMPLIANCE, MONDAY, World

VIEWS = ("incident_view", "clock_view", "notice_view", "run_view", "protection_view", "order_view", "timeline")


def everything(world: World) -> dict[str, list[dict[str, Any]]]:
    return {view: world.rows(f"SELECT * FROM {view}") for view in VIEWS}


def busy(world: World) -> None:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    world.feed(world.event("loan.disbursement.executed", mfo__client__id="c-2", mfo__loan__id="L-1"))
    incident = world.incidents()[0]["id"]
    world.container.acts.assign(incident, "aigul", by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    world.clock.forward(days=2)
    world.sweep()


def test_read_models_rebuilt_from_the_log_are_the_same(world: World) -> None:
    busy(world)
    before = everything(world)
    assert world.container.decisions.rebuild_views() == world.container.decisions.head()
    assert everything(world) == before


def test_a_second_run_of_every_stage_changes_nothing(world: World) -> None:
    busy(world)
    head = world.container.decisions.head()
    world.work()
    again = world.restart()
    again.work()
    assert again.sweep() == 0
    assert again.container.decisions.head() == head
    again.container.close()


def test_a_follower_never_goes_back(world: World) -> None:
    busy(world)
    with pytest.raises(IntegrityError), world.container.decisions.unit(MONDAY) as unit:
        unit.track("clocks", 1)


def test_a_unit_that_fails_leaves_nothing(world: World) -> None:
    busy(world)
    head = world.container.decisions.head()
    incident = world.incidents()[0]["id"]
    with pytest.raises(RuntimeError), world.container.decisions.unit(MONDAY) as unit:
        unit.record(Incident, incident, [NoteAdded(at=MONDAY, incident_id=incident, text="half")])
        raise RuntimeError
    assert world.container.decisions.head() == head


def test_an_unknown_topic_is_never_imported() -> None:
    with pytest.raises(DataError, match="not known"):
        topics.decode("os:system", b"{}")


def test_the_detector_goes_on_where_it_was(world: World) -> None:
    """Nine failed logins before the restart and one after it are ten."""
    tries = [
        world.event("portal.login.failed", mfo__client__id=f"c-{i}", source__ip="203.0.113.5", event__reason="bad")
        for i in range(10)
    ]
    world.feed(*tries[:9])
    assert world.incidents() == []
    again = world.restart()
    again.feed(tries[9])
    assert [row["rule_name"] for row in again.incidents()] == ["credential-stuffing"]
    again.container.close()


def test_one_worker_per_directory(tmp_path: Path) -> None:
    first, second = WorkerLock(tmp_path), WorkerLock(tmp_path)
    first.take()
    with pytest.raises(QorgauError, match="QORGAU_DATA"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_data_of_another_version_are_not_touched(world: World) -> None:
    with world.container.database.write() as cursor:
        cursor.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(DataError, match="schema 99"):
        world.restart()


def test_a_fault_in_one_stage_moves_no_position(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.feed(world.event("backup.job"))
    clocks = next(stage for stage in world.stages if stage.name == "clocks")

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(clocks), "take", broken)
    with pytest.raises(RuntimeError):
        world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    monkeypatch.undo()
    world.work()
    assert "regulator-notice" in world.clocks(world.incidents()[0]["id"])


def test_the_write_ahead_log_is_copied_after_the_turn_and_does_not_grow(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.sqlite")
    log, sizes = tmp_path / "store.sqlite-wal", []
    for number in range(4 * CHECKPOINT_EVERY):
        with database.write() as cursor:
            cursor.execute("INSERT INTO meta VALUES (?, ?)", (f"filler-{number}", "x" * 20_000))
        sizes.append(log.stat().st_size)
    database.close()
    assert max(sizes) < 2 * sizes[CHECKPOINT_EVERY], "the log begins anew after it was copied"


def test_what_was_committed_stays_when_the_log_cannot_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = SqliteDatabase(tmp_path / "store.sqlite")

    real, refused = sqlite3.connect, []

    def full(*given: Any, **named: Any) -> Any:
        if given:  # the library's own connections name what they give
            refused.append(given)
            raise sqlite3.OperationalError("database or disk is full")
        return real(**named)

    monkeypatch.setattr(sqlite3, "connect", full)
    for number in range(CHECKPOINT_EVERY + 1):
        with database.write() as cursor:
            cursor.execute("INSERT INTO meta VALUES (?, ?)", (f"row-{number}", "x"))
    assert database.scalar("SELECT COUNT(*) FROM meta WHERE key LIKE 'row-%'") == CHECKPOINT_EVERY + 1
    assert refused
    database.close()


def test_a_turn_within_a_turn_copies_nothing(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.sqlite")
    with database.turns.turn() as turn:
        turn.begun()
        for _ in range(CHECKPOINT_EVERY + 2):
            with database.write():
                pass
        assert database._since_checkpoint > CHECKPOINT_EVERY
    with database.write():
        pass
    assert database._since_checkpoint == 0
    database.close()
