"""Taking batches in: raw bytes are committed before they are parsed, one writer commits for all producers.

``accept`` is called by many threads. A bounded queue, fair among the sources, gathers their batches; a single thread
stores the raw bytes of all of them in one transaction, parses, and stores events, dead letters and the end of the raw
copy in a second one. A large body is read and stored piece by piece, and between two pieces others have their turn:
its dead letters and the end of its raw copy come with its last piece, and a process that died before begins it anew,
when what was stored is known by its ids. A full queue refuses at once (back-pressure); an answer means the batch is on
disk.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import orjson

from engine.events.catalogue import Catalogue
from engine.events.envelope import Rejected, split_batch
from engine.events.set_aside import SetAside
from engine.kernel.errors import InputError
from engine.kernel.ports import Taken, TimeSource
from engine.kernel.timestamps import iso
from infra.inbound.fair_queue import FairQueue, QueueFull
from infra.inbound.parser_pool import Batch, Reader, ReaderLost, Readers
from infra.inbound.recovery import Left, Recovery
from infra.observe.tracing import OFF, Tracing
from infra.store.keys.sealing import KeysChanged
from infra.store.log.ledger import RAW, Ledger, store_dead_letters
from infra.store.log.prepared import FOREIGN, Prepared
from infra.store.sql.database import Database

__all__ = ("ForeignSource", "Intake", "QueueFull", "Receipt")

log = logging.getLogger("qorgau.intake")
GATHER = 32
GATHERED = 1_000_000
"""Bytes of bodies after which no more are gathered into one commit: whoever else writes waits for it."""
PIECE = 5_000
"""Lines of a body that are stored in one transaction."""


class ForeignSource(InputError):
    """The batch speaks for a source its credential may not speak for; all of it is refused and kept as dead letters."""

    code = FOREIGN


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a producer gets back: the counts, and the dead letters with their reasons, the last for many lines."""

    taken: Taken
    rejects: tuple[Rejected, ...]


_Answer = Receipt | Exception
Steps = Generator[None, None, Receipt]
"""The work on a large body; others have their turn at each step."""


