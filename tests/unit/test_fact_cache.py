"""The newest facts are kept read: runs without a gap, two generations, no more."""

from __future__ import annotations

import pytest

from engine.incidents.facts import NoteAdded
from engine.kernel.facts import StoredFact
from infra.store.log import fact_cache
from infra.store.log.fact_cache import RecentFacts
from tests.support import MONDAY


def stored(position: int) -> StoredFact:
    return StoredFact(position, "a", NoteAdded(at=MONDAY, incident_id="a", text=str(position)))


def test_a_run_ends_at_the_first_gap() -> None:
    recent = RecentFacts()
    for position in (3, 4, 6):
        recent.keep(stored(position))
    assert [it.position for it in recent.run(2, 10)] == [3, 4]
    assert [it.position for it in recent.run(2, 1)] == [3]
    assert recent.run(1, 10) == []


def test_the_generation_before_is_still_held_and_older_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_cache, "KEPT", 2)
    recent = RecentFacts()
    for position in range(1, 6):
        recent.keep(stored(position))
    assert [position for position in range(1, 6) if recent.get(position)] == [3, 4, 5]
