"""What every ledger adapter must do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.events.catalogue import builtin_catalogue
from engine.events.envelope import Rejected, SecurityEvent
from engine.events.parser import EventParser
from engine.kernel.errors import DataError
from engine.proofs import notes
from engine.proofs.merkle import verify_consistency, verify_inclusion
from infra.store.log import records
from infra.store.log.ledger import DEAD_LETTER, Ledger
from infra.store.log.prepared import prepare
from infra.store.log.verify import Fault, Seen, verify
from tests.stores import KINDS, SIGNER, Stores
from tests.support import MONDAY


@pytest.fixture(params=KINDS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    made = Stores(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def ledger(stores: Stores) -> Ledger:
    return stores.ledger()


def event(event_id: str, source: str = "portal", note: str = "", **fields: Any) -> SecurityEvent:
    document = {"@timestamp": MONDAY.isoformat(), "event.id": event_id, "event.action": "backup.job"}
    if note:
        document["message"] = note
    read = EventParser(builtin_catalogue(), source, MONDAY).read(orjson.dumps({**document, **fields}))
    assert isinstance(read, SecurityEvent)
    return read


def whole(ledger: Ledger) -> int:
    steps = list(verify(ledger.database, "ledger", SIGNER.verifier))
    assert [step for step in steps if isinstance(step, Fault)] == []
    assert isinstance(steps[-1], Seen)
    return steps[-1].position


def test_positions_have_no_gaps_and_events_come_back_as_they_were(ledger: Ledger) -> None:
    ledger.append([event("a"), event("b", note="О, привет \u0001")], [], MONDAY)
    ledger.append([event("c", **{"mfo.client.iin": "850101300005", "mfo.client.id": "c-1"})], [], MONDAY)
    read = ledger.read(0, 10)
    assert [e.position for e in read] == [1, 2, 3] == list(range(1, ledger.head() + 1))
    assert [e[:8] for e in read] == [
        event("a")[:8],
        event("b", note="О, привет \u0001")[:8],
        event("c", **{"mfo.client.iin": "850101300005", "mfo.client.id": "c-1"})[:8],
    ]
    assert [e.event_id for e in ledger.read(1, 1)] == ["b"]
    assert ledger.get(3) is not None
    assert ledger.get(4) is None
    assert ledger.get(0) is None


def test_a_replay_gives_what_reading_gives(ledger: Ledger) -> None:
    for size in (3, 50, 1, 20, 7):
        ledger.append([event(f"{size}-{i}") for i in range(size)], [], MONDAY)
    everything = ledger.read(0, 100)
    assert len(everything) == 81
    for page in (1, 7, 500):
        for after in range(0, 82, 9):
            for until in range(after, 82):
                read = [e for part in ledger.replay(after, until, page) for e in part]
                assert read == everything[after:until], (after, until, page)


def test_the_same_event_is_stored_once_per_source(ledger: Ledger) -> None:
    first = ledger.append([event("a"), event("a")], [], MONDAY)
    second = ledger.append([event("a"), event("a", "antifraud")], [], MONDAY)
    assert (first.accepted, first.duplicate) == (1, 1)
    assert (second.accepted, second.duplicate) == (1, 1)


def test_other_bytes_under_a_known_id_are_kept_and_flagged(ledger: Ledger) -> None:
    ledger.append([event("a")], [], MONDAY)
    taken = ledger.append([event("a", note="changed")], [], MONDAY)
    assert (taken.accepted, taken.flagged) == (1, 1)
    assert "source-conflict" in ledger.read(1, 1)[0].flags
    assert ledger.append([event("a", note="changed")], [], MONDAY).duplicate == 1
    assert ledger.append([event("a")], [], MONDAY).duplicate == 1


def test_ids_are_known_for_ever_also_by_other_processes(stores: Stores) -> None:
    first, second = stores.ledger(), stores.ledger()
    for start in range(0, 400, 40):
        writer = (first, second)[start // 40 % 2]
        assert writer.append([event(str(i)) for i in range(start, start + 40)], [], MONDAY).accepted == 40
    again = stores.ledger()
    for ledger in (first, second, again):
        assert ledger.append([event(str(i)) for i in range(400)], [], MONDAY).duplicate == 400
    assert int(first.database.scalar("SELECT COUNT(*) FROM known_runs")) >= 4
    assert whole(again) == 400


def test_dead_letters_keep_their_bytes_secret_in_the_same_commit(ledger: Ledger) -> None:
    reject = Rejected(3, "not-json", "why", b"\xff\x00{850101300005", None, "portal")
    assert ledger.append([event("a")], [reject, reject], MONDAY).rejected == 2
    row = ledger.database.row("SELECT * FROM dead_letters")
    assert row is not None
    assert b"850101300005" not in bytes(row["raw"])
    assert ledger.sealer is not None
    assert ledger.sealer.unlock(DEAD_LETTER, bytes(row["raw"])) == reject.raw
    assert (row["line"], row["times"]) == (3, 2)


def test_a_failure_in_the_middle_leaves_nothing(ledger: Ledger) -> None:
    broken = event("b")._replace(fields={"bad": object()}, verbatim=False)
    with pytest.raises(TypeError):
        ledger.append([event("a"), broken], [], MONDAY)
    assert ledger.head() == 0
    with pytest.raises(ZeroDivisionError), ledger.database.write() as cursor:
        ledger.append_within(cursor, prepare([event("a")], [], MONDAY, ledger.sealer))
        raise ZeroDivisionError
    assert ledger.head() == 0
    assert ledger.append([event("a")], [], MONDAY).accepted == 1
    assert whole(ledger) == 1


def test_an_undone_append_does_not_confuse_what_is_known(stores: Stores) -> None:
    """Undone here, and as many events committed by somebody else since: same head, other events."""
    mine, other = stores.ledger(), stores.ledger()
    with pytest.raises(ZeroDivisionError), mine.database.write() as cursor:
        mine.append_within(cursor, prepare([event("a"), event("b")], [], MONDAY, mine.sealer))
        raise ZeroDivisionError
    other.append([event("c"), event("d")], [], MONDAY)
    assert mine.append([event("a"), event("b"), event("c")], [], MONDAY).accepted == 2


def test_writers_side_by_side_leave_no_gap_and_followers_miss_nothing(stores: Stores) -> None:
    ledgers = [stores.ledger() for _ in range(3)]
    follower, stop, seen = stores.ledger(), threading.Event(), []

    def write(number: int) -> None:
        for batch in range(20):
            ledgers[number].append([event(f"{number}-{batch}-{i}") for i in range(7)], [], MONDAY)

    def follow() -> None:
        after = 0
        while True:
            ended = stop.is_set()
            events = follower.read(after, 50)
            seen.extend(e.position for e in events)
            after = seen[-1] if seen else 0
            if ended and not events:
                return

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    following = threading.Thread(target=follow)
    for thread in (*threads, following):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    following.join()
    assert seen == list(range(1, 421))
    assert whole(follower) == 420


def test_an_unknown_topic_is_an_error_and_never_an_import(ledger: Ledger) -> None:
    ledger.append([event("a")], [], MONDAY)
    with ledger.database.write() as cursor:
        if ledger.database.dialect == "postgres":
            cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE ledger SET topic = 'os:system'")
    with pytest.raises(DataError, match="unknown topic"):
        ledger.read(0, 1)


def test_every_event_can_be_proved_to_an_outsider(ledger: Ledger) -> None:
    for size in (3, 300, 1, 260, 40):
        ledger.append([event(f"{size}-{i}") for i in range(size)], [], MONDAY)
    with ledger.database.read() as cursor:
        note = ledger.tree.note(cursor)
        checkpoint = notes.verified(note, SIGNER.verifier)
        tree = ledger.stored_tree(cursor)
        for position in (1, 3, 4, 256, 257, 303, 304, 604):
            (leaf,) = ledger.leaves(cursor, position - 1, position)
            path = tree.inclusion(position - 1, checkpoint.size)
            assert verify_inclusion(leaf, position - 1, checkpoint.size, path, checkpoint.root)
        old = notes.verified(ledger.tree.note(cursor, 304), SIGNER.verifier)
        path = tree.consistency(304, checkpoint.size)
        assert verify_consistency(304, checkpoint.size, old.root, checkpoint.root, path)


def test_the_library_reads_blocks_as_notifications(ledger: Ledger) -> None:
    ledger.append([event("a"), event("b")], [], MONDAY)
    ledger.append([event("c")], [], MONDAY)
    found = ledger.recorder.select_notifications(start=1, limit=10)
    assert [(n.id, n.originator_version, n.topic) for n in found] == [(2, 1, records.TOPIC), (3, 2, records.TOPIC)]
    assert len(records.unpack(bytes(found[0].state))) == 2


batches = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=8)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=batches)
@pytest.mark.parametrize("kind", KINDS)
def test_however_events_are_batched_each_is_stored_once_in_order(
    parts: list[list[str]], kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stores = Stores(kind, tmp_path_factory.mktemp("l"))
    ledger = stores.ledger(run=4)
    accepted = duplicate = 0
    for part in parts:
        taken = ledger.append([event(name) for name in part], [], MONDAY)
        accepted, duplicate = accepted + taken.accepted, duplicate + taken.duplicate
    flat = [name for part in parts for name in part]
    assert [e.event_id for e in ledger.read(0, 100)] == list(dict.fromkeys(flat))
    assert accepted + duplicate == len(flat)
    assert whole(ledger) == accepted
    stores.close()
