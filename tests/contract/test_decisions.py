"""What the log of decisions must do on every database, also through the event-sourcing library itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent, Tracking

from engine.incidents.facts import NoteAdded
from engine.incidents.incident import Incident
from engine.kernel.ids import derive
from infra.store.log.decisions import Decisions
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


def test_an_aggregate_that_is_not_there_is_empty(stores: Stores) -> None:
    assert stores.decisions().load(Incident, str(derive("incident", "none"))).id == ""
