"""A follower of one of the two logs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from engine.events.envelope import SecurityEvent
from engine.kernel.facts import Fact, StoredFact
from engine.kernel.ports import TimeSource
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.unit import TOGETHER, Unfinished, UnitOfWork
from infra.store.models.unfinished import unfinished

BATCH = 500
EVENTS = 10_000
"""Events taken at once: where there is a backlog, what a batch costs whatever is in it is shared by so many."""
SAYS_AFTER = 1_000
"""Events that a follower may pass over before it says how far it is: people look at that."""


class Stage(ABC):
    """Something that can be asked to do the next piece of work."""

    name: str
    waits_for_others: ClassVar[bool] = False
    """Whether a step may wait for another system; such a stage gets a thread of its own, so none waits for it."""
    catches_up: ClassVar[bool] = False
    """Whether it steps again at once while it has work: what follows others stays close behind them, so that all read
    the same facts, which are kept in memory; those that bring the work step once in a round."""

    @abstractmethod
    def step(self) -> bool:
        """Do one piece of work; says whether there was any."""


class Follower(Stage):
    """A stage with a position in a log. Only one process runs it, so the position need not be asked for each time."""

    def __init__(self, decisions: Decisions, clock: TimeSource) -> None:
        self.decisions = decisions
        self.clock = clock
        self.position: int | None = None
        """Up to where it has worked; None before the first step, and after one that failed."""

    def step(self) -> bool:
        """Take what comes next, all in one transaction with the position."""
        if self.position is None:
            self._begin()
        after = self.reached()
        self.position = None
        reached = self._take_after(after)
        self.position = reached
        return reached > after or self.unfinished

    @property
    def unfinished(self) -> bool:
        """Say whether the answer to the next record was begun and goes on in another unit of work."""
        return False

    def reached(self) -> int:
        """Return the position up to which it has worked."""
        return self.decisions.tracked(self.name) if self.position is None else self.position

    def _begin(self) -> None:
        """Forget what was read since the stored position: at the start, and after a step that failed or whose commit
        went through unheard."""

    @abstractmethod
    def _take_after(self, after: int) -> int:
        """Take a batch after a position; return the position reached."""


class Upstream(Protocol):
    """Another follower whose work one reads."""

    name: str

    def reached(self) -> int:
        """Return the position up to which it has worked."""
        ...


class DecisionFollower(Follower):
    """Takes every fact once, in order.

    Facts that it does not want cost it no commit: how far it has read is written with the next one that it wants, or
    when there is nothing else to do. After a crash it reads those again and passes over them again.
    """

    catches_up: ClassVar[bool] = True
    wants: tuple[type[Fact], ...]
    after: tuple[Upstream, ...] = ()
    """Those whose work it reads: it never goes past what they have answered."""
    _unwritten: bool = False
    _left: tuple[int, dict[str, str | None]] | None = None
    """The position whose answer is unfinished, and where its loops ended."""
    _ahead: list[StoredFact] | None = None
    """What was read and not come to: the unit of work was full before."""

    def __init__(self, decisions: Decisions, clock: TimeSource) -> None:
        super().__init__(decisions, clock)
        self._wanted: dict[type[Fact], bool] = {}

    def _begin(self) -> None:
        self._unwritten, self._ahead = False, None
        self._left = unfinished(self.decisions.database, self.name)

    @property
    def unfinished(self) -> bool:
        """Say whether the answer to the next fact was begun and goes on in another unit of work."""
        return self._left is not None

    def _take_after(self, after: int) -> int:
        facts = read = self._ahead or self.decisions.read(after, BATCH)
        self._ahead = None
        if self.after and facts:
            end = min(it.reached() for it in self.after)
            facts = [stored for stored in facts if stored.position <= end]
        wanted = [stored for stored in facts if self._wants(type(stored.fact))]
        if len(wanted) > TOGETHER:  # what is loaded together is answered in this unit
            wanted = wanted[:TOGETHER]
            facts = [stored for stored in facts if stored.position <= wanted[-1].position]
        if not facts and not self._unwritten:
            return after
        reached = facts[-1].position if facts else after
        if facts and not wanted:
            self._unwritten = True
            return reached
        left: tuple[int, dict[str, str | None]] | None = None
        with self.decisions.unit(self.clock.now()) as unit:
            reached = after
            unit.expect(wanted, after)
            self.prepare(unit, wanted)
            for stored in facts:
                unit.answering(stored)
                if self._wants(type(stored.fact)) and not self._answer(unit, stored):
                    left = (stored.position, unit.left)
                    break
                reached = stored.position
                if unit.full:
                    break
            if reached > after or not facts:
                unit.track(self.name, reached)
        self._unwritten, self._left = False, left
        self._ahead = [stored for stored in read if stored.position > reached]
        return reached

    def _wants(self, kind: type[Fact]) -> bool:
        """Say whether facts of a kind are answered; asked of every fact, so the answer is kept."""
        found = self._wanted.get(kind)
        if found is None:
            found = self._wanted[kind] = issubclass(kind, self.wants)
        return found

    def _answer(self, unit: UnitOfWork, stored: StoredFact) -> bool:
        """Answer a fact, or as much of it as the unit takes; return whether the answer is complete."""
        begun = self._left is not None and self._left[0] == stored.position
        unit.bound(self._left[1] if begun and self._left is not None else {})
        try:
            self.take(unit, stored)
        except Unfinished:
            unit.suspend(self.name, stored.position)
            return False
        if begun:
            unit.finish(self.name)
        return True

    def prepare(self, unit: UnitOfWork, facts: list[StoredFact]) -> None:
        """Load together what the answers to some facts need."""

    @abstractmethod
    def take(self, unit: UnitOfWork, stored: StoredFact) -> None:
        """Answer one fact."""


class LedgerFollower(Follower):
    """Takes every security event once, in order. Events that it does not answer cost it few commits."""

    answers: frozenset[str] | None = None
    """The types of events that it answers; None for all."""
    takes: ClassVar[int] = 500
    """Events that it answers in one unit of work."""

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: TimeSource) -> None:
        super().__init__(decisions, clock)
        self.ledger = ledger
        self._passed = 0

    def _begin(self) -> None:
        self._passed = 0

    def _take_after(self, after: int) -> int:
        events = self.ledger.read(after, EVENTS)
        if not events and not self._passed:
            return after
        reached = events[-1].position if events else after
        answered = events if self.answers is None else [event for event in events if event.action in self.answers]
        self._passed += len(events)
        if events and not answered and self._passed < SAYS_AFTER:
            return reached
        while True:
            taken = self.consider(answered)
            part, answered = answered[:taken], answered[taken:]
            until = part[-1].position if answered else reached
            with self.decisions.unit(self.clock.now()) as unit:
                if part:
                    self.take(unit, part)
                unit.track(self.name, until)
            if not answered:
                break
        self._passed = 0
        return reached

    def consider(self, events: list[SecurityEvent]) -> int:
        """Do what needs no transaction, before it is begun: whoever else writes waits for its end. Return how many of
        the events go into one unit of work."""
        return min(len(events), self.takes)

    @abstractmethod
    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Answer a batch of events."""
