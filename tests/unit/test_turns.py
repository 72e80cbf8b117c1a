"""The writers' turns are in the order of asking, and what each waited is counted."""

from __future__ import annotations

import threading

import pytest

from infra.store.sql.turns import BOUNDS_S, Waits, WriterTurns


def test_turns_are_in_the_order_of_asking() -> None:
    turns, order, threads = WriterTurns(), [], []

    def ask(name: int) -> None:
        with turns.turn() as turn:
            turn.begun()
            order.append(name)

    with turns.turn() as turn:
        turn.begun()
        for name in range(5):
            threads.append(threading.Thread(target=ask, args=(name,)))
            threads[-1].start()
            while len(turns._queue) <= name:  # until it stands in the queue
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]
    assert turns.waits.count == turns.held.count == 6


def test_who_holds_the_turn_may_take_it_again() -> None:
    turns = WriterTurns()
    with turns.turn(), turns.turn():
        pass
    with turns.turn():
        pass


def test_a_writer_that_fails_gives_the_turn_back() -> None:
    turns = WriterTurns()
    with pytest.raises(ZeroDivisionError), turns.turn():
        raise ZeroDivisionError
    with turns.turn() as turn:
        turn.begun()
    assert turns.waits.count == 1, "one that never began waited for nothing"


def test_an_interrupted_wait_leaves_no_place_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = WriterTurns()
    with turns.turn():
        interrupted = threading.Thread(target=_interrupted, args=(turns, monkeypatch))
        interrupted.start()
        interrupted.join(10)
    with turns.turn():
        pass


def _interrupted(turns: WriterTurns, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(self: object, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(threading.Event, "wait", wait)
        with turns.turn():
            pass


def test_waits_are_counted_in_buckets() -> None:
    waits = Waits()
    assert waits.quantile(0.999) == 0.0
    for _ in range(999):
        waits.add(0.0004)
    waits.add(0.3)
    assert waits.count == 1_000
    assert waits.longest_s == 0.3
    assert waits.quantile(0.5) == BOUNDS_S[0]
    assert waits.quantile(1.0) == 0.3
    waits.add(100.0)
    assert waits.quantile(1.0) == 100.0
