"""Accounts of people and tokens of sources: argon2 for passwords, hashes of strong tokens, sessions on the server."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import orjson
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from engine.accounts.facts import (
    PasswordChanged,
    SessionsEnded,
    SignedIn,
    SignInFailed,
    UserChanged,
    WaitingLifted,
    Why,
)
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.kernel.facts import Person
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from engine.permissions import PEOPLE, roles_of
from infra.commands.people import tries
from infra.commands.people.passwords import HASHER, check_password
from infra.commands.people.tokens import Tokens, digest_of
from infra.commands.people.tries import Try
from infra.commands.session_marks import EVERY, SessionMarks
from infra.store.integrity.marks import believed
from infra.store.log.decisions import Decisions
from infra.store.log.unit import UnitOfWork

ROLES = tuple(role.value for role in PEOPLE)
ANALYSTS = frozenset(roles_of("draft-rule")) - frozenset(roles_of("decide-outcome"))
"""The roles of analysts: they write rules and do not decide in the house's name."""
ABSOLUTE_SESSION = timedelta(hours=12)
BROWSER_KNOWN = timedelta(days=90)
"""How long a browser is told apart from strangers after its owner signed in with it."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person with the token every form must carry."""

    person: Person
    csrf: str


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of a try to sign in."""

    token: str | None
    """Of the new session; None for anything that is not right."""
    browser: str = ""
    """What tells the browser from strangers the next time."""
    waits_until: datetime | None = None
    """Until when no further try from there is looked at."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of a person, as its owner sees it."""

    digest: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str


def two_sided(roles: Iterable[str]) -> bool:
    """Say whether an account would stand on both sides: analyst and compliance officer."""
    held = set(roles)
    return bool(held & ANALYSTS) and bool(held & set(roles_of("approve-notice")))


