"""When tokens of programs were used last, to five minutes: written by a thread of its own, so that no request waits."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from engine.kernel.timestamps import iso
from infra.store.sql.database import Database

EVERY = timedelta(minutes=5)
"""How exact the instant is."""
log = logging.getLogger("qorgau.tokens")


class TokenUses:
    """The latest use of each token, by its digest."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._guard = threading.Lock()
        self._noted: dict[str, datetime] = {}
        self._unwritten: set[str] = set()
        self._writer: threading.Thread | None = None

    def note(self, digest: str, now: datetime) -> None:
        """Note that a token is used now."""
        with self._guard:
            last = self._noted.get(digest)
            if last is not None and now - last < EVERY:
                return
            self._noted[digest] = now
            self._unwritten.add(digest)
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="token-uses", daemon=True)
                self._writer.start()

    def latest(self, digest: str, stored: str | None) -> datetime | None:
        """Return the later of the stored instant and the one noted here."""
        known = [it for it in (self._noted.get(digest), datetime.fromisoformat(stored) if stored else None) if it]
        return max(known, default=None)

    def _write(self) -> None:
        try:
            self.flush()
        except Exception:
            log.exception("the uses of tokens could not be written; the next use tries again")

    def flush(self) -> None:
        """Write what is noted."""
        while True:
            with self._guard:
                uses = {digest: self._noted[digest] for digest in self._unwritten}
                self._unwritten.clear()
            if not uses:
                return
            with self.database.unlocked_write() as cursor:
                cursor.executemany(
                    "INSERT INTO token_uses VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET at = excluded.at",
                    [(digest, iso(at)) for digest, at in uses.items()],
                )

    def close(self) -> None:
        """Wait for the writing that is under way."""
        if self._writer is not None:
            self._writer.join(timeout=30)
