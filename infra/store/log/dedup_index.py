"""Which event ids the ledger knows: an index that is only ever added to, so that the millionth event costs what the
thousandth did.

A B-tree over ids, which are hashes and so random, touches a new page for nearly every event. Here the last ids are a
table in memory; every ``RUN`` of them is sorted and written once as 256 pages, with a filter that tells nearly always
that a new id is in none of them. The ids of the last blocks are read back from the ledger itself at the start, so the
index never says less than the ledger holds. The filters take four bytes of memory an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
RUN = 131_072
_BITS = (0, 6, 12, 18, 24, 30)
_PAGES = 256


def short(keys: bytes) -> Words:
    """Return the first eight bytes of each 16-byte key as numbers."""
    return np.frombuffer(keys, dtype=">u8")[::2].astype(np.uint64)


def _places(keys: Words, words: int) -> tuple[NDArray[np.intp], Words]:
    """Give, for each key, its word in a filter and the bits it sets there."""
    mask = np.zeros(len(keys), dtype=np.uint64)
    one, low = np.uint64(1), np.uint64(63)
    for shift in _BITS:
        mask |= one << ((keys >> np.uint64(shift)) & low)
    return ((keys >> np.uint64(36)) & np.uint64(words - 1)).astype(np.intp), mask


class KnownIds:
    """Where ids were seen; asked and taught inside the write transaction, so it needs no lock of its own."""

    def __init__(self, run: int = RUN) -> None:
        self.run = run
        self.words = 1 << max(run.bit_length() - 2, 1)
        self.recent: dict[int, int] = {}
        self.again: dict[int, list[int]] = {}
        """Positions beyond the first of ids that came with other bytes (or share eight bytes of their hash)."""
        self._filters: list[Words] = []
        self._stack: Words = np.zeros((0, self.words), dtype=np.uint64)
        self._head = 0
        self._tag = b""

    def refresh(self, cursor: Any, head: int, tag: bytes) -> None:
        """Bring the memory to what is committed: nothing to do as long as nobody else wrote and nothing was undone.

        ``tag`` is the hash of the last block.
        """
        cursor.execute("SELECT COUNT(*), COALESCE(MAX(last), 0) FROM known_runs")
        runs, settled = cursor.fetchone()
        if head == self._head and tag == self._tag and runs == len(self._filters):
            return
        if runs != len(self._filters) or not self._still_there(cursor):
            cursor.execute("SELECT words FROM known_runs ORDER BY last")
            self._filters = [np.frombuffer(bytes(row[0]), dtype="<u8").astype(np.uint64) for row in cursor.fetchall()]
            self._restack()
            self.recent, self.again, self._head = {}, {}, settled
        cursor.execute("SELECT position, keys FROM ledger WHERE position > ? ORDER BY position", (self._head,))
        for position, blob in cursor.fetchall():
            keys = np.frombuffer(bytes(blob), dtype="<u8").tolist()
            for at, key in enumerate(keys, position - len(keys) + 1):
                self.teach(key, at)
        self._head, self._tag = head, tag

    def _still_there(self, cursor: Any) -> bool:
        """Say whether the block this memory ends with is in the ledger: an undone one is not."""
        cursor.execute("SELECT hash FROM ledger WHERE position = ?", (self._head,))
        row = cursor.fetchone()
        return row is not None and bytes(row[0]) == self._tag

    def teach(self, word: int, position: int) -> None:
        """Take in one id."""
        if self.recent.setdefault(word, position) != position:
            self.again.setdefault(word, []).append(position)

    def all_new(self, words: Sequence[int], older: dict[int, list[int]]) -> bool:
        """Say whether none of these ids was seen before, nor any twice among them."""
        return not older and self.recent.keys().isdisjoint(words) and len(set(words)) == len(words)

    def positions(self, word: int, older: dict[int, list[int]]) -> list[int]:
        """Return where an id may have been seen, in order; other ids with the same first bytes are among them."""
        first = self.recent.get(word)
        return [*older.get(word, ()), *(() if first is None else (first,)), *self.again.get(word, ())]

    def older(self, cursor: Any, keys: Words) -> dict[int, list[int]]:
        """Return the positions of those keys that stand in settled runs."""
        found: dict[int, list[int]] = {}
        if not self._filters:
            return found
        index, mask = _places(keys, self.words)
        for run, at in np.argwhere((self._stack[:, index] & mask) == mask).tolist():
            key = int(keys[at])
            cursor.execute("SELECT entries FROM known_pages WHERE run = ? AND page = ?", (run, key >> 56))
            row = cursor.fetchone()
            entries = np.frombuffer(bytes(row[0]), dtype="<u8") if row else np.zeros(0, dtype=np.uint64)
            half = len(entries) // 2
            left = int(np.searchsorted(entries[:half], keys[at], "left"))
            right = int(np.searchsorted(entries[:half], keys[at], "right"))
            if right > left:
                held = found.setdefault(key, [])
                held.extend(p for p in entries[half + left : half + right].tolist() if p not in held)
        return found

    def learned(self, cursor: Any, head: int, tag: bytes) -> None:
        """Say that the ids put into ``recent`` are written up to ``head``; settles a full run."""
        self._head, self._tag = head, tag
        if len(self.recent) >= self.run:
            self._settle(cursor, head)

    def forget(self) -> None:
        """Drop the memory: a transaction was undone and what it taught is not so."""
        self.recent, self.again, self._filters, self._head, self._tag = {}, {}, [], 0, b""
        self._restack()

    def _settle(self, cursor: Any, head: int) -> None:
        pairs = [*self.recent.items(), *((key, p) for key, places in self.again.items() for p in places)]
        table = np.array(pairs, dtype=np.uint64)
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        keys = np.ascontiguousarray(table[:, 0])
        words = np.zeros(self.words, dtype=np.uint64)
        np.bitwise_or.at(words, *_places(keys, self.words))
        run = len(self._filters)
        cuts = np.searchsorted(keys >> np.uint64(56), np.arange(_PAGES + 1, dtype=np.uint64)).tolist()
        pages = [
            (run, page, np.concatenate((table[a:b, 0], table[a:b, 1])).astype("<u8").tobytes())
            for page, (a, b) in enumerate(pairwise(cuts))
            if b > a
        ]
        cursor.executemany("INSERT INTO known_pages (run, page, entries) VALUES (?, ?, ?)", pages)
        cursor.execute(
            "INSERT INTO known_runs (run, last, words) VALUES (?, ?, ?)", (run, head, words.astype("<u8").tobytes())
        )
        self._filters.append(words)
        self._restack()
        self.recent, self.again = {}, {}

    def _restack(self) -> None:
        shape = (len(self._filters), self.words)
        self._stack = np.concatenate(self._filters).reshape(shape) if self._filters else np.zeros(shape, np.uint64)
        self._filters = list(self._stack)  # rows of the one table, not copies beside it
