"""Whatever the order of the followers' steps, the size of their batches, and one moment in which the store is away: the
same facts, clocks, texts and orders come of it as in listed order.

``python -m tests.simulation.interleaved STORY FIRST LAST`` runs more seeds and tells each kind of difference once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from engine.duties.facts import ClockLaterAccepted, ClockReanchored, ClockRecounted
from infra.processes.runner import PolicyRunner
from tests.simulation.interleaved import Difference, Interleaved, Plan, Told, report
from tests.simulation.interleaving_stories import STORIES

SEEDS_OF_A_STORY = 20
FOUND_WITHIN = 200


@pytest.mark.parametrize("name", STORIES)
def test_every_interleaving_comes_to_the_same(name: str) -> None:
    it = Told(name, STORIES[name])
    it.listed()
    for seed in range(SEEDS_OF_A_STORY):
        plan = it.planned(seed)
        found = it.run(plan)
        assert found is None, report(it, seed, *it.shrunk(plan, found))


def test_two_hundred_interleavings_are_run() -> None:
    assert len(STORIES) * SEEDS_OF_A_STORY >= 200


@pytest.mark.parametrize("name", STORIES)
def test_the_listed_order_comes_to_the_same_twice(name: str) -> None:
    """Else no comparison says anything."""
    it = Told(name, STORIES[name])
    it.listed()
    assert it.run(Plan()) is None


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts F1 back: notices overtake the clocks that they read, and do not follow what changes a term later."""
    begin = PolicyRunner.__init__

    def init(self: PolicyRunner, *args: Any, **named: Any) -> None:
        begin(self, *args, **named)
        if self.name == "notices":
            self.after = ()
            later = (ClockReanchored, ClockRecounted, ClockLaterAccepted)
            self.wants = tuple(kind for kind in self.wants if kind not in later)

    monkeypatch.setattr(PolicyRunner, "__init__", init)
    yield


def test_a_planted_fault_is_found(planted: None) -> None:
    """Were F1 put back, this would find it: a notice without the term that the clocks know."""
    stories = {name: Told(name, STORIES[name]) for name in ("unauthorised-change", "told-by-people", "breach")}
    for it in stories.values():
        it.listed()
    found: Difference | None = None
    for run, it in zip(range(FOUND_WITHIN), cycle(stories.values()), strict=False):
        found = it.run(it.planned(1_000 + run))
        if found is not None and found.kind.startswith("texts regulator"):
            assert "уточняется" in found.words
            return
    raise AssertionError(f"not found in {FOUND_WITHIN} runs; the last difference was {found}")


def test_a_step_that_fails_before_its_commit_writes_nothing() -> None:
    """The faults of a plan happen where they say, so that a run without a difference means something."""
    from tests.simulation.interleaved import Fault

    it = Told("breach", STORIES["breach"])
    it.listed()
    for where in ("before", "early", "inside", "after"):
        happened: list[bool] = []

        def prepare(world: Interleaved, happened: list[bool] = happened) -> None:
            world.closing = lambda: happened.append(world.faulted)

        it.prepare = prepare
        assert it.run(Plan(fault=Fault(0, "incidents", where, 0))) is None
        assert happened == [True], where
