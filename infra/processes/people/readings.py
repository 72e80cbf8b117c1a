"""What our own people read, counted: an hour that is over becomes an event for each who read much, so that rules see it
as they see the bureau's workstations.

The event has counts and the account, and no identifier. Only what somebody opened counts (a case, a document, a search,
an export), not the queues that everybody has open, nor what pages ask for by themselves. Events are no readings, so
nothing goes round. How far it has counted stands in ``meta``, written with the orders for the events: after a crash an
hour is counted again, and the event's id makes that one event.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, tzinfo

from engine.kernel.messages import OwnEvent
from engine.kernel.ports import Intent, TimeSource
from engine.kernel.timestamps import iso
from infra.processes.base import Stage
from infra.store.log.decisions import Decisions
from infra.store.reads.access_log import AccessLog
from infra.store.reads.listing import ReadLine, readings

HOUR = timedelta(hours=1)
NIGHT = (22, 6)
"""Local hours from and until which it is night."""
FEW = 5
"""So many clients in an hour are nothing to tell of."""
_MARK = "reads:hour"
_OF_PERSONS = ("client", "loan", "entity")


class Readings(Stage):
    """Tells of each hour that is over what people read in it."""

    name = "readings"

    def __init__(self, log: AccessLog, decisions: Decisions, clock: TimeSource, zone: tzinfo) -> None:
        self.log = log
        self.decisions = decisions
        self.clock = clock
        self.zone = zone
        self._done: datetime | None = None

    def step(self) -> bool:
        """Count the next hour that is over; says whether there was any."""
        now = self.clock.now().replace(minute=0, second=0, microsecond=0)
        done = self._done or self._held() or now
        if done >= now:
            if self._done is None:
                self._keep(done)
            return False
        until = max(done, now - timedelta(days=7)) + HOUR
        self._count(until - HOUR, until)
        return True

    def _held(self) -> datetime | None:
        found = self.decisions.database.scalar("SELECT value FROM meta WHERE key = ?", _MARK)
        return datetime.fromisoformat(found) if found else None

    def _keep(self, until: datetime) -> None:
        with self.decisions.unit(self.clock.now()) as unit:
            self._mark(unit.cursor, until)
        self._done = until

    def _mark(self, cursor: object, until: datetime) -> None:
        cursor.execute(  # type: ignore[attr-defined]
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_MARK, iso(until)),
        )

    def _count(self, since: datetime, until: datetime) -> None:
        rows = self._lines(since, until)
        clients: dict[str, set[str]] = defaultdict(set)
        without: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            if row.by_itself or not _opened(row):
                continue
            named = {it for kind in _OF_PERSONS for it in row.ids.get(kind, ())}
            clients[row.who] |= named
            without[row.who] |= named if not row.case else set()
        night = self._is_night(since)
        with self.decisions.unit(self.clock.now()) as unit:
            for who, named in sorted(clients.items()):
                if len(named) < FEW:
                    continue
                key = f"reads:{who}:{iso(since)}"
                told = {
                    "@timestamp": iso(unit.at), "event.id": key, "event.action": "console.reads.counted",
                    "event.provider": "qorgau", "user.id": who, "mfo.reads.clients": len(named),
                    "mfo.reads.without_case": len(without[who]), "mfo.reads.at_night": len(named) if night else 0,
                    "mfo.window_minutes": 60,
                }  # fmt: skip
                unit.intend(Intent(f"event:{key}", OwnEvent(fields=told)))
            self._mark(unit.cursor, until)
        self._done = until

    def _lines(self, since: datetime, until: datetime) -> list[ReadLine]:
        found: list[ReadLine] = []
        below = 0
        while part := readings(self.log, since=iso(since), until=iso(until), below=below, most=5_000):
            found += part
            below = part[-1].position
        return found

    def _is_night(self, since: datetime) -> bool:
        hour = since.astimezone(self.zone).hour
        return hour >= NIGHT[0] or hour < NIGHT[1]


def _opened(row: ReadLine) -> bool:
    return row.way == "cli" or "{" in row.route or "/events" in row.route
