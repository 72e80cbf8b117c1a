"""What time alone brings about: due clocks fire, and open terms are counted again when the calendar changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from engine.duties import clock as clocks
from engine.duties.clock import Clock as LegalClock
from engine.duties.firing import sweep
from engine.duties.policy import ClockPolicy
from engine.kernel.ports import TimeSource
from engine.terms.calendar import BusinessCalendar
from infra.processes.base import Stage
from infra.processes.timekeeping import Hours
from infra.read.rows import clocks as clock_rows
from infra.store.log.decisions import Decisions

BATCH = 500
TOGETHER = 100
"""Clocks that are fired, or counted again, in one unit of work."""

LOOKS_EVERY = timedelta(minutes=1)
"""How often terms are looked for that another calendar counted: it takes a look at every term that runs."""


class Sweep:
    """Fires what is due at or before now, from the index in the store; called by the scheduler, owed to nobody else."""

    def __init__(self, decisions: Decisions, clock: TimeSource) -> None:
        self.decisions = decisions
        self.clock = clock

    def run(self, hours: Hours | None = None) -> int:
        """Fire everything due once; return the number of clocks that had something. ``hours`` say what has passed for
        certain and what may have passed, where that differs: no clock is breached by the latter."""
        now = self.clock.now()
        sure, latest = hours if hours is not None else (now, now)
        fired, seen = 0, set[str]()
        while True:
            due = clock_rows.fire_at(self.decisions.database, latest, BATCH + len(seen))
            due = [key for key in due if key not in seen]
            if not due:
                return fired
            if sure < latest:  # what is not certain stays due
                seen |= set(due)
            for start in range(0, len(due), TOGETHER):
                fired += self._fire(due[start : start + TOGETHER], Hours(sure, latest))

    def _fire(self, due: Sequence[str], hours: Hours) -> int:
        """Fire some clocks in one unit of work; others want to write too."""
        fired = 0
        with self.decisions.unit(self.clock.now()) as unit:
            unit.prepare(LegalClock, due)
            for key in due:
                facts = sweep(unit.load(LegalClock, key), now=hours.latest, sure=hours.sure)
                unit.record(LegalClock, key, facts)
                fired += bool(facts)
        return fired


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
        self._clean: tuple[list[str], datetime] | None = None
        """The calendars, and until when nothing counted by others is looked for."""

    def step(self) -> bool:
        """Count a batch of clocks; says whether there was any. It looks at every running clock, so seldom."""
        versions = [calendar.version for calendar in self.calendars.values()]
        now = self.clock.now()
        if self._clean is not None and self._clean[0] == versions and now < self._clean[1]:
            return False
        found = clock_rows.counted_otherwise(self.decisions.database, versions, TOGETHER)
        if not found:
            self._clean = versions, now + LOOKS_EVERY
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
