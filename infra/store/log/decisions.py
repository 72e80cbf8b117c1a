"""The log of decisions: rows without gaps, chained, in a signed tree; read by followers and folded to aggregates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from engine.kernel.facts import Fact, StoredFact
from engine.proofs.chain import GENESIS, leaf, link, row_bytes
from engine.proofs.merkle import Tree
from infra.store import views
from infra.store.log import topics
from infra.store.log.aggregates import KINDS, A, kind_of
from infra.store.log.fact_cache import RecentFacts
from infra.store.log.snapshots import Snapshots
from infra.store.log.tree import SignedTree
from infra.store.log.unit import UnitOfWork
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Database

LOADED_AT_ONCE = 100
TOGETHER = 500
"""Facts of a timeline that are read together."""


class Decisions:
    """The log of decisions on any ``Database``."""

    def __init__(self, database: Database, tree: SignedTree) -> None:
        self.database = database
        self.tree = tree
        self.on_commit: Callable[[], None] = lambda: None
        self.recent = RecentFacts()
        self._snapshots = Snapshots()
        self.recorder = database.recorder("decisions")
        self.recorder.insert = self.insert  # type: ignore[attr-defined]
        self._plant_tree()

    def _plant_tree(self) -> None:
        """Give the rows of a store from before the trees their leaves."""
        with self.database.read() as cursor:
            if self.tree.frontier(cursor).size or _head_of(cursor)[0] == 0:
                return
        with self.database.write() as cursor:
            if self.tree.frontier(cursor).size == 0:
                cursor.execute(f"SELECT {_HASHED} FROM decisions ORDER BY position")  # noqa: S608 - our own names
                rows = [hashed(row) for row in cursor.fetchall()]
                cursor.execute("SELECT state FROM decisions ORDER BY position DESC LIMIT 1")
                at = datetime.fromisoformat(topics.MAPPER.transcoder.decode(bytes(cursor.fetchone()[0]))["at"])
                self.tree.grow(cursor, [leaf(row) for row in rows], at)

    def insert(self, cursor: Cursor, stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        """Append rows inside a write transaction: positions without gaps, chained, in the signed tree."""
        position, previous = _head_of(cursor)
        first, rows, leaves = position + 1, [], []
        for event in stored_events:
            position += 1
            key = _hex(event.originator_id)
            row = row_bytes(position, key, event.originator_version, event.topic, event.state)
            previous = link(previous, row)
            leaves.append(leaf(row))
            rows.append((position, key, event.originator_version, event.topic, event.state, previous))
        cursor.executemany(
            "INSERT INTO decisions (position, originator_id, originator_version, topic, state, hash) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        if rows:
            self.tree.grow(cursor, leaves, None)
            self.database.announce(cursor)
        return range(first, position + 1)

    @contextmanager
    def unit(self, at: datetime) -> Iterator[UnitOfWork]:
        """Open a unit of work."""
        with self.database.write() as cursor:
            unit = UnitOfWork(self, cursor, at)
            yield unit
            unit.flush()
        for stored in unit.written:  # the followers need not read again what was written here
            self.recent.keep(stored)
        self.on_commit()

    def load_within(self, cursor: Cursor, kind: type[A], key: str) -> A:
        """Fold an aggregate from its facts inside a transaction."""
        return self._fold(cursor, kind, key, None)

    def _fold(self, cursor: Cursor, kind: type[A], key: str, until: int | None) -> A:
        """Fold an aggregate up to a position, None for all of it, from the latest snapshot there is."""
        after, found = self._snapshots.before(key, until) or (0, kind())
        base = found.version
        limit, bounds = (" AND position <= ?", (until,)) if until is not None else ("", ())
        cursor.execute(
            "SELECT position, topic, state FROM decisions WHERE originator_id = ? AND originator_version > ?"  # noqa: S608
            f"{limit} ORDER BY originator_version",
            (UUID(key).hex, base, *bounds),
        )
        for position, topic, state in cursor.fetchall():
            found.apply(self._fact(position, topic, state))
            after = position
        self._snapshots.keep(key, after, found, base)
        return found

    def load_many_within(
        self, cursor: Cursor, kind: type[A], keys: Sequence[str], until: int | None = None
    ) -> dict[str, A]:
        """Fold several aggregates, up to a position of the log where one is given, by one question for each hundred."""
        limit, bounds = ("AND position <= ? ", (until,)) if until is not None else ("", ())
        found = {key: kind() for key in keys}
        for start in range(0, len(keys), LOADED_AT_ONCE):
            part = {UUID(key).hex: key for key in keys[start : start + LOADED_AT_ONCE]}
            marks = ",".join("?" * len(part))
            cursor.execute(
                f"SELECT originator_id, position, topic, state FROM decisions WHERE originator_id IN ({marks}) {limit}"  # noqa: S608
                "ORDER BY originator_id, originator_version",
                (*part, *bounds),
            )
            for originator, position, topic, state in cursor.fetchall():
                found[part[_hex(originator)]].apply(self._fact(position, topic, state))
        return found

    def _fact(self, position: int, topic: str, state: bytes) -> Fact:
        """Read a fact; one that a follower has read already is not read again."""
        held = self.recent.get(position)
        return held.fact if held is not None else topics.decode(topic, state)

    def load_past(self, cursor: Cursor, kind: type[A], key: str, position: int) -> A:
        """Fold an aggregate from its facts up to a position of the log."""
        return self._fold(cursor, kind, key, position)

    def facts_until(self, cursor: Cursor, key: str, position: int) -> list[Fact]:
        """Return the facts of one aggregate up to a position of the log."""
        cursor.execute(
            "SELECT position, topic, state FROM decisions WHERE originator_id = ? AND position <= ? "
            "ORDER BY originator_version",
            (UUID(key).hex, position),
        )
        return [self._fact(*row) for row in cursor.fetchall()]

    def load(self, kind: type[A], key: str) -> A:
        """Fold an aggregate from its facts; empty (``id == ""``) when there is none."""
        with self.database.read() as cursor:
            return self.load_within(cursor, kind, key)

    def read(self, after: int, limit: int) -> list[StoredFact]:
        """Return up to ``limit`` facts with positions above ``after``, in order."""
        held = self.recent.run(after, limit)
        if len(held) == limit:
            return held
        return held + self._asked(
            f"SELECT {_ROW} FROM decisions WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608 - our own names
            after + len(held),
            limit - len(held),
        )

    def read_topic(self, topic: str, after: int, limit: int) -> list[StoredFact]:
        """Return up to ``limit`` facts of one topic with positions above ``after``, in order."""
        return self._asked(
            f"SELECT {_ROW} FROM decisions WHERE topic = ? AND position > ? ORDER BY position LIMIT ?",  # noqa: S608 - our own names
            topic,
            after,
            limit,
        )

    def newest_of(self, kinds: Sequence[str], below: int, most: int) -> list[StoredFact]:
        """Return the newest facts of some topics below a position (0: of all), the newest first."""
        before = "AND position < ? " if below else ""
        each = f"SELECT * FROM (SELECT {_ROW} FROM decisions WHERE topic = ? {before}ORDER BY position DESC LIMIT ?) x"  # noqa: S608
        bounds = (below, most) if below else (most,)
        return self._asked(
            f"{' UNION ALL '.join([each] * len(kinds))} ORDER BY position DESC LIMIT ?",
            *(value for kind in kinds for value in (kind, *bounds)),
            most,
        )

    def of(self, key: str) -> list[Fact]:
        """Return the facts recorded under one id, in order."""
        rows = self.database.rows(
            "SELECT topic, state FROM decisions WHERE originator_id = ? ORDER BY originator_version", UUID(key).hex
        )
        return [topics.decode(row["topic"], row["state"]) for row in rows]

    def timeline(self, owner: str) -> Iterator[StoredFact]:
        """Iterate over every fact that belongs to an incident or protection, in order, some hundreds at a time."""
        after = 0
        while True:
            found = self._asked(f"{_TIMELINE} AND t.position > ? ORDER BY t.position LIMIT ?", owner, after, TOGETHER)
            yield from found
            if len(found) < TOGETHER:
                return
            after = found[-1].position

    def newest(self, owner: str, below: int, most: int, *, main: bool = False) -> list[StoredFact]:
        """Return a page of a timeline, the newest fact first, below a position; ``main`` leaves out the clocks and
        notices of single clients."""
        only = " AND t.of_client = 0" if main else ""
        return self._asked(f"{_TIMELINE}{only} AND t.position < ? ORDER BY t.position DESC LIMIT ?", owner, below, most)

    def of_topic(self, keys: Sequence[str], topic: str) -> list[StoredFact]:
        """Return the facts of a topic recorded under some ids, in order; at most some hundred ids are asked for."""
        if not keys:
            return []
        marks = ",".join("?" * len(keys))
        # Joined to nothing, the topic cannot be what is looked up first: one topic may have facts of all years.
        return self._asked(
            f"SELECT {_ROW} FROM decisions WHERE originator_id IN ({marks}) "  # noqa: S608
            "AND topic || '' = ? ORDER BY position",
            *(UUID(key).hex for key in keys),
            topic,
        )

    def of_many(self, keys: Sequence[str]) -> list[StoredFact]:
        """Return the facts recorded under some ids, in order; at most some hundred ids are asked for."""
        marks = ",".join("?" * len(keys))
        return self._asked(
            f"SELECT {_ROW} FROM decisions WHERE originator_id IN ({marks}) "  # noqa: S608
            "ORDER BY position",
            *(UUID(key).hex for key in keys),
        )

    def at(self, positions: Sequence[int]) -> list[StoredFact]:
        """Return the facts at some positions, in order; at most some hundred are asked for."""
        marks = ",".join("?" * len(positions))
        return self._asked(
            f"SELECT {_ROW} FROM decisions WHERE position IN ({marks}) "  # noqa: S608
            "ORDER BY position",
            *positions,
        )

    def last_of(self, key: str) -> Fact | None:
        """Return the latest fact recorded under an id, None for none."""
        row = self.database.row(
            "SELECT topic, state FROM decisions WHERE originator_id = ? ORDER BY originator_version DESC LIMIT 1",
            UUID(key).hex,
        )
        return topics.decode(row["topic"], row["state"]) if row else None

    def _asked(self, sql: str, *parameters: Any) -> list[StoredFact]:
        with self.database.query_session() as cursor:
            cursor.execute(sql, parameters)
            return [self._recorded(*row) for row in cursor.fetchall()]

    def _recorded(self, position: int, originator: UUID | str, topic: str, state: bytes, version: int) -> StoredFact:
        """Read a row. Every follower reads the same new facts one after the other, so the latest are kept read."""
        held = self.recent.get(position)
        if held is None:
            key = originator if isinstance(originator, UUID) else UUID(originator)
            held = StoredFact(position, str(key), topics.decode(topic, state), version)
            self.recent.keep(held)
        return held

    def leaves(self, cursor: Cursor, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes of the tree's leaves [start, end); leaf 0 is position 1."""
        cursor.execute(
            f"SELECT {_HASHED} FROM decisions WHERE position > ? AND position <= ? ORDER BY position",  # noqa: S608
            (start, end),
        )
        return [leaf(hashed(row)) for row in cursor.fetchall()]

    def leaf_data(self, cursor: Cursor, position: int) -> bytes:
        """Return what the leaf of a position is the hash of; it begins with the position."""
        cursor.execute(f"SELECT {_HASHED} FROM decisions WHERE position = ?", (position,))  # noqa: S608 - our own names
        return hashed(cursor.fetchone())

    def stored_tree(self, cursor: Cursor) -> Tree:
        """Return the tree as stored, for proofs."""
        return self.tree.tree(cursor, lambda start, end: self.leaves(cursor, start, end))

    def head(self) -> int:
        """Return the last position, 0 for an empty log."""
        return int(self.database.scalar("SELECT MAX(position) FROM decisions") or 0)

    def tracked(self, follower: str) -> int:
        """Return the position up to which a follower has worked."""
        return self.recorder.max_tracking_id(follower) or 0

    def rebuild_views(self) -> int:
        """Throw the read models away and fold them again from the log; return the number of facts read."""
        folding = Folding()
        with self.database.write() as cursor:
            views.clear(cursor, self.database.dialect)
            cursor.execute(f"SELECT {_ROW} FROM decisions ORDER BY position")  # noqa: S608 - our own names
            for row in cursor.fetchall():
                folding.fold(cursor, self._recorded(*row))
        return folding.count


