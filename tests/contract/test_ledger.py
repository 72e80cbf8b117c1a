"""What every ledger adapter must do. Further adapters join the list of makers and change nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalogue import builtin_catalogue
from engine.door import Door
from engine.errors import DataError
from engine.events import Rejected, SecurityEvent
from engine.ids import derive
from infra.store.database import Database
from infra.store.ledger import SqliteLedger, decode, event_key, verify_chain
from tests.support import MONDAY


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    database = Database(tmp_path / "ledger.sqlite")
    yield SqliteLedger(database)
    database.close()


def chain(database: Database) -> list[tuple[int, str | None]]:
    with database.read() as cursor:
        return list(verify_chain(cursor, "ledger"))


def event(event_id: str, source: str = "portal", note: str = "") -> SecurityEvent:
    raw = orjson.dumps(
        {"@timestamp": MONDAY.isoformat(), "event.id": event_id, "event.action": "backup.job", "message": note}
    )
    read = Door(builtin_catalogue(), source, MONDAY).read(raw)
    assert isinstance(read, SecurityEvent)
    return read


def test_positions_have_no_gaps_and_events_come_back_as_they_were(ledger: SqliteLedger) -> None:
    ledger.append([event("a"), event("b")], [], MONDAY)
    ledger.append([event("c")], [], MONDAY)
    read = ledger.read(0, 10)
    assert [e.position for e in read] == [1, 2, 3] == list(range(1, ledger.head() + 1))
    assert [replace(e, position=0) for e in read] == [event("a"), event("b"), event("c")]
    assert [e.event_id for e in ledger.read(1, 1)] == ["b"]


def test_the_same_event_is_stored_once_per_source(ledger: SqliteLedger) -> None:
    first = ledger.append([event("a"), event("a")], [], MONDAY)
    second = ledger.append([event("a"), event("a", "antifraud")], [], MONDAY)
    assert (first.accepted, first.duplicate) == (1, 1)
    assert (second.accepted, second.duplicate) == (1, 1)


def test_other_bytes_under_a_known_id_are_kept_and_flagged(ledger: SqliteLedger) -> None:
    ledger.append([event("a")], [], MONDAY)
    taken = ledger.append([event("a", note="changed")], [], MONDAY)
    assert (taken.accepted, taken.flagged) == (1, 1)
    assert ledger.read(1, 1)[0].flags == ("source-conflict",)
    assert ledger.append([event("a", note="changed")], [], MONDAY).duplicate == 1


def test_dead_letters_keep_their_bytes_in_the_same_commit(ledger: SqliteLedger) -> None:
    reject = Rejected(3, "not-json", "why", b"\xff\x00{", None, "portal")
    assert ledger.append([event("a")], [reject, reject], MONDAY).rejected == 2
    row = ledger.database.row("SELECT * FROM dead_letters")
    assert row is not None
    assert (bytes(row["raw"]), row["line"], row["times"]) == (b"\xff\x00{", 3, 2)


def test_a_failure_in_the_middle_leaves_nothing(ledger: SqliteLedger) -> None:
    broken = replace(event("b"), fields={"bad": object()})
    with pytest.raises(TypeError):
        ledger.append([event("a"), broken], [], MONDAY)
    assert ledger.head() == 0
    assert ledger.append([event("a")], [], MONDAY).accepted == 1


@given(st.text(max_size=20).filter(str.isprintable), st.text(max_size=20).filter(str.isprintable))
def test_the_quick_key_is_the_derived_id(source: str, event_id: str) -> None:
    assert event_key(source, event_id) == derive("event", source, event_id).hex


def test_an_unknown_topic_is_an_error_and_never_an_import() -> None:
    with pytest.raises(DataError, match="unknown topic"):
        decode(1, "os:system", b"{}\n")


batches = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=8)


@given(batches)
def test_however_events_are_batched_each_is_stored_once_in_order(parts: list[list[str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "l.sqlite")
        ledger = SqliteLedger(database)
        accepted = duplicate = 0
        for part in parts:
            taken = ledger.append([event(name) for name in part], [], MONDAY)
            accepted, duplicate = accepted + taken.accepted, duplicate + taken.duplicate
        flat = [name for part in parts for name in part]
        assert [e.event_id for e in ledger.read(0, 100)] == list(dict.fromkeys(flat))
        assert accepted + duplicate == len(flat)
        assert [fault for _, fault in chain(database) if fault] == []
        database.close()


@pytest.mark.parametrize(
    ("damage", "at"),
    [
        ("UPDATE ledger SET state = replace(state, 'backup', 'backap') WHERE position = 7", 7),
        ("UPDATE ledger SET topic = 'x' WHERE position = 3", 3),
        ("DELETE FROM ledger WHERE position = 5", 5),
        ("UPDATE ledger SET originator_version = 9 WHERE position = 1", 1),
        ("UPDATE ledger SET hash = zeroblob(32) WHERE position = 9", 9),
    ],
)
def test_a_changed_row_is_found_and_named(ledger: SqliteLedger, damage: str, at: int) -> None:
    ledger.append([event(str(i)) for i in range(10)], [], MONDAY)
    connection = sqlite3.connect(ledger.database.path)
    connection.execute(damage)
    connection.commit()
    connection.close()
    faults = [(position, fault) for position, fault in chain(ledger.database) if fault]
    assert [position for position, _ in faults] == [at]
