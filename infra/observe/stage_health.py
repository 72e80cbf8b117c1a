"""Stages that fail: kept where every process sees them, told to people once, gone with the next success.

A stage that cannot go on is a duty nobody watches, so it must be louder than a line in a log.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

import orjson

from engine.kernel.facts import Fact
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from engine.kernel.trouble import StageFailed
from infra.observe.disk import Disk
from infra.observe.steps import nobody_since
from infra.store.log.decisions import Decisions
from infra.store.reads.access_log import AccessLog
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Database, Readable

_PREFIX = "fault:"
LOOKS_EVERY = timedelta(seconds=10)
"""How often a process looks which faults others have noted."""
NOBODY_WORKS = "nobody works"


@runtime_checkable
class Telling(Protocol):
    """An error that is recorded as a fact of its own, in words of its own."""

    def fact(self, at: datetime) -> Fact:
        """Return the fact."""
        ...


class Faults:
    """The faults of this data directory."""

    def __init__(self, decisions: Decisions, clock: TimeSource) -> None:
        self.decisions = decisions
        self.database: Database = decisions.database
        self.clock = clock
        self._looked = clock.now()
        self._known = self._read()

    def raised(self, stage: str, error: Exception) -> None:
        """Note that a stage failed; the first time since its last success people are told. An error may have an
        ``outline`` of what it says that names nobody; of others only the class is kept."""
        if stage in self._known:
            return
        now = self.clock.now()
        outline = str(getattr(error, "outline", type(error).__name__))
        body = {"stage": stage, "since": iso(now), "error": outline}
        with self.decisions.unit(now) as unit:
            unit.cursor.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_PREFIX + stage, orjson.dumps(body).decode()),
            )
            fact = error.fact(now) if isinstance(error, Telling) else StageFailed(at=now, stage=stage, error=outline)
            unit.record_single(str(derive("fault", stage)), fact)
        self._known[stage] = outline

    def gone(self, stage: str) -> None:
        """Note that a stage works again, whichever process noted that it failed."""
        if self.noted(stage) is not None:
            with self.database.write() as cursor:
                cursor.execute("DELETE FROM meta WHERE key = ?", (_PREFIX + stage,))
            self._known.pop(stage, None)

    def noted(self, stage: str) -> str | None:
        """Return the outline of a fault that stands, None for none; what others noted is seen within ten seconds."""
        now = self.clock.now()
        if not timedelta(0) <= now - self._looked < LOOKS_EVERY:
            self._looked, self._known = now, self._read()
        return self._known.get(stage)

    def _read(self) -> dict[str, str]:
        return {row["stage"]: row["error"] for row in standing(self.database)}


def standing(database: Database) -> list[dict[str, Any]]:
    """Return the faults that stand now."""
    rows = database.rows("SELECT value FROM meta WHERE key LIKE ? ORDER BY key", _PREFIX + "%")
    return [orjson.loads(row["value"]) for row in rows]


def fault_of(database: Readable, stage: str) -> dict[str, Any] | None:
    """Return the fault of a stage that stands, whoever noted it."""
    row = database.row("SELECT value FROM meta WHERE key = ?", _PREFIX + stage)
    return orjson.loads(row["value"]) if row is not None else None


def forget_within(cursor: Cursor, stage: str) -> None:
    """Take the fault of a stage away in the transaction of what settles it."""
    cursor.execute("DELETE FROM meta WHERE key = ?", (_PREFIX + stage,))


def unrecorded(log: AccessLog) -> list[dict[str, Any]]:
    """Return the fault that readings cannot be recorded, known to this process alone; none while they can."""
    since = log.trouble_since
    return [{"stage": "access log", "since": iso(since), "error": log.trouble}] if since is not None else []


def all_standing(database: Database, disk: Disk, clock: TimeSource) -> list[dict[str, Any]]:
    """Return the faults that stand, those that only this process knows with them: a full disk keeps none, a store that
    cannot be read tells none, and where nobody works nobody notes it."""
    now = iso(clock.now())
    own = [{"stage": "disk", "since": now, "error": text} for text in (disk.fault, database.trouble) if text]
    try:
        idle = nobody_since(database, clock)
        nobody = [{"stage": "worker", "since": iso(idle), "error": NOBODY_WORKS}] if idle is not None else []
        return [*standing(database), *nobody, *own]
    except Exception as error:
        return [*own, {"stage": "store", "since": now, "error": type(error).__name__}]
