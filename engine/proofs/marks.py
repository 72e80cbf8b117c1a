"""Marks of rows that no log tells: keyed hashes of rows, and a keyed sum over a table.

The mark of a row is HMAC-SHA-256 over the table's name and the row's values. The sum of the marks of a table, modulo
2²⁵⁶, changes with every row that is put in, taken out or exchanged, and is itself marked with the number of rows and a
generation that only grows (an additive multiset hash: Clarke et al., ASIACRYPT 2003). Without the key nobody can make
either.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

SIZE = 32
_MODULUS = 1 << (8 * SIZE)
_PURPOSE = b"qorgau marks of rows v1"


def key_of(seed: bytes) -> bytes:
    """Return the key of the marks from the secret seed of a key folder (32 bytes)."""
    return hmac.digest(seed, _PURPOSE, sha256)


def mark_of(key: bytes, table: str, values: Sequence[object]) -> bytes:
    """Return the mark (32 bytes) of a row: its values in the order of the declared columns."""
    return hmac.digest(key, orjson.dumps([table, *map(_plain, values)]), sha256)


def _plain(value: object) -> object:
    """Return a value as both databases and their JSON have it: bytes as hexadecimal digits after ``\\x``."""
    return "\\x" + bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else value


@dataclass(frozen=True, slots=True)
class Total:
    """The sum over a table: number of rows, sum of their marks, and how often it was changed."""

    rows: int = 0
    sum: int = 0
    generation: int = 0

    def exchanged(self, old: Sequence[bytes], new: Sequence[bytes]) -> Total:
        """Return the sum after some marks gave way to others."""
        change = sum(map(_number, new)) - sum(map(_number, old))
        return Total(self.rows + len(new) - len(old), (self.sum + change) % _MODULUS, self.generation + 1)

    @property
    def packed(self) -> bytes:
        """The sum as it is stored."""
        return self.sum.to_bytes(SIZE, "big")

    def mark(self, key: bytes, table: str) -> bytes:
        """Return the mark of the sum itself."""
        return mark_of(key, f"total of {table}", [self.rows, self.packed, self.generation])


def total_of(rows: int, packed: bytes, generation: int) -> Total:
    """Read a stored sum."""
    return Total(rows, _number(packed), generation)


def _number(mark: bytes) -> int:
    return int.from_bytes(mark, "big")
