"""Counts the events of each type and day, so that reports and the coverage page need not read the ledger again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from engine.events.envelope import SecurityEvent
from engine.governance import governance, risks_told
from engine.governance.governance import Duty, DutySpec, Risk, duty_specs
from engine.governance.matters import Matter, MatterSpec, matter_id, matter_specs
from engine.governance.matters_told import DECIDERS, Told, opened
from engine.governance.returning import told
from engine.governance.senders import Senders
from engine.kernel.ports import TimeSource
from engine.terms.calendar import BusinessCalendar
from infra.processes.base import LedgerFollower
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.unit import UnitOfWork
from infra.store.models import counts
from infra.store.models.effects import TallyRow
from infra.store.sql.cursor import Cursor


class Tally(LedgerFollower):
    """Keeps, for each type and local day, how many events there were and which was the last."""

    name = "tally"
    takes = 4_000  # it only counts them

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: TimeSource, calendar: BusinessCalendar) -> None:
        super().__init__(ledger, decisions, clock)
        self.calendar = calendar

    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Count a batch."""
        count_in(unit.cursor, events, self.calendar)


def count_in(cursor: Cursor, events: Iterable[SecurityEvent], calendar: BusinessCalendar) -> None:
    """Add events to the tally, within a transaction."""
    counted: Counter[tuple[str, date]] = Counter()
    last: dict[tuple[str, date], SecurityEvent] = {}
    for event in events:
        key = (event.action, calendar.local(event.received_at).date())
        counted[key] += 1
        last[key] = event
    counts.add(
        cursor,
        [TallyRow(*key, n, last[key].position, last[key].received_at) for key, n in sorted(counted.items())],
    )


def count_again(ledger: Ledger, decisions: Decisions, calendar: BusinessCalendar) -> int:
    """Count all events again up to where the follower stands; return their number.

    One write transaction: the follower waits for it, and a crash within leaves the tally as it was.
    """
    counted = 0
    with ledger.database.write() as cursor:
        counts.forget(cursor)
        for events in ledger.replay(0, decisions.tracked(Tally.name)):
            count_in(cursor, events, calendar)
            counted += len(events)
    return counted


class DutyEvents(LedgerFollower):
    """Takes the events of other systems that say that a returning duty was done."""

    name = "duty-events"
    answers = frozenset(
        [action for spec in duty_specs().values() for action in spec.read]
        + [*risks_told.EVENTS]
        + [action for kind in matter_specs().values() for action in kind.events]
    )

    def __init__(
        self, ledger: Ledger, decisions: Decisions, clock: TimeSource, calendar: BusinessCalendar,
        senders: Senders | None = None,
    ) -> None:  # fmt: skip
        super().__init__(ledger, decisions, clock)
        self.calendar = calendar
        self.senders = senders or Senders()
        self.matters: dict[str, list[MatterSpec]] = {}
        for spec in matter_specs().values():
            for action in spec.events:
                self.matters.setdefault(action, []).append(spec)
        self.duties: dict[str, list[DutySpec]] = {}
        for duty in duty_specs().values():
            for action in duty.read:
                self.duties.setdefault(action, []).append(duty)

    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Record what was done; the same duty on the same day once."""
        for event in events:
            for duty in self.duties.get(event.action, ()) if self._believed(event) else ():
                self._returning(unit, event, duty)
            named = risks_told.risk_of(event.fields)
            if named is not None:
                key = governance.risk_id(*named)
                by = f"source:{event.source}"
                unit.record(Risk, key, risks_told.told(unit.load(Risk, key), event.fields, by=by, at=unit.at))
            for spec in self.matters.get(event.action, ()):
                self._matter(unit, event, spec)

    def _matter(self, unit: UnitOfWork, event: SecurityEvent, spec: MatterSpec) -> None:
        """Open, settle and take back what an event of another system tells. Anybody may ask; who answers must be one
        who is believed."""
        told, about = Told(event.fields, event.at, event.position), spec.subject_of(event.fields)
        if about:
            key = matter_id(spec.name, about)
            for decide in DECIDERS if self._believed(event) else (opened,):
                unit.record(Matter, key, decide(unit.load(Matter, key), spec, told, at=unit.at))

    def _believed(self, event: SecurityEvent) -> bool:
        return self.senders.may(event.action, event.source)

    def _returning(self, unit: UnitOfWork, event: SecurityEvent, spec: DutySpec) -> None:
        """Record what an event says of a returning duty; never of a day to come."""
        key = governance.duty_id(spec.key)
        today = self.calendar.local(unit.at).date()
        facts = told(
            unit.load(Duty, key), spec, event.fields, min(self.calendar.local(event.at).date(), today),
            evidence=f"event {event.action} #{event.position}", by=f"source:{event.source}", at=unit.at,
        )  # fmt: skip
        unit.record(Duty, key, facts)
