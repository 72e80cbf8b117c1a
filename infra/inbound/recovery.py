"""What an earlier process left behind: bodies whose raw bytes were committed, and that were not read to their end.

They are taken up beside what comes in. The first time a body is read as any other. If the process died over it again,
it is read in a process apart; if that dies too, the body is set aside whole as one dead letter.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from engine.events.set_aside import untried
from engine.kernel.errors import InputError
from infra.inbound.parser_pool import Batch, ReaderLost, Readers
from infra.store.keys.sealing import Sealer
from infra.store.log.ledger import RAW, store_dead_letters
from infra.store.log.prepared import Prepared
from infra.store.sql.database import Database, StoreUnavailable

log = logging.getLogger("qorgau.intake")
BEGUN = "intake.begun."
"""What ``meta`` calls a body that is being taken up; its value counts how often that was begun."""

Read = Callable[[Batch], Prepared]


@dataclass(frozen=True, slots=True)
class Left:
    """A body that was left behind, and the row of its raw copy."""

    row: int
    batch: Batch
    apart: bool
    """Whether a process ended over it, or it failed, so that it is read apart."""


class Recovery:
    """Takes up one body after the other, a piece at each step."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer | None,
        again: Callable[[Left, Read | None], Generator[None, None, Any]],
    ) -> None:
        self.database = database
        self.sealer = sealer
        self.again = again
        self.apart: Callable[[], Readers] | None = None
        """Starts a process apart that reads; without it a body that ended a process twice is set aside unread."""
        self.taken_up = 0
        self._rows: deque[int] = deque()
        self._present: tuple[Left, Generator[None, None, Any]] | None = None
        self._missed = False
        self._readers: Readers | None = None

    def begin(self) -> None:
        """Look for what was left behind up to now."""
        self.taken_up = 0
        self._missed = False
        self._rows = deque(row["id"] for row in self.database.rows("SELECT id FROM intake ORDER BY id"))

    def resume(self) -> None:
        """Go on with what the store, which can be reached again, did not take."""
        if self._missed:
            self.begin()

    @property
    def waiting(self) -> bool:
        """Say whether anything is left to do."""
        return self._present is not None or bool(self._rows)

    def step(self) -> bool:
        """Work on one piece; say whether anything is left. What the store raises is raised; the rest then waits
        for ``resume``."""
        try:
            self._step()
        except Exception:
            self._present, self._missed = None, True
            self._rows.clear()
            raise
        return self.waiting

    def _step(self) -> None:
        if self._present is None:
            self._present = self._next() if self._rows else None
            return
        left, steps = self._present
        try:
            next(steps)
            return
        except (StopIteration, InputError):  # stored, or refused as a whole and kept
            self._done(left)
        except StoreUnavailable:
            raise
        except Exception as error:
            self._failed(left, error)

    def _failed(self, left: Left, error: Exception) -> None:
        """Try a body once more, apart; the second time it is set aside."""
        log.warning("a body of '%s' that was left behind: %s", left.batch.source, type(error).__name__)
        if not left.apart:
            self._present = None
            self._rows.append(left.row)
            return
        lost = isinstance(error, ReaderLost)
        self._set_aside(left, "the process that read it ended" if lost else f"it failed with {type(error).__name__}")
        self._done(left)

    def _next(self) -> tuple[Left, Generator[None, None, Any]] | None:
        row = self.database.row(
            "SELECT id, source, claims, received_at, body FROM intake WHERE id = ?", self._rows.popleft()
        )
        if row is None:  # another process took it up
            return None
        claims = orjson.loads(row["claims"])
        batch = Batch(
            row["source"], frozenset(claims) if claims is not None else None,
            datetime.fromisoformat(row["received_at"]), self._show(bytes(row["body"])),
        )  # fmt: skip
        left = Left(row["id"], batch, self._mark(row["id"]) > 1)
        if not left.apart:
            return left, self.again(left, None)
        if self.apart is None:
            self._set_aside(left, "the processes that read it ended")
            self._done(left)
            return None
        self._readers = self._readers or self.apart()
        readers = self._readers
        return left, self.again(left, lambda piece: readers.submit(piece).result())

    def _mark(self, row: int) -> int:
        """Note durably that a body is being taken up; return how often it was begun."""
        with self.database.write() as cursor:
            cursor.execute("SELECT value FROM meta WHERE key = ?", (f"{BEGUN}{row}",))
            found = cursor.fetchone()
            begun = int(found[0]) + 1 if found else 1
            cursor.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (f"{BEGUN}{row}", str(begun)),
            )
        return begun

    def _set_aside(self, left: Left, reason: str) -> None:
        batch = left.batch
        letter = untried(batch.body, reason, batch.source, batch.body.rstrip().count(b"\n") + 1)
        with self.database.write() as cursor:
            store_dead_letters(cursor, [letter], batch.received_at, self.sealer)
            cursor.execute("DELETE FROM intake WHERE id = ?", (left.row,))

    def _done(self, left: Left) -> None:
        self.taken_up += 1
        self._present = None
        with self.database.write() as cursor:
            cursor.execute("DELETE FROM meta WHERE key = ?", (f"{BEGUN}{left.row}",))

    def _show(self, body: bytes) -> bytes:
        plain = self.sealer.unlock(RAW, body) if self.sealer is not None else body
        return plain if plain is not None else b""

    def close(self) -> None:
        """End the process apart. A body that is half taken up is left to the next start, which is no fault of it."""
        if self._present is not None and not self._present[0].apart:
            with suppress(Exception), self.database.write() as cursor:
                cursor.execute("DELETE FROM meta WHERE key = ?", (f"{BEGUN}{self._present[0].row}",))
        if self._readers is not None:
            self._readers.close()
            self._readers = None
