"""Records of tables that are no read models of facts: effects, dead letters, counts of events, sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from engine.kernel.ports import OutboxState
from infra.store.models.record import Record, Table


@dataclass(frozen=True, slots=True)
class EffectRow(Record):
    """An effect on the outside: a mail, an order, a message. ``payload`` is JSON."""

    table: ClassVar[Table] = Table("outbox", ("key",))

    key: str
    kind: str
    payload: str
    created_at: datetime
    state: OutboxState
    attempts: int
    next_at: datetime
    last_answer: str


@dataclass(frozen=True, slots=True)
class TallyRow(Record):
    """How many events of a type came on a local day, and the position and instant of the last."""

    table: ClassVar[Table] = Table("tally", ("action", "day"))

    action: str
    day: date
    count: int
    last: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class ProofRow(Record):
    """The newest event of a type that is evidence for an obligation."""

    table: ClassVar[Table] = Table("proofs", ("obligation", "action"))

    obligation: str
    action: str
    position: int
    at: datetime
    """When it came."""
    done_at: datetime
    """When it happened."""


@dataclass(frozen=True, slots=True)
class SourceRow(Record):
    """A source that is expected to send."""

    table: ClassVar[Table] = Table("expected_sources", ("source",))

    source: str
    heard_at: datetime
    silent: bool
