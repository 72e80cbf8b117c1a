"""Events become searchable: a full-text index of what is not personal."""

from __future__ import annotations

from typing import Any

from engine.catalogue import Catalogue
from engine.events import SecurityEvent
from engine.ports import Clock
from engine.timestamps import iso
from infra.stages.base import LedgerFollower
from infra.store.decisions import Decisions, Unit
from infra.store.ledger import Ledger
from rules.detector import entities_of

_SKIPPED = frozenset({"event.action", "@timestamp", "event.provider"})


class Search(LedgerFollower):
    """Fills the index; a position in the ledger is the row of the index."""

    name = "search"

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: Clock, catalogue: Catalogue) -> None:
        super().__init__(ledger, decisions, clock)
        self.catalogue = catalogue

    def take(self, unit: Unit, events: list[SecurityEvent]) -> None:
        """Index a batch."""
        unit.cursor.executemany(
            "INSERT INTO search (rowid, action, source, entities, content, at) VALUES (?, ?, ?, ?, ?, ?)",
            [self._row(event) for event in events],
        )

    def _row(self, event: SecurityEvent) -> tuple[Any, ...]:
        entities = entities_of(event.fields)
        words = [word for values in entities.model_dump().values() for word in values]
        content = [
            str(value)[:200]
            for name, value in event.fields.items()
            if name not in _SKIPPED and value is not None and self.catalogue.may_be_indexed(name)
        ]
        return (
            event.position, event.action, event.source, " ".join(words), " ".join(content)[:4000], iso(event.at),
        )  # fmt: skip
