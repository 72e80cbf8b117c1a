"""Stages that fail: kept where every process sees them, told to people once, gone with the next success.

A stage that cannot go on is a duty nobody watches, so it must be louder than a line in a log.
"""

from __future__ import annotations

from typing import Any

import orjson

from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from engine.kernel.trouble import StageFailed
from infra.observe.disk import Disk
from infra.store.log.decisions import Decisions
from infra.store.sql.database import Database

_PREFIX = "fault:"


class Faults:
    """The faults of this data directory."""

    def __init__(self, decisions: Decisions, clock: TimeSource) -> None:
        self.decisions = decisions
        self.database: Database = decisions.database
        self.clock = clock
        self._known = {row["stage"] for row in standing(self.database)}

    def raised(self, stage: str, error: Exception) -> None:
        """Note that a stage failed; the first time since its last success people are told."""
        if stage in self._known:
            return
        now = self.clock.now()
        body = {"stage": stage, "since": iso(now), "error": type(error).__name__}
        with self.decisions.unit(now) as unit:
            unit.cursor.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_PREFIX + stage, orjson.dumps(body).decode()),
            )
            fact = StageFailed(at=now, stage=stage, error=type(error).__name__)
            unit.record_single(str(derive("fault", stage)), fact)
        self._known.add(stage)

    def gone(self, stage: str) -> None:
        """Note that a stage works again."""
        if stage in self._known:
            with self.database.write() as cursor:
                cursor.execute("DELETE FROM meta WHERE key = ?", (_PREFIX + stage,))
            self._known.discard(stage)


def standing(database: Database) -> list[dict[str, Any]]:
    """Return the faults that stand now."""
    rows = database.rows("SELECT value FROM meta WHERE key LIKE ? ORDER BY key", _PREFIX + "%")
    return [orjson.loads(row["value"]) for row in rows]


def all_standing(database: Database, disk: Disk, clock: TimeSource) -> list[dict[str, Any]]:
    """Return the faults that stand, those that only this process knows with them: a full disk keeps none, and a store
    that cannot be read tells none."""
    now = iso(clock.now())
    own = [{"stage": "disk", "since": now, "error": text} for text in (disk.fault, database.trouble) if text]
    try:
        return [*standing(database), *own]
    except Exception as error:
        return [*own, {"stage": "store", "since": now, "error": type(error).__name__}]
