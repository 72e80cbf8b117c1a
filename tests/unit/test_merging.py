"""Messages of many partitions come in the order of their time, whatever the broker gives first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from infra.inbound.kafka import merging
from infra.inbound.kafka.merging import PATIENCE_S, InOrder


@dataclass(frozen=True)
class Message:
    offset: int
    timestamp: int
    value: bytes = b""


class Broker:
    """Partitions with their messages; ``fetch`` gives some of what was not given yet."""

    def __init__(self, partitions: dict[TP, list[Message]]) -> None:
        self.waiting = {tp: deque(messages) for tp, messages in partitions.items()}
        self.unknown: set[TP] = set()

    def more(self, tp: TP) -> bool:
        return tp in self.unknown or bool(self.waiting[tp])

    def fetch(self, tp: TP, most: int) -> dict[TP, list[Message]]:
        queue = self.waiting[tp]
        return {tp: [queue.popleft() for _ in range(min(most, len(queue)))]}


QUIET, BUSY = TP("quiet", 0), TP("busy", 0)


def merger(broker: Broker, clock: list[float] | None = None) -> InOrder:
    made = InOrder(broker.more, lambda: clock[0] if clock else 0.0)
    made.begin(dict.fromkeys(broker.waiting, 0))
    return made


def test_a_quiet_topic_does_not_run_ahead_of_a_busy_one() -> None:
    broker = Broker({QUIET: [Message(n, n * 100) for n in range(10)], BUSY: [Message(n, n) for n in range(1_000)]})
    order, given_ = merger(broker), []
    while len(given_) < 1_010:
        for tp, most in ((QUIET, 10), (BUSY, 37)):
            given_ += [message.timestamp for _, message in order.iterate(broker.fetch(tp, most))]
    assert given_ == sorted(given_)


@given(
    st.lists(st.lists(st.integers(0, 50), max_size=30).map(sorted), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=60),
)
def test_nothing_is_lost_or_turned_round(times: list[list[int]], fetches: list[tuple[int, int]]) -> None:
    partitions = {TP("t", number): [Message(n, at) for n, at in enumerate(some)] for number, some in enumerate(times)}
    broker, seen = Broker(partitions), []
    order = merger(broker)
    for number, most in fetches:
        if TP("t", number) in partitions:
            seen += list(order.iterate(broker.fetch(TP("t", number), most)))
    for tp in partitions:
        seen += list(order.iterate(broker.fetch(tp, 100)))
    assert sorted(seen, key=lambda it: (it[0], it[1].offset)) == [
        (tp, message) for tp, messages in sorted(partitions.items()) for message in messages
    ]
    assert [message.timestamp for _, message in seen] == sorted(message.timestamp for _, message in seen)


def test_a_partition_that_gives_nothing_is_waited_for_so_long_and_no_longer() -> None:
    broker = Broker({QUIET: [Message(0, 5)], BUSY: [Message(0, 7)]})
    broker.unknown.add(QUIET)
    clock = [0.0]
    order = merger(broker, clock)
    assert list(order.iterate(broker.fetch(BUSY, 1))) == []
    clock[0] = PATIENCE_S
    assert list(order.iterate({})) == []
    clock[0] = PATIENCE_S + 1
    assert [tp for tp, _ in order.iterate({})] == [BUSY]
    assert [tp for tp, _ in order.iterate(broker.fetch(QUIET, 1))] == [QUIET]


def test_what_is_far_ahead_is_not_asked_for_more_and_order_gives_way_to_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merging, "HELD_BYTES", 100 * merging.MESSAGE_BYTES)
    broker = Broker({QUIET: [Message(0, 5)], BUSY: [Message(n, n + 10) for n in range(1_000)]})
    order = merger(broker)
    assert list(order.iterate(broker.fetch(BUSY, 50))) == []
    assert order.full() == set()
    assert list(order.iterate(broker.fetch(BUSY, 1))) == []
    assert order.full() == {BUSY}
    assert list(order.iterate(broker.fetch(BUSY, 149))) == []
    assert len(list(order.iterate(broker.fetch(BUSY, 1)))) == 201
    assert order.full() == set()


def test_a_new_beginning_forgets() -> None:
    broker = Broker({QUIET: [Message(0, 5)], BUSY: [Message(n, n) for n in range(100)]})
    order = merger(broker)
    assert list(order.iterate(broker.fetch(BUSY, 10))) == [(BUSY, Message(n, n)) for n in range(0)]
    order.begin({BUSY: 10})
    assert len(list(order.iterate(broker.fetch(BUSY, 100)))) == 90
