"""Processes that write to one SQLite file take turns: whoever has just written comes after who waits."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from pathlib import Path

import pytest

from infra.store.sql.turnstile import Turnstile


def taken(path: Path) -> bool:
    """Say whether somebody holds the lock on a file."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_who_has_just_written_comes_after_who_waits(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    worker, console = Turnstile(store, 30), Turnstile(store, 30)
    order: list[str] = []

    def write() -> None:
        console.enter()
        order.append("console")
        console.leave()

    worker.enter()
    waiting = threading.Thread(target=write)
    waiting.start()
    while not taken(tmp_path / "store.sqlite-place"):
        pass
    worker.leave()
    worker.enter()
    order.append("worker")
    worker.leave()
    waiting.join()
    assert order == ["console", "worker"]


def test_a_turn_that_does_not_come_is_an_error_of_sqlite_and_leaves_nothing_held(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    holder, late = Turnstile(store, 30), Turnstile(store, 0)
    holder.enter()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        late.enter()
    assert not taken(tmp_path / "store.sqlite-place")
    holder.leave()
    late.enter()
    late.leave()
    assert not taken(tmp_path / "store.sqlite-gate")


def test_a_turn_within_a_turn_is_the_same_turn(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    one = Turnstile(store, 0)
    one.enter()
    one.enter()
    one.leave()
    assert taken(tmp_path / "store.sqlite-gate")
    one.leave()
    assert not taken(tmp_path / "store.sqlite-gate")


def test_a_process_that_dies_holds_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    gone = Turnstile(store, 0)
    gone.enter()
    gone.close()
    Turnstile(store, 0).enter()
