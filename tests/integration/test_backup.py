"""Backup while the store is written to, and the way back."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from engine.kernel.errors import InputError
from infra.store.backup import BackupError, Copy, back_up, check, restore
from infra.store.sql.sqlite import SqliteDatabase
from tests.support import World


def test_a_backup_taken_while_events_stream_in_is_whole_and_can_be_lived_in(tmp_path: Path) -> None:
    world = World(tmp_path / "data").people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    stop = threading.Event()

    def pour() -> None:
        while not stop.is_set():
            world.container.ledger.append([], [], world.clock.now())
            world.feed(*(world.event("backup.job") for _ in range(50)))

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        copies = [copied(world, tmp_path / f"b{i}.sqlite") for i in range(5)]
    finally:
        stop.set()
        pouring.join()
    heads = [copy.ledger for copy in copies]
    assert heads == sorted(heads)
    assert heads[-1] <= world.container.ledger.head()
    restored = restore(tmp_path / "b4.sqlite", tmp_path / "again", world.container.store.signer.verifier)
    assert restored.ledger == heads[-1]
    shutil.copytree(tmp_path / "data" / "keys", tmp_path / "again" / "keys")
    again = World(tmp_path / "again")
    assert [row["number"] for row in again.incidents()] == ["INC-2026-0001"]
    again.clock.forward(days=9)
    assert again.sweep() == 6
    again.container.close()
    world.container.close()


def copied(world: World, target: Path) -> Copy:
    database = world.container.database
    assert isinstance(database, SqliteDatabase)
    return back_up(database, target, world.container.store.signer.verifier)


def test_a_backup_overwrites_nothing(world: World, tmp_path: Path) -> None:
    target = tmp_path / "b.sqlite"
    copied(world, target)
    with pytest.raises(InputError, match="never overwrites"):
        copied(world, target)
    with pytest.raises(InputError, match="empty directory"):
        restore(target, world.folder, world.container.store.signer.verifier)


def test_a_copy_that_was_changed_is_refused(world: World, tmp_path: Path) -> None:
    for _ in range(10):
        world.feed(world.event("backup.job"))
    target = tmp_path / "b.sqlite"
    copied(world, target)
    connection = sqlite3.connect(target)
    connection.execute("DELETE FROM ledger WHERE position = 4")
    connection.commit()
    connection.close()
    with pytest.raises(BackupError, match="positions 4 to 4 are missing"):
        restore(target, tmp_path / "again", world.container.store.signer.verifier)
    assert not (tmp_path / "again").exists()
    (tmp_path / "text").write_text("not a database at all, only text")
    with pytest.raises(BackupError, match="not a store"):
        check(tmp_path / "text", world.container.store.signer.verifier)
