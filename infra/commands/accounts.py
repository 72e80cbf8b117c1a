"""Accounts of people and tokens of sources: argon2 for passwords, hashes of strong tokens, sessions on the server."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, Protocol

import orjson
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from engine.accounts.facts import (
    PasswordChanged,
    SignInFailed,
    UserChanged,
    WaitingLifted,
    Why,
)
from engine.kernel.errors import DecisionRefused, InputError, SecondFactorWrong
from engine.kernel.facts import Person
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.permissions import PEOPLE, roles_of
from infra.commands.people import tries
from infra.commands.people.passkeys import Passkeys
from infra.commands.people.passwords import HASHER, check_password
from infra.commands.people.pending import Kind, Pending, PendingSteps
from infra.commands.people.personal_tokens import PersonalTokens
from infra.commands.people.second_factor import SecondFactors
from infra.commands.people.sessions import OpenSession, Session, Sessions
from infra.commands.people.token_uses import TokenUses
from infra.commands.people.tokens import digest_of
from infra.commands.people.tries import Try
from infra.commands.session_marks import SessionMarks
from infra.store.integrity.marks import believed
from infra.store.keys.master import KeyFolder
from infra.store.log.decisions import Decisions

__all__ = ["ROLES", "Accounts", "Entered", "OpenSession", "Session", "two_sided"]
ROLES = tuple(role.value for role in PEOPLE)
ANALYSTS = frozenset(roles_of("draft-rule")) - frozenset(roles_of("decide-outcome"))
"""The roles of analysts: they write rules and do not decide in the house's name."""


