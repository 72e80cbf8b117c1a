"""The ports: what the core asks of the outside. ``infra`` answers them; tests answer with small doubles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from engine.events.envelope import Rejected, SecurityEvent
from engine.kernel.answers import Judged
from engine.kernel.facts import Fact, Record, StoredFact
from engine.kernel.messages import AnyMessage


class TimeSource(Protocol):
    """The present instant, aware and in UTC. The only source of time."""

    def now(self) -> datetime:
        """Return the present instant."""
        ...


class Aggregate(Protocol):
    """What every aggregate has: an id, empty when it does not exist; a version; and a way to take a fact."""

    id: str
    version: int

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        ...


A = TypeVar("A", bound=Aggregate)


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect to bring about once: stored with the decision, performed afterwards, idempotent by ``key``."""

    key: str
    message: AnyMessage
    not_before: datetime | None = None
    """When it is to be tried first, where that is not at once."""

    @property
    def kind(self) -> str:
        """The kind of its message."""
        return self.message.kind


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
        """Return up to ``limit`` events with positions above ``after``, in order."""
        ...

    def head(self) -> int:
        """Return the last position, 0 for an empty ledger."""
        ...


Outcome = Literal["done", "refused", "retry", "unknown", "handed-over", "spooled"]
OutboxState = Literal["waiting", "performing", "revoked", "done", "refused", "unknown", "handed-over", "spooled"]
"""Where a message stands: on its way, taken back before it began, or settled with this outcome."""


class Delivery(Record):
    """What an effect came to: done, refused (do not try again), retry, unknown, handed over as a letter or to a gateway
    (whether it was done is still to be said), or only laid into the spool on this machine (nobody was told)."""

    outcome: Outcome
    reference: str = ""
    detail: str = ""
    done_at: datetime | None = None
    judged: Judged | None = None
    """What the answer says of each subject, where the other side answered at all."""


class Sender(Protocol):
    """Performs one kind of intent; called again with the same key after a crash or a retry."""

    @property
    def repeatable(self) -> bool:
        """Say whether asking again after a crash does no harm."""
        ...

    def perform(self, intent: Intent) -> Delivery:
        """Bring the effect about and say what became of it."""
        ...


class SenderToMany(Sender, Protocol):
    """Performs many intents of one kind in one call to the outside."""

    most: int
    """Intents of one call."""

    def perform_many(self, intents: Sequence[Intent]) -> Sequence[Delivery]:
        """Bring the effects about; return what became of each, in their order."""
        ...


class SignatureVerdict(Record):
    """What was found of a detached signature: valid, invalid, or unknown where nobody could say; only valid counts.

    ``reason`` is a message id: why it is not valid. The rest is of the one signer's certificate.
    """

    outcome: Literal["valid", "invalid", "unknown"]
    reason: str = ""
    source: str = ""
    """Who said so."""
    signer: str = ""
    iin: str = ""
    organisation: str = ""
    bin: str = ""
    certificate: str = ""
    """The serial number, in hexadecimal digits."""
    issuer: str = ""
    valid_until: datetime | None = None
    stamped_at: datetime | None = None
    """The time stamp of a time-stamping authority (RFC 3161), where the signature has one."""
    revocation: str = ""
    """How it was found that the certificate is not revoked."""


class Signatures(Protocol):
    """Checks detached signatures (CMS) with the country's certificates."""

    def verify(self, cms: bytes, data: bytes) -> SignatureVerdict:
        """Say what a signature over exactly these bytes is worth. Never raise: what cannot be said is unknown."""
        ...


@runtime_checkable
class Seals(Signatures, Protocol):
    """Also makes signatures: with the organisation's seal, never with a person's key."""

    def seal(self, data: bytes, key: bytes, password: str) -> bytes:
        """Return a detached CMS with a time stamp. Raise DecisionRefused."""
        ...


class Signers(Protocol):
    """Whose certificates people sign with."""

    def last_digits(self, user_id: str) -> str:
        """Return the last digits of the IIN that a person signs with, empty when none is recorded."""
        ...

    def is_of(self, user_id: str, iin: str) -> bool:
        """Say whether an IIN is the one recorded for a person."""
        ...


class Context(Protocol):
    """One unit of work as the core sees it: what it records, orders and tracks is committed together or not at all."""

    @property
    def at(self) -> datetime:
        """The instant of the unit, in UTC."""
        ...

    def load(self, kind: type[A], key: str) -> A:
        """Return an aggregate as it stands, with what this unit recorded already; empty when there is none."""
        ...

    def past(self, kind: type[A], key: str) -> A:
        """Return an aggregate as it stood right after the fact that is being answered, whatever followed since."""
        ...

    def prepare(self, kind: type[A], keys: Sequence[str]) -> None:
        """Load many aggregates together, before each is asked for."""
        ...

    def find(self, kind: type[Any], **by: object) -> Sequence[str]:
        """Return the ids of aggregates by what they belong to, sorted; see ``infra.store.log.finding`` for the keys."""
        ...

    def each(
        self, part: str, keys: Sequence[str], kind: type[A] | None = None, key_of: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        """Iterate over many keys, in as many units of work as it takes; ``part`` names the loop within the answer.

        An answer that has become too large is given up to here, committed, and asked for again: loops that were
        finished are passed over, the one that was not goes on after its last key. What stands outside such loops
        must therefore change nothing when it is done twice. With a ``kind``, the aggregates of the keys (through
        ``key_of``) are loaded together.
        """
        ...

    def facts(self, key: str) -> Sequence[Fact]:
        """Return the facts of one aggregate, up to the one that is being answered."""
        ...

    def next_number(self) -> str:
        """Return the next incident number of the year, without gaps."""
        ...

    def record(self, kind: type[A], key: str, facts: Sequence[Fact]) -> None:
        """Add facts to an aggregate."""
        ...

    def record_single(self, key: str, fact: Fact) -> None:
        """Add a fact that stands for itself."""
        ...

    def intend(self, intent: Intent) -> None:
        """Order an effect; the same key is ordered once."""
        ...

    def begun(self, key: str) -> bool:
        """Say whether an effect, or one whose key continues it after a colon, was ever tried or is under way."""
        ...

    def withdraw(self, key: str) -> None:
        """Take an order for an effect back that nobody has begun to carry out."""
        ...

    def by_hand(self, key: str) -> None:
        """Mark an order for an effect, and those whose key continues it after a colon, as carried out by a person."""
        ...


@runtime_checkable
class Foresight(Protocol):
    """A policy that can say before its answers what they will need, so that it is loaded together."""

    def prepare(self, context: Context, facts: Sequence[Fact]) -> None:
        """Load what the answers to some facts will need."""
        ...


class Policy(Protocol):
    """Answers facts with facts and orders. Pure: what it needs comes from the context or was given to it.

    It reads other aggregates through ``past``, so that what it answers does not depend on how far others have worked.
    What another policy recorded in answer to the same facts is later in the log: who reads that names the policy in
    ``after``, never overtakes it, uses ``load``, and answers the facts that change it afterwards.
    """

    name: str
    answers: tuple[type[Fact], ...]
    after: tuple[str, ...]

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer one fact."""
        ...
