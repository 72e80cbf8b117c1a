"""The keys of persons: made on first use, wrapped under a master key, kept in a store of their own, destroyed.

A key belongs to a *subject*: a pseudonym (keyed hash) of the client, or of the identifier an event has instead, or,
for bytes nobody can attribute, of the month. What is destroyed stays known as destroyed.
"""

from __future__ import annotations

import os
import threading
from base64 import b32encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.kernel.errors import DataError
from engine.kernel.timestamps import iso
from infra.store.keys.key_marks import COLUMNS, KeyMarks
from infra.store.keys.master import MasterKey
from infra.store.keys.sealing import KeysChanged
from infra.store.sql.database import Database

CACHE = 10_000
_INDEX = "index"
KEY_ID = 16


class Keyring:
    """Finds, makes and destroys keys. Safe to use from several threads."""

    def __init__(self, database: Database, master: MasterKey, older: Sequence[MasterKey] = ()) -> None:
        self.database = database
        self.master = master
        self._masters = {key.id: key for key in (*older, master)}
        self._lock = threading.RLock()
        self._by_subject: dict[str, tuple[bytes, AESGCM]] = {}
        self._by_id: dict[bytes, AESGCM | None] = {}
        self._links: set[tuple[str, str]] = set()
        self._pending: list[tuple[bytes, str, bytes, str, str]] = []
        self._pending_links: list[tuple[str, str]] = []
        self._epoch = self._read_epoch()
        self._index = self._index_key()
        self.marks = KeyMarks(self._index)

    def _read_epoch(self) -> int:
        return int(self.database.scalar("SELECT value FROM keys_meta WHERE key = 'epoch'") or 1)

    def _index_key(self) -> bytes:
        """Return the key of the pseudonyms; it outlives every master key."""
        row = self.database.row("SELECT wrapped, master FROM subject_keys WHERE id = ?", _INDEX.encode())
        if row is not None:
            return self._unwrap(bytes(row["wrapped"]), row["master"], _INDEX.encode())
        fresh = os.urandom(32)
        with self.database.write() as cursor:
            wrapped = self.master.wrap(fresh, _INDEX.encode())
            mark = KeyMarks(fresh).of_key(_INDEX.encode(), _INDEX, wrapped, self.master.id, "")
            cursor.execute(
                "INSERT INTO subject_keys (id, subject, wrapped, master, created_at, mark) VALUES (?, ?, ?, ?, '', ?) "
                "ON CONFLICT DO NOTHING",
                (_INDEX.encode(), _INDEX, wrapped, self.master.id, mark),
            )
            cursor.execute("SELECT wrapped, master FROM subject_keys WHERE id = ?", (_INDEX.encode(),))
            wrapped, master = cursor.fetchone()
        return self._unwrap(bytes(wrapped), master, _INDEX.encode())

    def _unwrap(self, wrapped: bytes, master: str, bound_to: bytes) -> bytes:
        key = self._masters.get(master)
        if key is None:
            raise DataError(f"the master key {master} is needed and not here; see 'Keys' in the README")
        return key.unwrap(wrapped, bound_to)

    def pseudonym(self, kind: str, value: str) -> bytes:
        """Return 16 bytes that stand for a value and say nothing of it without the key."""
        return blake2b(f"{kind}\x1f{value}".encode(), digest_size=16, key=self._index).digest()

    def digest(self, plain: bytes) -> bytes:
        """Return 16 bytes by which bytes are known again."""
        return blake2b(plain, digest_size=16, key=self._index, person=b"bytes").digest()

    def password(self, purpose: str) -> str:
        """Return 120 bits as people type them, the same for the same purpose; without the key nobody can guess it."""
        secret = blake2b(purpose.encode(), digest_size=15, key=self._index, person=b"password").digest()
        text = b32encode(secret).decode().lower()
        return "-".join(text[start : start + 4] for start in range(0, len(text), 4))

    def prepare(self, subjects: Iterable[str], at: datetime) -> int:
        """Have a key for each subject: known, stored, or new (stored by ``persist``). Gives the state of the keys."""
        with self._lock:
            self.refresh()
            if len(self._by_subject) > CACHE and not self._pending:
                self._by_subject.clear()
            if len(self._by_id) > 2 * CACHE and not self._pending:
                self._by_id.clear()
            missing = [subject for subject in dict.fromkeys(subjects) if subject not in self._by_subject]
            if not missing:
                return self._epoch
            self._load(missing)
            for subject in missing:
                if subject not in self._by_subject:
                    self._make(subject, at)
            return self._epoch

    def refresh(self) -> int:
        """Drop what is in memory when another process destroyed a key; return the state of the keys."""
        if not self._pending and self._read_epoch() != self._epoch:
            self.forget()
        return self._epoch

    def check(self, epoch: int) -> None:
        """Raise KeysChanged when a key was destroyed since ``prepare`` gave this state."""
        if self._read_epoch() != epoch:
            self.forget()
            raise KeysChanged

    def _load(self, subjects: Sequence[str]) -> None:
        with self.database.read() as cursor:
            for start in range(0, len(subjects), 500):
                part = subjects[start : start + 500]
                marks = ",".join("?" * len(part))
                cursor.execute(
                    "SELECT id, subject, wrapped, master FROM subject_keys "  # noqa: S608 - marks only
                    f"WHERE subject IN ({marks}) AND wrapped IS NOT NULL ORDER BY created_at",
                    part,
                )
                for key_id, subject, wrapped, master in cursor.fetchall():
                    cipher = AESGCM(self._unwrap(bytes(wrapped), master, bytes(key_id)))
                    self._by_subject[subject] = (bytes(key_id), cipher)
                    self._by_id[bytes(key_id)] = cipher

    def _make(self, subject: str, at: datetime) -> None:
        key_id, key = os.urandom(KEY_ID), os.urandom(32)
        cipher = AESGCM(key)
        self._by_subject[subject] = (key_id, cipher)
        self._by_id[key_id] = cipher
        self._pending.append((key_id, subject, self.master.wrap(key, key_id), self.master.id, iso(at)))

    def cipher(self, subject: str) -> tuple[bytes, AESGCM]:
        """Return the id and cipher of a prepared subject."""
        return self._by_subject[subject]

    def link(self, subject: str, other: str) -> None:
        """Remember that two subjects are one person: what destroys the first destroys the second."""
        pair = (subject, other)
        if pair not in self._links:
            with self._lock:
                if len(self._links) > 2 * CACHE:
                    self._links.clear()
                self._links.add(pair)
                self._pending_links.append(pair)

    def persist(self) -> None:
        """Make new keys durable, before anything encrypted under them is."""
        with self._lock:
            if not self._pending and not self._pending_links:
                return
            with self.database.write() as cursor:
                marked = [(*row, self.marks.of_key(*row)) for row in self._pending]
                cursor.executemany(
                    "INSERT INTO subject_keys (id, subject, wrapped, master, created_at, mark) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    marked,
                )
                links = _new_links(cursor, self._pending_links)
                cursor.executemany("INSERT INTO subject_links (subject, other) VALUES (?, ?)", links)
                new = [row[-1] for row in marked] + [self.marks.of_link(*pair) for pair in links]
                self.marks.exchange(cursor, [], new)
            self._pending, self._pending_links = [], []

    def forget(self) -> None:
        """Drop what is in memory; new keys that were not stored go too."""
        with self._lock:
            self._by_subject, self._by_id, self._links = {}, {}, set()
            self._pending, self._pending_links = [], []
            self._epoch = self._read_epoch()

    def open(self, sealed: bytes, bound_to: bytes) -> bytes | None:
        """Decrypt; None when the key was destroyed. Raise DataError for a text that is not what was written."""
        key_id = sealed[:KEY_ID]
        cipher = self._by_id.get(key_id, False)
        if cipher is False:
            cipher = self._by_key_id(key_id)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(sealed[KEY_ID : KEY_ID + 12], sealed[KEY_ID + 12 :], bound_to)  # type: ignore[union-attr]
        except (InvalidTag, ValueError):
            raise DataError("an encrypted record was changed, or belongs to another event") from None

    def expect(self, sealed: Sequence[bytes]) -> None:
        """Load the keys of many texts at once; what was destroyed or is not known is left to ``open``."""
        wanted = [key_id for key_id in {text[:KEY_ID] for text in sealed} if key_id not in self._by_id]
        if not wanted:
            return
        with self._lock, self.database.read() as cursor:
            if len(self._by_id) > 2 * CACHE and not self._pending:
                self._by_id.clear()
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                marks = ",".join("?" * len(part))
                cursor.execute(
                    f"SELECT id, wrapped, master FROM subject_keys WHERE id IN ({marks}) "  # noqa: S608 - marks only
                    "AND wrapped IS NOT NULL",
                    part,
                )
                for key_id, wrapped, master in cursor.fetchall():
                    self._by_id[bytes(key_id)] = AESGCM(self._unwrap(bytes(wrapped), master, bytes(key_id)))

    def _by_key_id(self, key_id: bytes) -> AESGCM | None:
        row = self.database.row("SELECT wrapped, master FROM subject_keys WHERE id = ?", key_id)
        if row is None:
            raise DataError("the keyring does not know the key of a record; is it the keyring of this store?")
        found = None
        if row["wrapped"] is not None:
            found = AESGCM(self._unwrap(bytes(row["wrapped"]), row["master"], key_id))
        with self._lock:
            if len(self._by_id) > 2 * CACHE:
                self._by_id.clear()
            self._by_id[key_id] = found
        return found

    def subjects_of(self, subject: str) -> list[str]:
        """Return a subject and all that are the same person."""
        rows = self.database.rows("SELECT other FROM subject_links WHERE subject = ?", subject)
        return [subject, *(row["other"] for row in rows)]

    def destroy(self, subjects: Sequence[str], at: datetime) -> list[bytes]:
        """Overwrite the keys of subjects; return the ids of all they ever had. There is no way back."""
        destroyed: list[bytes] = []
        with self._lock, self.database.write() as cursor:
            for subject in subjects:
                cursor.execute(f"SELECT {COLUMNS}, mark FROM subject_keys WHERE subject = ?", (subject,))  # noqa: S608
                rows = [tuple(row) for row in cursor.fetchall()]
                destroyed += [bytes(row[0]) for row in rows]
                self._replace(cursor, [(row, None, row[3], iso(at)) for row in rows if row[2] is not None])
            cursor.execute(
                "INSERT INTO keys_meta (key, value) VALUES ('epoch', '2') "
                "ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(keys_meta.value AS BIGINT) + 1 AS TEXT)"
            )
        self.database.purge()
        self.forget()
        return destroyed

    def rewrap(self) -> int:
        """Wrap every key under the current master key; return the number changed. May be broken off and run again."""
        count = 0
        while True:
            with self.database.write() as cursor:
                cursor.execute(
                    f"SELECT {COLUMNS}, mark FROM subject_keys WHERE wrapped IS NOT NULL AND master <> ? "  # noqa: S608
                    "LIMIT 500",
                    (self.master.id,),
                )
                rows = [tuple(row) for row in cursor.fetchall()]
                changed = []
                for row in rows:
                    key = self._unwrap(bytes(row[2]), row[3], bytes(row[0]))
                    changed.append((row, self.master.wrap(key, bytes(row[0])), self.master.id, row[5]))
                self._replace(cursor, changed)
            if not rows:
                return count
            count += len(rows)

    def _replace(self, cursor: Any, changed: Sequence[tuple[tuple[Any, ...], bytes | None, str, str | None]]) -> None:
        """Write (stored row, wrapped key, master, when destroyed). A row whose mark was wrong keeps it."""
        old, new = [], []
        for (key_id, subject, before, master, created_at, gone, mark), wrapped, under, destroyed in changed:
            held = self.marks.of_key(bytes(key_id), subject, before and bytes(before), master, created_at, gone)
            fresh = self.marks.of_key(bytes(key_id), subject, wrapped, under, created_at, destroyed)
            honest = mark is not None and bytes(mark) == held
            cursor.execute(
                "UPDATE subject_keys SET wrapped = ?, master = ?, destroyed_at = ?, mark = ? WHERE id = ?",
                (wrapped, under, destroyed, fresh if honest else mark, bytes(key_id)),
            )
            if honest:
                old.append(held)
                new.append(fresh)
        self.marks.exchange(cursor, old, new)

    def put_marks(self, generation: int = 0) -> int:
        """Mark every key as it stands; return how many."""
        with self.database.write() as cursor:
            return self.marks.put(cursor, generation)

    def changes(self) -> int:
        """Return how often the sum over the keys was changed, 0 without one."""
        with self.database.read() as cursor:
            total = self.marks.total(cursor)
        return total.generation if total is not None else 0

    def altered(self, least: int) -> list[tuple[str, str]]:
        """Compare every key with its mark; return which are not as the product left them."""
        with self.database.read() as cursor:
            return list(self.marks.check(cursor, least))

    def stats(self) -> dict[str, Any]:
        """Count the keys."""
        row = self.database.row(
            "SELECT COUNT(wrapped) AS alive, COUNT(*) - COUNT(wrapped) AS destroyed FROM subject_keys WHERE id <> ?",
            _INDEX.encode(),
        )
        return {"keys": row["alive"], "destroyed": row["destroyed"]} if row else {}


def _new_links(cursor: Any, links: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those of some links that are not stored yet, each once."""
    held: set[tuple[str, str]] = set()
    subjects = sorted({subject for subject, _ in links})
    for start in range(0, len(subjects), 500):
        part = subjects[start : start + 500]
        marks = ",".join("?" * len(part))
        cursor.execute(f"SELECT subject, other FROM subject_links WHERE subject IN ({marks})", part)  # noqa: S608
        held |= {(str(row[0]), str(row[1])) for row in cursor.fetchall()}
    return [pair for pair in dict.fromkeys(links) if pair not in held]
