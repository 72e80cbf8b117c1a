"""When each session was last used: known at once in this process, written in batches by a thread of its own.

A page is read without waiting for anybody who writes. Another process, or this one after a crash, sees the mark of
two minutes ago at worst; a session may then end that much earlier, never later.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from engine.kernel.timestamps import iso
from infra.store.sql.database import Database

EVERY = timedelta(seconds=60)
"""How long a mark may be unwritten, and how exact it is."""
log = logging.getLogger("qorgau.sessions")


class SessionMarks:
    """The latest use of each session that this process has seen."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._guard = threading.Lock()
        self._marks: dict[str, str] = {}
        """Digest of the session's token → instant of its latest use, not written yet."""
        self._since: datetime | None = None
        """The instant of the earliest mark that is not written."""
        self._writer: threading.Thread | None = None

    def latest(self, digest: str, stored: str) -> str:
        """Return the later of the stored instant and the one noted here (RFC 3339)."""
        return max(stored, self._marks.get(digest, ""))

    def note(self, digest: str, now: datetime) -> None:
        """Note that a session is used; start the writing when the earliest mark has waited a minute."""
        with self._guard:
            self._marks[digest] = iso(now)
            self._since = self._since or now
            due = now - self._since >= EVERY
            if due and (self._writer is None or not self._writer.is_alive()):
                self._writer = threading.Thread(target=self._write, name="session-marks", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        try:
            self.flush()
        except Exception:
            log.exception("the marks of sessions could not be written and will be tried again")

    def flush(self) -> None:
        """Write every mark in one transaction. What could not be written is noted still."""
        with self._guard:
            marks, self._since = dict(self._marks), None
        if not marks:
            return
        with self.database.unlocked_write() as cursor:
            cursor.executemany(
                "UPDATE sessions SET seen_at = ? WHERE digest = ? AND seen_at < ?",
                [(at, digest, at) for digest, at in marks.items()],
            )
        with self._guard:
            for digest, at in marks.items():
                if self._marks.get(digest) == at:
                    del self._marks[digest]

    def close(self) -> None:
        """Wait for the writing that is under way, then write what is left."""
        writer = self._writer
        if writer is not None:
            writer.join(timeout=30)
        self.flush()
