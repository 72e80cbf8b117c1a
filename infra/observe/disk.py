"""Whether the disk still takes what must be written: tried, and kept in memory, for a full disk keeps nothing."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 10.0
TRIAL = 64 * 1024
"""Bytes of a trial: the next pages of the write-ahead log."""


@dataclass(frozen=True, slots=True)
class Disk:
    """How a disk stands: ``fault`` says why nothing can be written, empty when it can; free and low in percent."""

    fault: str = ""
    free: int = 100
    low: bool = False


class DiskWatch:
    """Looks at the disk of a folder, at most every ten seconds."""

    def __init__(self, folder: Path, low_percent: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.low_percent = low_percent
        self._seconds = seconds
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._disk = Disk()

    def look(self) -> Disk:
        """Return how it stands. Never raises."""
        with self._lock:
            now = self._seconds()
            if self._looked is None or now - self._looked >= EVERY_S:
                self._looked, self._disk = now, self._now()
            return self._disk

    def _now(self) -> Disk:
        try:
            usage = shutil.disk_usage(self.folder)
            free = 100 * usage.free // max(usage.total, 1)
            self._try()
        except OSError as error:
            return Disk(f"nothing can be written to {self.folder}: {error.strerror}", 0, low=True)
        return Disk("", free, low=free < self.low_percent)

    def _try(self) -> None:
        path = self.folder / f".trial-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                left = TRIAL
                while left:
                    left -= os.write(handle, bytes(left))
                os.fsync(handle)
            finally:
                os.close(handle)
        finally:
            path.unlink(missing_ok=True)
