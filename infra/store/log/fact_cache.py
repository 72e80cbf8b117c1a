"""The newest facts that were read, kept read: every follower reads the same ones, one after the other."""

from __future__ import annotations

from engine.kernel.facts import StoredFact

KEPT = 8_000
"""Facts after which a new generation begins; the one before it is still looked at."""


class RecentFacts:
    """Committed facts by position, in two generations; several threads may use it."""

    def __init__(self) -> None:
        self._young: dict[int, StoredFact] = {}
        self._old: dict[int, StoredFact] = {}

    def get(self, position: int) -> StoredFact | None:
        """Return the fact at a position, None when it is not held."""
        return self._young.get(position) or self._old.get(position)

    def run(self, after: int, limit: int) -> list[StoredFact]:
        """Return the facts held right after a position without a gap, at most so many."""
        found: list[StoredFact] = []
        for position in range(after + 1, after + 1 + limit):
            held = self.get(position)
            if held is None:
                break
            found.append(held)
        return found

    def keep(self, stored: StoredFact) -> None:
        """Hold a fact; positions never change what they hold."""
        if len(self._young) >= KEPT:
            self._old, self._young = self._young, {}
        self._young[stored.position] = stored
