"""Tokens by which programs act for a person: for named acts and reading, for at most a year, never for an approval.

The roles of the person apply at every use. A token is shown once and kept as a hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from engine.accounts.facts import TokenMade, TokenRevoked
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.kernel.facts import Person
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from engine.permissions import COMMANDS, READ
from infra.commands.people.token_uses import TokenUses
from infra.commands.people.tokens import digest_of
from infra.store.integrity.marks import believed
from infra.store.log.decisions import Decisions
from infra.store.log.unit import UnitOfWork

PREFIX = "qorgau_p_"
"""What every token begins with, so that one that lies about is known."""
MOST_DAYS = 365
MOST_TOKENS = 20
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A token as its owner sees it; never the token itself."""

    id: str
    name: str
    scope: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


def scopes_of(person: Person) -> list[str]:
    """Return what a token of a person may be for."""
    return [READ, *(name for name, it in COMMANDS.items() if person.may(*it.roles) and not it.step_up)]


class PersonalTokens:
    """The tokens of people in the store."""

    def __init__(self, decisions: Decisions, clock: TimeSource, uses: TokenUses) -> None:
        self.decisions = decisions
        self.database = decisions.database
        self.clock = clock
        self.uses = uses

    def make(self, person: Person, name: str, scope: Sequence[str], days: int) -> str:
        """Make a token for so many days; it is shown once.

        Raise InputError for a name, scope or term that cannot be, DecisionRefused for too many tokens.
        """
        name, wanted, known = name.strip(), tuple(sorted(set(scope))), scopes_of(person)
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise InputError("a token has a name of 1 to 60 characters", field="name")
        if not 1 <= days <= MOST_DAYS:
            raise InputError("a token stands for 1 to {most} days", field="days", most=MOST_DAYS)
        unknown = [it for it in wanted if it not in known]
        if unknown or not wanted:
            raise InputError("a token is for reading, or for acts of your roles that are no approvals", field="scope")
        if len(self.of(person.id)) >= MOST_TOKENS:
            raise DecisionRefused("you have {most} tokens; revoke one first", most=MOST_TOKENS)
        now, token = self.clock.now(), PREFIX + secrets.token_urlsafe(32)
        digest, expires_at = digest_of(token), now + timedelta(days=days)
        key = digest[:12]
        with self.decisions.unit(now) as unit:
            unit.cursor.execute("DELETE FROM personal_tokens WHERE expires_at < ?", (iso(now),))
            unit.cursor.execute(
                "INSERT INTO personal_tokens VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, digest, person.id, name, orjson.dumps(wanted).decode(), iso(now), iso(expires_at)),
            )
            fact = TokenMade(
                at=now, actor=person.id, user_id=person.id, token_id=key, name=name, scope=wanted, expires_at=expires_at
            )
            unit.record_single(str(derive("user", person.id)), fact)
        return token

    def of(self, user_id: str) -> list[PersonalToken]:
        """Return the tokens of an account that are not over, the latest first."""
        rows = self.database.rows(
            "SELECT t.*, u.at AS used_at FROM personal_tokens t LEFT JOIN token_uses u ON u.digest = t.digest "
            "WHERE t.user_id = ? AND t.expires_at >= ? ORDER BY t.created_at DESC, t.id",
            user_id, iso(self.clock.now()),
        )  # fmt: skip
        return [
            PersonalToken(
                it["id"], it["name"], tuple(orjson.loads(it["scope"])), datetime.fromisoformat(it["created_at"]),
                datetime.fromisoformat(it["expires_at"]), self.uses.latest(it["digest"], it["used_at"]),
            )
            for it in rows
        ]  # fmt: skip

    def revoke(self, user_id: str, token_id: str, *, actor: str) -> None:
        """Make a token of an account void. Raise NotFound."""
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            if not self.void(unit, user_id, actor=actor, token_id=token_id):
                raise NotFound("there is no such token")

    def void(self, unit: UnitOfWork, user_id: str, *, actor: str, token_id: str = "") -> int:
        """Make one token of an account void, or all of them, in a unit of work; return how many."""
        rows = self._rows(unit, user_id)
        found = [row for row in rows if token_id in ("", row[0])]
        now = self.clock.now()
        for key, name in found:
            unit.cursor.execute("DELETE FROM personal_tokens WHERE id = ?", (key,))
            fact = TokenRevoked(at=now, actor=actor, user_id=user_id, token_id=key, name=name)
            unit.record_single(str(derive("user", user_id)), fact)
        return len(found)

    def _rows(self, unit: UnitOfWork, user_id: str) -> list[tuple[str, str]]:
        unit.cursor.execute("SELECT id, name FROM personal_tokens WHERE user_id = ? ORDER BY id", (user_id,))
        return [(str(row[0]), str(row[1])) for row in unit.cursor.fetchall()]

    def person(self, token: str) -> Person | None:
        """Return the person for whom a token speaks, with its scope; None for one that is void or over."""
        digest, now = digest_of(token), self.clock.now()
        row = self.database.row("SELECT * FROM personal_tokens WHERE digest = ? AND expires_at >= ?", digest, iso(now))
        row = believed(self.database, "personal_tokens", row)
        if row is None:
            return None
        user = self.database.row("SELECT * FROM users WHERE id = ? AND active = 1", row["user_id"])
        user = believed(self.database, "users", user)
        if user is None:
            return None
        self.uses.note(digest, now)
        roles, scope = frozenset(orjson.loads(user["roles"])), frozenset(orjson.loads(row["scope"]))
        return Person(id=user["id"], name=user["name"], roles=roles, unproven=True, scope=scope)
