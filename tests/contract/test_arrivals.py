"""Messages of a stream on every store: what was taken and how far stand or fall together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka.errors import MessageSizeTooLargeError

from engine.events.catalogue import builtin_catalogue
from engine.kernel.errors import Conflict
from infra.inbound.kafka.arrivals import Arrival, Arrivals, DeadLetter, Moved, Skipped, TopicReplaced
from infra.inbound.kafka.consumer import LETTER_BYTES, Landing, message_of
from tests.stores import KINDS, Stores
from tests.support import MovingClock

TOPIC = "q.portal"


@pytest.fixture(params=KINDS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    made = Stores(request.param, tmp_path)
    yield made
    made.close()


def arrivals_over(stores: Stores) -> Arrivals:
    return Arrivals(stores.ledger(), builtin_catalogue(), MovingClock(), "q", keep_unknown_types=False)


def event(number: int, **more: Any) -> bytes:
    return orjson.dumps(
        {"@timestamp": MovingClock().now().isoformat(), "event.id": f"k-{number}", "event.action": "backup.job", **more}
    )


def message(offset: int, value: bytes | None = None, partition: int = 0) -> Arrival:
    return Arrival(TOPIC, partition, offset, event(offset) if value is None else value)


def ids(arrivals: Arrivals) -> list[str]:
    return [it.event_id for it in arrivals.ledger.read(0, 10_000)]


def take(arrivals: Arrivals, *messages: Arrival) -> tuple[int, int, int]:
    taken = arrivals.store(arrivals.read(messages))
    return taken.accepted, taken.duplicate, taken.rejected


def test_a_batch_is_stored_with_its_positions_and_comes_again_in_vain(stores: Stores) -> None:
    arrivals = arrivals_over(stores)
    several = b"\n".join(event(number) for number in (10, 11, 12))
    assert take(arrivals, message(0), message(1, several), message(0, event(99), partition=1)) == (5, 0, 0)
    assert {key: it.next for key, it in arrivals.positions().items()} == {(TOPIC, 0): 2, (TOPIC, 1): 1}
    assert take(arrivals, message(0), message(1, several), message(2)) == (1, 0, 0)
    assert take(arrivals_over(stores), message(1, several), message(2)) == (0, 0, 0)
    assert sorted(ids(arrivals)) == ["k-0", "k-10", "k-11", "k-12", "k-2", "k-99"]


def test_an_event_that_comes_under_another_offset_is_known(stores: Stores) -> None:
    arrivals = arrivals_over(stores)
    take(arrivals, message(0), message(1))
    assert take(arrivals, message(2, event(0)), message(3, event(1))) == (0, 2, 0)


def test_what_fails_between_events_and_positions_leaves_neither(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals = arrivals_over(stores)
    read = arrivals.read([message(0)])
    with monkeypatch.context() as patch:
        patch.setattr("infra.inbound.kafka.arrivals.iso", lambda at: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            arrivals.store(read)
    assert (ids(arrivals), arrivals.positions()) == ([], {})
    arrivals.store(read)
    assert ids(arrivals) == ["k-0"]


def test_pieces_that_cannot_be_taken_are_kept_and_named_by_their_message(stores: Stores) -> None:
    arrivals = arrivals_over(stores)
    bad = b"\n".join([event(1), b"{broken", orjson.dumps({"event.id": "x"})])
    read = arrivals.read([message(0), message(1, bad), message(2, b"\xff\x00"), message(3, b""), message(4)])
    assert sorted((it.arrival.offset, it.reject.line) for it in read.dead) == [(1, 2), (1, 3), (2, 1), (3, 1)]
    taken = arrivals.store(read)
    assert (taken.accepted, taken.rejected) == (3, 4)
    kept = arrivals.ledger.database.rows("SELECT source FROM dead_letters")
    assert [row["source"] for row in kept] == ["portal"] * 4
    assert arrivals.positions()[(TOPIC, 0)].next == 5


def test_a_line_for_a_foreign_source_is_set_aside(stores: Stores) -> None:
    arrivals = arrivals_over(stores)
    read = arrivals.read([message(0), message(1, event(1, **{"event.provider": "antifraud"}))])
    assert [it.reject.field for it in read.dead] == ["event.provider"]


def test_missing_offsets_are_asked_for_once(stores: Stores) -> None:
    arrivals = arrivals_over(stores)
    take(arrivals, message(0))
    with pytest.raises(Skipped) as skipped:
        arrivals.read([message(3)])
    assert (skipped.value.expected, skipped.value.got) == (1, 3)
    with pytest.raises(Skipped):
        arrivals.read([message(4)])
    assert take(arrivals, message(1), message(2), message(3)) == (3, 0, 0)
    with pytest.raises(Skipped):
        arrivals.read([message(7)])
    assert take(arrivals, message(7)) == (1, 0, 0), "a gap that stays is the broker's"


def test_a_topic_made_anew_is_recognised(stores: Stores) -> None:
    arrivals = arrivals_over(stores)
    take(arrivals, message(0), message(1))
    with pytest.raises(TopicReplaced):
        arrivals.read([message(1, event(50))])
    arrivals.forget((TOPIC, 0))
    assert take(arrivals, message(0, event(49)), message(1, event(50))) == (2, 0, 0)


def test_two_consumers_of_one_partition_take_it_once(stores: Stores) -> None:
    one, other = arrivals_over(stores), arrivals_over(stores)
    first, second = one.read([message(0), message(1)]), other.read([message(0), message(1), message(2)])
    one.store(first)
    with pytest.raises(Moved):
        other.store(second)
    assert take(other, message(0), message(1), message(2)) == (1, 0, 0)
    assert ids(one) == ["k-0", "k-1", "k-2"]


def test_a_store_that_is_away_makes_the_batch_wait_and_is_told(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    arrivals = arrivals_over(stores)
    told: list[str] = []
    pauses: list[float] = []
    sought: list[tuple[tuple[str, int], int]] = []
    dead: list[DeadLetter] = []

    async def send(letter: DeadLetter) -> None:
        dead.append(letter)

    async def seek(partition: tuple[str, int], offset: int) -> None:
        sought.append((partition, offset))

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            monkeypatch.undo()

    landing = Landing(arrivals, send, seek, sleep)
    landing.on_fault = lambda error: told.append(str(error))
    landing.on_success = lambda places: told.append(f"works: {', '.join(places)}")

    def away(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(arrivals, "store", away)
    asyncio.run(landing.land([message(0), message(1, b"{broken")]))
    assert ids(arrivals) == ["k-0"]
    waits = "the batch waits (q.portal/0 from offset 0): OSError"
    assert (told, pauses) == ([waits] * 5 + ["works: q.portal/0"], [0.2, 1.0, 5.0, 15.0, 15.0])
    assert [it.arrival.offset for it in dead] == [1]
    asyncio.run(landing.land([message(9)]))
    assert sought == [((TOPIC, 0), 2)]
    asyncio.run(landing.land([message(1, event(77))]))
    assert sought[1:] == [((TOPIC, 0), 0)]


def test_a_gap_in_one_partition_does_not_cost_the_rest_of_the_batch(stores: Stores) -> None:
    arrivals, sought = arrivals_over(stores), []

    async def seek(partition: tuple[str, int], offset: int) -> None:
        sought.append((partition, offset))

    async def never(*_: object) -> None:
        raise AssertionError("nothing is broken here")

    landing = Landing(arrivals, never, seek, never)
    batch = [message(0), message(3), message(0, event(50), partition=1), message(4), message(1, event(51), partition=1)]
    asyncio.run(landing.land(batch))
    assert sought == [((TOPIC, 0), 1)]
    assert ids(arrivals) == ["k-0", "k-50", "k-51"]
    assert {key: it.next for key, it in arrivals.positions().items()} == {(TOPIC, 0): 1, (TOPIC, 1): 2}
    asyncio.run(landing.land([message(3), message(4)]))
    assert ids(arrivals)[-2:] == ["k-3", "k-4"]
    assert sought == [((TOPIC, 0), 1)]


@pytest.mark.parametrize("value", [b"", b" \n\r\n", b"[]"])
def test_a_message_without_an_event_leaves_a_dead_letter(stores: Stores, value: bytes) -> None:
    arrivals = arrivals_over(stores)
    assert take(arrivals, message(0, value), message(1)) == (1, 0, 1)
    assert arrivals.ledger.database.scalar("SELECT code FROM dead_letters") == "empty"


class Graves:
    """A topic of dead letters that does not take everything."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.taken: list[DeadLetter] = []

    async def send(self, letter: DeadLetter) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(letter)


