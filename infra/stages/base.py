"""A follower of one of the two logs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from engine.events import SecurityEvent
from engine.ports import Clock
from infra.store.decisions import Decisions, Recorded, Unit
from infra.store.ledger import Ledger

BATCH = 500


class Stage(ABC):
    """Something that can be asked to do the next piece of work."""

    name: str
    waits_for_others: ClassVar[bool] = False
    """Whether a step may wait for another system; such a stage gets a thread of its own, so none waits for it."""

    @abstractmethod
    def step(self) -> bool:
        """Do one piece of work; says whether there was any."""


class DecisionFollower(Stage):
    """Takes every fact once, in order."""

    def __init__(self, decisions: Decisions, clock: Clock) -> None:
        self.decisions = decisions
        self.clock = clock

    def step(self) -> bool:
        """Take the next facts, all in one transaction with the position."""
        after = self.decisions.tracked(self.name)
        facts = self.decisions.read(after, BATCH)
        if not facts:
            return False
        with self.decisions.unit(self.clock.now()) as unit:
            for recorded in facts:
                self.take(unit, recorded)
            unit.track(self.name, facts[-1].position)
        return True

    @abstractmethod
    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer one fact."""


class LedgerFollower(Stage):
    """Takes every security event once, in order."""

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: Clock) -> None:
        self.ledger = ledger
        self.decisions = decisions
        self.clock = clock

    def step(self) -> bool:
        """Take the next events, all in one transaction with the position."""
        after = self.decisions.tracked(self.name)
        events = self.ledger.read(after, BATCH * 4)
        if not events:
            return False
        with self.decisions.unit(self.clock.now()) as unit:
            self.take(unit, events)
            unit.track(self.name, events[-1].position)
        return True

    @abstractmethod
    def take(self, unit: Unit, events: list[SecurityEvent]) -> None:
        """Answer a batch of events."""
