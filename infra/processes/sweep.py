"""What time alone brings about: due clocks fire, and open terms are counted again when the calendar changed."""

from __future__ import annotations

import time
from collections.abc import Mapping

from engine.duties import clock as clocks
from engine.duties.clock import Clock as LegalClock
from engine.duties.policy import ClockPolicy
from engine.kernel.ports import TimeSource
from engine.terms.calendar import BusinessCalendar
from infra.processes.base import Stage
from infra.read.rows import clocks as clock_rows
from infra.store.log.decisions import Decisions

BATCH = 100
"""Clocks in one unit of work: whoever else writes waits for it."""


EVERY_S = 10.0
"""Seconds after which it looks again when it found nothing: the calendars of a process stay what they are."""


class Sweep:
    """Fires what is due at or before now, from the index in the store; called by the scheduler, owed to nobody else."""

    def __init__(self, decisions: Decisions, clock: TimeSource) -> None:
        self.decisions = decisions
        self.clock = clock

    def run(self) -> int:
        """Fire everything due once; return the number of clocks that had something."""
        now = self.clock.now()
        fired = 0
        while True:
            due = clock_rows.fire_at(self.decisions.database, now, BATCH)
            if not due:
                return fired
            with self.decisions.unit(now) as unit:
                unit.prepare(LegalClock, due)
                for key in due:
                    facts = clocks.sweep(unit.load(LegalClock, key), now=now)
                    unit.record(LegalClock, key, facts)
                    fired += bool(facts)


class Recount(Stage):
    """Counts open terms again under a changed calendar, as recorded facts; the earlier instants hold."""

    name = "recount"

    def __init__(
        self, decisions: Decisions, clock: TimeSource, calendars: Mapping[str, BusinessCalendar], policy: ClockPolicy
    ) -> None:
        self.decisions = decisions
        self.clock = clock
        self.calendars = calendars
        self.policy = policy
        self._again_at = 0.0

    def step(self) -> bool:
        """Count a batch of clocks; says whether there was any. It looks at every running clock, so seldom."""
        if time.monotonic() < self._again_at:
            return False
        versions = [calendar.version for calendar in self.calendars.values()]
        found = clock_rows.counted_otherwise(self.decisions.database, versions, BATCH)
        if not found:
            self._again_at = time.monotonic() + EVERY_S
            return False
        with self.decisions.unit(self.clock.now()) as unit:
            unit.prepare(LegalClock, found)
            for key in found:
                it = unit.load(LegalClock, key)
                duty = self.policy.entry_of(it)
                calendar = self.calendars[duty.jurisdiction] if duty else self.policy.home_calendar(self.calendars)
                spec = self.policy.spec_of(duty) if duty is not None else None
                if spec is not None and spec.within is not None:
                    spec = None  # hours with an outer limit: no calendar moves it, and what it ran from is not kept
                facts = clocks.recount(it, spec, calendar=calendar, at=unit.at)
                unit.record(LegalClock, it.id, facts)
        return True