class SigningIn(Protocol):
    """The settings of signing in."""

    @property
    def session_minutes(self) -> int:
        """Minutes after which a session that nobody uses ends."""
        ...

    @property
    def second_factor_minutes(self) -> int:
        """Minutes for which a second factor that was shown stands."""
        ...

    @property
    def console_url(self) -> str | None:
        """The address that passkeys belong to."""
        ...

    @property
    def require_second_factor(self) -> Sequence[str]:
        """The roles that do not go without a second factor."""
        ...


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of a try to sign in."""

    token: str | None
    """Of the new session; None for anything that is not right."""
    browser: str = ""
    """What tells the browser from strangers the next time."""
    waits_until: datetime | None = None
    """Until when no further try from there is looked at."""
    step: str = ""
    """The password was right; this leads to the next step, and is no session."""
    wanted: Literal["second", "enrol"] | None = None
    """What the next step is: to show a second factor, or to enrol one."""


def two_sided(roles: Iterable[str]) -> bool:
    """Say whether an account would stand on both sides: analyst and compliance officer."""
    held = set(roles)
    return bool(held & ANALYSTS) and bool(held & set(roles_of("approve-notice")))


class Accounts(Sessions):
    """People, sessions and source tokens in the store."""

    def __init__(self, decisions: Decisions, clock: TimeSource, settings: SigningIn, keys: KeyFolder) -> None:
        self.decisions = decisions
        self.database = decisions.database
        self.clock = clock
        self.idle = timedelta(minutes=settings.session_minutes)
        self.proof_lasts = timedelta(minutes=settings.second_factor_minutes)
        self.must_prove = frozenset(settings.require_second_factor)
        self.second = SecondFactors(decisions, clock, keys)
        self.pending = PendingSteps(self.database, clock)
        self.passkeys = Passkeys(decisions, clock, self.pending, settings.console_url)
        self.uses = TokenUses(self.database)
        self.tokens = PersonalTokens(decisions, clock, self.uses)
        self.hasher = HASHER
        self.marks = SessionMarks(self.database)

    def close(self) -> None:
        """Write what is noted of sessions and tokens."""
        self.uses.close()
        self.marks.close()

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
            self.tokens.void(unit, user_id, actor=actor)
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
        account that does not exist. Every outcome but a try that waits is a fact. Who has a second factor, or is to
        have one, is given the token of the next step, which is no session.
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
        hashed = row["password_hash"]
        if self.hasher.check_needs_rehash(hashed):
            hashed = self.hasher.hash(password)
        wanted = self._next_step(user_id, orjson.loads(row["roles"]))
        with self.decisions.unit(now) as unit:
            tries.succeeded(unit.cursor, attempt, now)
            unit.cursor.execute("UPDATE users SET password_hash = ? WHERE id = ?", (hashed, user_id))
            if wanted is not None:
                return Entered(None, step=self.pending.begin(unit.cursor, wanted, user_id), wanted=wanted)
            began = self._start(
                unit, user_id, address=address, browser=browser if known else "", agent=agent, proven=False
            )
        return Entered(*began)

    def _next_step(self, user_id: str, roles: Iterable[str]) -> Literal["second", "enrol"] | None:
        """Return what must be shown after the password."""
        if self.second.held(user_id):
            return "second"
        return "enrol" if set(roles) & set(self.must_prove) else None

    def waiting_step(self, step: str, *kinds: Kind) -> Pending | None:
        """Return the half of a sign-in that a token stands for, while its account is active."""
        found = self.pending.of(step, *kinds)
        return found if found is not None and self.is_active(found.user_id) else None

    def finish(self, step: str, code: str, *, address: str = "", browser: str = "", agent: str = "") -> Entered:
        """Show the second factor after the password; the step leads to one session.

        Raise SecondFactorWrong for a code that is not right, or a step that is over.
        """
        found = self.waiting_step(step, "second")
        if found is None:
            raise SecondFactorWrong("this sign-in took too long; begin again")
        known = self._known(found.user_id, browser)
        self.second.check(found.user_id, code, address=address, browser=digest_of(browser) if known else "")
        return self._finish(found, address=address, browser=browser if known else "", agent=agent)

    def enrol(self, step: str, code: str, *, address: str = "", agent: str = "") -> tuple[Entered, list[str]]:
        """Enrol the authenticator that a role demands, while signing in; return the recovery codes too.

        Raise SecondFactorWrong for a code that is not right, or a step that is over.
        """
        found = self.waiting_step(step, "enrol")
        if found is None:
            raise SecondFactorWrong("this sign-in took too long; begin again")
        codes = self.second.confirm(found.user_id, code)
        return self._finish(found, address=address, browser="", agent=agent), codes

    def _finish(self, step: Pending, *, address: str, browser: str, agent: str) -> Entered:
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            if not self.pending.take(unit.cursor, step):
                raise SecondFactorWrong("this sign-in took too long; begin again")
            began = self._start(unit, step.user_id, address=address, browser=browser, agent=agent, proven=True)
        return Entered(*began)

    def enter_by_passkey(
        self, challenge: str, answer: str, *, address: str = "", agent: str = ""
    ) -> tuple[str, Entered]:
        """Sign in with a passkey alone, which is two factors; return whose it is. Raise SecondFactorWrong."""
        user_id, now = self.passkeys.check(challenge, answer, address=address), self.clock.now()
        with self.decisions.unit(now) as unit:
            began = self._start(unit, user_id, address=address, browser="", agent=agent, proven=True)
        return user_id, Entered(*began)

    def is_active(self, user_id: str) -> bool:
        """Say whether there is an account and it is not disabled."""
        return self.database.row("SELECT 1 FROM users WHERE id = ? AND active = 1", user_id) is not None

    def _is(self, row: Any, password: str) -> bool:
        """Say whether a password is that of an account that is not disabled."""
        try:
            self.hasher.verify(row["password_hash"] if row else self._decoy, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
        return row is not None and bool(row["active"])

    def _failed(self, attempt: Try, exists: bool, why: Why, now: datetime) -> datetime | None:
        user_id = attempt.user_id if exists else ""
        with self.decisions.unit(now) as unit:
            until = tries.waiting(unit.cursor, attempt)
            fact = SignInFailed(at=now, user_id=user_id, address=attempt.address, why=why, waits_until=until)
            self._say(unit, user_id, fact)
        return until

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
            self.tokens.void(unit, user_id, actor=actor)
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
        self.demand_password(user_id, old, address)
        self._renew(user_id, new, actor=user_id, by_owner=True, keep=keep)

    def demand_password(self, user_id: str, password: str, address: str = "") -> None:
        """Ask for the password in an open session; tries are counted.

        Raise DecisionRefused for a wrong one, or when too many were.
        """
        now, attempt = self.clock.now(), Try(user_id, f"own password {address}")
        with self.database.write() as cursor:
            until = tries.count(cursor, attempt, now)
        if until is not None or not self._is(self._row(user_id), password):
            raise DecisionRefused("the password is wrong; after several wrong ones wait some minutes")
        with self.database.write() as cursor:
            tries.succeeded(cursor, attempt, now)

    def told(self, user_id: str) -> str:
        """Return who took the second factor of an account away since its owner was told last, and forget it."""
        row = self.database.row("SELECT actor FROM told_at_sign_in WHERE user_id = ?", user_id)
        if row is None:
            return ""
        with self.database.write() as cursor:
            cursor.execute("DELETE FROM told_at_sign_in WHERE user_id = ?", (user_id,))
        return str(row["actor"])

    def _renew(self, user_id: str, password: str, *, actor: str, by_owner: bool, keep: str = "") -> None:
        row, now = self._row(user_id), self.clock.now()
        check_password(password, user_id, row["name"])
        hashed = self.hasher.hash(password)
        with self.decisions.unit(now) as unit:
            unit.cursor.execute("UPDATE users SET password_hash = ? WHERE id = ?", (hashed, user_id))
            self._end(unit, user_id, keep)
            self.tokens.void(unit, user_id, actor=actor)
            tries.lift(unit.cursor, user_id)
            self._say(unit, user_id, PasswordChanged(at=now, actor=actor, user_id=user_id, by_owner=by_owner))

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
