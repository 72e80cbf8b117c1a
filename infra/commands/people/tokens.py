"""Tokens of the sources that send events, and of people's calendar addresses: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.commands.people.token_uses import TokenUses
from infra.store.integrity.marks import believed
from infra.store.sql.database import Database

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Source:
    """Who a token speaks for: the source itself and, for collectors, others."""

    name: str
    claims: frozenset[str] | None


MOST_DAYS = 3650


def _network(text: str) -> Network:
    """Read a network or a single address. Raise InputError."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise InputError("a network is written as 10.0.0.0/8 or as one address", field="from") from None


def _is_within(address: str | None, networks: Sequence[str]) -> bool:
    """Say whether an address lies in one of some networks; where there are none, any does."""
    if not networks:
        return True
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(it) for it in networks)


def digest_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """The tokens in the store."""

    database: Database
    clock: TimeSource
    uses: TokenUses

    def new_source(
        self, source: str, claims: tuple[str, ...] | None = (), token: str | None = None, *,
        days: int | None = None, networks: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Make a token for a source; it is shown once and only its hash is kept. ``claims`` None: any source.

        ``days``: how long it stands, None for ever; ``networks``: from where alone it is taken (CIDR), none for
        everywhere. Raise InputError.
        """
        if not source or len(source) > 100:
            raise InputError("a source has a name of 1 to 100 characters", field="source")
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise InputError("a token of a source stands for 1 to {most} days", field="days", most=MOST_DAYS)
        allowed, now = [str(_network(it)) for it in networks], self.clock.now()
        expires_at = iso(now + timedelta(days=days)) if days is not None else None
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
                    iso(now),
                ),
            )
            cursor.execute("DELETE FROM source_token_terms WHERE digest = ?", (digest_of(token),))
            if expires_at or allowed:
                cursor.execute(
                    "INSERT INTO source_token_terms VALUES (?, ?, ?)",
                    (digest_of(token), expires_at, orjson.dumps(allowed).decode()),
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
            removed = int(cursor.rowcount)
            cursor.execute("DELETE FROM source_token_terms WHERE digest NOT IN (SELECT digest FROM source_tokens)")
            return removed

    def source(self, token: str | None, address: str | None = None) -> Source | None:
        """Return the source behind a token; None for one that is over, or shown from an ``address`` that is not its."""
        if not token:
            return None
        digest, now = digest_of(token), self.clock.now()
        row = believed(
            self.database, "source_tokens",
            self.database.row("SELECT * FROM source_tokens WHERE digest = ?", digest),
        )  # fmt: skip
        terms = believed(
            self.database, "source_token_terms",
            self.database.row("SELECT * FROM source_token_terms WHERE digest = ?", digest),
        )  # fmt: skip
        if row is None or (terms is not None and terms["expires_at"] and terms["expires_at"] < iso(now)):
            return None
        if not _is_within(address, orjson.loads((terms["networks"] if terms is not None else "") or "[]")):
            return None
        self.uses.note(digest, now)
        claims = orjson.loads(row["claims"])
        return Source(row["source"], frozenset(claims) if claims is not None else None)

    def source_tokens(self) -> list[dict[str, Any]]:
        """Return the tokens of sources: source, claims, created_at, expires_at, networks, used_at; never a token."""
        rows = self.database.rows(
            "SELECT s.digest, s.source, s.claims, s.created_at, t.expires_at, t.networks, u.at AS used_at "
            "FROM source_tokens s LEFT JOIN source_token_terms t ON t.digest = s.digest "
            "LEFT JOIN token_uses u ON u.digest = s.digest ORDER BY s.source, s.created_at"
        )
        return [
            {
                **{name: it[name] for name in ("source", "claims", "created_at", "expires_at", "used_at")},
                "networks": ", ".join(orjson.loads(it["networks"] or "[]")) or None,
            }
            for it in rows
        ]
