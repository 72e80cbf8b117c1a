"""Whether the clock of this machine can be believed: against the time that passed, what was known last, and others.

Every look compares the wall clock with the seconds that passed since the last one it believed
(``CLOCK_BOOTTIME``: it is never set, and counts while the machine sleeps). A step of a minute or more is a fault that
stands until the wall clock is back where it was expected, a person confirms it, or two time sources that have nothing
to do with one another agree with it for ten minutes. So long no breach is recorded that the earlier of both instants
does not show; warnings go by the later one, so that nobody is told too late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from engine.duties.clock import Clock
from engine.duties.facts import ClockSatisfied
from engine.duties.firing import late_after_all
from engine.kernel.errors import QorgauError
from engine.kernel.facts import ENGINE
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from engine.kernel.trouble import ClockJumped, TimeConfirmed
from infra.observe import time_doubt
from infra.observe.stage_health import Faults
from infra.observe.time_doubt import FAULT, Believed
from infra.store.log.decisions import Decisions

STEP = timedelta(minutes=1)
"""From which step on the wall clock is not believed; what NTP corrects little by little is less."""
KEPT_EVERY = timedelta(minutes=1)
AGREE_FOR_S = 600.0
HOUR_S = 3600.0
MOST_JUMPS, MOST_JUDGED = 10_000, 100_000
ASKED_EVERY_S = 60.0
AGREE_WITHIN = timedelta(seconds=30)
INDEPENDENT = 2


class Jumped(QorgauError):
    """The wall clock made a step."""

    code = "clock.jumped"

    def __init__(self, shown: datetime, expected: datetime) -> None:
        super().__init__(f"the clock shows {iso(shown)}, expected was {iso(expected)}")
        self.shown, self.expected = shown, expected
        self.outline = self.message

    def fact(self, at: datetime) -> ClockJumped:
        """Return what is recorded of it."""
        return ClockJumped(at=at, shown=self.shown, expected=self.expected)


class Hours(NamedTuple):
    """Two instants that are the same while the clock is believed."""

    sure: datetime
    """What has passed for certain: breaches go by it."""
    latest: datetime
    """What may have passed: warnings go by it."""


class TimeServer(Protocol):
    """A source of time apart from this machine."""

    name: str

    def ask(self) -> datetime | None:
        """Return the present instant, None when it does not answer."""
        ...


@dataclass(frozen=True)
class Anchor:
    """An instant that was believed, and how far the machine's own seconds were then."""

    wall: datetime
    passed: float
    boot: str


