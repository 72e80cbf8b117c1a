"""Bodies wait by source: who sends much waits behind himself."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from infra.inbound.fair_queue import FairQueue, QueueFull
from infra.inbound.parser_pool import Batch
from tests.support import MONDAY


def put(queue: FairQueue, source: str, body: bytes = b"x") -> None:
    queue.put(Batch(source, frozenset(), MONDAY, body), Future())


def sources(queue: FairQueue, most: int = 32) -> list[str]:
    return [batch.source for batch, _ in queue.gather(most, 1_000_000, wait=False)]


def test_sources_come_in_turn() -> None:
    queue = FairQueue(10)
    for source in ("a", "a", "a", "a", "b", "c"):
        put(queue, source)
    assert sources(queue, 4) == ["a", "b", "c", "a"]
    assert sources(queue) == ["a", "a"]


def test_a_full_source_does_not_keep_others_out() -> None:
    queue = FairQueue(2)
    put(queue, "a")
    put(queue, "a")
    with pytest.raises(QueueFull):
        put(queue, "a")
    put(queue, "b")
    assert sources(queue) == ["a", "b", "a"]


def test_bytes_are_bounded_too() -> None:
    queue = FairQueue(100)
    for _ in range(4):
        put(queue, "a", bytes(8 * 1024 * 1024))
    with pytest.raises(QueueFull):
        put(queue, "a")
    put(queue, "b")


def test_a_held_source_waits_and_keeps_its_order() -> None:
    queue = FairQueue(10)
    put(queue, "a", b"1")
    put(queue, "a", b"2")
    put(queue, "b")
    queue.hold("a")
    assert sources(queue) == ["b"]
    queue.release("a")
    assert [batch.body for batch, _ in queue.gather(32, 1_000, wait=False)] == [b"1", b"2"]


def test_a_closed_queue_is_finished_when_it_is_empty() -> None:
    queue = FairQueue(10)
    put(queue, "a")
    queue.close()
    assert not queue.finished
    assert sources(queue) == ["a"]
    assert queue.finished
    assert queue.gather(1, 1, wait=True) == []
