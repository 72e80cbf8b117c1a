"""A look becomes a record of the access log."""

from __future__ import annotations

from datetime import datetime

from infra.read.people.looking import Looking
from infra.store.reads.access_log import Access, AccessLog

_OF_PERSONS = frozenset({"client", "loan", "entity"})
"""Kinds whose identifiers are kept as keyed pseudonyms."""


def access_of(log: AccessLog, it: Looking, at: datetime) -> Access:
    """Return the record of what a person was shown."""
    assert it.person is not None
    ids: dict[str, list[str]] = {
        kind: [log.pseudonym(value) for value in held] if kind in _OF_PERSONS else list(held)
        for kind, held in it.seen.items()
        if held
    }
    cases = list(it.seen.get("incident", ()))
    return Access(
        at=at, who=it.person.id, way=it.way, route=it.route, ids=ids, further=it.further,
        case=cases[0] if len(cases) == 1 else "", reason=it.reason, address=it.address, by_itself=it.by_itself,
    )  # fmt: skip


def must_record(it: Looking) -> bool:
    """Say whether something of somebody was shown that has no record yet."""
    return it.person is not None and it.recorded is None and any(it.seen.values())
