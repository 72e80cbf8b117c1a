"""Second factors: codes of an authenticator (RFC 6238) and recovery codes, each taken once.

The secret of an authenticator is encrypted, and recovery codes are hashed, with a key of the key folder: who has only
the store has neither. A try is counted before the code is looked at, by account: only who knows the password, or has
the session, gets that far.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyotp

from engine.accounts.codes import is_of_time, matching_step, plain, recovery_codes
from engine.accounts.facts import (
    Factor,
    RecoveryCodesRenewed,
    SecondFactorEnrolled,
    SecondFactorFailed,
    SecondFactorRemoved,
    SecondFactorUsed,
)
from engine.kernel.errors import DataError, DecisionRefused, NotFound, SecondFactorWrong, n_
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.commands.people import tries
from infra.commands.people.tries import Try
from infra.store.integrity.marks import believed
from infra.store.keys.master import KeyFolder, LocalMasterKey
from infra.store.log.decisions import Decisions
from infra.store.log.unit import UnitOfWork

KEY = "accounts.key"
"""The file of the key folder that encrypts the secrets of authenticators and hashes recovery codes."""
BEGUN_FOR = timedelta(minutes=10)
"""How long a secret waits for its first code."""
ISSUER = "Qorgau"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person puts into the authenticator: the secret in base32, and the same as an address (otpauth)."""

    secret: str
    address: str


