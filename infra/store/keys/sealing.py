"""What the store asks of whoever keeps personal data secret; ``infra.store.keys`` answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from engine.events.envelope import SecurityEvent


class KeysChanged(Exception):
    """A key was destroyed by another process since this one looked; what was encrypted must be encrypted again."""


class Sealer(Protocol):
    """Encrypts what is personal and decrypts it again."""

    def prepare(self, events: Sequence[SecurityEvent], at: datetime) -> int:
        """Have the keys of events ready; return the state of the keys, for ``check``."""
        ...

    def persist(self) -> None:
        """Make new keys durable, before what they encrypt is."""
        ...

    def refresh(self) -> int:
        """Take notice of keys that other processes destroyed; return the state of the keys."""
        ...

    def check(self, epoch: int) -> None:
        """Raise KeysChanged when a key was destroyed since a batch was prepared."""
        ...

    def seal(self, event: SecurityEvent, key: bytes, plain: bytes) -> bytes:
        """Encrypt under the key of the person the event is about; ``key`` binds the text to its record."""
        ...

    def expect(self, sealed: Sequence[bytes]) -> None:
        """Have the keys of many texts at hand before they are opened one by one."""
        ...

    def open(self, key: bytes, sealed: bytes) -> bytes | None:
        """Decrypt; None when the key was destroyed."""
        ...

    def tokens(self, event: SecurityEvent) -> list[bytes]:
        """Return the blind tokens an event can be found by."""
        ...

    def lock(self, purpose: str, plain: bytes, at: datetime) -> bytes:
        """Encrypt bytes that nobody can attribute yet; the key is durable when this returns."""
        ...

    def unlock(self, purpose: str, sealed: bytes) -> bytes | None:
        """Decrypt what ``lock`` gave; None when the key was destroyed."""
        ...

    def digest(self, plain: bytes) -> bytes:
        """Return a keyed hash of bytes, to know them again."""
        ...
