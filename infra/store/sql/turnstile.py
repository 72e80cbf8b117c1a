"""Turns among the processes that write to one SQLite file.

SQLite lets whoever asks at the right moment have its lock, and those who wait ask ever more seldom: a worker that
writes one unit after the other could keep the console waiting for seconds. Here who wants to write first takes the
place before the gate, then the gate, and gives the place up: whoever has just written comes after whoever waits.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import IO

ASKS_EVERY_S = 0.001


class Turnstile:
    """The place before the gate and the gate, as locks on two files that end with the process that holds them.

    One thread of a process may use it at a time; ``WriterTurns`` sees to that.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._store = path
        self._names = [path.with_name(f"{path.name}-{name}") for name in ("place", "gate")]
        self._timeout_s = timeout_s
        self._files: list[IO[bytes]] = []
        self._pause = threading.Event()
        self._depth = 0

    def enter(self) -> None:
        """Wait for the turn. Raise sqlite3.OperationalError, as SQLite does, when it does not come."""
        self._depth += 1
        if self._depth > 1:
            return
        try:
            self._pass()
        except BaseException:
            self._depth -= 1
            raise

    def _pass(self) -> None:
        if not self._files:
            self._files = [self._open(name) for name in self._names]
        place, gate = self._files
        ends = time.monotonic() + self._timeout_s
        self._take(place, ends)
        try:
            self._take(gate, ends)
        finally:
            fcntl.flock(place, fcntl.LOCK_UN)

    def _open(self, name: Path) -> IO[bytes]:
        """Open a lock file, as the store's owner would: a command that an administrator runs must not lock them out."""
        fresh = not name.exists()
        try:
            file = name.open("ab")
        except PermissionError:
            return name.open("rb")  # to lock it is enough to read it
        if fresh and self._store.exists():
            like = self._store.stat()
            os.fchmod(file.fileno(), like.st_mode & 0o666)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
        return file

    def _take(self, file: IO[bytes], ends: float) -> None:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise sqlite3.OperationalError("database is locked") from None
            self._pause.wait(ASKS_EVERY_S)

    def leave(self) -> None:
        """Give the turn to whoever waits."""
        self._depth -= 1
        if not self._depth:
            fcntl.flock(self._files[1], fcntl.LOCK_UN)

    def close(self) -> None:
        """Let the files go."""
        for file in self._files:
            file.close()
        self._files = []