def landing_at(arrivals: Arrivals, graves: Graves) -> Landing:
    async def nothing(*_: object) -> None:
        return None

    return Landing(arrivals, graves.send, nothing, nothing)


def too_large() -> Exception:
    error = RuntimeError("Error while sending")
    error.__cause__ = MessageSizeTooLargeError()
    return error


def test_a_dead_letter_that_no_broker_takes_stops_nothing(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    arrivals, graves = arrivals_over(stores), Graves(too_large())
    landing = landing_at(arrivals, graves)
    asyncio.run(landing.land([message(0), message(1, b"\xff" * 1_048_500), message(2)]))
    assert (ids(arrivals), landing.untold, graves.taken) == (["k-0", "k-2"], 1, [])
    assert arrivals.ledger.database.scalar("SELECT COUNT(*) FROM dead_letters") == 1
    assert "q.portal/0 offset 1" in caplog.text


def test_a_topic_of_dead_letters_that_stays_away_is_waited_for_a_few_times(stores: Stores) -> None:
    arrivals, graves = arrivals_over(stores), Graves(*[OSError("away")] * 4)
    landing = landing_at(arrivals, graves)
    told: list[str] = []
    landing.on_fault = lambda error: told.append(str(error))
    asyncio.run(landing.land([message(0, b"{broken"), message(1)]))
    assert (ids(arrivals), landing.untold, len(told)) == (["k-1"], 1, 3)


def test_a_letter_that_was_sent_is_not_sent_again_because_another_was_not(stores: Stores) -> None:
    arrivals, graves = arrivals_over(stores), Graves(OSError("away"))
    asyncio.run(landing_at(arrivals, graves).land([message(0, b"{broken"), message(1, b"{too")]))
    assert sorted(it.arrival.offset for it in graves.taken) == [0, 1]


def test_a_long_letter_is_cut_and_names_what_is_kept(stores: Stores) -> None:
    raw = b"\xff" * (LETTER_BYTES + 1)
    dead = arrivals_over(stores).read([message(7, raw)]).dead[0]
    value, headers = message_of(dead)
    assert (value, headers["qorgau.cut"], headers["qorgau.offset"]) == (raw[:LETTER_BYTES], b"yes", b"7")
    assert (headers["qorgau.size"], headers["qorgau.sha256"]) == (b"%d" % len(raw), sha256(raw).hexdigest().encode())
    assert message_of(dead, 0)[0] == b""


def test_a_message_is_passed_over_by_hand_and_kept_with_the_reason(stores: Stores) -> None:
    arrivals = arrivals_over(stores)
    take(arrivals, message(0))
    with pytest.raises(Conflict, match="the next offset is 1"):
        arrivals.skip(message(2), "wrong one")
    arrivals.skip(message(1, b"poison"), "the sender's mistake")
    kept = arrivals.ledger.database.rows("SELECT code, reason FROM dead_letters")
    assert [dict(row) for row in kept] == [{"code": "skipped", "reason": "passed over by hand: the sender's mistake"}]
    assert take(arrivals_over(stores), message(1, b"poison"), message(2)) == (1, 0, 0)
