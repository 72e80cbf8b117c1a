"""Accounts of people and tokens of sources: argon2 for passwords, hashes of strong tokens, sessions on the server."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import orjson
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from engine.permissions import PEOPLE, roles_of
from infra.commands.session_marks import EVERY, SessionMarks
from infra.store.log.decisions import Decisions
from infra.store.log.topics import UserChanged

ROLES = tuple(role.value for role in PEOPLE)
ANALYSTS = frozenset(roles_of("draft-rule")) - frozenset(roles_of("decide-outcome"))
"""The roles of analysts: they write rules and do not decide in the house's name."""
MAX_FAILURES = 5
LOCK = timedelta(minutes=15)
MIN_PASSWORD = 10
ABSOLUTE_SESSION = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person with the token every form must carry."""

    person: Person
    csrf: str


@dataclass(frozen=True, slots=True)
class Source:
    """Who a token speaks for: the source itself and, for collectors, others."""

    name: str
    claims: frozenset[str] | None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id with parameters of OWASP ASVS 5.0, appendix C.4: a third of the time of RFC 9106's second choice, on one
core, so that a sign-in delays nobody else's page."""


def two_sided(roles: Iterable[str]) -> bool:
    """Say whether an account would stand on both sides: analyst and compliance officer."""
    held = set(roles)
    return bool(held & ANALYSTS) and bool(held & set(roles_of("approve-notice")))