class Folding:
    """Folds facts, one after the other from the first, into read models that are empty at the beginning."""

    def __init__(self) -> None:
        self.count = 0
        self._held: dict[tuple[str, str], Any] = {}

    def fold(self, cursor: Cursor, recorded: StoredFact) -> None:
        """Write what a fact changes."""
        self.count += 1
        kind = kind_of(recorded.fact)
        aggregate = None
        if kind is not None:
            name = KINDS[kind]
            aggregate = self._held.setdefault((name, recorded.originator), kind())
            aggregate.apply(recorded.fact)
        views.place_all(cursor, [(recorded.position, recorded.fact, aggregate)])
        if aggregate is not None:
            views.show_all(cursor, [(recorded.originator, aggregate, (recorded.fact,))], recorded.fact.at)


_ROW = "position, originator_id, topic, state, originator_version"
_TIMELINE = (
    "SELECT d.position, d.originator_id, d.topic, d.state, d.originator_version FROM timeline t "
    "JOIN decisions d ON d.position = t.position "
    "WHERE t.owner = ?"
)
_HASHED = "position, originator_id, originator_version, topic, state"


def hashed(row: Sequence[Any]) -> bytes:
    """Return what is hashed of a stored row: position, originator, version, topic, state."""
    return row_bytes(row[0], UUID(str(row[1])).hex, row[2], row[3], bytes(row[4]))


def _hex(key: object) -> str:
    """Return an id as the store has it."""
    return key.hex if isinstance(key, UUID) else UUID(str(key)).hex


def _head_of(cursor: Cursor) -> tuple[int, bytes]:
    cursor.execute("SELECT position, hash FROM decisions ORDER BY position DESC LIMIT 1")
    row = cursor.fetchone()
    return (row[0], bytes(row[1])) if row else (0, GENESIS)
