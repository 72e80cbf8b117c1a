"""The heads of both logs are stamped by a time-stamping authority now and then, where the settings name one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.outbound.timestamping import Authority
from infra.processes.base import Stage
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.sql.database import Database


class Stamping(Stage):
    """Asks for a stamp over the newest head of each log, at most once in a while. Nothing legal waits for it."""

    name = "timestamps"
    waits_for_others: ClassVar[bool] = True

    def __init__(
        self, ledger: Ledger, decisions: Decisions, clock: TimeSource, authority: Authority, every_s: int
    ) -> None:
        self.logs = (ledger, decisions)
        self.database: Database = ledger.database
        self.clock = clock
        self.authority = authority
        self.every = timedelta(seconds=every_s)

    def step(self) -> bool:
        """Stamp what is due; says whether anything was. Raise StampRefused."""
        done = [self._stamp(log) for log in self.logs]
        return any(done)

    def _stamp(self, log: Ledger | Decisions) -> bool:
        name, now = log.tree.log, self.clock.now()
        size = int(self.database.scalar("SELECT MAX(size) FROM checkpoints WHERE log = ?", name) or 0)
        last = self.database.row("SELECT size, at FROM timestamps WHERE log = ? ORDER BY size DESC LIMIT 1", name)
        if size == 0 or (last and (last["size"] == size or now - datetime.fromisoformat(last["at"]) < self.every)):
            return False
        with self.database.read() as cursor:
            note = log.tree.note(cursor, size)
        token, at = self.authority.stamp(note.encode())
        with self.database.write() as cursor:
            cursor.execute(
                "INSERT INTO timestamps (log, size, at, stamped_at, authority, note, token) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (name, size, iso(now), iso(at), self.authority.url, note, token),
            )
        return True
