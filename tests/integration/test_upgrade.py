"""A store made by the first version of the product (schema 1: a row for each event, in the clear) goes on living.

``tests/data/store-v1.sqlite.gz`` was written by commit a6ea6ac from ``store-v1.ndjson``; it is never made anew.
"""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pytest

from engine.kernel.errors import DataError
from infra.inbound.parser_pool import Batch
from infra.read import queries
from infra.store.sql.schema import STORE
from tests.commands import qorgau
from tests.support import DATA, World


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "qorgau.sqlite").write_bytes(gzip.decompress((DATA / "store-v1.sqlite.gz").read_bytes()))
    return folder


def test_a_store_of_the_first_version_is_brought_over_whole(old: Path) -> None:
    lines = (DATA / "store-v1.ndjson").read_bytes().splitlines()
    world = World(old)
    events = world.container.ledger.read(0, 100)
    assert [event.raw for event in events] == lines[:62]
    assert [event.position for event in events] == list(range(1, 63))
    assert events[61].fields["mfo.client.iin"] == "850101300005"
    assert world.whole() == {"ledger": 62, "decisions": 33}
    assert [row["number"] for row in world.incidents()] == ["INC-2026-0001", "INC-2026-0002"]
    (letter,) = queries.dead_letters(world.container)
    assert letter.size == len(b"garbage")
    receipt = world.container.intake.take(Batch("file", None, world.clock.now(), b"\n".join(lines)))
    assert (receipt.taken.accepted, receipt.taken.duplicate) == (0, 62)
    assert world.container.ledger.find(world.container.store.vault.questions("850101300005")) == [62]
    world.work()
    again = world.restart()
    assert again.whole()["ledger"] == 62
    again.container.close()
    assert b"850101300005" not in (old / "qorgau.sqlite").read_bytes()


def test_an_old_store_that_was_changed_is_not_brought_over(old: Path) -> None:
    connection = sqlite3.connect(old / "qorgau.sqlite")
    connection.execute("UPDATE ledger SET topic = 'x' WHERE position = 7")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="position 7"):
        World(old)


def test_migrate_says_what_it_did_and_a_later_version_is_refused(old: Path) -> None:
    done = qorgau("ledger", "migrate", data=old)
    assert (done.returncode, f"schema {STORE.version}, 62 events".encode() in done.stdout) == (0, True)
    connection = sqlite3.connect(old / "qorgau.sqlite")
    connection.execute(f"UPDATE meta SET value = '{STORE.version + 1}' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    done = qorgau("ledger", "stats", data=old)
    assert done.returncode == 2
    assert b"use the newer program" in done.stderr
