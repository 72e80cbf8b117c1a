"""The vault: what is personal goes in encrypted and comes out again, as long as its key lives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.events.catalogue import Catalogue
from engine.events.envelope import SecurityEvent
from engine.kernel.timestamps import iso
from infra.store.keys.keyring import Keyring
from infra.store.keys.sealing import KeysChanged

_BLIND = frozenset({"iin", "phone", "account"})
_ALSO_BLIND = frozenset({"mfo.document.number", "mfo.account"})


class Vault:
    """Encrypts events under the key of the person they are about, other bytes under the key of their month."""

    def __init__(self, keyring: Keyring, catalogue: Catalogue) -> None:
        self.keyring = keyring
        self._blind = {
            name: spec.type if spec.type in _BLIND else "account" if name == "mfo.account" else name
            for name, spec in catalogue.fields.items()
            if spec.type in _BLIND or name in _ALSO_BLIND
        }
        self._nonces = b""
        self._nonce_at = 0

    def subject_of(self, event: SecurityEvent) -> str:
        """Name whose key an event is under: its client, else the identifier it carries, else the month."""
        fields = event.fields
        client = fields.get("mfo.client.id")
        if isinstance(client, str) and client:
            return self.client(client)
        for name in ("mfo.client.iin", "mfo.eds.subject_iin", "mfo.client.phone"):
            value = fields.get(name)
            if isinstance(value, str) and value:
                return self.keyring.pseudonym(self._blind[name], value).hex()
        return self._month(event.received_at)

    def client(self, client: str) -> str:
        """Name the subject of a client."""
        return self.keyring.pseudonym("client", client).hex()

    def pseudonym(self, value: str) -> str:
        """Return a short name for a value in findings; it tells nothing without the key."""
        return f"person-{self.keyring.pseudonym('finding', value).hex()[:12]}"

    def password(self, purpose: str) -> str:
        """Return the password of something that leaves the house encrypted."""
        return self.keyring.password(purpose)

    def subjects_of_client(self, client: str) -> list[str]:
        """Name everything a client's data may be under: the client, and identifiers seen together with it."""
        return self.keyring.subjects_of(self.client(client))

    def lock_for(self, client: str, purpose: str, plain: bytes, at: datetime) -> bytes:
        """Encrypt bytes under a client's key; the key is durable when this returns."""
        return self._lock(self.client(client), purpose, plain, at)

    def _month(self, at: datetime) -> str:
        return self.keyring.pseudonym("month", iso(at)[:7]).hex()

    def prepare(self, events: Sequence[SecurityEvent], at: datetime) -> int:
        """Have the keys of events ready."""
        return self.keyring.prepare([self.subject_of(event) for event in events], at)

    def refresh(self) -> int:
        """Take notice of keys that other processes destroyed; return the state of the keys."""
        return self.keyring.refresh()

    def check(self, epoch: int) -> None:
        """Raise KeysChanged when a key was destroyed since a batch was prepared."""
        self.keyring.check(epoch)

    def persist(self) -> None:
        """Make new keys durable."""
        self.keyring.persist()

    def seal(self, event: SecurityEvent, key: bytes, plain: bytes) -> bytes:
        """Encrypt under the key of the person; ``key`` binds the text to its record."""
        subject = self.subject_of(event)
        client = event.fields.get("mfo.client.id")
        if client:
            for name in ("mfo.client.iin", "mfo.client.phone"):
                value = event.fields.get(name)
                if isinstance(value, str) and name in event.personal:
                    self.keyring.link(subject, self.keyring.pseudonym(self._blind[name], value).hex())
        key_id, cipher = self.keyring.cipher(subject)
        nonce = self._nonce()
        return key_id + nonce + cipher.encrypt(nonce, plain, key)

    def _nonce(self) -> bytes:
        """Return 96 random bits; one call to the system serves many."""
        if self._nonce_at >= len(self._nonces):
            self._nonces, self._nonce_at = os.urandom(12 * 256), 0
        self._nonce_at += 12
        return self._nonces[self._nonce_at - 12 : self._nonce_at]

    def expect(self, sealed: Sequence[bytes]) -> None:
        """Have the keys of many texts at hand."""
        self.keyring.expect(sealed)

    def open(self, key: bytes, sealed: bytes) -> bytes | None:
        """Decrypt an event's text; None when the key was destroyed."""
        return self.keyring.open(sealed, key)

    def tokens(self, event: SecurityEvent) -> list[bytes]:
        """Return the blind tokens an event can be found by."""
        found = []
        for name in event.personal:
            kind = self._blind.get(name)
            value = event.fields.get(name)
            if kind is not None and isinstance(value, str) and value:
                found.append(self.keyring.pseudonym(kind, value))
        return found

    def questions(self, value: str) -> list[bytes]:
        """Return the tokens a value asked for may stand under, whatever kind of identifier it is."""
        return [self.keyring.pseudonym(kind, value) for kind in sorted(set(self._blind.values()))]

    def lock(self, purpose: str, plain: bytes, at: datetime) -> bytes:
        """Encrypt bytes that nobody can attribute yet; the key is durable when this returns."""
        return self._lock(self._month(at), purpose, plain, at)

    def _lock(self, subject: str, purpose: str, plain: bytes, at: datetime) -> bytes:
        try:
            self.keyring.check(self.keyring.prepare([subject], at))
        except KeysChanged:
            self.keyring.prepare([subject], at)
        self.keyring.persist()
        key_id, cipher = self.keyring.cipher(subject)
        nonce = self._nonce()
        return key_id + nonce + cipher.encrypt(nonce, plain, purpose.encode())

    def unlock(self, purpose: str, sealed: bytes) -> bytes | None:
        """Decrypt what ``lock`` gave; None when the key was destroyed."""
        return self.keyring.open(sealed, purpose.encode())

    def digest(self, plain: bytes) -> bytes:
        """Return a keyed hash of bytes, to know them again."""
        return self.keyring.digest(plain)

    def stats(self) -> dict[str, Any]:
        """Count the keys."""
        return self.keyring.stats()
