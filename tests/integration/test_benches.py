"""The benches run to their end on small numbers, and their figures hold what they promise."""

from __future__ import annotations

import time
from pathlib import Path

from infra.lab.bench import archive, history, notice, storm
from infra.lab.bench.waits import FsyncProbe, asking_for_turns, waits_of
from infra.store.sql.sqlite import SqliteDatabase


def test_a_storm_is_worked_off(tmp_path: Path) -> None:
    found = storm.measure(tmp_path, 12)
    assert found["per_incident"] == {"incident_view": 1, "clock_view": 6, "notice_view": 3, "run_view": 1}
    assert found["seconds"] > 0 and found["floor_s"] > 0
    assert {"incidents", "clocks", "notices", "playbooks"} <= found["stages_s"].keys()
    assert found["writes"] > 0 and found["wait_max_ms"] >= found["wait_p999_ms"]


def test_a_history_is_copied_and_the_engine_goes_on_in_it(tmp_path: Path) -> None:
    found = history.measure(tmp_path, 330, few=310, rounds=2)
    for name in ("open", "join", "draft", "queue_open", "queue_closed", "clocks_page", "notices_page", "incident_page"):
        large, small, ratio = found[f"{name}_ms"]
        assert large > 0 and small > 0 and ratio > 0, name
    assert found["ratio"] == found[f"{found['worst']}_ms"][2]


def test_a_large_ledger_is_archived_verified_and_backed_up(tmp_path: Path) -> None:
    found = archive.measure(4_000, readers=0, fsync_ms=0.0, step=2_000, size=1_000)
    assert found["faults"] == 0
    assert found["segment_bytes_per_event"] and found["store_bytes_per_event"] > 0
    assert found["cost_growth"] == 1.0, "four thousand events are one part"


def test_waits_stand_beside_the_slowest_fsync(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.sqlite")
    with FsyncProbe(tmp_path / "probe") as probe:
        with database.write():
            pass
        while not probe.count:
            time.sleep(0.01)
    found = waits_of(database, probe)
    database.close()
    assert found["writes"] >= 1 and found["fsyncs"] >= 1
    assert found["slowest_fsync_ms"] >= 0 and found["wait_allowed_ms"] >= 250
    assert not list((tmp_path / "probe").iterdir())


def test_somebody_who_asks_beside_the_writers_is_counted(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.sqlite")
    with asking_for_turns(database):
        while not database.turns.waits.count:
            time.sleep(0.01)
    database.close()
    assert database.turns.waits.count == database.turns.held.count


def test_every_attack_under_load_has_its_draft(tmp_path: Path) -> None:
    found = notice._measure(tmp_path, 200, 5, 1.0)
    assert found["drafts_seen"] == found["attacks"] > 0
    assert found["writes"] > 0
