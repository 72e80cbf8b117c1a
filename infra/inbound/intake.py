"""Taking batches in: raw bytes are committed before they are parsed, one writer commits for all producers.

``accept`` is called by many threads. A bounded queue gathers their batches; a single thread stores the raw bytes of
all of them in one transaction, parses, and stores events, dead letters and the end of the raw copy in a second one.
A full queue refuses at once (back-pressure); an answer means the batch is on disk.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

import orjson

from engine.events.catalogue import Catalogue
from engine.events.envelope import Rejected, split_batch
from engine.kernel.errors import InputError, QorgauError
from engine.kernel.ports import Taken, TimeSource
from engine.kernel.timestamps import iso
from infra.inbound.parser_pool import Batch, Reader, ReaderLost, Readers
from infra.observe.tracing import OFF, Tracing
from infra.store.keys.sealing import KeysChanged
from infra.store.log.ledger import RAW, Ledger, store_dead_letters
from infra.store.log.prepared import Prepared
from infra.store.sql.database import Database

GATHER = 32
GATHERED = 1_000_000
"""Bytes of bodies after which no more are gathered into one commit: whoever else writes waits for it."""


class QueueFull(QorgauError):
    """The intake cannot take more now; the producer must wait and send the batch again."""

    code = "intake.busy"


class ForeignSource(InputError):
    """The batch speaks for a source its credential may not speak for; all of it is refused and kept as dead letters."""

    code = "source-mismatch"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a producer gets back: the counts, and each line that was set aside with its reason."""

    taken: Taken
    rejects: tuple[Rejected, ...]


_Answer = Receipt | Exception


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
        self._queue: queue.Queue[tuple[Batch, Future[Receipt]] | None] = queue.Queue(queue_batches)
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
        rejects: list[Rejected] = []

        def make() -> Prepared:
            ready = self.reader.read(batch)
            rejects[:] = ready.rejects
            return ready

        return Receipt(self.ledger.durably(make), tuple(rejects))

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
        try:
            self._queue.put_nowait((batch, future))
        except queue.Full:
            raise QueueFull("the intake is full; send the batch again after the time given") from None
        return future

    def start(self) -> None:
        """Take up what an earlier process left behind, then start the writer."""
        self.recover()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued and end the writer."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=60)
            self._thread = None

    def recover(self) -> int:
        """Parse and store bodies whose raw bytes were committed and whose process died then; return their number."""
        left = self.database.rows("SELECT id, source, claims, received_at, body FROM intake ORDER BY id")
        for row in left:
            claims = orjson.loads(row["claims"])
            batch = Batch(
                row["source"],
                frozenset(claims) if claims is not None else None,
                datetime.fromisoformat(row["received_at"]),
                self._show(bytes(row["body"])),
            )
            self._store([(batch, row["id"])], [self.begin(batch)])
        return len(left)

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            gathered = [first]
            stop = False
            size = len(first[0].body)
            while len(gathered) < GATHER and size < GATHERED:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    stop = True
                    break
                gathered.append(more)
                size += len(more[0].body)
            self._work(gathered)
            if stop:
                return

    def _work(self, gathered: Sequence[tuple[Batch, Future[Receipt]]]) -> None:
        try:
            begun = [self.begin(batch) for batch, _ in gathered] if self.readers is not None else []
            rows = self._keep_raw([batch for batch, _ in gathered])
            begun = begun or [self.begin(batch) for batch, _ in gathered]
            results = self._store([(batch, row) for (batch, _), row in zip(gathered, rows, strict=True)], begun)
        except Exception as error:
            for _, future in gathered:
                future.set_exception(error)
            return
        for (_, future), result in zip(gathered, results, strict=True):
            if isinstance(result, Receipt):
                future.set_result(result)
            else:
                future.set_exception(result)
        self.on_commit()

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

    def _show(self, body: bytes) -> bytes:
        sealer = self.ledger.sealer
        plain = sealer.unlock(RAW, body) if sealer is not None else body
        return plain if plain is not None else b""

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
            for (batch, row), ready in zip(batches, readings, strict=True):
                if ready.foreign:
                    store_dead_letters(cursor, self._whole(batch, ready), batch.received_at, self.ledger.sealer)
                    results.append(
                        ForeignSource(
                            "the batch names a source this token may not speak for; nothing of it was accepted",
                            line=next(r.line for r in ready.rejects if r.code == ForeignSource.code),
                            field="event.provider",
                        )
                    )
                else:
                    taken = self.ledger.append_within(cursor, ready)
                    if batch.trace:
                        self.tracing.remember(cursor, self.ledger.head_within(cursor), taken.accepted, batch.trace)
                    results.append(Receipt(taken, tuple(ready.rejects)))
                cursor.execute("DELETE FROM intake WHERE id = ?", (row,))
        return results

    def _whole(self, batch: Batch, ready: Prepared) -> list[Rejected]:
        """All lines of a refused batch as dead letters: nothing that came in is lost."""
        reason = "another line of this batch named a foreign source"
        set_aside = {reject.line for reject in ready.rejects}
        others = [
            Rejected(line, ForeignSource.code, reason, raw, "event.provider", batch.source)
            for line, raw in split_batch(batch.body)
            if line not in set_aside
        ]
        return [*ready.rejects, *others]