class Accounts:
    """People, sessions and source tokens in the store."""

    def __init__(self, decisions: Decisions, clock: TimeSource, session_minutes: int) -> None:
        self.decisions = decisions
        self.database = decisions.database
        self.clock = clock
        self.idle = timedelta(minutes=session_minutes)
        self.hasher = HASHER
        self.marks = SessionMarks(self.database)

    @cached_property
    def _decoy(self) -> str:
        """What a password is compared with when there is no such account, so that it takes as long."""
        return self.hasher.hash(secrets.token_urlsafe(16))

    def add(self, user_id: str, name: str, roles: tuple[str, ...], password: str, *, actor: str) -> None:
        """Make an account or replace its name, roles and password. Raise InputError."""
        if not user_id or len(user_id) > 60 or not all(ch.isalnum() or ch in "._-@" for ch in user_id):
            raise InputError("an account name has 1 to 60 letters, digits or . _ - @", field="user")
        unknown = sorted(set(roles) - set(ROLES))
        if unknown or not roles:
            raise InputError("roles are {roles}", field="roles", roles=ROLES)
        if two_sided(roles):
            raise InputError(
                "one account cannot both work on incidents and approve their notices; a person with both needs two",
                field="roles",
            )
        if len(password) < MIN_PASSWORD:
            raise InputError(
                "a password has at least {min_password} characters", field="password", min_password=MIN_PASSWORD
            )
        now = self.clock.now()
        hashed = self.hasher.hash(password)
        with self.decisions.unit(now) as unit:
            unit.cursor.execute(
                "INSERT INTO users (id, name, roles, password_hash) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "name = excluded.name, roles = excluded.roles, password_hash = excluded.password_hash, active = 1, "
                "failures = 0, locked_until = NULL",
                (user_id, name, orjson.dumps(sorted(roles)).decode(), hashed),
            )
            unit.cursor.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))
            fact = UserChanged(at=now, actor=actor, user_id=user_id, name=name, roles=tuple(sorted(roles)), active=True)
            unit.record_single(str(derive("user", user_id)), fact)

    def people(self) -> list[Person]:
        """Return every active account."""
        rows = self.database.rows("SELECT id, name, roles FROM users WHERE active = 1 ORDER BY id")
        return [Person(id=r["id"], name=r["name"], roles=frozenset(orjson.loads(r["roles"]))) for r in rows]

    def sign_in(self, user_id: str, password: str) -> str | None:
        """Check a password; return the token of a new session, None for anything that is not right.

        Takes the same time for an account that does not exist. Five failures lock the account for 15 minutes.
        """
        row = self.database.row("SELECT * FROM users WHERE id = ? AND active = 1", user_id)
        now = self.clock.now()
        locked = row is not None and row["locked_until"] is not None and row["locked_until"] > iso(now)
        try:
            self.hasher.verify(row["password_hash"] if row else self._decoy, password)
            good = row is not None and not locked
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            good = False
        if row is None:
            return None
        if not good:
            self._failed(user_id, locked, int(row["failures"]) + 1, now)
            return None
        token = secrets.token_urlsafe(32)
        hashed = row["password_hash"]
        if self.hasher.check_needs_rehash(hashed):
            hashed = self.hasher.hash(password)
        with self.database.write() as cursor:
            cursor.execute(
                "UPDATE users SET failures = 0, locked_until = NULL, password_hash = ? WHERE id = ?", (hashed, user_id)
            )
            cursor.execute("DELETE FROM sessions WHERE created_at < ?", (iso(now - ABSOLUTE_SESSION),))
            cursor.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
                (_digest(token), user_id, secrets.token_urlsafe(24), iso(now), iso(now)),
            )
        return token

    def _failed(self, user_id: str, locked: bool, failures: int, now: datetime) -> None:
        if locked:
            return
        until = iso(now + LOCK) if failures >= MAX_FAILURES else None
        with self.database.write() as cursor:
            cursor.execute(
                "UPDATE users SET failures = ?, locked_until = ? WHERE id = ?",
                (0 if until else failures, until, user_id),
            )

    def session(self, token: str | None) -> Session | None:
        """Return the person behind a session's token; a session dies of idleness or after half a day."""
        if not token:
            return None
        row = self.database.row(
            "SELECT s.*, u.name, u.roles FROM sessions s JOIN users u ON u.id = s.user_id AND u.active = 1 "
            "WHERE s.digest = ?",
            _digest(token),
        )
        now = self.clock.now()
        if row is None or row["created_at"] < iso(now - ABSOLUTE_SESSION):
            return None
        seen_at = self.marks.latest(row["digest"], row["seen_at"])
        if seen_at < iso(now - self.idle):
            return None
        if seen_at < iso(now - EVERY):
            self.marks.note(row["digest"], now)
        person = Person(id=row["user_id"], name=row["name"], roles=frozenset(orjson.loads(row["roles"])))
        return Session(person, row["csrf"])

    def language(self, user_id: str) -> str | None:
        """Return the language that a person chose for the console."""
        row = self.database.row("SELECT language FROM languages WHERE user_id = ?", user_id)
        return str(row["language"]) if row else None

    def choose_language(self, user_id: str, language: str) -> None:
        """Keep the language that a person chose, with the account."""
        if self.language(user_id) != language:
            with self.database.write() as cursor:
                cursor.execute(
                    "INSERT INTO languages VALUES (?, ?) "
                    "ON CONFLICT (user_id) DO UPDATE SET language = excluded.language",
                    (user_id, language),
                )

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self.database.write() as cursor:
            cursor.execute("DELETE FROM sessions WHERE digest = ?", (_digest(token),))

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
                    _digest(token),
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
                "INSERT INTO feed_tokens VALUES (?, ?, ?)", (_digest(token), person.id, iso(self.clock.now()))
            )
        return token

    def feed_owner(self, token: str) -> str | None:
        """Return the active account behind a feed's token."""
        row = self.database.row(
            "SELECT f.user_id FROM feed_tokens f JOIN users u ON u.id = f.user_id AND u.active = 1 WHERE f.digest = ?",
            _digest(token),
        )
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
        row = self.database.row("SELECT source, claims FROM source_tokens WHERE digest = ?", _digest(token))
        if row is None:
            return None
        claims = orjson.loads(row["claims"])
        return Source(row["source"], frozenset(claims) if claims is not None else None)
