"""Tokens of the sources that send events, and of people's calendar addresses: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import orjson

from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.store.integrity.marks import believed
from infra.store.sql.database import Database


@dataclass(frozen=True, slots=True)
class Source:
    """Who a token speaks for: the source itself and, for collectors, others."""

    name: str
    claims: frozenset[str] | None


def digest_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """The tokens in the store."""

    database: Database
    clock: TimeSource

    def new_source(self, source: str, claims: tuple[str, ...] | None = (), token: str | None = None) -> str:
        """Make a token for a source; it is shown once and only its hash is kept. ``claims`` None: any source."""
        if not source or len(source) > 100:
            raise InputError("a source has a name of 1 to 100 characters", field="source")
        token = token or secrets.token_urlsafe(32)
        with self.database.write() as cursor:
            cursor.execute(
                "INSERT INTO source_tokens (digest, source, claims, created_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (digest) DO UPDATE SET source = excluded.source, "
                "claims = excluded.claims, created_at = excluded.created_at",
                (
                    digest_of(token),
                    source,
                    orjson.dumps(list(claims) if claims is not None else None).decode(),
                    iso(self.clock.now()),
                ),
            )
        return token

    def new_feed(self, person: Person) -> str:
        """Make the token of a person's calendar feed; one made before is void. Only its hash is kept."""
        token = secrets.token_urlsafe(24)
        with self.database.write() as cursor:
            cursor.execute("DELETE FROM feed_tokens WHERE user_id = ?", (person.id,))
            cursor.execute(
                "INSERT INTO feed_tokens VALUES (?, ?, ?)", (digest_of(token), person.id, iso(self.clock.now()))
            )
        return token

    def feed_owner(self, token: str) -> str | None:
        """Return the active account behind a feed's token."""
        row = self.database.row(
            "SELECT f.* FROM feed_tokens f JOIN users u ON u.id = f.user_id AND u.active = 1 WHERE f.digest = ?",
            digest_of(token),
        )
        row = believed(self.database, "feed_tokens", row)
        return str(row["user_id"]) if row else None

    def forget_source(self, source: str) -> int:
        """Make every token of a source void; return their number."""
        with self.database.write() as cursor:
            cursor.execute("DELETE FROM source_tokens WHERE source = ?", (source,))
            return int(cursor.rowcount)

    def source(self, token: str | None) -> Source | None:
        """Return the source behind a token."""
        if not token:
            return None
        row = self.database.row("SELECT * FROM source_tokens WHERE digest = ?", digest_of(token))
        row = believed(self.database, "source_tokens", row)
        if row is None:
            return None
        claims = orjson.loads(row["claims"])
        return Source(row["source"], frozenset(claims) if claims is not None else None)
