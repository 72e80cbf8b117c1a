"""When a worker last worked, kept where every process sees it: if nobody works, no stage is there to fail."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.store.sql.database import Database

_KEY = "worker:step"
EVERY = timedelta(seconds=10)
NOBODY = timedelta(seconds=60)
"""After so long without a step nobody works."""


class Steps:
    """Keeps the time of the steps of one worker."""

    def __init__(self, database: Database, clock: TimeSource) -> None:
        self.database = database
        self.clock = clock
        self._kept: datetime | None = None

    def note(self) -> None:
        """Keep that a step was taken; written every ten seconds. Raise StoreUnavailable."""
        now = self.clock.now()
        if self._kept is not None and timedelta(0) <= now - self._kept < EVERY:
            return
        with self.database.unlocked_write() as cursor:
            cursor.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_KEY, iso(now)),
            )
        self._kept = now


def last_step(database: Database) -> datetime | None:
    """Return when a worker last worked, None before the first. Raise StoreUnavailable."""
    found = database.scalar("SELECT value FROM meta WHERE key = ?", _KEY)
    return datetime.fromisoformat(found) if found else None


def nobody_since(database: Database, clock: TimeSource) -> datetime | None:
    """Return since when nobody works, None while somebody does or before anybody ever did. Raise StoreUnavailable."""
    last = last_step(database)
    return last if last is not None and clock.now() - last > NOBODY else None
