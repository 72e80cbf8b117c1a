"""Passkeys (W3C Web Authentication): a key that the person's device keeps, bound to the address of the console.

The device asks for finger, face or PIN each time, so that a passkey is two factors in one: it signs in by itself, and
is shown before acts that ask for a second factor. Each challenge is taken once.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import webauthn
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from engine.accounts.facts import SecondFactorEnrolled, SecondFactorFailed, SecondFactorRemoved, SecondFactorUsed
from engine.kernel.errors import DecisionRefused, InputError, NotFound, SecondFactorWrong
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.commands.people.pending import Kind, Pending, PendingSteps
from infra.store.integrity.marks import believed
from infra.store.log.decisions import Decisions
from infra.store.log.unit import UnitOfWork

NAME = "Qorgau"
MOST_KEYS = 10
MOST_WAITING = 2_000
"""Challenges of strangers that wait at once."""
LONGEST_ANSWER = 20_000


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner sees it."""

    id: str
    name: str
    created_at: datetime
    used_at: datetime | None


class Passkeys:
    """The passkeys in the store. ``origin`` is the address of the console, None where there are none."""

    def __init__(self, decisions: Decisions, clock: TimeSource, pending: PendingSteps, origin: str | None) -> None:
        self.decisions = decisions
        self.database = decisions.database
        self.clock = clock
        self.pending = pending
        self.origin = origin

    @property
    def host(self) -> str:
        """The name that the keys belong to. Raise DecisionRefused where the house has none."""
        if self.origin is None:
            raise DecisionRefused("this house has no passkeys; its administrator sets {setting}", setting="CONSOLE_URL")
        return urlsplit(self.origin).hostname or ""

    def of(self, user_id: str) -> list[Passkey]:
        """Return the passkeys of an account, the latest first."""
        rows = self.database.rows("SELECT * FROM passkeys WHERE user_id = ? ORDER BY created_at DESC, id", user_id)
        return [
            Passkey(
                it["id"], it["name"], datetime.fromisoformat(it["created_at"]),
                datetime.fromisoformat(it["used_at"]) if it["used_at"] else None,
            )
            for it in rows
        ]  # fmt: skip

    def new_options(self, user_id: str, name: str) -> tuple[str, str]:
        """Return the token of a registration and what the browser is asked (JSON). Raise DecisionRefused."""
        held = [PublicKeyCredentialDescriptor(id=_raw(it.id)) for it in self.of(user_id)]
        if len(held) >= MOST_KEYS:
            raise DecisionRefused("you have {most} passkeys; remove one first", most=MOST_KEYS)
        options = webauthn.generate_registration_options(
            rp_id=self.host, rp_name=NAME, user_name=user_id, user_display_name=name or user_id,
            user_id=hashlib.sha256(f"passkey\x1f{user_id}".encode()).digest(), exclude_credentials=held,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )  # fmt: skip
        return self._begun("passkey-new", user_id, options.challenge), webauthn.options_to_json(options)

    def options(self, user_id: str = "") -> tuple[str, str]:
        """Return the token of a challenge and what the browser is asked (JSON); for an account, or for any.

        Raise DecisionRefused while too many strangers ask.
        """
        waiting = int(self.database.scalar("SELECT COUNT(*) FROM pending_steps WHERE kind = 'passkey'") or 0)
        if not user_id and waiting >= MOST_WAITING:
            raise DecisionRefused("too many try to sign in at once; wait some minutes")
        allowed = [PublicKeyCredentialDescriptor(id=_raw(it.id)) for it in self.of(user_id)] if user_id else None
        options = webauthn.generate_authentication_options(
            rp_id=self.host, allow_credentials=allowed, user_verification=UserVerificationRequirement.REQUIRED
        )
        return self._begun("passkey", user_id, options.challenge), webauthn.options_to_json(options)

    def _begun(self, kind: Kind, user_id: str, challenge: bytes) -> str:
        with self.database.write() as cursor:
            return self.pending.begin(cursor, kind, user_id, challenge=_text(challenge))

    def register(self, user_id: str, token: str, answer: str, name: str) -> None:
        """Keep the passkey that a device made for a challenge. Raise InputError, SecondFactorWrong."""
        name, step = name.strip(), self.pending.of(token, "passkey-new")
        if not 0 < len(name) <= 60 or not name.isprintable():
            raise InputError("a passkey has a name of 1 to 60 characters", field="name")
        if step is None or step.user_id != user_id:
            raise SecondFactorWrong("this took too long; begin again")
        try:
            made = webauthn.verify_registration_response(
                credential=_answered(answer), expected_challenge=_raw(step.data["challenge"]),
                expected_rp_id=self.host, expected_origin=self.origin or "", require_user_verification=True,
            )  # fmt: skip
        except (WebAuthnException, ValueError, TypeError, KeyError):
            raise SecondFactorWrong("the device did not answer as it should") from None
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            self._take(unit, step)
            unit.cursor.execute(
                "INSERT INTO passkeys VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO NOTHING",
                (_text(made.credential_id), user_id, made.credential_public_key, made.sign_count, name, iso(now)),
            )
            if unit.cursor.rowcount != 1:
                raise SecondFactorWrong("this passkey is known already")
            fact = SecondFactorEnrolled(at=now, actor=user_id, user_id=user_id, factor="passkey", name=name)
            unit.record_single(str(derive("user", user_id)), fact)

    def check(self, token: str, answer: str, *, user_id: str = "", address: str = "") -> str:
        """Take the answer of a device to a challenge; return whose passkey it is, who may be told beforehand.

        Raise SecondFactorWrong for one that is not right, of a disabled account, or of somebody else.
        """
        step = self.pending.of(token, "passkey")
        if step is None or step.user_id not in ("", user_id):
            raise SecondFactorWrong("this took too long; begin again")
        given = _answered(answer)
        row = self.database.row(
            "SELECT k.* FROM passkeys k JOIN users u ON u.id = k.user_id AND u.active = 1 WHERE k.id = ?",
            str(given.get("id", ""))[:2000],
        )
        row = believed(self.database, "passkeys", row)
        if row is None or user_id not in ("", row["user_id"]):
            raise SecondFactorWrong("this passkey is not known here")
        try:
            shown = self._verified(step, given, row)
        except SecondFactorWrong:
            self._failed(str(row["user_id"]), address)
            raise
        now, owner = self.clock.now(), str(row["user_id"])
        with self.decisions.unit(now) as unit:
            self._take(unit, step)
            unit.cursor.execute(
                "UPDATE passkeys SET sign_count = ?, used_at = ? WHERE id = ? AND sign_count = ?",
                (shown.new_sign_count, iso(now), row["id"], row["sign_count"]),
            )
            if unit.cursor.rowcount != 1:
                raise SecondFactorWrong("the device did not answer as it should")
            unit.cursor.execute("SELECT COUNT(*) FROM recovery_codes WHERE user_id = ?", (owner,))
            left = int(unit.cursor.fetchone()[0])
            fact = SecondFactorUsed(
                at=now, actor=owner, user_id=owner, factor="passkey", address=address, codes_left=left
            )
            unit.record_single(str(derive("user", owner)), fact)
        return owner

    def _failed(self, user_id: str, address: str) -> None:
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            fact = SecondFactorFailed(at=now, actor=user_id, user_id=user_id, address=address, replayed=False)
            unit.record_single(str(derive("user", user_id)), fact)

    def _verified(self, step: Pending, given: dict[str, Any], row: Any) -> Any:
        try:
            return webauthn.verify_authentication_response(
                credential=given, expected_challenge=_raw(step.data["challenge"]), expected_rp_id=self.host,
                expected_origin=self.origin or "", credential_public_key=bytes(row["public_key"]),
                credential_current_sign_count=int(row["sign_count"]), require_user_verification=True,
            )  # fmt: skip
        except (WebAuthnException, ValueError, TypeError, KeyError):
            raise SecondFactorWrong("the device did not answer as it should") from None

    def _take(self, unit: UnitOfWork, step: Pending) -> None:
        if not self.pending.take(unit.cursor, step):
            raise SecondFactorWrong("this took too long; begin again")

    def remove(self, user_id: str, key: str) -> None:
        """Take one of the own passkeys away. Raise NotFound."""
        now = self.clock.now()
        found = next((it for it in self.of(user_id) if it.id == key), None)
        if found is None:
            raise NotFound("there is no such passkey")
        with self.decisions.unit(now) as unit:
            unit.cursor.execute("DELETE FROM passkeys WHERE id = ? AND user_id = ?", (key, user_id))
            fact = SecondFactorRemoved(
                at=now, actor=user_id, user_id=user_id, factor="passkey", by_owner=True, reason=found.name
            )
            unit.record_single(str(derive("user", user_id)), fact)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _answered(text: str) -> dict[str, Any]:
    """Read the answer of a browser. Raise SecondFactorWrong."""
    try:
        found = orjson.loads(text[:LONGEST_ANSWER])
    except orjson.JSONDecodeError:
        raise SecondFactorWrong("the device did not answer as it should") from None
    if not isinstance(found, dict):
        raise SecondFactorWrong("the device did not answer as it should")
    return found
