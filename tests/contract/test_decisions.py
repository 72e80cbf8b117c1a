"""What the log of decisions must do on every database, also through the event-sourcing library itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import EventStore, IntegrityError, StoredEvent, Tracking

from engine.incidents.facts import IncidentAssigned, NoteAdded
from engine.incidents.incident import Incident
from engine.kernel.errors import DataError
from engine.kernel.ids import derive
from infra.store.log.decisions import Decisions
from infra.store.log.topics import MAPPER
from infra.store.log.verify import Fault, verify
from tests.stores import KINDS, SIGNER, Stores
from tests.support import MONDAY


@pytest.fixture(params=KINDS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    made = Stores(request.param, tmp_path)
    yield made
    made.close()


def whole(decisions: Decisions) -> None:
    assert [s for s in verify(decisions.database, "decisions", SIGNER.verifier) if isinstance(s, Fault)] == []


def note(key: str, text: str) -> NoteAdded:
    return NoteAdded(at=MONDAY, actor="a", incident_id=key, text=text)


def test_facts_come_back_in_order_and_a_failed_unit_leaves_nothing(stores: Stores) -> None:
    decisions = stores.decisions()
    keys = [str(derive("incident", n)) for n in range(3)]
    for text in "abc":
        with decisions.unit(MONDAY) as unit:
            for key in keys:
                unit.record_single(key, note(key, text))
    with pytest.raises(ZeroDivisionError), decisions.unit(MONDAY) as unit:
        unit.record_single(keys[0], note(keys[0], "undone"))
        raise ZeroDivisionError
    read = stores.decisions().read(0, 100)
    assert [recorded.position for recorded in read] == list(range(1, 10))
    assert [recorded.fact.text for recorded in read] == list("aaabbbccc")  # type: ignore[attr-defined]
    assert [recorded.originator for recorded in read] == keys * 3
    whole(decisions)


def test_a_follower_never_goes_back(stores: Stores) -> None:
    decisions = stores.decisions()
    with decisions.unit(MONDAY) as unit:
        unit.track("f", 5)
    assert decisions.tracked("f") == 5
    with pytest.raises(IntegrityError), decisions.unit(MONDAY) as unit:
        unit.track("f", 5)
    assert stores.decisions().tracked("f") == 5


def test_the_library_writes_and_reads_through_the_same_rows(stores: Stores) -> None:
    """Events with tracking, selected by aggregate and as notifications; chained and in the tree like all others."""
    decisions = stores.decisions()
    recorder, key = decisions.recorder, uuid4()
    events = [StoredEvent(key, version, "note.added.v1", b"{}") for version in (1, 2)]
    assert list(recorder.insert_events(events, tracking=Tracking("up", 7)) or []) == [1, 2]
    assert recorder.max_tracking_id("up") == 7
    assert [e.originator_version for e in recorder.select_events(key)] == [1, 2]
    with pytest.raises(IntegrityError):
        recorder.insert_events([StoredEvent(key, 2, "note.added.v1", b"{}")])
    with pytest.raises(IntegrityError):
        recorder.insert_events([StoredEvent(key, 3, "note.added.v1", b"{}")], tracking=Tracking("up", 7))
    found = recorder.select_notifications(start=2, limit=10)
    assert [(n.id, UUID(str(n.originator_id)), n.originator_version) for n in found] == [(2, key, 2)]
    assert decisions.head() == 2
    whole(decisions)


def test_the_log_is_read_as_notifications(stores: Stores) -> None:
    decisions = stores.decisions()
    keys = [str(derive("incident", n)) for n in range(2)]
    with decisions.unit(MONDAY) as unit:
        unit.record_single(keys[0], note(keys[0], "one"))
        unit.record_single(keys[1], IncidentAssigned(at=MONDAY, actor="a", incident_id=keys[1], assignee="b"))
        unit.record_single(keys[0], note(keys[0], "two"))
    select = decisions.recorder.select_notifications
    assert [it.id for it in select(None, 10)] == [it.id for it in select(1, 10)] == [1, 2, 3]
    assert [it.id for it in select(1, 10, inclusive_of_start=False)] == [2, 3]
    assert [it.id for it in select(1, 10, stop=2)] == [1, 2]
    assert [it.id for it in select(1, 1)] == [1]
    assert [it.id for it in select(1, 10, topics=(NoteAdded.topic,))] == [1, 3]
    assert [it.position for it in decisions.read_topic(NoteAdded.topic, 1, 10)] == [3]
    ones, others = decisions.of(keys[0]), decisions.of(keys[1])
    assert [it.fact for it in decisions.read(0, 10)] == [ones[0], *others, ones[1]]


def test_the_library_reads_facts_and_imports_nothing_that_a_row_names(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own mapper imports the module that a topic names: who can write a row could then run code."""
    (tmp_path / "planted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Fact: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    decisions, key = stores.decisions(), uuid4()
    with decisions.unit(MONDAY) as unit:
        unit.record_single(str(key), note(str(key), "x"))
    library: EventStore[UUID] = EventStore(MAPPER, decisions.recorder)
    assert [(it.originator_id, it.originator_version, it.fact) for it in library.get(key)] == [  # type: ignore[attr-defined]
        (key, 1, note(str(key), "x"))
    ]
    decisions.recorder.insert_events([StoredEvent(key, 2, "planted:Fact", b"{}")])
    with pytest.raises(DataError, match="the topic 'planted:Fact' is not known"):
        list(library.get(key))
    with pytest.raises(DataError, match="the topic 'planted:Fact' is not known"):
        decisions.read(0, 10)
    assert not (tmp_path / "ran").exists()


@pytest.mark.services
def test_the_library_works_on_the_connections_of_the_store(tmp_path: Path) -> None:
    made = Stores("postgres", tmp_path)
    decisions = made.decisions()
    database: Any = decisions.database
    for _ in range(3):
        assert decisions.tracked("nobody") == 0
        decisions.read(0, 1)
    assert database.store.pool is database._pool
    assert database.scalar("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()") == 1
    made.close()


def test_an_aggregate_that_is_not_there_is_empty(stores: Stores) -> None:
    assert stores.decisions().load(Incident, str(derive("incident", "none"))).id == ""
