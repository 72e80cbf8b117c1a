"""Messages of a stream become events of the ledger, together with how far each partition was taken.

The position of a partition is written in the transaction that stores its events, so it and nothing else says what was
processed: offsets that a consumer library committed are never asked (Faust acknowledges what an agent raised on, and
loses commits in a double rebalance; faust-streaming issue 318). A message that comes again is recognised by its offset,
and an event that comes again by its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

from engine.events.catalogue import Catalogue
from engine.events.envelope import Rejected, SecurityEvent, TooManyLines, split_batch
from engine.events.parser import EventParser
from engine.events.set_aside import SetAside, untried
from engine.kernel.errors import Conflict, QorgauError
from engine.kernel.ports import Taken, TimeSource
from engine.kernel.timestamps import iso
from infra.observe.tracing import OFF, Tracing
from infra.store.keys.sealing import KeysChanged
from infra.store.log.ledger import Ledger
from infra.store.log.prepared import Prepared, prepare

MOST_LINES = 50_000
"""Lines of one message; more are nobody's events, and the message is set aside whole."""
Partition = tuple[str, int]
"""Topic and number."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message: where it stood in the stream, and its bytes (one event, NDJSON, or a JSON array of events)."""

    topic: str
    partition: int
    offset: int
    value: bytes
    trace: str = ""
    """The trace it belongs to (W3C traceparent), empty for none."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition was taken: the next offset, and the digest of the message before it."""

    next: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A piece of a message that was set aside, with what it came from."""

    arrival: Arrival
    reject: Rejected


@dataclass(frozen=True, slots=True)
class Read:
    """A batch that was read and is not stored yet."""

    ready: Prepared
    dead: tuple[DeadLetter, ...]
    before: Mapping[Partition, Position | None]
    after: Mapping[Partition, Position]


class Skipped(QorgauError):
    """Offsets are missing between what was taken and what came; they are asked for once more before it is believed."""

    code = "stream.skipped"

    def __init__(self, partition: Partition, expected: int, got: int) -> None:
        super().__init__(f"{partition[0]}/{partition[1]}: offset {expected} was awaited and {got} came")
        self.partition, self.expected, self.got = partition, expected, got


class TopicReplaced(QorgauError):
    """The message before our position is not the one that was taken: the topic was made again under its old name."""

    code = "stream.topic-replaced"

    def __init__(self, partition: Partition) -> None:
        super().__init__(f"{partition[0]}/{partition[1]} was made again; it is taken from its beginning")
        self.partition = partition


class Moved(QorgauError):
    """Another process took messages of this partition meanwhile; the batch is read again."""

    code = "stream.moved"


class Arrivals:
    """Takes batches of messages into one ledger. ``prefix.SOURCE`` is the topic of a source."""

    def __init__(
        self, ledger: Ledger, catalogue: Catalogue, clock: TimeSource, prefix: str, *, keep_unknown_types: bool,
        tracing: Tracing = OFF,
    ) -> None:  # fmt: skip
        self.tracing = tracing
        self.ledger = ledger
        self.catalogue = catalogue
        self.clock = clock
        self.prefix = prefix
        self.keep_unknown_types = keep_unknown_types
        self._believed: set[tuple[Partition, int, int]] = set()

    def topic(self, source: str) -> str:
        """Return the topic of a source."""
        return f"{self.prefix}.{source}"

    def positions(self) -> dict[Partition, Position]:
        """Return how far every partition was taken."""
        rows = self.ledger.database.rows("SELECT topic, part, next, digest FROM arrivals")
        return {(row["topic"], row["part"]): Position(row["next"], bytes(row["digest"])) for row in rows}

    def read(self, arrivals: Sequence[Arrival]) -> Read:
        """Read what is new of a batch, in its order. Raises Skipped and TopicReplaced; never for any content."""
        held = self.positions()
        fresh: list[Arrival] = []
        before: dict[Partition, Position | None] = {}
        latest: dict[Partition, Arrival] = {}
        for arrival in _in_order(arrivals):
            partition = (arrival.topic, arrival.partition)
            known = before.setdefault(partition, held.get(partition))
            if partition in latest:
                expected = latest[partition].offset + 1
            else:
                expected = known.next if known is not None else arrival.offset
                if known is not None and arrival.offset == expected - 1 and self._digest(arrival) != known.digest:
                    raise TopicReplaced(partition)
            if arrival.offset < expected:
                continue
            self._without_gap(partition, expected, arrival.offset)
            latest[partition] = arrival
            fresh.append(arrival)
        ready, dead = self._prepare(fresh)
        after = {key: Position(it.offset + 1, self._digest(it)) for key, it in latest.items()}
        return Read(ready, tuple(dead), {key: before[key] for key in after}, after)

    def _without_gap(self, partition: Partition, expected: int, got: int) -> None:
        """Refuse a gap the first time; compaction and transactions leave gaps that stay."""
        gap = (partition, expected, got)
        if got > expected and gap not in self._believed:
            self._believed.add(gap)
            raise Skipped(*gap)

    def _prepare(self, fresh: Sequence[Arrival]) -> tuple[Prepared, list[DeadLetter]]:
        """Read messages of several topics as one block: their order is the order of the ledger."""
        received_at = self.clock.now()
        doors: dict[str, EventParser] = {}
        events: list[SecurityEvent] = []
        letters: list[DeadLetter] = []
        for topic, run in groupby(fresh, key=attrgetter("topic")):
            door = doors.get(topic) or doors.setdefault(topic, self._door(topic, received_at))
            origins: list[tuple[Arrival, int]] = []
            parts: list[tuple[int, bytes]] = []
            for arrival in run:
                try:
                    lines = list(split_batch(arrival.value, MOST_LINES))
                except TooManyLines:
                    letters.append(DeadLetter(arrival, self._unsplit(arrival)))
                    continue
                if not lines:
                    source = topic.removeprefix(f"{self.prefix}.")
                    empty = Rejected(1, "empty", "the message holds no event", arrival.value, None, source)
                    letters.append(DeadLetter(arrival, empty))
                for line, raw in lines:
                    origins.append((arrival, line))
                    parts.append((len(origins), raw))
            some, rejects = door.read_all(parts)
            events += some
            letters += self._letters(door.source, origins, rejects)
        while True:
            try:
                return prepare(events, [it.reject for it in letters], received_at, self.ledger.sealer), letters
            except KeysChanged:
                continue

    def _letters(
        self, source: str, origins: Sequence[tuple[Arrival, int]], rejects: Sequence[Rejected]
    ) -> Iterator[DeadLetter]:
        """Return the dead letters of each message: its first bad lines, and one for the others."""
        for _, run in groupby(rejects, key=lambda it: id(origins[it.line - 1][0])):
            of_one = list(run)
            aside = SetAside(source)
            aside.add(replace(it, line=origins[it.line - 1][1]) for it in of_one)
            arrival = origins[of_one[0].line - 1][0]
            for letter in aside.letters():
                yield DeadLetter(arrival, letter)

    def _unsplit(self, arrival: Arrival) -> Rejected:
        source, count = arrival.topic.removeprefix(f"{self.prefix}."), arrival.value.count(b"\n") + 1
        return untried(arrival.value, f"a message may have {MOST_LINES} lines", source, count)

    def _door(self, topic: str, received_at: datetime) -> EventParser:
        source = topic.removeprefix(f"{self.prefix}.")
        claims, unknown = frozenset({source}), self.keep_unknown_types
        return EventParser(self.catalogue, source, received_at, claims=claims, keep_unknown_types=unknown)

    def store(self, read: Read, trace: str = "") -> Taken:
        """Store a batch with its positions in one transaction. Raises Moved, KeysChanged and what the store raises."""
        with self.ledger.database.write() as cursor:
            cursor.execute("SELECT topic, part, next FROM arrivals")
            held = {(row[0], row[1]): row[2] for row in cursor.fetchall()}
            for partition, expected in read.before.items():
                if held.get(partition) != (expected.next if expected else None):
                    raise Moved(f"{partition[0]}/{partition[1]} was taken by another process")
            taken = self.ledger.append_within(cursor, read.ready)
            if trace:
                self.tracing.remember(cursor, self.ledger.head_within(cursor), taken.accepted, trace)
            at = iso(self.clock.now())
            cursor.executemany(
                "INSERT INTO arrivals (topic, part, next, digest, at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (topic, part) DO UPDATE SET next = excluded.next, digest = excluded.digest, "
                "at = excluded.at",
                [(topic, part, it.next, it.digest, at) for (topic, part), it in read.after.items()],
            )
        return taken

    def skip(self, arrival: Arrival, reason: str) -> None:
        """Pass over the next message of a partition: it is kept as a dead letter with the reason.

        Raise Conflict when another message is next, for then nothing waits for this one.
        """
        source = arrival.topic.removeprefix(f"{self.prefix}.")
        letter = Rejected(1, "skipped", f"passed over by hand: {reason}", arrival.value, None, source)
        key = (arrival.topic, arrival.partition)
        held = self.positions().get(key)
        if held is not None and held.next != arrival.offset:
            raise Conflict(f"{key[0]}/{key[1]}: the next offset is {held.next}", code="stream.next")
        ready = prepare([], [letter], self.clock.now(), self.ledger.sealer)
        self.store(Read(ready, (), {key: held}, {key: Position(arrival.offset + 1, self._digest(arrival))}))

    def forget(self, partition: Partition) -> None:
        """Take a partition from its beginning again; events that are known are not stored twice."""
        with self.ledger.database.write() as cursor:
            cursor.execute("DELETE FROM arrivals WHERE topic = ? AND part = ?", partition)

    def _digest(self, arrival: Arrival) -> bytes:
        sealer = self.ledger.sealer
        return sealer.digest(arrival.value) if sealer is not None else sha256(arrival.value).digest()


def _in_order(arrivals: Sequence[Arrival]) -> Iterator[Arrival]:
    """Keep the order among partitions, and bring that within each to its offsets: after a seek some come again."""
    queues: dict[Partition, list[Arrival]] = {}
    for arrival in arrivals:
        queues.setdefault((arrival.topic, arrival.partition), []).append(arrival)
    for queue in queues.values():
        queue.sort(key=attrgetter("offset"), reverse=True)
    for arrival in arrivals:
        yield queues[arrival.topic, arrival.partition].pop()
