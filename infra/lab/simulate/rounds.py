"""The stages of a simulated worker, run until nothing is left. Most of a simulation would be asking those that rest, so
one whose logs have not grown since it rested is not asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.kernel.ports import Clock
from engine.kernel.timestamps import iso
from infra.processes.base import DecisionFollower, LedgerFollower, Stage
from infra.processes.outbox import Outbox
from infra.processes.search import Searching
from infra.processes.sweep import Recount


class Rounds:
    """Runs the stages of one process over the store that ``eyes`` looks into."""

    def __init__(self, stages: Sequence[Stage], eyes: sqlite3.Connection, clock: Clock) -> None:
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
        row = self.eyes.execute(
            "SELECT (SELECT MAX(position) FROM ledger), (SELECT MAX(position) FROM decisions), "
            "(SELECT MIN(next_at) FROM outbox WHERE state = 'waiting')"
        ).fetchone()
        return int(row[0] or 0), int(row[1] or 0), row[2] is not None and row[2] <= iso(self.clock.now())

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
