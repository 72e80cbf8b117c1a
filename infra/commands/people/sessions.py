"""Sessions of signed-in people: how they begin, live, prove a second factor and end."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from engine.accounts.facts import SessionsEnded, SignedIn
from engine.kernel.errors import NotFound, SecondFactorWrong
from engine.kernel.facts import Person
from engine.kernel.ids import derive
from engine.kernel.timestamps import iso
from infra.commands.people.passkeys import Passkeys
from infra.commands.people.personal_tokens import PREFIX, PersonalTokens
from infra.commands.people.second_factor import SecondFactors
from infra.commands.people.tokens import Tokens, digest_of
from infra.commands.session_marks import EVERY, SessionMarks
from infra.store.integrity.marks import believed
from infra.store.log.decisions import Decisions
from infra.store.log.unit import UnitOfWork

ABSOLUTE_SESSION = timedelta(hours=12)
BROWSER_KNOWN = timedelta(days=90)
"""How long a browser is told apart from strangers after its owner signed in with it."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person with the token every form must carry."""

    person: Person
    csrf: str
    by_token: bool = False
    """A program with a token of the person, which carries no cookie."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of a person, as its owner sees it."""

    digest: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str


class Sessions(Tokens):
    """The sessions in the store."""

    decisions: Decisions
    second: SecondFactors
    idle: timedelta
    proof_lasts: timedelta
    must_prove: Collection[str]
    """The roles that do not go without a second factor."""
    marks: SessionMarks
    tokens: PersonalTokens
    passkeys: Passkeys

    def by_token(self, token: str) -> Session | None:
        """Return the person for whom a program shows a token, None for one that is void or over."""
        person = self.tokens.person(token) if token.startswith(PREFIX) else None
        return Session(person, "", by_token=True) if person is not None else None

    def _start(
        self, unit: UnitOfWork, user_id: str, *, address: str, browser: str, agent: str, proven: bool
    ) -> tuple[str, str]:  # fmt: skip
        """Begin a session; return its token, and what tells the browser from strangers the next time.

        ``browser`` is empty for one that its owner is not known by yet; ``proven``: a second factor was shown.
        """
        cursor, now = unit.cursor, self.clock.now()
        token, browser = secrets.token_urlsafe(32), browser or secrets.token_urlsafe(24)
        cursor.execute("DELETE FROM sessions WHERE created_at < ?", (iso(now - ABSOLUTE_SESSION),))
        for kept in ("session_places", "session_proofs"):
            cursor.execute(f"DELETE FROM {kept} WHERE digest NOT IN (SELECT digest FROM sessions)")  # noqa: S608
        cursor.execute("DELETE FROM known_browsers WHERE seen_at < ?", (iso(now - BROWSER_KNOWN),))
        cursor.execute(
            "INSERT INTO sessions (digest, user_id, csrf, created_at, seen_at) VALUES (?, ?, ?, ?, ?)",
            (digest_of(token), user_id, secrets.token_urlsafe(24), iso(now), iso(now)),
        )
        cursor.execute("INSERT INTO session_places VALUES (?, ?, ?)", (digest_of(token), address, agent[:200]))
        if proven:
            cursor.execute("INSERT INTO session_proofs VALUES (?, ?)", (digest_of(token), iso(now)))
        if address:
            cursor.execute(
                "INSERT INTO known_browsers VALUES (?, ?, ?) "
                "ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at",
                (digest_of(browser), user_id, iso(now)),
            )
        self._say(unit, user_id, SignedIn(at=now, actor=user_id, user_id=user_id, address=address))
        return token, browser if address else ""

    def reset_second(self, user_id: str, *, actor: str, reason: str) -> None:
        """Take the second factor of an account away and end its sessions. Raise NotFound for no account, or none."""
        self._row(user_id)
        self.second.remove(user_id, actor=actor, reason=reason)
        with self.decisions.unit(self.clock.now()) as unit:
            self.tokens.void(unit, user_id, actor=actor)
        self.end_sessions(user_id, actor=actor)

    def prove(self, token: str, code: str, *, address: str = "", browser: str = "", challenge: str = "") -> str:
        """Show a second factor in a session; return its new token, for the one before is void.

        ``code`` is one of the authenticator, a recovery code, or the answer (JSON) of a passkey to a ``challenge``.
        Raise SecondFactorWrong for a code that is not right.
        """
        row = self._believed("sessions", "digest", digest_of(token))
        if row is None:
            raise SecondFactorWrong("this code is not right")
        user_id = str(row["user_id"])
        if code.startswith("{"):
            self.passkeys.check(challenge, code, user_id=user_id, address=address)
            return self._proven(token)
        known = digest_of(browser) if self._known(user_id, browser) else ""
        self.second.check(user_id, code, address=address, browser=known)
        return self._proven(token)

    def enrolled(self, token: str, user_id: str) -> str:
        """Say that a second factor was enrolled in a session, which showed it so; return its new token.

        Every other session of the account ends.
        """
        fresh = self._proven(token)
        self.end_sessions(user_id, actor=user_id, keep=fresh)
        return fresh

    def _proven(self, token: str) -> str:
        """Note that a session showed a second factor; return its new token."""
        now, fresh = self.clock.now(), secrets.token_urlsafe(32)
        old, new = digest_of(token), digest_of(fresh)
        with self.database.write() as cursor:
            cursor.execute("UPDATE sessions SET digest = ?, seen_at = ? WHERE digest = ?", (new, iso(now), old))
            if cursor.rowcount != 1:
                raise SecondFactorWrong("this code is not right")
            cursor.execute("UPDATE session_places SET digest = ? WHERE digest = ?", (new, old))
            cursor.execute("DELETE FROM session_proofs WHERE digest = ?", (old,))
            cursor.execute("INSERT INTO session_proofs VALUES (?, ?)", (new, iso(now)))
        return fresh

    def _known(self, user_id: str, browser: str) -> bool:
        """Say whether the owner of an account signed in with a browser before."""
        if not browser:
            return False
        row = self._believed("known_browsers", "digest", digest_of(browser))
        return row is not None and row["user_id"] == user_id and row["seen_at"] >= iso(self.clock.now() - BROWSER_KNOWN)

    def _end(self, unit: UnitOfWork, user_id: str, keep: str = "") -> int:
        """End the sessions of an account but one, its calendar address, and what tells its browsers from strangers."""
        cursor, kept = unit.cursor, digest_of(keep) if keep else ""
        cursor.execute("SELECT COUNT(*) FROM sessions WHERE user_id = ? AND digest <> ?", (user_id, kept))
        ended = int(cursor.fetchone()[0])
        cursor.execute("DELETE FROM sessions WHERE user_id = ? AND digest <> ?", (user_id, kept))
        cursor.execute("DELETE FROM feed_tokens WHERE user_id = ?", (user_id,))
        cursor.execute("DELETE FROM known_browsers WHERE user_id = ?", (user_id,))
        cursor.execute("DELETE FROM pending_steps WHERE user_id = ?", (user_id,))
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
        row, now = self._believed("sessions", "digest", digest_of(token)), self.clock.now()
        if row is None or row["created_at"] < iso(now - ABSOLUTE_SESSION):
            return None
        user = self._believed("users", "id", row["user_id"])
        if user is None or not user["active"]:
            return None
        seen_at = self.marks.latest(row["digest"], row["seen_at"])
        if seen_at < iso(now - self.idle):
            return None
        if acting and seen_at < iso(now - EVERY):
            self.marks.note(row["digest"], now)
        roles = frozenset(orjson.loads(user["roles"]))
        asked = self.second.held(user["id"]) or not roles.isdisjoint(self.must_prove)
        shown = self._believed("session_proofs", "digest", row["digest"]) if asked else None
        proven = shown is not None and shown["at"] >= iso(now - self.proof_lasts)
        person = Person(id=user["id"], name=user["name"], roles=roles, unproven=asked and not proven)
        return Session(person, row["csrf"])

    def _believed(self, table: str, column: str, key: str) -> dict[str, Any] | None:
        """Return the row of a marked table by its key; None for none, and for one that was changed from outside."""
        row = self.database.row(f"SELECT * FROM {table} WHERE {column} = ?", key)  # noqa: S608 - our own names
        return believed(self.database, table, row)

    def sign_out(self, token: str) -> None:
        """End a session."""
        row = self.database.row("SELECT user_id FROM sessions WHERE digest = ?", digest_of(token))
        if row is None:
            return
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            unit.cursor.execute("DELETE FROM sessions WHERE digest = ?", (digest_of(token),))
            unit.cursor.execute("DELETE FROM session_proofs WHERE digest = ?", (digest_of(token),))
            fact = SessionsEnded(at=now, actor=row["user_id"], user_id=row["user_id"], count=1)
            self._say(unit, row["user_id"], fact)

    def _say(self, unit: UnitOfWork, user_id: str, fact: Any) -> None:
        unit.record_single(str(derive("user", user_id)), fact)

    def _row(self, user_id: str) -> Any:
        row = self._believed("users", "id", user_id)
        if row is None:
            raise NotFound("there is no account '{user}'", user=user_id[:60])
        return row
