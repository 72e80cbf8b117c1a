"""The fixed registry of stored topics: a name found in a row is looked up here and never imported."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast
from uuid import UUID

import orjson
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder

from engine.accounts import facts as account_facts
from engine.governance.facts import ServiceBegan
from engine.kernel.errors import DataError
from engine.kernel.facts import Fact, FindingRaised
from engine.kernel.trouble import TROUBLES, TimeConfirmed
from engine.protection.facts import UnreadReceived
from engine.rule_life import rules as rulebook
from infra.store.integrity import facts as integrity_facts
from infra.store.log.aggregates import FACTS


class SigningIdentitySet(Fact):
    """Which IIN the certificates of a person name; only a keyed hash of it is kept. Empty: taken back."""

    topic: ClassVar[str] = "user.signing-identity-set.v1"
    user_id: str
    iin_hash: str
    last_digits: str


class DocumentArchived(Fact):
    """A document was put into the archive: hash and size of its original bytes, its name, whose it is."""

    topic: ClassVar[str] = "archive.document-stored.v1"
    document_id: str
    sha256: str
    size: int
    name: str
    media_type: str
    client: str
    about: str


_KINDS: tuple[type[Fact], ...] = (
    FindingRaised,
    UnreadReceived,
    ServiceBegan,
    *account_facts.FACTS,
    SigningIdentitySet,
    *TROUBLES,
    TimeConfirmed,
    *integrity_facts.FACTS,
    *FACTS,
    rulebook.ShadowFinding,
    DocumentArchived,
)
REGISTRY = {kind.topic: kind for kind in _KINDS}


def encode(fact: Fact) -> bytes:
    """Write a fact as it is stored: JSON."""
    return fact.model_dump_json().encode()


def decode(topic: str, state: bytes) -> Fact:
    """Read a stored fact; raises DataError for a topic that is not in the registry."""
    kind = REGISTRY.get(topic)
    if kind is None:
        raise DataError(f"the topic '{topic[:80]}' is not known to this version of qorgau")
    return kind.model_validate_json(state)


class OfAggregate(NamedTuple):
    """A fact as the event-sourcing library sees it: with the aggregate that it belongs to, and its place there."""

    originator_id: UUID
    originator_version: int
    fact: Fact


class FactTranscoder(Transcoder):
    """Facts and their JSON; a topic is needed to make a fact of it, so reading gives the plain values."""

    def encode(self, obj: Fact) -> bytes:
        """Write a fact."""
        return encode(obj)

    def decode(self, data: bytes) -> Any:
        """Read the plain values."""
        return orjson.loads(data)


class FactMapper(Mapper[UUID]):
    """The library's mapper over the closed registry. (Its own imports whatever module a row names, and makes objects
    past their constructors.)"""

    def __init__(self) -> None:
        super().__init__(FactTranscoder())

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Write a fact (``OfAggregate``) as a row."""
        key, version, fact = domain_event
        return StoredEvent(key, version, fact.topic, encode(fact))

    def to_domain_event(self, stored_event: StoredEvent) -> OfAggregate:
        """Read a row. Raise DataError for a topic that is not in the registry."""
        fact = decode(stored_event.topic, stored_event.state)
        return OfAggregate(cast(UUID, stored_event.originator_id), stored_event.originator_version, fact)


MAPPER = FactMapper()
