"""The tries to sign in, as the store counts them: by hashes of account and address, in one step before the password
is looked at, so that many at once are as many as one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.accounts.attempts import LIMITS, Kind, Tries, counted, waits_until
from engine.kernel.timestamps import iso
from infra.store.sql.cursor import Cursor


def hashed(*parts: str) -> str:
    """Return what stands for an account or address in the table: people type passwords where names belong."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Try:
    """One try: whose account, from where, and by which browser, if its owner signed in with it before."""

    user_id: str
    address: str
    browser: str = ""

    @property
    def keys(self) -> Sequence[tuple[Kind, str]]:
        """What is counted. A browser that is known is a place of its own, and is not slowed down with strangers."""
        if self.browser:
            return (("pair", hashed("known", self.user_id, self.browser)),)
        return (
            ("pair", hashed("pair", self.user_id, self.address)),
            *((("address", hashed("address", self.address)),) if self.address else ()),
            ("account", hashed("account", self.user_id)),
        )

    @property
    def account(self) -> str:
        """What stands for the account."""
        return hashed("account", self.user_id)


def count(cursor: Cursor, it: Try, now: datetime) -> datetime | None:
    """Count a try, in a write transaction; return until when it waits, None when it may be looked at.

    One that waits is not counted: it would only lengthen the wait.
    """
    held = {key: _held(cursor, key) for _, key in it.keys}
    waits = [until for until in _waits(it, held) if until > now]
    if waits:
        return max(waits)
    for kind, key in it.keys:
        tries = counted(kind, held[key], now)
        cursor.execute(
            "INSERT INTO sign_in_tries (id, account, failures, at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET failures = excluded.failures, at = excluded.at",
            (key, it.account, tries.failures, iso(now)),
        )
    return None


def waiting(cursor: Cursor, it: Try) -> datetime | None:
    """Return until when the next try waits."""
    return max(_waits(it, {key: _held(cursor, key) for _, key in it.keys}), default=None)


def _waits(it: Try, held: Mapping[str, Tries | None]) -> Iterator[datetime]:
    """The instants until which a try waits. What others failed at an account makes nobody wait who did not fail at it
    himself, from where he is: they would keep out its owner."""
    own = held[it.keys[0][1]]
    for kind, key in it.keys:
        until = waits_until(kind, held[key])
        if until is not None and (kind != "account" or (own is not None and own.failures > 0)):
            yield until


def succeeded(cursor: Cursor, it: Try, now: datetime) -> None:
    """Forget the tries from where somebody signed in, and all that are long ago."""
    for kind, key in it.keys:
        if kind == "pair":
            cursor.execute("DELETE FROM sign_in_tries WHERE id = ?", (key,))
        else:
            cursor.execute("UPDATE sign_in_tries SET failures = failures - 1 WHERE id = ? AND failures > 0", (key,))
    longest = max(limit.forgotten_after for limit in LIMITS.values())
    cursor.execute("DELETE FROM sign_in_tries WHERE at < ?", (iso(now - longest),))


def lift(cursor: Cursor, user_id: str) -> None:
    """Let an account try again from everywhere."""
    cursor.execute("DELETE FROM sign_in_tries WHERE account = ?", (hashed("account", user_id),))


def _held(cursor: Cursor, key: str) -> Tries | None:
    cursor.execute("SELECT failures, at FROM sign_in_tries WHERE id = ?", (key,))
    row = cursor.fetchone()
    return Tries(int(row[0]), datetime.fromisoformat(row[1])) if row else None
