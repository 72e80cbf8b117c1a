"""Marks of the rows of the keyring: each key has one, and a marked sum over keys and links shows what is gone.

The key of the marks comes from the key of the pseudonyms, which is wrapped under the master key: whoever has the
keyring's rows alone can make none.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from engine.proofs.marks import Total, key_of, mark_of, total_of
from infra.store.sql.cursor import Cursor

SUM = "sum"
COLUMNS = "id, subject, wrapped, master, created_at, destroyed_at"
_KEYS, _LINKS = "subject_keys", "subject_links"


class KeyMarks:
    """The marks under one key."""

    def __init__(self, index: bytes) -> None:
        self.key = key_of(index)

    def of_key(
        self, key_id: bytes, subject: str, wrapped: bytes | None, master: str, created_at: str,
        destroyed_at: str | None = None,
    ) -> bytes:  # fmt: skip
        """Return the mark of a key's row."""
        return mark_of(self.key, _KEYS, [key_id, subject, wrapped, master, created_at, destroyed_at])

    def of_link(self, subject: str, other: str) -> bytes:
        """Return the mark of a link; links have no column for it."""
        return mark_of(self.key, _LINKS, [subject, other])

    def total(self, cursor: Cursor) -> Total | None:
        """Return the sum; None where it is gone or was changed, and then nothing puts it right."""
        cursor.execute("SELECT value FROM keys_meta WHERE key = ?", (SUM,))
        row = cursor.fetchone()
        if row is None:
            return None
        try:
            rows, packed, generation, mark = orjson.loads(row[0])
            found = total_of(rows, bytes.fromhex(packed), generation)
            return found if hmac.compare_digest(found.mark(self.key, _KEYS), bytes.fromhex(mark)) else None
        except (ValueError, TypeError):
            return None

    def exchange(self, cursor: Cursor, old: Sequence[bytes], new: Sequence[bytes]) -> None:
        """Let some marks give way to others in the sum."""
        total = self.total(cursor)
        if total is not None and (old or new):
            self._put(cursor, total.exchanged(old, new))

    def _put(self, cursor: Cursor, total: Total) -> None:
        value = [total.rows, total.packed.hex(), total.generation, total.mark(self.key, _KEYS).hex()]
        cursor.execute(
            "INSERT INTO keys_meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (SUM, orjson.dumps(value).decode()),
        )

    def put(self, cursor: Cursor, generation: int = 0) -> int:
        """Mark every key and link as it stands; return how many."""
        cursor.execute(f"SELECT {COLUMNS} FROM subject_keys")  # noqa: S608 - our own names
        marks = {bytes(row[0]): self._of_row(row) for row in cursor.fetchall()}
        cursor.executemany("UPDATE subject_keys SET mark = ? WHERE id = ?", [(m, key) for key, m in marks.items()])
        cursor.execute("SELECT subject, other FROM subject_links")
        links = [self.of_link(*row) for row in cursor.fetchall()]
        self._put(cursor, Total(generation=generation).exchanged([], [*marks.values(), *links]))
        return len(marks) + len(links)

    def _of_row(self, row: Any) -> bytes:
        wrapped = None if row[2] is None else bytes(row[2])
        return self.of_key(bytes(row[0]), row[1], wrapped, row[3], row[4], row[5])

    def check(self, cursor: Cursor, least: int) -> Iterator[tuple[str, str]]:
        """Compare every row with its mark, and all of them with the sum; return table and what is wrong."""
        marks: list[bytes] = []
        told = False
        cursor.execute(f"SELECT {COLUMNS}, mark FROM subject_keys")  # noqa: S608 - our own names
        for row in cursor.fetchall():
            marks.append(self._of_row(row))
            if row[6] is None or bytes(row[6]) != marks[-1]:
                how = "put in" if row[6] is None else "changed"
                told = True
                yield f"{_KEYS} {bytes(row[0]).hex()}", f"this key was {how} beside the product"
        cursor.execute("SELECT subject, other FROM subject_links")
        marks += [self.of_link(*row) for row in cursor.fetchall()]
        total, found = self.total(cursor), Total().exchanged([], marks)
        if total is None:
            yield _KEYS, "the sum over its rows is gone or was changed"
        elif total.generation < least:
            yield _KEYS, f"an older copy of the keyring: change {total.generation}, and change {least} was seen"
        elif not told and (found.rows, found.sum) != (total.rows, total.sum):
            yield _KEYS, f"{found.rows} keys and links do not add up to the {total.rows} that were marked"