class SecondFactors:
    """The second factors of the accounts."""

    def __init__(self, decisions: Decisions, clock: TimeSource, keys: KeyFolder) -> None:
        self.decisions = decisions
        self.database = decisions.database
        self.clock = clock
        self.keys = keys

    def held(self, user_id: str) -> bool:
        """Say whether an account has a second factor."""
        return self.has_codes(user_id) or self.has_passkey(user_id)

    def has_codes(self, user_id: str) -> bool:
        """Say whether an account has an authenticator; one that was changed beside the product is asked for too, and
        never shown right."""
        row = self.database.row("SELECT * FROM totp WHERE user_id = ?", user_id)
        return row is not None and (row["confirmed_at"] is not None or believed(self.database, "totp", row) is None)

    def has_passkey(self, user_id: str) -> bool:
        """Say whether an account has a passkey."""
        return self.database.row("SELECT 1 FROM passkeys WHERE user_id = ? LIMIT 1", user_id) is not None

    def codes_left(self, user_id: str) -> int:
        """Return how many recovery codes are not used yet."""
        return int(self.database.scalar("SELECT COUNT(*) FROM recovery_codes WHERE user_id = ?", user_id) or 0)

    def begin(self, user_id: str) -> Enrolment:
        """Make a secret that counts once a code of it was shown; one begun before and never shown is void.

        Raise DecisionRefused where there is an authenticator already.
        """
        if self.has_codes(user_id):
            raise DecisionRefused("there is an authenticator already; remove it first")
        raw, now = secrets.token_bytes(20), self.clock.now()
        sealed = self._key().wrap(raw, _bound(user_id))
        with self.database.write() as cursor:
            cursor.execute("DELETE FROM totp WHERE user_id = ? AND confirmed_at IS NULL", (user_id,))
            cursor.execute(
                "INSERT INTO totp (user_id, secret, last_step, created_at) VALUES (?, ?, 0, ?) "
                "ON CONFLICT (user_id) DO NOTHING",
                (user_id, sealed, iso(now)),
            )
        return self._enrolment(user_id, raw)

    def begun(self, user_id: str) -> Enrolment | None:
        """Return the enrolment that waits for its first code, None when there is none."""
        row = self._begun(user_id)
        return self._enrolment(user_id, self._secret(row)) if row else None

    def _begun(self, user_id: str) -> Any:
        """Return the row that waits for its first code; one that waits too long is void: others may have seen it."""
        row = self.database.row(
            "SELECT * FROM totp WHERE user_id = ? AND confirmed_at IS NULL AND created_at >= ?",
            user_id, iso(self.clock.now() - BEGUN_FOR),
        )  # fmt: skip
        return believed(self.database, "totp", row)

    def _enrolment(self, user_id: str, raw: bytes) -> Enrolment:
        shown = b32encode(raw).decode()
        return Enrolment(shown, pyotp.TOTP(shown).provisioning_uri(name=user_id, issuer_name=ISSUER))

    def confirm(self, user_id: str, code: str) -> list[str]:
        """Take the first code of a secret; return the recovery codes, which are shown this once.

        Raise DecisionRefused when nothing was begun, SecondFactorWrong for a wrong code or after too many.
        """
        now, attempt = self.clock.now(), _try(user_id, "enrolment")
        with self.database.write() as cursor:
            until = tries.count(cursor, attempt, now)
        row = self._begun(user_id)
        if row is None:
            raise DecisionRefused("no authenticator was begun; load the page again")
        step = None if until is not None else self._step(self._secret(row), plain(code), now)
        if step is None:
            raise SecondFactorWrong("this code is not right; is the clock of the telephone right?")
        with self.decisions.unit(now) as unit:
            unit.cursor.execute(
                "UPDATE totp SET confirmed_at = ?, last_step = ? WHERE user_id = ? AND confirmed_at IS NULL",
                (iso(now), step, user_id),
            )
            if unit.cursor.rowcount != 1:
                raise DecisionRefused("no authenticator was begun; load the page again")
            tries.succeeded(unit.cursor, attempt, now)
            made = self._new_codes(unit, user_id)
            _say(unit, user_id, SecondFactorEnrolled(at=now, actor=user_id, user_id=user_id, factor="totp"))
        return made

    def renew_codes(self, user_id: str) -> list[str]:
        """Give a person new recovery codes, shown this once; those before are void. Raise NotFound."""
        if not self.has_codes(user_id):
            raise NotFound("there is no authenticator")
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            made = self._new_codes(unit, user_id)
            _say(unit, user_id, RecoveryCodesRenewed(at=now, actor=user_id, user_id=user_id))
        return made

    def _new_codes(self, unit: UnitOfWork, user_id: str) -> list[str]:
        made = list(recovery_codes(secrets.choice))
        unit.cursor.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))
        for code in made:
            unit.cursor.execute("INSERT INTO recovery_codes VALUES (?, ?)", (self._digest(user_id, code), user_id))
        return made

    def check(self, user_id: str, given: str, *, address: str = "", browser: str = "") -> None:
        """Take a code of the authenticator or a recovery code, once.

        ``browser`` is the digest of one that the owner is known by: strangers do not slow it down. Raise
        SecondFactorWrong for one that is wrong or was used, or when too many were wrong; every outcome but a try that
        waits is a fact.
        """
        now, attempt, code = self.clock.now(), _try(user_id, browser), plain(given[:100])
        with self.database.write() as cursor:
            until = tries.count(cursor, attempt, now)
        if until is not None:
            raise SecondFactorWrong("too many wrong codes; wait some minutes")
        with self.decisions.unit(now) as unit:
            factor, replayed = self._taken(unit, user_id, code, now)
            if factor is None:
                until = tries.waiting(unit.cursor, attempt)
                _say(
                    unit, user_id,
                    SecondFactorFailed(
                        at=now, actor=user_id, user_id=user_id, address=address, replayed=replayed, waits_until=until
                    ),
                )  # fmt: skip
            else:
                tries.succeeded(unit.cursor, attempt, now)
                unit.cursor.execute("SELECT COUNT(*) FROM recovery_codes WHERE user_id = ?", (user_id,))
                left = int(unit.cursor.fetchone()[0])
                used = SecondFactorUsed(
                    at=now, actor=user_id, user_id=user_id, factor=factor, address=address, codes_left=left
                )
                _say(unit, user_id, used)
        if factor is None:
            raise SecondFactorWrong(
                n_("this code was used before; wait for the next one") if replayed else n_("this code is not right")
            )

    def _taken(self, unit: UnitOfWork, user_id: str, code: str, now: datetime) -> tuple[Factor | None, bool]:
        """Use a code up; return what it was, None for a wrong one, and whether it was used before."""
        row = self.database.row("SELECT * FROM totp WHERE user_id = ? AND confirmed_at IS NOT NULL", user_id)
        row = believed(self.database, "totp", row)
        if row is None:
            return None, False
        if not is_of_time(code):
            unit.cursor.execute(
                "DELETE FROM recovery_codes WHERE digest = ? AND user_id = ?", (self._digest(user_id, code), user_id)
            )
            return ("recovery" if unit.cursor.rowcount == 1 else None), False
        step = self._step(self._secret(row), code, now)
        if step is None:
            return None, False
        unit.cursor.execute(
            "UPDATE totp SET last_step = ? WHERE user_id = ? AND last_step < ? AND confirmed_at IS NOT NULL",
            (step, user_id, step),
        )
        return ("totp", False) if unit.cursor.rowcount == 1 else (None, True)

    def remove(self, user_id: str, *, actor: str, reason: str = "") -> None:
        """Take the authenticator, the recovery codes and the passkeys of an account away; its owner is told at the next
        sign-in when somebody else did. Raise NotFound for none."""
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            cursor, by_owner = unit.cursor, actor == user_id
            cursor.execute("DELETE FROM totp WHERE user_id = ? AND confirmed_at IS NOT NULL", (user_id,))
            codes = cursor.rowcount
            cursor.execute("DELETE FROM passkeys WHERE user_id = ?", (user_id,))
            passkeys = cursor.rowcount
            if not codes and not passkeys:
                raise NotFound("this account has no second factor")
            cursor.execute("DELETE FROM totp WHERE user_id = ?", (user_id,))
            cursor.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))
            cursor.execute("DELETE FROM pending_steps WHERE user_id = ?", (user_id,))
            if not by_owner:
                cursor.execute(
                    "INSERT INTO told_at_sign_in VALUES (?, ?) "
                    "ON CONFLICT (user_id) DO UPDATE SET actor = excluded.actor",
                    (user_id, actor),
                )
            lost: list[Factor] = [*(["totp"] if codes else []), *(["passkey"] if passkeys else [])]  # type: ignore[list-item]
            for factor in lost:
                fact = SecondFactorRemoved(
                    at=now, actor=actor, user_id=user_id, factor=factor, by_owner=by_owner, reason=reason
                )
                _say(unit, user_id, fact)

    def _secret(self, row: Any) -> bytes:
        return self._key().unwrap(bytes(row["secret"]), _bound(row["user_id"]))

    def _step(self, raw: bytes, code: str, now: datetime) -> int | None:
        made = pyotp.TOTP(b32encode(raw).decode())
        return matching_step(code, now, made.generate_otp)

    def _digest(self, user_id: str, code: str) -> str:
        key = hashlib.sha256(b"recovery codes\x1f" + self._seed()).digest()
        return hmac.new(key, f"{user_id}\x1f{plain(code)}".encode(), hashlib.sha256).hexdigest()

    def _key(self) -> LocalMasterKey:
        return LocalMasterKey(hashlib.sha256(b"authenticators\x1f" + self._seed()).digest())

    def _seed(self) -> bytes:
        """Return the key; it is made for the first enrolment, never beside secrets that another one encrypted."""
        path = self.keys.folder / KEY
        if not path.exists() and self.database.row("SELECT 1 FROM totp LIMIT 1") is not None:
            raise DataError(
                "the key of the second factors is lost; restore it with 'qorgau keys restore'", file=str(path)
            )
        return self.keys.seed(KEY)


def _try(user_id: str, place: str) -> Try:
    """A try at a second factor: counted by account, and apart for a browser that its owner is known by."""
    return Try(user_id, "", f"second factor {place}")


def _bound(user_id: str) -> bytes:
    return f"totp\x1f{user_id}".encode()


def _say(unit: UnitOfWork, user_id: str, fact: Any) -> None:
    unit.record_single(str(derive("user", user_id)), fact)