class Accounts(Tokens):
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
        check_password(password, user_id, name)
        now = self.clock.now()
        hashed = self.hasher.hash(password)
        with self.decisions.unit(now) as unit:
            unit.cursor.execute(
                "INSERT INTO users (id, name, roles, password_hash) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "name = excluded.name, roles = excluded.roles, password_hash = excluded.password_hash, active = 1",
                (user_id, name, orjson.dumps(sorted(roles)).decode(), hashed),
            )
            self._end(unit, user_id)
            tries.lift(unit.cursor, user_id)
            fact = UserChanged(at=now, actor=actor, user_id=user_id, name=name, roles=tuple(sorted(roles)), active=True)
            unit.record_single(str(derive("user", user_id)), fact)

    def disabled(self) -> list[Person]:
        """Return every account that is disabled."""
        return self._people(active=False)

    def has_password(self, user_id: str, password: str) -> bool:
        """Say whether an account has this password; no attempt is counted."""
        row = self._account(user_id)
        try:
            return row is not None and self.hasher.verify(row["password_hash"], password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False

    def _account(self, user_id: str) -> Any:
        """Return the row of an account; None for none, and for one that was changed beside the product."""
        return believed(self.database, "users", self.database.row("SELECT * FROM users WHERE id = ?", user_id))

    def people(self) -> list[Person]:
        """Return every active account."""
        return self._people(active=True)

    def _people(self, *, active: bool) -> list[Person]:
        read = self.database.rows("SELECT * FROM users WHERE active = ? ORDER BY id", int(active))
        rows = [row for row in read if believed(self.database, "users", row) is not None]
        return [Person(id=r["id"], name=r["name"], roles=frozenset(orjson.loads(r["roles"]))) for r in rows]

    def sign_in(self, user_id: str, password: str) -> str | None:
        """Check a password; return the token of a new session, None for anything that is not right."""
        return self.enter(user_id, password).token

    def enter(self, user_id: str, password: str, *, address: str = "", browser: str = "", agent: str = "") -> Entered:
        """Try to sign in, from an address and a browser.

        A try is counted before the password is looked at (``engine.accounts.attempts``). It takes the same time for an
        account that does not exist. Every outcome but a try that waits is a fact.
        """
        now, known = self.clock.now(), self._known(user_id, browser)
        attempt = Try(user_id, address, digest_of(browser) if known else "")
        with self.database.write() as cursor:
            until = tries.count(cursor, attempt, now)
        if until is not None:
            return Entered(None, waits_until=until)
        row = self._account(user_id)
        if not self._is(row, password):
            why: Why = "unknown" if row is None else "password" if row["active"] else "disabled"
            return Entered(None, waits_until=self._failed(attempt, row is not None, why, now))
        assert row is not None
        token, browser = secrets.token_urlsafe(32), browser if known else secrets.token_urlsafe(24)
        hashed = row["password_hash"]
        if self.hasher.check_needs_rehash(hashed):
            hashed = self.hasher.hash(password)
        with self.decisions.unit(now) as unit:
            cursor = unit.cursor
            tries.succeeded(cursor, attempt, now)
            cursor.execute("UPDATE users SET password_hash = ? WHERE id = ?", (hashed, user_id))
            cursor.execute("DELETE FROM sessions WHERE created_at < ?", (iso(now - ABSOLUTE_SESSION),))
            cursor.execute("DELETE FROM session_places WHERE digest NOT IN (SELECT digest FROM sessions)")
            cursor.execute("DELETE FROM known_browsers WHERE seen_at < ?", (iso(now - BROWSER_KNOWN),))
            cursor.execute(
                "INSERT INTO sessions (digest, user_id, csrf, created_at, seen_at) VALUES (?, ?, ?, ?, ?)",
                (digest_of(token), user_id, secrets.token_urlsafe(24), iso(now), iso(now)),
            )
            cursor.execute("INSERT INTO session_places VALUES (?, ?, ?)", (digest_of(token), address, agent[:200]))
            if address:
                cursor.execute(
                    "INSERT INTO known_browsers VALUES (?, ?, ?) "
                    "ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at",
                    (digest_of(browser), user_id, iso(now)),
                )
            self._say(unit, user_id, SignedIn(at=now, actor=user_id, user_id=user_id, address=address))
        return Entered(token, browser if address else "")

    def _is(self, row: Any, password: str) -> bool:
        """Say whether a password is that of an account that is not disabled."""
        try:
            self.hasher.verify(row["password_hash"] if row else self._decoy, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
        return row is not None and bool(row["active"])

    def _known(self, user_id: str, browser: str) -> bool:
        """Say whether the owner of an account signed in with a browser before."""
        if not browser:
            return False
        row = self.database.row("SELECT * FROM known_browsers WHERE digest = ?", digest_of(browser))
        row = believed(self.database, "known_browsers", row)
        return row is not None and row["user_id"] == user_id and row["seen_at"] >= iso(self.clock.now() - BROWSER_KNOWN)

    def _failed(self, attempt: Try, exists: bool, why: Why, now: datetime) -> datetime | None:
        user_id = attempt.user_id if exists else ""
        with self.decisions.unit(now) as unit:
            until = tries.waiting(unit.cursor, attempt)
            fact = SignInFailed(at=now, user_id=user_id, address=attempt.address, why=why, waits_until=until)
            self._say(unit, user_id, fact)
        return until

    def _say(self, unit: UnitOfWork, user_id: str, fact: Any) -> None:
        unit.record_single(str(derive("user", user_id)), fact)

    def let_try(self, user_id: str, *, actor: str) -> None:
        """Let an account try again at once. Raise NotFound."""
        self._row(user_id)
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            tries.lift(unit.cursor, user_id)
            self._say(unit, user_id, WaitingLifted(at=now, actor=actor, user_id=user_id))

    def set_active(self, user_id: str, active: bool, *, actor: str) -> None:
        """Disable an account, whose sessions and calendar address end at once, or enable it. Raise NotFound."""
        row, now = self._row(user_id), self.clock.now()
        if bool(row["active"]) == active:
            return
        with self.decisions.unit(now) as unit:
            unit.cursor.execute("UPDATE users SET active = ? WHERE id = ?", (int(active), user_id))
            self._end(unit, user_id)
            roles = tuple(sorted(orjson.loads(row["roles"])))
            fact = UserChanged(at=now, actor=actor, user_id=user_id, name=row["name"], roles=roles, active=active)
            self._say(unit, user_id, fact)

    def set_password(self, user_id: str, password: str, *, actor: str) -> None:
        """Give an account a new password; its sessions and calendar address end. Raise NotFound, InputError."""
        self._renew(user_id, password, actor=actor, by_owner=False)

    def change_password(self, user_id: str, old: str, new: str, *, address: str = "", keep: str = "") -> None:
        """Change one's own password; every session but that of the token ``keep`` ends.

        Raise DecisionRefused for an old password that is wrong, or when too many were; InputError for a new one that is
        easily guessed.
        """
        row, now = self._row(user_id), self.clock.now()
        attempt = Try(user_id, f"own password {address}")
        with self.database.write() as cursor:
            until = tries.count(cursor, attempt, now)
        if until is not None or not self._is(row, old):
            raise DecisionRefused("the old password is wrong; after several wrong ones wait some minutes")
        self._renew(user_id, new, actor=user_id, by_owner=True, keep=keep)

    def _renew(self, user_id: str, password: str, *, actor: str, by_owner: bool, keep: str = "") -> None:
        row, now = self._row(user_id), self.clock.now()
        check_password(password, user_id, row["name"])
        hashed = self.hasher.hash(password)
        with self.decisions.unit(now) as unit:
            unit.cursor.execute("UPDATE users SET password_hash = ? WHERE id = ?", (hashed, user_id))
            self._end(unit, user_id, keep)
            tries.lift(unit.cursor, user_id)
            self._say(unit, user_id, PasswordChanged(at=now, actor=actor, user_id=user_id, by_owner=by_owner))

    def _row(self, user_id: str) -> Any:
        row = self._account(user_id)
        if row is None:
            raise NotFound("there is no account '{user}'", user=user_id[:60])
        return row

    def _end(self, unit: UnitOfWork, user_id: str, keep: str = "") -> int:
        """End the sessions of an account but one, its calendar address, and what tells its browsers from strangers."""
        cursor, kept = unit.cursor, digest_of(keep) if keep else ""
        cursor.execute("SELECT COUNT(*) FROM sessions WHERE user_id = ? AND digest <> ?", (user_id, kept))
        ended = int(cursor.fetchone()[0])
        cursor.execute("DELETE FROM sessions WHERE user_id = ? AND digest <> ?", (user_id, kept))
        cursor.execute("DELETE FROM feed_tokens WHERE user_id = ?", (user_id,))
        cursor.execute("DELETE FROM known_browsers WHERE user_id = ?", (user_id,))
        return ended

    def open_sessions(self, user_id: str) -> list[OpenSession]:
        """Return the sessions of a person, the latest first."""
        rows = self.database.rows(
            "SELECT s.digest, s.created_at, s.seen_at, p.address, p.agent FROM sessions s "
            "LEFT JOIN session_places p ON p.digest = s.digest WHERE s.user_id = ? ORDER BY s.created_at DESC",
            user_id,
        )
        oldest = iso(self.clock.now() - ABSOLUTE_SESSION)
        return [
            OpenSession(
                it["digest"], datetime.fromisoformat(it["created_at"]),
                datetime.fromisoformat(self.marks.latest(it["digest"], it["seen_at"])), it["address"] or "",
                it["agent"] or "",
            )
            for it in rows if it["created_at"] >= oldest
        ]  # fmt: skip

    def end_sessions(self, user_id: str, *, actor: str, keep: str = "") -> int:
        """End every session of an account but that of the token ``keep``; return how many. Raise NotFound."""
        self._row(user_id)
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            count = self._end(unit, user_id, keep)
            self._say(unit, user_id, SessionsEnded(at=now, actor=actor, user_id=user_id, count=count))
        return count

    def session(self, token: str | None, *, acting: bool = True) -> Session | None:
        """Return the person behind a session's token; a session dies of idleness or after half a day.

        What a page asks by itself, without the person ``acting``, does not keep the session alive.
        """
        if not token:
            return None
        row = self.database.row("SELECT * FROM sessions WHERE digest = ?", digest_of(token))
        row, now = believed(self.database, "sessions", row), self.clock.now()
        if row is None or row["created_at"] < iso(now - ABSOLUTE_SESSION):
            return None
        user = self._account(row["user_id"])
        if user is None or not user["active"]:
            return None
        seen_at = self.marks.latest(row["digest"], row["seen_at"])
        if seen_at < iso(now - self.idle):
            return None
        if acting and seen_at < iso(now - EVERY):
            self.marks.note(row["digest"], now)
        person = Person(id=user["id"], name=user["name"], roles=frozenset(orjson.loads(user["roles"])))
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
        row = self.database.row("SELECT user_id FROM sessions WHERE digest = ?", digest_of(token))
        if row is None:
            return
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            unit.cursor.execute("DELETE FROM sessions WHERE digest = ?", (digest_of(token),))
            fact = SessionsEnded(at=now, actor=row["user_id"], user_id=row["user_id"], count=1)
            self._say(unit, row["user_id"], fact)
