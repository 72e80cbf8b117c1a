"""Whom and what an incident touches, kept up fact by fact: asking who is in it counts nothing again.

An incident may touch a hundred thousand clients, and everything that follows from it asks about single ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from engine.kernel.facts import Entities

_KINDS = tuple(Entities.model_fields)


@dataclass(slots=True)
class Touched:
    """Identifiers by kind, in the order in which they were seen first."""

    _seen: dict[str, dict[str, None]] = field(default_factory=dict)
    _view: Entities | None = field(default_factory=Entities, compare=False)

    @classmethod
    def of(cls, parts: Iterable[Entities]) -> Touched:
        """Return all that some parts touch."""
        found = cls()
        for part in parts:
            found.add(part)
        return found

    def add(self, entities: Entities) -> None:
        """Take more in."""
        for kind in _KINDS:
            values: tuple[str, ...] = getattr(entities, kind)
            if values:
                self._view = None
                self._seen.setdefault(kind, {}).update(dict.fromkeys(values))

    def holds(self, kind: str, value: str) -> bool:
        """Say whether one is among them."""
        return value in self._seen.get(kind, ())

    def copy(self) -> Touched:
        """Return one that goes its own way from here."""
        return Touched({kind: dict(values) for kind, values in self._seen.items()}, self._view)

    @property
    def entities(self) -> Entities:
        """All of them."""
        if self._view is None:
            self._view = Entities(**{kind: tuple(values) for kind, values in self._seen.items()})
        return self._view


@dataclass(slots=True)
class Shown:
    """When each client was shown by a detection first."""

    _first: dict[str, datetime] = field(default_factory=dict)

    def add(self, clients: Iterable[str], detected_at: datetime) -> None:
        """Take a detection in."""
        first = self._first
        for client in clients:
            held = first.get(client)
            if held is None or detected_at < held:
                first[client] = detected_at

    def at(self, client: str) -> datetime | None:
        """Return the earliest detection that showed a client, None when none did."""
        return self._first.get(client)

    def copy(self) -> Shown:
        """Return one that goes its own way from here."""
        return Shown(dict(self._first))
