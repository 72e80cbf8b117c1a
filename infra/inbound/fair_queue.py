"""The bodies that wait for the writer, by source: whoever sends much waits behind himself and not before others."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import Any

from engine.kernel.errors import QorgauError
from infra.inbound.parser_pool import Batch

MOST_OF_ALL = 4
"""The sources together may have so many times what one may have."""
BYTES_OF_ONE = 32 * 1024 * 1024
BYTES_OF_ALL = 64 * 1024 * 1024

Waiting = tuple[Batch, "Future[Any]"]


class QueueFull(QorgauError):
    """The intake cannot take more now; the producer must wait and send the batch again."""

    code = "intake.busy"


class FairQueue:
    """A bounded queue for each source, emptied in turn: one body of each. A source may be held while a large body of it
    is worked on, so that its bodies keep their order."""

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize
        """Bodies that one source may have waiting."""
        self._waiting: dict[str, deque[Waiting]] = {}
        self._held: set[str] = set()
        self._count = 0
        self._bytes: dict[str, int] = {}
        self._closed = False
        self._changed = threading.Condition()

    def put(self, batch: Batch, future: Future[Any]) -> None:
        """Add a body. Raise QueueFull when its source, or all together, have too much waiting."""
        size = len(batch.body)
        with self._changed:
            mine = self._waiting.get(batch.source, ())
            if mine and (
                len(mine) >= self.maxsize
                or self._bytes[batch.source] + size > BYTES_OF_ONE
                or self._count >= self.maxsize * MOST_OF_ALL
                or sum(self._bytes.values()) + size > BYTES_OF_ALL
            ):
                raise QueueFull("the intake is full; send the batch again after the time given")
            self._waiting.setdefault(batch.source, deque()).append((batch, future))
            self._bytes[batch.source] = self._bytes.get(batch.source, 0) + size
            self._count += 1
            self._changed.notify()

    def gather(self, most: int, most_bytes: int, *, wait: bool) -> list[Waiting]:
        """Take bodies of all sources in turn, until there are so many or so many bytes; nothing when none is there.

        ``wait``: until there is one, or the queue is closed.
        """
        with self._changed:
            while wait and not self._closed and not self._ready():
                self._changed.wait()
            found: list[Waiting] = []
            size = 0
            while (turn := self._ready()) and len(found) < most and size < most_bytes:
                for source in turn:
                    found.append(self._take(source))
                    size += len(found[-1][0].body)
                    if len(found) >= most or size >= most_bytes:
                        break
            return found

    def _ready(self) -> list[str]:
        return [source for source in self._waiting if source not in self._held]

    def _take(self, source: str) -> Waiting:
        """Take the oldest body of a source and put the source behind the others."""
        mine = self._waiting.pop(source)
        taken = mine.popleft()
        self._count -= 1
        if mine:
            self._waiting[source] = mine
            self._bytes[source] -= len(taken[0].body)
        else:
            del self._bytes[source]
        return taken

    def hold(self, source: str) -> None:
        """Let the bodies of a source wait."""
        with self._changed:
            self._held.add(source)

    def release(self, source: str) -> None:
        """Let them come again."""
        with self._changed:
            self._held.discard(source)

    def close(self) -> None:
        """Say that no more come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def finished(self) -> bool:
        """Say whether it is closed and empty."""
        with self._changed:
            return self._closed and not self._count
