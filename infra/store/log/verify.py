"""Walks the logs and names the first thing that is not as it was written.

Everything is counted again from the stored bytes: leaves, chain, tree. Three questions are kept apart. Does a row match
the hashes beside it (an accident, an edit by hand)? Do the hashes match the checkpoints that were signed (an edit that
recounted the hashes)? Do the checkpoints match what a witness saw (an edit by somebody who holds the signing key)?
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from engine.kernel.errors import QorgauError
from engine.proofs import notes
from engine.proofs.chain import GENESIS, link
from engine.proofs.merkle import Frontier, leaf_hash
from infra.store.log import records
from infra.store.log.decisions import hashed
from infra.store.log.ledger import link_block
from infra.store.sql.database import Readable

EVERY = 50_000
SIGNATURES = 20_000
LOGS = ("ledger", "decisions")


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing wrong in a log: the positions it touches, from ``first`` to ``last``, and what it is."""

    log: str
    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a walk came."""

    log: str
    position: int


class _Found(Exception):
    def __init__(self, first: int, last: int, text: str) -> None:
        super().__init__(text)
        self.first, self.last, self.text = first, last, text


@dataclass(frozen=True, slots=True)
class Part:
    """One commit of a log: its leaves, counted from the bytes, and where it begins."""

    first: int
    leaves: list[bytes]


def verify(
    database: Readable, log: str, key: notes.Verifier, witnesses: Sequence[notes.Verifier] = (),
    seen_elsewhere: Sequence[str] = (),
) -> Iterator[Seen | Fault]:  # fmt: skip
    """Walk one log; return how far it came now and then, at the end once more, and the first fault, if there is one.

    ``seen_elsewhere`` are checkpoints kept by others: witnesses, auditors, what was printed.
    """
    walk = _ledger if log == "ledger" else _decisions
    position = 0
    try:
        checks = _Checkpoints(database, log, key, witnesses, seen_elsewhere)
        with ExitStack() as stack:
            checks.open(stack)
            for part in walk(database, checks.claimed, stack):
                checks.take(part)
                if checks.size // EVERY != position // EVERY:
                    yield Seen(log, checks.size)
                position = checks.size
            checks.finish()
        yield Seen(log, position)
    except _Found as found:
        yield Fault(log, found.first, found.last, found.text)


class _Checkpoints:
    """Grows the tree along the walk and holds it against every checkpoint there is."""

    def __init__(
        self, database: Readable, log: str, key: notes.Verifier, witnesses: Sequence[notes.Verifier],
        seen_elsewhere: Sequence[str],
    ) -> None:  # fmt: skip
        self.database = database
        self.log = log
        self.key = key
        self.frontier = Frontier()
        self.origin = f"{key.name}/{log}"
        # Read before any row of the log, so that what is committed meanwhile is left to the next walk.
        self.claimed = int(database.scalar("SELECT MAX(size) FROM checkpoints WHERE log = ?", log) or 0)
        count = int(database.scalar("SELECT COUNT(*) FROM checkpoints WHERE log = ?", log) or 0)
        self._stride = max(1, -(-count // SIGNATURES))
        self._at = 0
        self._good = 0
        self._tiles: list[bytes] = []
        self._elsewhere = self._read_elsewhere(witnesses, seen_elsewhere)

    @property
    def size(self) -> int:
        """Return the number of leaves so far."""
        return self.frontier.size

    def _read_elsewhere(self, witnesses: Sequence[notes.Verifier], given: Sequence[str]) -> dict[int, list[bytes]]:
        """Return the roots others vouch for, by size: those given, and the cosigned ones that are stored."""
        found: dict[int, list[bytes]] = {}
        rows = self.database.rows("SELECT note FROM cosignatures WHERE log = ? ORDER BY size", self.log)
        stored = [str(row["note"]) for row in rows]
        for note, is_given in (*((n, True) for n in given), *((n, False) for n in stored)):
            try:
                checkpoint, _ = notes.parse(note)
            except notes.NoteError:
                if is_given:
                    raise
                continue
            if checkpoint.origin != self.origin:
                continue
            if is_given or any(notes.witnessed(note, witness) is not None for witness in witnesses):
                found.setdefault(checkpoint.size, []).append(checkpoint.root)
        return found

    def open(self, stack: ExitStack) -> None:
        """Begin to read the checkpoints."""
        rows = stack.enter_context(
            self.database.stream(
                "SELECT size, root, note FROM checkpoints WHERE log = ? AND size <= ? ORDER BY size",
                (self.log, self.claimed),
            )
        )
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def take(self, part: Part) -> None:
        """Add one commit and compare with the checkpoint made with it."""
        self.frontier.add(part.leaves)
        self._tiles += self.frontier.take_tiles()
        size, root = self.frontier.size, self.frontier.root()
        row = self._next
        if row is None or row[0] > size:
            raise _Found(part.first, size, f"positions {part.first} to {size} stand under no checkpoint of their own")
        if row[0] < size:
            raise _Found(
                row[0], row[0], f"there is a checkpoint of size {row[0]}, where no commit ends: something was taken out"
            )
        if bytes(row[1]) != root or not self._signed(row, size, root):
            raise _Found(
                self._good + 1, size,
                f"positions {self._good + 1} to {size} are not what was signed with the checkpoint of size {size}",
            )  # fmt: skip
        for vouched in self._elsewhere.pop(size, ()):
            if vouched != root:
                raise _Found(
                    self._vouched + 1, size,
                    f"positions {self._vouched + 1} to {size} are not what was seen elsewhere at size {size}: "
                    "the log was rewritten and signed again",
                )  # fmt: skip
            self._vouched = size
        self._good = size
        self._next = next(self._rows, None)

    _vouched = 0

    def _signed(self, row: Any, size: int, root: bytes) -> bool:
        self._at += 1
        if self._at % self._stride and size % EVERY:
            return True
        return self._holds(str(row[2]), size, root)

    def _holds(self, note: str, size: int, root: bytes) -> bool:
        try:
            checkpoint = notes.verified(note, self.key)
        except notes.NoteError:
            return False
        return (checkpoint.origin, checkpoint.size, checkpoint.root) == (self.origin, size, root)

    def finish(self) -> None:
        """Compare the end: nothing may have been signed or seen beyond it."""
        size = self.frontier.size
        beyond = max([self._next[0] if self._next is not None else 0, *self._elsewhere], default=0)
        if self._elsewhere and min(self._elsewhere) <= size:
            wrong = min(self._elsewhere)
            raise _Found(
                self._vouched + 1, wrong, f"a checkpoint of size {wrong} was seen elsewhere, where no commit ends"
            )
        if beyond > size:
            raise _Found(size + 1, beyond, f"positions {size + 1} to {beyond} are missing: the end was cut off")
        head, signed = self._ends()
        if head != signed:
            first = min(head, signed) + 1
            raise _Found(first, max(head, signed), f"positions {first} to {head} stand under no signed checkpoint")
        if size:
            last = self.database.row("SELECT note FROM checkpoints WHERE log = ? AND size = ?", self.log, size)
            if last is None or not self._holds(str(last["note"]), size, self.frontier.root()):
                raise _Found(1, size, f"the last checkpoint, of size {size}, is not signed by {self.key.name}")
        self._check_tiles()

    def _ends(self) -> tuple[int, int]:
        """Return the last position and the size of the last checkpoint, at one moment."""
        with self.database.read() as cursor:
            cursor.execute(f"SELECT COALESCE(MAX(position), 0) FROM {self.log}")  # noqa: S608 - our own names
            head = int(cursor.fetchone()[0])
            cursor.execute("SELECT COALESCE(MAX(size), 0) FROM checkpoints WHERE log = ?", (self.log,))
            return head, int(cursor.fetchone()[0])

    def _check_tiles(self) -> None:
        rows = self.database.rows("SELECT roots FROM tiles WHERE log = ? ORDER BY part", self.log)
        stored = b"".join(bytes(row["roots"]) for row in rows)[: len(self._tiles) * 32]
        if stored != b"".join(self._tiles):
            wrong = next(
                (at for at, tile in enumerate(self._tiles) if stored[at * 32 : at * 32 + 32] != tile), len(self._tiles)
            )
            raise _Found(wrong * 256 + 1, wrong * 256 + 256, "the stored roots of the tree are not those of its leaves")


def _ledger(database: Readable, until: int, stack: ExitStack) -> Iterator[Part]:
    """Walk the blocks: each record against its leaf, each block against the chain."""
    rows = stack.enter_context(
        database.stream(
            "SELECT first, position, originator_version, topic, hash, keys, leaves, state FROM ledger "
            "WHERE position <= ? ORDER BY position",
            (until,),
        )
    )
    previous, last = GENESIS, 0
    for number, row in enumerate(rows, 1):
        first, end, version, topic, chained = row[0], row[1], row[2], row[3], row[4]
        leaves, state = _bytes(row[6]), _bytes(row[7])
        if first != last + 1:
            raise _out_of_place(first, last)
        counted = _check_block(first, end, leaves, state, _bytes(row[5]))
        if version != number or topic != records.TOPIC:
            raise _Found(first, end, f"the block of positions {first} to {end} does not follow the one before it")
        computed = link_block(previous, number, first, topic, leaves)
        if computed != _bytes(chained):
            raise _Found(first, end, f"the block of positions {first} to {end} does not match the hash chain")
        previous, last = computed, end
        yield Part(first, counted)


def _bytes(value: Any) -> bytes:
    """Return a column as bytes, whatever somebody put there."""
    if isinstance(value, bytes):
        return value
    return bytes(value) if isinstance(value, memoryview | bytearray) else str(value).encode()


def _out_of_place(first: Any, last: int) -> _Found:
    if isinstance(first, int) and first > last + 1:
        return _Found(last + 1, first - 1, f"positions {last + 1} to {first - 1} are missing")
    return _Found(last + 1, last + 1, f"after position {last} comes {first}: a row was put in or moved")


def _check_block(first: int, end: int, leaves: bytes, state: bytes, keys: bytes) -> list[bytes]:
    """Count the leaves of a block again from its records and compare each."""
    count = len(leaves) // 32
    lengths = _lengths(first, state, count)
    at, position, counted = 8 + 4 * len(lengths), first, []
    found: list[bytes] = []
    sha = leaf_hash
    for length in lengths:
        record = state[at : at + length]
        leaf = sha(position.to_bytes(8, "big") + record)
        if leaf != leaves[32 * (position - first) : 32 * (position - first) + 32]:
            more = "" if position - first < count else ", which no hash covers: it was put in"
            raise _Found(position, position, f"the event at position {position} is not the one that was stored{more}")
        counted.append(leaf)
        found.append(record[7::-1])
        at += length
        position += 1
    if position != first + count or at != len(state) or end != position - 1 or len(leaves) % 32:
        last = max(end, position)
        raise _Found(first, last, f"positions {first} to {last} are not the events that were stored together")
    if b"".join(found) != keys:
        wrong = next((i for i, key in enumerate(found) if keys[8 * i : 8 * i + 8] != key), count - 1)
        raise _Found(
            first + wrong, first + wrong, f"the id of the event at position {first + wrong} is not the stored one"
        )
    return counted


def _lengths(first: int, state: bytes, count: int) -> Sequence[int]:
    if len(state) < 8 or state[:4] != b"QB1\n":
        raise _Found(first, first, f"at position {first} stands no block")
    (said,) = struct.unpack_from(">I", state, 4)
    if said != count or len(state) < 8 + 4 * said:
        raise _Found(first, first, f"the block at position {first} does not hold the events its hashes are of")
    return struct.unpack_from(f">{said}I", state, 8)


def _decisions(database: Readable, until: int, stack: ExitStack) -> Iterator[Part]:
    """Walk the rows: each against the chain; parts end where a checkpoint was made."""
    rows = stack.enter_context(
        database.stream(
            "SELECT position, originator_id, originator_version, topic, state, hash FROM decisions "
            "WHERE position <= ? ORDER BY position",
            (until,),
        )
    )
    ends = iter(
        stack.enter_context(
            database.stream(
                "SELECT size FROM checkpoints WHERE log = 'decisions' AND size <= ? ORDER BY size", (until,)
            )
        )
    )
    end = _next_end(ends)
    previous, last, leaves, first = GENESIS, 0, [], 1
    for row in rows:
        if row[0] != last + 1:
            raise _out_of_place(row[0], last)
        try:
            data = hashed(row)
        except (TypeError, ValueError, AttributeError, struct.error, QorgauError):
            data = b""
        last = row[0]
        if link(previous, data) != _bytes(row[5]):
            raise _Found(last, last, f"the decision at position {last} is not the one that was stored")
        previous = _bytes(row[5])
        leaves.append(leaf_hash(data))
        if end is not None and last == end:
            yield Part(first, leaves)
            first, leaves, end = last + 1, [], _next_end(ends)
    if leaves:
        yield Part(first, leaves)


def _next_end(ends: Iterator[Any]) -> int | None:
    row = next(ends, None)
    return int(row[0]) if row is not None else None