class Intake:
    """The way into the ledger."""

    def __init__(
        self, ledger: Ledger, catalogue: Catalogue, clock: TimeSource, *, queue_batches: int, keep_unknown_types: bool,
        tracing: Tracing = OFF,
    ) -> None:  # fmt: skip
        self.tracing = tracing
        self.ledger = ledger
        self.database: Database = ledger.database
        self.clock = clock
        self.reader = Reader(catalogue, ledger.sealer, keep_unknown_types)
        self.readers: Readers | None = None
        self.on_commit: Callable[[], None] = lambda: None
        self.recovery = Recovery(self.database, ledger.sealer, self._again)
        self._queue = FairQueue(queue_batches)
        self._large: deque[tuple[Steps, Future[Receipt], str]] = deque()
        """Large bodies under way, at most one of each source."""
        self._thread: threading.Thread | None = None

    def read(self, batch: Batch) -> Prepared:
        """Parse a body and make it ready, here or in a reader process. Never raises for any content."""
        return self.begin(batch).result()

    def begin(self, batch: Batch) -> Future[Prepared]:
        """Begin to read a body; with reader processes the caller goes on meanwhile."""
        if self.readers is not None:
            return self.readers.submit(batch)
        done: Future[Prepared] = Future()
        done.set_result(self.reader.read(batch))
        return done

    def take(self, batch: Batch) -> Receipt:
        """Parse and store in the calling thread (the command line); durable when it returns."""
        return _finished(self._steps(batch, self.reader.read))

    def pour(self, batches: Iterable[Batch]) -> Iterator[Receipt]:
        """Take many batches in order; with reader processes the next ones are read while one is stored."""
        ahead = self.readers.ahead if self.readers is not None else 1
        under_way: deque[tuple[Batch, Future[Prepared]]] = deque()
        for batch in batches:
            under_way.append((batch, self.begin(batch)))
            if len(under_way) >= ahead:
                yield self._land(*under_way.popleft())
        while under_way:
            yield self._land(*under_way.popleft())

    def _land(self, batch: Batch, future: Future[Prepared]) -> Receipt:
        ready = self._read_again(batch, future)
        aside = SetAside(batch.source)
        aside.add(ready.rejects)
        ready.rejects = list(aside.letters())
        try:
            with self.database.write() as cursor:
                taken = self.ledger.append_within(cursor, ready)
        except KeysChanged:
            return self.take(batch)
        return Receipt(taken, tuple(ready.rejects))

    def _read_again(self, batch: Batch, future: Future[Prepared]) -> Prepared:
        """Return what a reader made of a batch; when the reader died, read here."""
        try:
            return future.result()
        except ReaderLost:
            return self.reader.read(batch)

    def accept(self, batch: Batch) -> Future[Receipt]:
        """Queue a batch; the future ends when it is on disk. Raises QueueFull."""
        future: Future[Receipt] = Future()
        self._queue.put(batch, future)
        return future

    def start(self) -> None:
        """Start the writer. What an earlier process left behind is taken up beside what comes in."""
        self.recovery.begin()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued and end the writer."""
        if self._thread is not None:
            self._queue.close()
            self._thread.join(timeout=60)
            self._thread = None

    def recover(self) -> int:
        """Take up the bodies whose raw bytes were committed and whose process died then; return their number."""
        self.recovery.begin()
        while self.recovery.step():
            pass
        return self.recovery.taken_up

    def _again(self, left: Left, read: Callable[[Batch], Prepared] | None) -> Steps:
        """Read and store a body that was left behind; ``read`` where it is not to be read in this process."""
        return self._steps(left.batch, read or self._read_here, left.row)

    def _run(self) -> None:
        with closing(self.recovery):
            while self._large or not self._queue.finished:
                busy = bool(self._large) or self.recovery.waiting
                gathered = self._queue.gather(GATHER, GATHERED, wait=not busy)
                if gathered:
                    self._work(gathered)
                if self._large:
                    self._go_on()
                elif self.recovery.waiting and not gathered:
                    self._take_up()

    def _take_up(self) -> None:
        """Work on what an earlier process left behind, while nobody waits."""
        try:
            self.recovery.step()
        except Exception:
            log.exception("what an earlier process left behind waits for the store")
            return
        self.on_commit()

    def _work(self, gathered: Sequence[tuple[Batch, Future[Receipt]]]) -> None:
        small = [it for it in gathered if not _large(it[0])]
        try:
            begun = [self.begin(batch) for batch, _ in small] if self.readers is not None else []
            rows = dict(zip(map(id, gathered), self._keep_raw([batch for batch, _ in gathered]), strict=True))
            begun = begun or [self.begin(batch) for batch, _ in small]
            results = self._store([(it[0], rows[id(it)]) for it in small], begun) if small else []
        except Exception as error:
            for _, future in gathered:
                future.set_exception(error)
            return
        for (_, future), result in zip(small, results, strict=True):
            _answer(future, result)
        for it in gathered:
            if _large(it[0]):
                self._begin_large(*it, rows[id(it)])
        self.recovery.resume()
        if small:
            self.on_commit()

    def _begin_large(self, batch: Batch, future: Future[Receipt], row: int) -> None:
        self._queue.hold(batch.source)
        self._large.append((self._steps(batch, self._read_here, row), future, batch.source))

    def _go_on(self) -> None:
        """Work on one piece of the large body whose turn it is."""
        steps, future, source = self._large.popleft()
        try:
            next(steps)
            self._large.append((steps, future, source))
            return
        except StopIteration as done:
            answer: _Answer = done.value
        except Exception as error:
            answer = error
        if all(source != other for _, _, other in self._large):
            self._queue.release(source)
        _answer(future, answer)
        self.on_commit()

    def _read_here(self, batch: Batch) -> Prepared:
        return self._read_again(batch, self.begin(batch))

    def _steps(self, batch: Batch, read: Callable[[Batch], Prepared], row: int | None = None) -> Steps:
        """Read a body piece by piece, then store it piece by piece; ``row`` is its raw copy, which goes with the last.

        Raise ForeignSource, with nothing accepted, where a line of a body with a raw copy names a foreign source.
        """
        aside, bad, foreign = SetAside(batch.source), set[int](), None
        readings: list[tuple[Batch, Prepared]] = []
        for piece in _pieces(batch):
            ready = read(piece)
            foreign = foreign or _foreign_in(ready.rejects)
            aside.add(ready.rejects)
            bad.update(it.line for it in ready.rejects)
            ready.rejects = []
            readings.append((piece, ready))
            yield
        if foreign is not None and row is not None:
            with self.database.write() as cursor:
                self._keep_foreign(cursor, batch, bad, aside)
                cursor.execute("DELETE FROM intake WHERE id = ?", (row,))
            raise _refused(foreign)
        taken = Taken(rejected=aside.lines)
        letters = aside.letters()
        last = len(readings) - 1
        for number, (piece, ready) in enumerate(readings):
            ready.rejects = list(letters) if number == last else []
            taken = self._store_piece(piece, ready, row if number == last else None, taken)
            if number < last:
                yield
        return Receipt(taken, letters)

    def _store_piece(self, piece: Batch, ready: Prepared, row: int | None, before: Taken) -> Taken:
        """Store one piece of a body; return what was taken with it, rejected lines as counted before."""
        while True:
            try:
                with self.database.write() as cursor:
                    taken = self._append(cursor, piece, ready)
                    if row is not None:
                        cursor.execute("DELETE FROM intake WHERE id = ?", (row,))
                return before.model_copy(
                    update={it: getattr(before, it) + getattr(taken, it) for it in ("accepted", "duplicate", "flagged")}
                )
            except KeysChanged:
                letters, ready = ready.rejects, self.reader.read(piece)
                ready.rejects = letters

    def _append(self, cursor: Any, batch: Batch, ready: Prepared) -> Taken:
        taken = self.ledger.append_within(cursor, ready)
        if batch.trace:
            self.tracing.remember(cursor, self.ledger.head_within(cursor), taken.accepted, batch.trace)
        return taken

    def _keep_foreign(self, cursor: Any, batch: Batch, bad: set[int], aside: SetAside) -> None:
        """Keep all lines of a refused batch as dead letters: nothing that came in is lost."""
        reason = "another line of this batch named a foreign source"
        aside.add(
            Rejected(line, FOREIGN, reason, raw, "event.provider", batch.source)
            for line, raw in _parts(batch)
            if line not in bad
        )
        store_dead_letters(cursor, aside.letters(), batch.received_at, self.ledger.sealer)

    def _keep_raw(self, batches: Sequence[Batch]) -> list[int]:
        """Commit the bytes as they came, before anything looks into them."""
        rows: list[int] = []
        with self.database.write() as cursor:
            for batch in batches:
                claims = orjson.dumps(sorted(batch.claims) if batch.claims is not None else None).decode()
                cursor.execute(
                    "INSERT INTO intake (source, claims, received_at, body) VALUES (?, ?, ?, ?) RETURNING id",
                    (batch.source, claims, iso(batch.received_at), self._hide(batch)),
                )
                rows.append(int(cursor.fetchone()[0]))
        return rows

    def _hide(self, batch: Batch) -> bytes:
        sealer = self.ledger.sealer
        return sealer.lock(RAW, batch.body, batch.received_at) if sealer is not None else batch.body

    def _store(self, batches: Sequence[tuple[Batch, int]], begun: Sequence[Future[Prepared]]) -> list[_Answer]:
        """Store what was read; the raw copies go in the same transaction."""
        readings = [self._read_again(batch, future) for (batch, _), future in zip(batches, begun, strict=True)]
        while True:
            try:
                return self._store_once(batches, readings)
            except KeysChanged:
                readings = [self.reader.read(batch) for batch, _ in batches]

    def _store_once(self, batches: Sequence[tuple[Batch, int]], readings: Sequence[Prepared]) -> list[_Answer]:
        results: list[_Answer] = []
        with self.database.write() as cursor:
            for (batch, row), read in zip(batches, readings, strict=True):
                aside = SetAside(batch.source)
                aside.add(read.rejects)
                foreign = _foreign_in(read.rejects)
                if foreign is not None:
                    self._keep_foreign(cursor, batch, {it.line for it in read.rejects}, aside)
                    results.append(_refused(foreign))
                else:
                    ready = replace(read, rejects=list(aside.letters()))
                    results.append(Receipt(self._append(cursor, batch, ready), tuple(ready.rejects)))
                cursor.execute("DELETE FROM intake WHERE id = ?", (row,))
        return results


def _foreign_in(rejects: Iterable[Rejected]) -> Rejected | None:
    return next((it for it in rejects if it.code == FOREIGN), None)


def _refused(foreign: Rejected) -> ForeignSource:
    return ForeignSource(
        "the batch names a source this token may not speak for; nothing of it was accepted",
        line=foreign.line, field="event.provider",
    )  # fmt: skip


def _answer(future: Future[Receipt], result: _Answer) -> None:
    if isinstance(result, Receipt):
        future.set_result(result)
    else:
        future.set_exception(result)


def _parts(batch: Batch) -> Iterable[tuple[int, bytes]]:
    return split_batch(batch.body) if batch.parts is None else batch.parts


def _large(batch: Batch) -> bool:
    """Say whether a body goes into several transactions."""
    return (batch.body.count(b"\n") if batch.parts is None else len(batch.parts)) > PIECE


def _pieces(batch: Batch) -> list[Batch]:
    """Cut a large body into pieces; one that is not large stays whole."""
    parts = tuple(_parts(batch))
    if len(parts) <= PIECE:
        return [replace(batch, parts=parts)]
    return [replace(batch, body=b"", parts=parts[at : at + PIECE]) for at in range(0, len(parts), PIECE)]


def _finished(steps: Steps) -> Receipt:
    """Do all of the work on a body at once."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            receipt: Receipt = done.value
            return receipt
