"""The wait for the writers' turn in a bench that writes, beside the slowest fsync of the same run.

Where the writers are other processes, or one alone that never waits, somebody stands in for the person who wants to
write too: asks for the turn again and again, and writes nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.store.sql.database import Database

EVERY_S = 0.02
ASKS_EVERY_S = 0.2
PAGE = 4_096
ASKED_MS = 250.0
"""A wait may be this long, or twice the slowest fsync."""


class FsyncProbe:
    """Writes a page and waits until it is on disk, again and again, in the folder of a store while a bench runs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "fsync-probe"
        self.count = 0
        self.longest_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fsync-probe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=60)
        self.path.unlink(missing_ok=True)

    def _run(self) -> None:
        file, page = os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600), bytes(PAGE)
        try:
            while True:
                begun = time.perf_counter()
                os.pwrite(file, page, 0)
                os.fsync(file)
                self.longest_s = max(self.longest_s, time.perf_counter() - begun)
                self.count += 1
                if self._stopping.wait(EVERY_S):
                    return
        finally:
            os.close(file)


@contextmanager
def watched(database: Database, folder: Path, figures: dict[str, Any], *, asking: bool = False) -> Iterator[None]:
    """Within it a bench runs; at its end the waits for the writers' turn stand among the figures. With ``asking``
    somebody asks for the turn beside it."""
    with FsyncProbe(folder) as probe, asking_for_turns(database) if asking else nullcontext():
        yield
    figures |= waits_of(database, probe)


@contextmanager
def asking_for_turns(database: Database) -> Iterator[None]:
    """Within it a thread asks for the writers' turn, and gives it back. An error of it is raised at the end."""
    stopping, failed = threading.Event(), []

    def ask() -> None:
        try:
            while not stopping.wait(ASKS_EVERY_S):
                with database.write():
                    pass
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=ask, name="asks-for-turns", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(timeout=60)
    if failed:
        raise failed[0]


def waits_of(database: Database, probe: FsyncProbe) -> dict[str, Any]:
    """Return how long writers waited and held, what the slowest fsync took, and whether the wait is bounded by it."""
    waits, held = database.turns.waits, database.turns.held
    allowed = max(ASKED_MS, 2_000 * probe.longest_s)
    return {
        "writes": waits.count, "wait_p999_ms": round(waits.quantile(0.999) * 1000, 1),
        "wait_max_ms": round(waits.longest_s * 1000, 1), "held_p999_ms": round(held.quantile(0.999) * 1000, 1),
        "held_max_ms": round(held.longest_s * 1000, 1), "fsyncs": probe.count,
        "slowest_fsync_ms": round(probe.longest_s * 1000, 1), "wait_allowed_ms": round(allowed, 1),
        "wait_within": waits.longest_s * 1000 <= allowed,
    }  # fmt: skip
