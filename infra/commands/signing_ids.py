"""Whose certificate a person signs with: the IIN, of which only a keyed hash and the last digits are kept."""

from __future__ import annotations

from engine.events.identifiers import IIN
from engine.kernel.errors import Conflict, IdentifierError, InputError, NotFound
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions
from infra.store.log.topics import SigningIdentitySet

KIND = "signing-iin"
TOGETHER = 500


class SigningIds:
    """The signing identities of the accounts; each is a fact, the latest counts."""

    def __init__(self, decisions: Decisions, clock: TimeSource, vault: Vault) -> None:
        self.decisions = decisions
        self.clock = clock
        self.vault = vault

    def set(self, user_id: str, iin: str, *, actor: str) -> None:
        """Record the IIN that a person's certificates name; an empty one takes it back.

        Raise NotFound for no account, InputError for no IIN, Conflict for one that is another account's: one person
        with two accounts would be two persons.
        """
        if self.decisions.database.row("SELECT id FROM users WHERE id = ? AND active = 1", user_id) is None:
            raise NotFound("there is no such account")
        if iin:
            self._check(user_id, iin)
        now = self.clock.now()
        fact = SigningIdentitySet(
            at=now, actor=actor, user_id=user_id, iin_hash=self._hash(iin) if iin else "", last_digits=iin[-4:]
        )
        with self.decisions.unit(now) as unit:
            unit.record_single(_key(user_id), fact)

    def last_digits(self, user_id: str) -> str:
        """Return the last digits of the IIN that a person signs with, empty when none is recorded."""
        found = self._latest(user_id)
        return found.last_digits if found is not None else ""

    def is_of(self, user_id: str, iin: str) -> bool:
        """Say whether an IIN is the one recorded for a person."""
        found = self._latest(user_id)
        return bool(iin) and found is not None and found.iin_hash == self._hash(iin)

    def _check(self, user_id: str, iin: str) -> None:
        try:
            IIN.parse(iin)
        except IdentifierError as error:
            raise InputError(error.msgid, field="iin", code=error.code) from None
        position = 0
        held: dict[str, str] = {}
        while facts := self.decisions.read_topic(SigningIdentitySet.topic, position, TOGETHER):
            position = facts[-1].position
            held |= {it.fact.user_id: it.fact.iin_hash for it in facts if isinstance(it.fact, SigningIdentitySet)}
        if any(other != user_id and said == self._hash(iin) for other, said in held.items()):
            raise Conflict("another account signs with this IIN")

    def _latest(self, user_id: str) -> SigningIdentitySet | None:
        facts = self.decisions.of(_key(user_id))
        return next((it for it in reversed(facts) if isinstance(it, SigningIdentitySet)), None)

    def _hash(self, iin: str) -> str:
        return self.vault.keyring.pseudonym(KIND, iin).hex()


def _key(user_id: str) -> str:
    return str(derive("signing-identity", user_id))
