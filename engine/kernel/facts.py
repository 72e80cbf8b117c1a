"""What is stored of a decision: immutable facts in the past tense, each with actor, reason and instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Never, TypedDict, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ENGINE = "qorgau"


class Record(BaseModel):
    """A frozen value that refuses fields it does not know (no mass assignment, RELIABILITY section 1)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Fact(Record):
    """Base of every stored fact. ``topic`` is its stable name; ``at`` is when it was recorded."""

    topic: ClassVar[str]
    at: AwareDatetime
    actor: str = ENGINE
    reason: str = ""


class Noted(TypedDict):
    """What every fact of a person has in common, to be given to its constructor."""

    at: datetime
    actor: str


class Reasoned(Noted):
    """The same with the reason the person gave."""

    reason: str


class OfIncident(Reasoned):
    """The same about an incident."""

    incident_id: str


def foreign(fact: Never) -> None:
    """Let a fact of another kind pass by (an id may be asked for as what it is not); the type checker proves that none
    of the own kind comes here."""


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A stored fact with its place in the log of decisions and the id of the aggregate it belongs to."""

    position: int
    originator: str
    fact: Fact
    version: int = 0
    """Its place among the facts of the aggregate, from 1; 0 where nobody asked."""


class Entities(Record):
    """Whom and what an event, finding or incident touches: identifiers only, no names or numbers of persons."""

    clients: tuple[str, ...] = ()
    loans: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    workstations: tuple[str, ...] = ()

    def union(self, other: Entities) -> Entities:
        """Return both sets together, first seen first."""
        merged = {
            name: tuple(dict.fromkeys([*getattr(self, name), *getattr(other, name)]))
            for name in type(self).model_fields
        }
        return Entities(**merged)


class Person(Record):
    """Who acts: an account and the roles it holds at that moment."""

    id: str
    roles: frozenset[str] = frozenset()
    name: str = ""
    unproven: bool = False
    """A second factor is to be shown before acts that ask for one: the account has one and did not show it lately."""
    scope: frozenset[str] | None = None
    """What the token by which the person acts is for: ``read`` and names of commands. None: a person at work."""

    @property
    def held_roles(self) -> tuple[str, ...]:
        """The roles in their order, as facts keep them."""
        return tuple(sorted(str(role) for role in self.roles))

    def may(self, *roles: str) -> bool:
        """Say whether the person holds one of the roles."""
        return not self.roles.isdisjoint(roles)


Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
Owner = Literal["incident", "protection", "duty"]
"""What a legal clock runs for."""
EntityKind = Literal["clients", "loans", "users", "devices", "addresses", "sessions", "workstations"]
"""The fields of ``Entities``."""


class FindingRaised(Fact):
    """A rule fired: which rule and version, on what, which events count, and what it is good for."""

    topic: ClassVar[str] = "finding.raised.v1"
    finding_id: str
    rule_id: str
    rule_name: str
    rule_title: str
    rule_version: str
    severity: Severity
    incident_class: str
    notifiable: bool
    personal_data: bool
    obligations: tuple[str, ...]
    dedup_key: str
    detected_at: AwareDatetime
    first_event_at: datetime
    positions: tuple[int, ...]
    matched: dict[str, str] = Field(default_factory=dict)
    entities: Entities = Entities()
    playbook: str | None = None
    further: bool = False
    """Whether it only adds to the incident that is open with its key; by itself it says nothing."""
