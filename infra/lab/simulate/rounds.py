"""The stages of a simulated worker, run until nothing is left. Most of a simulation would be asking those that rest, so
one whose logs have not grown since it rested is not asked."""

from __future__ import annotations

from collections.abc import Sequence

from engine.kernel.ports import TimeSource
from infra.processes.base import DecisionFollower, LedgerFollower, Stage
from infra.processes.outbox import Outbox
from infra.processes.search import Searching
from infra.processes.sweep import Recount
from infra.read.rows import checking
from infra.store.sql.database import Readable


class Rounds:
    """Runs the stages of one process over the store that ``eyes`` looks into."""

    def __init__(self, stages: Sequence[Stage], eyes: Readable, clock: TimeSource) -> None:
        self.stages = stages
        self.eyes = eyes
        self.clock = clock
        self._recounted = False
        self._searched: tuple[int, int] | None = None

    def run(self) -> None:
        """Run every stage until none has anything to do."""
        busy = True
        while busy:
            busy = False
            heads = self._heads()
            for stage in self.stages:
                while not self._rests(stage, *heads):
                    if not stage.step():
                        if isinstance(stage, Searching):
                            self._searched = heads[:2]
                        break
                    busy = True
                    heads = self._heads()

    def _heads(self) -> tuple[int, int, bool]:
        found = checking.heads(self.eyes)
        due = found.next_effect is not None and found.next_effect <= self.clock.now()
        return found.ledger, found.decisions, due

    def _rests(self, stage: Stage, ledger: int, decisions: int, due: bool) -> bool:
        """Whether a stage would find nothing to do."""
        if isinstance(stage, DecisionFollower):
            return stage.position == decisions
        if isinstance(stage, LedgerFollower):
            return stage.position == ledger
        if isinstance(stage, Searching):
            return self._searched == (ledger, decisions)
        if isinstance(stage, Recount):
            asked, self._recounted = self._recounted, True
            return asked
        return isinstance(stage, Outbox) and not due
