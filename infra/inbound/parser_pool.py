"""Reading bodies: the door and all of storing that needs no store; in this process, or in others beside it.

Parsing, checking and encrypting are most of the work of taking events in. Reader processes do it on the other cores.
They are given bytes and give bytes; nothing is unpickled. When one dies its batches are read here.
"""

from __future__ import annotations

import fcntl
import queue
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

import orjson

from engine.events.catalogue import Catalogue
from engine.events.envelope import split_batch
from engine.events.parser import EventParser
from infra.store.keys.sealing import Sealer
from infra.store.log.prepared import Prepared, prepare
from reports.children.limits import clean_environment

FLIGHT = 2
"""Batches one reader has at a time: one it works on, one it finds when it is done."""


class ReaderLost(Exception):
    """A reader process ended while it had this batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One body of one producer."""

    source: str
    claims: frozenset[str] | None
    received_at: datetime
    body: bytes
    trace: str = ""
    """The trace it belongs to (W3C traceparent), empty for none."""
    parts: tuple[tuple[int, bytes], ...] | None = None
    """The body split already, (line, bytes); None where nobody had to look into it."""


class Reader:
    """Reads in this process."""

    def __init__(self, catalogue: Catalogue, sealer: Sealer | None, keep_unknown_types: bool) -> None:
        self.catalogue = catalogue
        self.sealer = sealer
        self.keep_unknown_types = keep_unknown_types

    def read(self, batch: Batch) -> Prepared:
        """Parse a body and make it ready. Never raises for any content."""
        door = EventParser(
            self.catalogue, batch.source, batch.received_at, claims=batch.claims,
            keep_unknown_types=self.keep_unknown_types,
        )  # fmt: skip
        events, rejects = door.read_all(split_batch(batch.body) if batch.parts is None else batch.parts)
        return prepare(events, rejects, batch.received_at, self.sealer)


class Readers:
    """Reader processes; ``submit`` may be called from several threads. Results come in any order."""

    def __init__(self, count: int, keep_unknown_types: bool, keys: dict[str, Any] | None) -> None:
        self.ahead = count * (FLIGHT + 1)
        self._todo: queue.SimpleQueue[tuple[Batch, Future[Prepared]] | None] = queue.SimpleQueue()
        about = orjson.dumps({"keep_unknown_types": keep_unknown_types, "keys": keys})
        self._children = [_Child(self._todo, about) for _ in range(count)]

    def submit(self, batch: Batch) -> Future[Prepared]:
        """Have a batch read."""
        future: Future[Prepared] = Future()
        self._todo.put((batch, future))
        return future

    def close(self) -> None:
        """End the processes."""
        for _ in self._children:
            self._todo.put(None)
        for child in self._children:
            child.close()


class _Child:
    """One reader process with a thread that sends and one that receives, so that it never waits for this process."""

    def __init__(self, todo: queue.SimpleQueue[tuple[Batch, Future[Prepared]] | None], about: bytes) -> None:
        self._todo = todo
        self.lost = False
        self._flight: deque[tuple[Batch, Future[Prepared]]] = deque()
        self._room = threading.Semaphore(FLIGHT)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "infra.inbound.parser_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=clean_environment(),
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        for pipe in (self._in, self._out):
            _widen(pipe)
        write_frame(self._in, about)
        self._threads = [
            threading.Thread(target=run, name=f"reader-{name}", daemon=True)
            for name, run in (("send", self._send), ("receive", self._receive))
        ]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while True:
            if not self.lost:
                self._room.acquire()
            item = self._todo.get()
            if item is None:
                break
            batch = item[0]
            self._flight.append(item)
            try:
                write_frame(self._in, *_frame(batch))
            except (OSError, ValueError):
                self.lost = True
            if self.lost:
                self._fail_flight()
        with suppress(OSError):
            self._in.close()

    def _receive(self) -> None:
        while (answer := read_frame(self._out)) is not None:
            batch, future = self._flight.popleft()
            future.set_result(Prepared.from_bytes(answer, batch.received_at))
            self._room.release()
        self.lost = True
        self._fail_flight()
        self._room.release()

    def _fail_flight(self) -> None:
        """Give back what a dead process had; called by both threads, each batch is given back once."""
        while True:
            try:
                _, future = self._flight.popleft()
            except IndexError:
                return
            future.set_exception(ReaderLost())

    def close(self) -> None:
        """Wait for the process to end."""
        for thread in self._threads:
            thread.join(timeout=10)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()


def _frame(batch: Batch) -> tuple[bytes, ...]:
    """Write a batch for a reader process; one that is split already goes as its parts."""
    head: dict[str, Any] = {
        "source": batch.source, "claims": sorted(batch.claims) if batch.claims is not None else None,
        "received_at": batch.received_at.isoformat(),
    }  # fmt: skip
    if batch.parts is None:
        return orjson.dumps(head) + b"\n", batch.body
    head["parts"] = [(line, len(raw)) for line, raw in batch.parts]
    return orjson.dumps(head) + b"\n", *(raw for _, raw in batch.parts)


def _widen(pipe: IO[bytes]) -> None:
    """Let a whole batch fit into a pipe, so that neither side wakes the other for each 64 KiB; Linux only."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)


def write_frame(stream: IO[bytes], *parts: bytes) -> None:
    """Write bytes with their length before them."""
    stream.write(sum(map(len, parts)).to_bytes(4, "big"))
    for part in parts:
        stream.write(part)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Read what ``write_frame`` wrote; None at the end."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    data = stream.read(size)
    return data if len(data) == size else None
