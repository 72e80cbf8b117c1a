"""Every kind of change to the stored logs is found, and named by position. Both databases, 200 random cases each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.proofs import notes
from engine.proofs.chain import GENESIS
from engine.proofs.merkle import Frontier
from engine.proofs.notes import Checkpoint, Signer
from infra.store.log import records
from infra.store.log.ledger import Ledger, link_block, short_bytes
from infra.store.log.verify import Fault, verify
from tests.contract.test_ledger import event
from tests.stores import KINDS, SIGNER, Stores
from tests.support import MONDAY

TABLES = {
    "ledger": "position, originator_id, originator_version, topic, first, hash, keys, leaves, state",
    "checkpoints": "log, size, root, edge, note, at",
    "tiles": "log, part, roots",
    "cosignatures": "log, size, witness, note",
}
WITNESS = notes.witness_signer("witness", b"w" * 32)
CASES = 200
Place = tuple[int, int]
"""The first position touched, and the last that a fault may name as where it begins."""


class Tampered:
    """A filled store that can be damaged and put back."""

    def __init__(self, stores: Stores, rng: Random) -> None:
        self.rng = rng
        self.ledger: Ledger = stores.ledger()
        self.database = self.ledger.database
        self.ends: list[int] = []
        for batch in range(24):
            size = rng.choice((1, 2, 5, 30, 60))
            self.ledger.append([event(f"{batch}-{i}") for i in range(size)], [], MONDAY)
            self.ends.append(self.ledger.head())
            if batch % 5 == 4:
                self._cosign()
        self.last = self.ends[-1]
        self.seen = self._cosign()
        self.saved = {
            table: [tuple(row) for row in self._rows(f"SELECT {names} FROM {table}")] for table, names in TABLES.items()
        }

    def _rows(self, sql: str) -> list[Any]:
        with self.database.read() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _cosign(self) -> str:
        with self.database.write() as cursor:
            note = self.ledger.tree.note(cursor)
            checkpoint, _ = notes.parse(note)
            cosigned = note + WITNESS.cosign(checkpoint, 1)
            cursor.execute("INSERT INTO cosignatures VALUES ('ledger', ?, 'witness', ?)", (checkpoint.size, cosigned))
        return cosigned

    def change(self, act: Callable[[Any], None]) -> None:
        with self.database.write() as cursor:
            if self.database.dialect == "postgres":
                cursor.execute("SET LOCAL session_replication_role = replica")
            act(cursor)

    def restore(self) -> None:
        def back(cursor: Any) -> None:
            for table, names in TABLES.items():
                cursor.execute(f"DELETE FROM {table}")
                marks = ",".join("?" * len(names.split(",")))
                cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", self.saved[table])

        self.change(back)

    def fault(self, *, with_witness: bool) -> Fault | None:
        seen = [self.seen] if with_witness else []
        steps = list(verify(self.database, "ledger", SIGNER.verifier, [WITNESS.verifier], seen))
        return next((step for step in steps if isinstance(step, Fault)), None)

    def block(self) -> tuple[int, int, list[bytes]]:
        row = self.rng.choice(self.saved["ledger"])
        return row[4], row[0], records.unpack(bytes(row[8]))


def flip_bit(it: Tampered) -> Place:
    """In any column of any block; a flip inside one record must be named to the event."""
    first, last, stored = it.block()
    names = ("state", "leaves", "keys", "hash", "topic")
    name = it.rng.choice(names)
    row = next(row for row in it.saved["ledger"] if row[0] == last)
    held = row[TABLES["ledger"].split(", ").index(name)]
    data = bytearray(held.encode() if isinstance(held, str) else bytes(held))
    at = it.rng.randrange(len(data))
    data[at] ^= 1 << it.rng.randrange(7)
    value: Any = bytes(data) if name != "topic" else data.decode("latin1").replace("\x00", "0")
    it.change(lambda cursor: cursor.execute(f"UPDATE ledger SET {name} = ? WHERE position = ?", (value, last)))
    start = 8 + 4 * len(stored)
    if name == "state" and at >= start:
        offset, position = start, first
        for record in stored:
            if at < offset + len(record):
                return position, position
            offset += len(record)
            position += 1
    if name in ("leaves", "keys"):
        position = first + at // (32 if name == "leaves" else 8)
        return position, position
    return first, last


def delete_block(it: Tampered) -> Place:
    first, last, _ = it.block()
    it.change(lambda cursor: cursor.execute("DELETE FROM ledger WHERE position = ?", (last,)))
    return first, first


def _store(it: Tampered, first: int, last: int, stored: list[bytes], *, recount: bool) -> None:
    state, changes = records.pack(stored), ""
    values: list[Any] = [state]
    if recount:
        leaves = b"".join(records.leaf_of(p, r) for p, r in enumerate(stored, first))
        words = short_bytes([int.from_bytes(record[:8], "big") for record in stored])
        changes, values = ", leaves = ?, keys = ?", [state, leaves, words]
    it.change(lambda c: c.execute(f"UPDATE ledger SET state = ?{changes} WHERE position = ?", (*values, last)))


def delete_event(it: Tampered) -> Place:
    first, last, stored = it.block()
    at = it.rng.randrange(len(stored))
    _store(it, first, last, stored[:at] + stored[at + 1 :], recount=it.rng.random() < 0.5)
    return first, first + at


def insert_event(it: Tampered) -> Place:
    first, last, stored = it.block()
    at = it.rng.randrange(len(stored) + 1)
    forged = records.encode(event("forged"), records.event_key("portal", "forged"), 1, None)
    _store(it, first, last, [*stored[:at], forged, *stored[at:]], recount=it.rng.random() < 0.5)
    return first, first + at


def swap_events(it: Tampered) -> Place:
    first, last, stored = it.block()
    while len(stored) < 2:
        first, last, stored = it.block()
    a, b = sorted(it.rng.sample(range(len(stored)), 2))
    stored[a], stored[b] = stored[b], stored[a]
    _store(it, first, last, stored, recount=it.rng.random() < 0.5)
    return first, first + a


def swap_blocks(it: Tampered) -> Place:
    a, b = sorted(it.rng.sample(it.saved["ledger"], 2), key=lambda row: row[0])

    def act(cursor: Any) -> None:
        for row, other in ((a, b), (b, a)):
            cursor.execute(
                "UPDATE ledger SET keys = ?, leaves = ?, state = ?, hash = ? WHERE position = ?",
                (other[6], other[7], other[8], other[5], row[0]),
            )

    it.change(act)
    return a[4], a[4]


def cut_the_end(it: Tampered) -> Place:
    keep = it.rng.choice(it.ends[:-1])
    signed_too = it.rng.random() < 0.7

    def act(cursor: Any) -> None:
        cursor.execute("DELETE FROM ledger WHERE position > ?", (keep,))
        if signed_too:
            cursor.execute("DELETE FROM checkpoints WHERE size > ?", (keep,))
            cursor.execute("DELETE FROM cosignatures WHERE size > ?", (keep,))

    it.change(act)
    return keep + 1, keep + 1


def rewrite(it: Tampered, signer: Signer) -> Place:
    """Change one event and recount everything after it: leaves, chain, tiles, heads; sign with a key."""
    rows = [list(row) for row in it.saved["ledger"]]
    victim = it.rng.randrange(len(rows))
    stored = records.unpack(bytes(rows[victim][8]))
    at = it.rng.randrange(len(stored))
    stored[at] = stored[at].replace(b"backup.job", b"backup.jab")
    frontier, previous, noted = Frontier(), GENESIS, []
    for number, row in enumerate(rows, 1):
        if number - 1 == victim:
            row[8] = records.pack(stored)
            row[7] = b"".join(records.leaf_of(p, r) for p, r in enumerate(stored, row[4]))
        row[5] = previous = link_block(previous, number, row[4], row[3], bytes(row[7]))
        leaves = bytes(row[7])
        frontier.add([leaves[i : i + 32] for i in range(0, len(leaves), 32)])
        checkpoint = Checkpoint("test/ledger", frontier.size, frontier.root())
        noted.append((signer.sign(checkpoint), checkpoint.root, b"".join(frontier.edge), frontier.size))
    tiles = b"".join(frontier.take_tiles())

    def act(cursor: Any) -> None:
        for row in rows[victim:]:
            cursor.execute(
                "UPDATE ledger SET hash = ?, leaves = ?, state = ? WHERE position = ?", (row[5], row[7], row[8], row[0])
            )
        for note, root, edge, size in noted[victim:]:
            cursor.execute(
                "UPDATE checkpoints SET note = ?, root = ?, edge = ? WHERE size = ?", (note, root, edge, size)
            )
        cursor.execute("UPDATE tiles SET roots = ?", (tiles,))
        cursor.execute("DELETE FROM cosignatures WHERE size >= ?", (rows[victim][0],))

    it.change(act)
    return 1, rows[victim][4] + at


def rewrite_without_the_key(it: Tampered) -> Place:
    return rewrite(it, Signer("test", b"t" * 32))


def rewrite_with_the_key(it: Tampered) -> Place:
    return rewrite(it, SIGNER)


ATTACKS: list[Callable[[Tampered], Place]] = [
    flip_bit, flip_bit, delete_block, delete_event, insert_event, swap_events, swap_blocks, cut_the_end,
    rewrite_without_the_key, rewrite_with_the_key,
]  # fmt: skip


@pytest.fixture(params=KINDS)
def tampered(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tampered]:
    stores = Stores(request.param, tmp_path)
    yield Tampered(stores, Random(int.from_bytes(sha256(b"tamper").digest()[:4], "big")))
    stores.close()


def test_every_change_is_found_and_located(tampered: Tampered) -> None:
    assert tampered.fault(with_witness=True) is None
    found = 0
    for case in range(CASES):
        attack = ATTACKS[case % len(ATTACKS)]
        earliest, latest = attack(tampered)
        fault = tampered.fault(with_witness=True)
        assert fault is not None, f"case {case}: {attack.__name__} at {earliest} to {latest} was not found"
        located = earliest <= fault.first <= latest and fault.last >= min(latest, fault.first)
        assert located, f"case {case}: {attack.__name__} at {earliest} to {latest} was named as {fault}"
        found += 1
        tampered.restore()
    assert found == CASES
    assert tampered.fault(with_witness=True) is None


def test_only_the_witness_finds_who_holds_the_key(tampered: Tampered) -> None:
    """The reason for the witness: without it the same rewriting passes."""
    rewrite_with_the_key(tampered)

    def forget(cursor: Any) -> None:
        cursor.execute("DELETE FROM cosignatures")

    tampered.change(forget)
    assert tampered.fault(with_witness=False) is None
    assert tampered.fault(with_witness=True) is not None
