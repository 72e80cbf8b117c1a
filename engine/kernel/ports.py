"""The ports: what the core asks of the outside. ``infra`` answers them; tests answer with small doubles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from engine.events.envelope import Rejected, SecurityEvent
from engine.kernel.facts import FindingRaised, Record


class Clock(Protocol):
    """Gives the present instant, aware and in UTC. The only source of time."""

    def now(self) -> datetime:
        """Give the present instant."""
        ...


class Intent(Record):
    """An effect to bring about once: stored with the decision, performed afterwards, idempotent by ``key``."""

    key: str
    kind: str
    payload: dict[str, Any]


class Taken(Record):
    """What became of a batch: how many lines were stored, were known already, or were set aside."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    flagged: int = 0


class Ledger(Protocol):
    """The log of security events: ordered without gaps, once per (source, event id), hash-chained."""

    def append(self, events: Sequence[SecurityEvent], rejects: Sequence[Rejected], received_at: datetime) -> Taken:
        """Store a batch and its dead letters in one transaction; returns after it is durable."""
        ...

    def read(self, after: int, limit: int) -> Sequence[SecurityEvent]:
        """Give up to ``limit`` events with positions above ``after``, in order."""
        ...

    def head(self) -> int:
        """Give the last position, 0 for an empty ledger."""
        ...


class Detector(Protocol):
    """Folds events into findings, deterministically, by event time."""

    def fold(self, events: Sequence[SecurityEvent]) -> Sequence[FindingRaised]:
        """Take events in ledger order and give the findings they complete."""
        ...


class Delivery(Record):
    """What an effect came to: done, refused (do not try again), retry, or unknown."""

    outcome: str
    reference: str = ""
    detail: str = ""
    done_at: datetime | None = None


class Effector(Protocol):
    """Performs one kind of intent; called again with the same key after a crash or a retry."""

    @property
    def repeatable(self) -> bool:
        """Say whether asking again after a crash does no harm."""
        ...

    def perform(self, intent: Intent) -> Delivery:
        """Bring the effect about and say what became of it."""
        ...