def passed() -> float:
    """Return the seconds since this machine was started, those it slept with them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def boot_id() -> str:
    """Return what tells this start of the machine from others; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class Timekeeper:
    """Looks at the clock of the machine before anything is done by it. Only the worker has one."""

    def __init__(
        self, decisions: Decisions, clock: TimeSource, faults: Faults, servers: Sequence[TimeServer] = (), *,
        seconds: Callable[[], float] = passed, boot: str | None = None,
    ) -> None:  # fmt: skip
        self.decisions, self.clock, self.faults, self.servers = decisions, clock, faults, servers
        self.seconds = seconds
        self.boot = boot_id() if boot is None else boot
        self._anchor = self._held()
        self._kept: datetime | None = None
        doubted = time_doubt.is_doubted(decisions.database)  # a step ahead may stand: what is later proves nothing
        self._floor = None if doubted else self._known_before()
        self._raised = False
        self._drift = timedelta(0)
        """What small corrections of the last hour come to, together."""
        self._drift_from = float("-inf")
        self._asked_at = float("-inf")
        self._agree_since: float | None = None

    def look(self) -> Hours:
        """Return by which instants to go. Tells people once when the clock made a step."""
        now, seconds = self.clock.now(), self.seconds()
        doubted = time_doubt.is_doubted(self.decisions.database)
        expected = self._expected(now, seconds)
        if expected is None:
            if not doubted:
                return self._anchored(now, seconds)
            # The machine was started anew while it was doubted: what was believed last has passed for certain, and the
            # seconds since that start.
            sure = self._anchor.wall + timedelta(seconds=seconds) if self._anchor is not None else now
            return self._settled(now, seconds) or Hours(min(now, sure), now)
        if not doubted and self._raised:  # a person confirmed the time
            self._drift_from = float("-inf")
            return self._anchored(now, seconds)
        if not doubted:
            expected -= self._drifted(now - expected, seconds)
        if abs(now - expected) < STEP:
            if doubted:
                self._drift_from = float("-inf")
                self._judge_again()
                self._believe("the clock is back where it was expected", ())
            return self._anchored(now, seconds)
        if not doubted:
            self.faults.raised(FAULT, Jumped(now, expected))
        self._raised = True
        return self._settled(now, seconds) or Hours(min(now, expected), max(now, expected))

    def _expected(self, now: datetime, seconds: float) -> datetime | None:
        """Return what the clock should show by the seconds that passed; before the first look no less than what was
        known before; None when nothing can be said."""
        anchor = self._anchor
        if anchor is not None and anchor.boot and anchor.boot == self.boot:
            return anchor.wall + timedelta(seconds=seconds - anchor.passed)
        if self._floor is not None:
            return self._floor if now < self._floor - STEP else now
        return None

    def _drifted(self, by: timedelta, seconds: float) -> timedelta:
        """Return what corrections of the last hour came to before this one, when together they come to a step though
        each was too small to be one; the time that is expected is counted from before them then."""
        if seconds - self._drift_from >= HOUR_S:
            self._drift, self._drift_from = timedelta(0), seconds
        before = self._drift
        self._drift += by
        if abs(by) >= STEP or abs(self._drift) < STEP or self._anchor is None:
            return timedelta(0)
        self._anchor = Anchor(self._anchor.wall - before, self._anchor.passed, self._anchor.boot)
        return before

    def _known_before(self) -> datetime | None:
        """Return the latest instant that was believed or recorded before this start."""
        found = [self._anchor.wall] if self._anchor is not None else []
        head = self.decisions.head()
        found += [it.fact.at for it in self.decisions.read(head - 1, 1)] if head else []
        return max(found, default=None)

    def _settled(self, now: datetime, seconds: float) -> Hours | None:
        """Ask the time sources; return the hours when enough of them have agreed with the clock for long enough."""
        if len(self.servers) < INDEPENDENT:
            return None
        if seconds - self._asked_at >= ASKED_EVERY_S:
            self._asked_at = seconds
            answers = [(it.name, it.ask()) for it in self.servers]
            agree = tuple(name for name, at in answers if at is not None and abs(at - self.clock.now()) <= AGREE_WITHIN)
            if len(agree) < INDEPENDENT or any(at is not None and name not in agree for name, at in answers):
                self._agree_since = None
            elif self._agree_since is None:
                self._agree_since = seconds
            elif seconds - self._agree_since >= AGREE_FOR_S:
                self._believe("independent time sources agree with the clock", agree)
                return self._anchored(now, seconds)
        return None

    def _believe(self, reason: str, sources: tuple[str, ...]) -> None:
        now = self.clock.now()
        with self.decisions.unit(now) as unit:
            fact = TimeConfirmed(at=now, actor=ENGINE, reason=reason, instant=now, sources=sources)
            unit.record_single(str(derive("time-confirmed", iso(now))), fact)
        self.faults.gone(FAULT)

    def _judge_again(self) -> None:
        """Record as breached what was done while the clock was behind, if by the time that passed it was late."""
        jumps = [
            (it.position, it.fact.expected - it.fact.shown)
            for it in self.decisions.read_topic(ClockJumped.topic, 0, MOST_JUMPS)
            if isinstance(it.fact, ClockJumped)
        ]
        position, behind = jumps[-1] if jumps else (0, timedelta(0))
        if behind < STEP:
            return  # what was done by a clock that was ahead is no later than it says
        done = self.decisions.read_topic(ClockSatisfied.topic, position, MOST_JUDGED)
        with self.decisions.unit(self.clock.now()) as unit:
            for it in done:
                unit.record(Clock, it.originator, late_after_all(unit.load(Clock, it.originator), behind, at=unit.at))

    def _anchored(self, now: datetime, seconds: float) -> Hours:
        self._anchor, self._raised, self._agree_since = Anchor(now, seconds, self.boot), False, None
        self._floor = None
        if self._kept is None or not timedelta(0) <= now - self._kept < KEPT_EVERY:
            self._kept = now
            time_doubt.keep(self.decisions.database, Believed(iso(now), seconds, self.boot))
        return Hours(now, now)

    def _held(self) -> Anchor | None:
        it = time_doubt.believed(self.decisions.database)
        return Anchor(datetime.fromisoformat(it.wall), it.passed, it.boot) if it is not None else None
