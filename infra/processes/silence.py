"""A source that should send events and does not is itself an event: detection is blind there, by fault or by intent.

The settings name the sources that are expected and how long each may be silent. Time counts from the last event that
was received, or from when the source was first expected. (continuous-control-kmf of the register)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.events.envelope import SecurityEvent
from engine.kernel.messages import OwnEvent
from engine.kernel.ports import Intent, TimeSource
from engine.kernel.timestamps import iso
from infra.processes.base import LedgerFollower
from infra.read.rows import effects
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.unit import UnitOfWork
from infra.store.models import counts


class Silence(LedgerFollower):
    """Notes when each expected source was heard last, and says once when it has fallen silent and once when it is
    heard again."""

    name = "silence"
    takes = 4_000  # it only notes who was heard

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: TimeSource, limits: Mapping[str, int]) -> None:
        super().__init__(ledger, decisions, clock)
        self.limits = limits

    def step(self) -> bool:
        """Take the next events, then look at the clock."""
        return super().step() or self._look()

    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Note who was heard."""
        heard: dict[str, datetime] = {}
        for event in events:
            for source in {event.source, str(event.fields.get("event.provider", ""))} & self.limits.keys():
                heard[source] = max(heard.get(source, event.received_at), event.received_at)
        for source, at in heard.items():
            row = counts.expect(unit.cursor, source, unit.at)
            if row.silent:
                silent_s = (at - row.heard_at).total_seconds()
                self._say(unit, "log.source.resumed", source, at, {"mfo.log.silent_s": round(silent_s)})
            counts.heard(unit.cursor, source, at)

    def _look(self) -> bool:
        """Say which sources have been silent for too long; says whether there was any."""
        now = self.clock.now()
        rows = effects.sources(self.decisions.database)
        late = [
            source
            for source, limit in self.limits.items()
            if source not in rows or (not rows[source].silent and now - rows[source].heard_at > _span(limit))
        ]
        if not late:
            return False
        with self.decisions.unit(now) as unit:
            for source in late:
                row = counts.expect(unit.cursor, source, unit.at)
                silent = now - row.heard_at
                if row.silent or silent <= _span(self.limits[source]):
                    continue
                counts.silent(unit.cursor, source)
                told = {"mfo.log.silent_s": round(silent.total_seconds()), "mfo.log.limit_s": self.limits[source]}
                self._say(unit, "log.source.silent", source, row.heard_at, told)
        return True

    def _say(self, unit: UnitOfWork, action: str, source: str, since: datetime, fields: Mapping[str, int]) -> None:
        key = f"{action}:{source}:{iso(since)}"
        event = {
            "@timestamp": iso(unit.at),
            "event.id": key,
            "event.action": action,
            "event.provider": "qorgau",
            "mfo.log.source": source,
            **fields,
        }
        unit.intend(Intent(f"event:{key}", OwnEvent(fields=event)))


def _span(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)
