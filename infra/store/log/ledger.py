"""The ledger of security events: blocks of records, once per (source, event id), chained, in a signed Merkle tree.

One commit is one block: one row with the records of its events, their leaf hashes and the hash that chains it to the
block before. Positions count events and have no gaps; a row carries the position of its last event, which is also its
notification id for the event-sourcing library.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from engine.events.envelope import Rejected, SecurityEvent
from engine.kernel.errors import DataError
from engine.kernel.ids import derive
from engine.kernel.ports import Taken
from engine.kernel.timestamps import iso
from engine.proofs.merkle import Tree
from infra.store.keys import blind_index as blind
from infra.store.keys.sealing import KeysChanged, Sealer
from infra.store.log import records
from infra.store.log.dedup_index import RUN, KnownIds, short
from infra.store.log.event_cache import Recent
from infra.store.log.prepared import Prepared, prepare
from infra.store.log.tree import SignedTree
from infra.store.sql.database import Database, Readable

LEDGER = derive("log", "ledger")
CONFLICT = "source-conflict"
DEAD_LETTER = "dead-letter"
RAW = "intake"
GENESIS = bytes(32)
_COLUMNS = ("position", "originator_id", "originator_version", "topic", "first", "hash", "keys", "leaves", "state")


def link_block(previous: bytes, number: int, first: int, topic: str, leaves: bytes) -> bytes:
    """Return the hash of a block: SHA-256 over the block before, its number, first position, topic and leaf hashes."""
    head = struct.pack(">32sQQI", previous, number, first, len(leaves) // 32)
    return sha256(head + sha256(leaves).digest() + topic.encode()).digest()


@dataclass(slots=True)
class _Sifted:
    """What is new in a batch: records, their short keys, their blind tokens; and the counts of the rest."""

    records: list[bytes]
    words: list[int] = field(default_factory=list)
    tokens: list[tuple[bytes, int]] = field(default_factory=list)
    duplicates: int = 0
    flagged: int = 0


class Ledger:
    """Answers the port ``Ledger`` on any ``Database``."""

    def __init__(self, database: Database, tree: SignedTree, sealer: Sealer | None = None, *, run: int = RUN) -> None:
        self.database = database
        self.tree = tree
        self.sealer = sealer
        self.known = KnownIds(run)
        self._recent = Recent()
        self._originator = LEDGER.hex if database.dialect == "sqlite" else LEDGER
        self.recorder = database.recorder("ledger")

    def append(self, events: Sequence[SecurityEvent], rejects: Sequence[Rejected], received_at: datetime) -> Taken:
        """Store a batch and its dead letters in one transaction; returns after it is durable."""
        return self.durably(lambda: prepare(events, rejects, received_at, self.sealer))

    def durably(self, make: Callable[[], Prepared]) -> Taken:
        """Make a batch ready and store it, again when a key was destroyed in between."""
        while True:
            try:
                ready = make()
                with self.database.write() as cursor:
                    return self.append_within(cursor, ready)
            except KeysChanged:
                continue

    def append_within(self, cursor: Any, ready: Prepared) -> Taken:
        """Store a prepared batch inside a write transaction of the caller's. Raises KeysChanged."""
        taken = Taken(rejected=ready.set_aside)
        if ready.records:
            if ready.epoch and self.sealer is not None:
                self.sealer.check(ready.epoch)
            try:
                taken = self._append(cursor, ready)
            except BaseException:
                self.known.forget()
                raise
        store_dead_letters(cursor, ready.rejects, ready.received_at, self.sealer)
        return taken

    def _append(self, cursor: Any, ready: Prepared) -> Taken:
        head, number, previous = self._head(cursor)
        self.known.refresh(cursor, head, previous)
        sifted = self._sift(cursor, ready, head)
        if sifted.records:
            prefix = b"\x00"
            leaves = [
                sha256(prefix + position.to_bytes(8, "big") + record).digest()
                for position, record in enumerate(sifted.records, head + 1)
            ]
            joined = b"".join(leaves)
            last, chained = head + len(leaves), link_block(previous, number + 1, head + 1, records.TOPIC, joined)
            row = (
                last, self._originator, number + 1, records.TOPIC, head + 1, chained, short_bytes(sifted.words), joined,
                records.pack(sifted.records),
            )  # fmt: skip
            self.database.copy(cursor, "ledger", _COLUMNS, [row])
            if sifted.tokens:
                entries = blind.pack(sifted.tokens)
                cursor.execute("INSERT INTO blind_index (last, entries) VALUES (?, ?)", (last, entries))
            self.tree.grow(cursor, leaves, ready.received_at)
            self.known.learned(cursor, last, chained)
            self.database.announce(cursor)
        return Taken(
            accepted=len(sifted.records), duplicate=sifted.duplicates, rejected=ready.set_aside,
            flagged=sifted.flagged,
        )  # fmt: skip

    def head_within(self, cursor: Any) -> int:
        """Return the last position as a transaction sees it."""
        return self._head(cursor)[0]

    def _head(self, cursor: Any) -> tuple[int, int, bytes]:
        """Return the last position, the number of its block and the block's hash."""
        cursor.execute("SELECT position, originator_version, hash FROM ledger ORDER BY position DESC LIMIT 1")
        row = cursor.fetchone()
        return (row[0], row[1], bytes(row[2])) if row else (0, 0, GENESIS)

    def _sift(self, cursor: Any, ready: Prepared, head: int) -> _Sifted:
        """Tell the new from the known."""
        numbers = short(ready.keys)
        words: list[int] = numbers.tolist()
        older = self.known.older(cursor, numbers)
        if not self.known.all_new(words, older):
            return self._sift_each(cursor, ready, words, older, head)
        self.known.recent.update(zip(words, range(head + 1, head + 1 + len(words)), strict=True))
        tokens = [(token, head + 1 + at) for token, at in ready.tokens]
        return _Sifted(ready.records, words, tokens, 0, len(ready.flagged))

    def _sift_each(
        self, cursor: Any, ready: Prepared, words: Sequence[int], older: dict[int, list[int]], head: int
    ) -> _Sifted:
        """Look at one event after the other; other bytes under a known id are kept as a further version and flagged."""
        found = _Sifted([])
        flagged, raws = set(ready.flagged), {}
        places: dict[int, int] = {}
        position = head
        for at, (record, word) in enumerate(zip(ready.records, words, strict=True)):
            before = self.known.positions(word, older)
            if before:
                key, raw = record[:16], records.decode(0, record, self.sealer).raw
                version = 1
                for place in before:
                    held: bytes = found.records[place - head - 1] if place > head else self._record(cursor, place)
                    if held[:16] == key:
                        if place not in raws:
                            raws[place] = records.decode(place, held, self.sealer).raw
                        version = 0 if raws[place] == raw else version + 1
                    if version == 0:
                        break
                if version == 0:
                    found.duplicates += 1
                    continue
                if version > 1:
                    record = records.conflicting(record, version, CONFLICT)
                    flagged.add(at)
            position += 1
            places[at] = position
            found.records.append(record)
            found.words.append(word)
            self.known.teach(word, position)
        found.flagged = sum(1 for at in flagged if at in places)
        found.tokens = [(token, places[at]) for token, at in ready.tokens if at in places]
        return found

    def _record(self, cursor: Any, position: int) -> bytes:
        cursor.execute(
            "SELECT first, topic, state FROM ledger WHERE position >= ? ORDER BY position LIMIT 1", (position,)
        )
        first, topic, state = cursor.fetchone()
        return _unpacked(first, topic, state, position - first, 1)[0]

    def read(self, after: int, limit: int) -> list[SecurityEvent]:
        """Return up to ``limit`` events with positions above ``after``, in order."""
        epoch = self.sealer.refresh() if self.sealer is not None else 0
        return self._recent.read(after, limit, epoch, self._fetch)

    def _fetch(self, after: int, limit: int) -> list[SecurityEvent]:
        found: list[SecurityEvent] = []
        for first, _, topic, state in self._blocks(after, limit):
            skip = max(after + 1 - first, 0)
            part = _unpacked(first, topic, state, skip, limit - len(found))
            found += records.decode_all(first + skip, part, self.sealer)
        return found

    def replay(self, after: int, until: int, page: int = 5_000) -> Iterator[list[SecurityEvent]]:
        """Return all events in (after, until] in order, a few thousand at a time."""
        for blocks_read in self._pages(after, until, page):
            if self.sealer is not None:
                self.sealer.refresh()
            events: list[SecurityEvent] = []
            for first, end, topic, state in blocks_read:
                if first > until:
                    break
                skip = max(after + 1 - first, 0)
                part = _unpacked(first, topic, state, skip, min(end, until) - first - skip + 1)
                events += records.decode_all(first + skip, part, self.sealer)
            if events:
                yield events

    def _pages(self, after: int, until: int, page: int) -> Iterator[list[Any]]:
        """Return the blocks of one page after the other.

        A server works on the next page while this one is decoded. SQLite works in this process, where fetching ahead
        only takes turns with decoding and costs a fifth.
        """
        if self.database.dialect == "sqlite":
            while after < until and (found := self._blocks(after, page)):
                yield found
                after = found[-1][1]
            return
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._blocks, after, page)
            while found := coming.result():
                after = found[-1][1]
                coming = ahead.submit(self._blocks, after, page if after < until else 0)
                yield found

    def _blocks(self, after: int, limit: int) -> list[Any]:
        """Return the blocks (first, last, topic, state) that hold the next ``limit`` positions."""
        with self.database.read() as cursor:
            cursor.execute(
                "SELECT first, position, topic, state FROM ledger WHERE position > ? AND first <= ? ORDER BY position",
                (after, after + limit),
            )
            return list(cursor.fetchall())

    def get(self, position: int) -> SecurityEvent | None:
        """Return one event."""
        if position <= 0:
            return None
        if self.sealer is not None:
            self.sealer.refresh()
        found = self._fetch(position - 1, 1)
        return found[0] if found and found[0].position == position else None

    def find(self, tokens: Sequence[bytes], limit: int = 1_000) -> list[int]:
        """Return the positions of events under one of these blind tokens, in order."""
        found: set[int] = set()
        with self.database.stream("SELECT entries FROM blind_index ORDER BY last") as rows:
            for row in rows:
                found.update(position for token in tokens for position in blind.positions(bytes(row[0]), token))
                if len(found) >= limit:
                    break
        return sorted(found)[:limit]

    def head(self) -> int:
        """Return the last position, 0 for an empty ledger."""
        return int(self.database.scalar("SELECT MAX(position) FROM ledger") or 0)

    def leaves(self, cursor: Any, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes of the tree's leaves [start, end); leaf 0 is position 1."""
        cursor.execute(
            "SELECT first, leaves FROM ledger WHERE position > ? AND first <= ? ORDER BY position", (start, end)
        )
        found: list[bytes] = []
        for first, blob in cursor.fetchall():
            joined = bytes(blob)
            a, b = max(start - (first - 1), 0), min(end - (first - 1), len(joined) // 32)
            found += [joined[i * 32 : i * 32 + 32] for i in range(a, b)]
        return found

    def leaf_data(self, cursor: Any, position: int) -> bytes:
        """Return what the leaf of a position is the hash of: position and record."""
        return position.to_bytes(8, "big") + self._record(cursor, position)

    def stored_tree(self, cursor: Any) -> Tree:
        """Return the tree as stored, for proofs."""
        return self.tree.tree(cursor, lambda start, end: self.leaves(cursor, start, end))


def short_bytes(words: Sequence[int]) -> bytes:
    """Write the short keys of a block as they are stored."""
    return struct.pack(f"<{len(words)}Q", *words)


def _unpacked(first: int, topic: str, state: Any, skip: int = 0, most: int | None = None) -> list[bytes]:
    if topic != records.TOPIC:
        raise DataError(f"ledger position {first} has the unknown topic '{topic[:60]}'")
    try:
        return records.unpack(bytes(state), skip, most)
    except ValueError as error:
        raise DataError(f"ledger position {first}: {error}; see 'qorgau ledger verify'") from None


def store_dead_letters(cursor: Any, rejects: Sequence[Rejected], at: datetime, sealer: Sealer | None = None) -> None:
    """Keep dead letters with their bytes, encrypted; the same bytes of the same source are kept once and counted."""
    if not rejects:
        return
    cursor.executemany(
        "INSERT INTO dead_letters (source, received_at, line, code, field, reason, raw, digest, times) "
        "VALUES (?,?,?,?,?,?,?,?,?) "
        "ON CONFLICT (source, digest) DO UPDATE SET times = dead_letters.times + excluded.times",
        [
            (
                r.source, iso(at), r.line, r.code, r.field, r.reason,
                sealer.lock(DEAD_LETTER, r.raw, at) if sealer else r.raw,
                sealer.digest(r.raw) if sealer else sha256(r.raw).digest(), r.lines,
            )
            for r in rejects
        ],
    )  # fmt: skip


def remove_dead_letter(cursor: Any, letter_id: int) -> None:
    """Forget a dead letter whose lines were understood, or are kept anew."""
    cursor.execute("DELETE FROM dead_letters WHERE id = ?", (letter_id,))


def blocks(database: Readable, after: int = 0) -> Iterator[tuple[int, int, str, bytes]]:
    """Iterate over (first, last, topic, state) of the blocks after a position, without holding them."""
    with database.stream(
        "SELECT first, position, topic, state FROM ledger WHERE position > ? ORDER BY position", (after,)
    ) as rows:
        for row in rows:
            yield row[0], row[1], row[2], bytes(row[3])
