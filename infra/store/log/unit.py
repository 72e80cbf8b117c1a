"""The unit of work: facts, intents, followers' positions and read models, in one commit."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from engine.incidents.incident import Incident
from engine.kernel.facts import Fact, StoredFact
from engine.kernel.ports import Intent
from infra.store import views
from infra.store.log import finding, topics
from infra.store.log.aggregates import KINDS, A, kind_of
from infra.store.log.topics import MAPPER, OfAggregate
from infra.store.models import outbox, unfinished
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Database

MOST_FACTS = 200
"""Facts after which a bounded unit is full."""
MOST_S = 0.05
"""Seconds after which it is, whatever it recorded: somebody may be waiting to write."""
EXPECTED = ("clock", "notice")
"""Kinds of aggregates of which there are many, each with few facts."""
TOGETHER = 100
"""Keys of a loop whose aggregates are loaded together, and between which it may stop."""


class FactStore(Protocol):
    """What a unit of work asks of the log that it writes to."""

    database: Database

    def insert(self, cursor: Cursor, stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        """Append rows; return their positions."""
        ...

    def load_within(self, cursor: Cursor, kind: type[A], key: str) -> A:
        """Fold an aggregate from its facts."""
        ...

    def load_many_within(
        self, cursor: Cursor, kind: type[A], keys: Sequence[str], until: int | None = None
    ) -> dict[str, A]:
        """Fold several aggregates, up to a position where one is given."""
        ...

    def load_past(self, cursor: Cursor, kind: type[A], key: str, position: int) -> A:
        """Fold an aggregate from its facts up to a position."""
        ...

    def facts_until(self, cursor: Cursor, key: str, position: int) -> list[Fact]:
        """Return the facts of one aggregate up to a position."""
        ...


class _Recorded(NamedTuple):
    stored: StoredEvent
    fact: Fact
    aggregate: Any


def _after(keys: Sequence[str], last: str | None) -> int:
    """Return the place after a key; where it has gone since, the place it would have among sorted keys."""
    if last is None:
        return 0
    try:
        return keys.index(last) + 1
    except ValueError:
        return bisect_right(keys, last)


class Unfinished(Exception):
    """An answer is too large for one unit of work. Not an error: it goes on in the next one."""


class UnitOfWork:
    """One unit of work inside one write transaction; leaving it normally commits all of it, raising none of it.

    What is recorded is gathered, and written when somebody asks the store something within the unit, or at its end:
    many facts then cost one place in the tree, one signature and few round trips. Nobody sees the difference.
    """

    def __init__(self, store: FactStore, cursor: Cursor, at: datetime) -> None:
        self.store = store
        self.at = at
        self._cursor = cursor
        self._held: dict[tuple[str, str], Any] = {}
        self._waiting: list[_Recorded] = []
        self._belong: dict[tuple[str, object], dict[str, Any]] = {}
        """Whom the facts that are gathered belong to, with the aggregates: only questions about these concern them."""
        self._numbers: dict[int, int] = {}
        self._singles: Counter[str] = Counter()
        self._past: dict[str, list[Any]] = {}
        self._named: dict[str, list[Fact]] = {}
        """Id → its facts up to the one that is being answered, for those that began in this batch."""
        self._asked: dict[str, list[Fact]] = {}
        self.written: list[StoredFact] = []
        """What was written; it is committed with the unit or not at all."""
        self._answered = 0
        self._recorded = 0
        self._begun = time.monotonic()
        self._bounded = False
        self.left: dict[str, str | None] = {}
        """Loop of the present answer → its last key, None for one that is finished."""

    @property
    def cursor(self) -> Cursor:
        """The transaction's cursor, after everything recorded so far was written."""
        self.flush()
        return self._cursor

    def load(self, kind: type[A], key: str) -> A:
        """Return an aggregate as it stands, with what this unit recorded already; empty when there is none."""
        held: A | None = self._held.get((KINDS[kind], key))
        if held is None:
            held = self._held[KINDS[kind], key] = self.store.load_within(self._cursor, kind, key)
        return held

    def answering(self, stored: StoredFact) -> None:
        """Say which fact is being answered now: ``past`` and ``facts`` show what was up to it. Every fact of a batch is
        named, in order."""
        self._answered, self._asked = stored.position, {}
        key = stored.originator
        for aggregate in self._past.get(key, ()):
            aggregate.apply(stored.fact)
        if stored.version == 1:
            self._named[key] = [stored.fact]
        elif key in self._named:
            self._named[key].append(stored.fact)

    def expect(self, facts: Sequence[StoredFact], after: int) -> None:
        """Load together what ``past`` will be asked for: the clocks and notices of facts that come after a position.
        Every one of them is then named to ``answering``."""
        wanted: dict[type[Any], dict[str, None]] = {}
        for stored in facts:
            kind = kind_of(stored.fact)
            if kind is not None and KINDS[kind] in EXPECTED and stored.version > 1:
                wanted.setdefault(kind, {})[stored.originator] = None
        for kind, keys in wanted.items():
            for key, aggregate in self.store.load_many_within(self._cursor, kind, list(keys), after).items():
                self._past.setdefault(key, []).append(aggregate)

    def past(self, kind: type[A], key: str) -> A:
        """Return an aggregate as it stood right after the fact that is being answered."""
        if not self._answered:
            return self.load(kind, key)
        known = self._past.setdefault(key, [])
        for held in known:
            if isinstance(held, kind):
                return held
        known.append(found := self._past_of(kind, key))
        return found

    def _past_of(self, kind: type[A], key: str) -> A:
        named = self._named.get(key)
        if named is None:
            return self.store.load_past(self._cursor, kind, key, self._answered)
        found = kind()
        for fact in named:
            found.apply(fact)
        return found

    def find(self, kind: type[Any], **by: object) -> list[str]:
        """Return the ids of aggregates by what they belong to."""
        key, value = next(iter(by.items()))
        changed = self._belong.get((KINDS[kind], value), {})
        if not finding.belongs(kind, key) or (changed and kind is Incident):
            self.flush()
        found = finding.find(self._cursor, kind, by)
        return finding.with_changed(found, changed, by) if changed and self._waiting else found

    def bound(self, left: Mapping[str, str | None]) -> None:
        """Keep the unit small: it is full after so many facts or milliseconds, and a loop of ``each`` then ends with
        Unfinished. ``left`` says where the loops of the answer ended the last time."""
        self._bounded, self.left = True, dict(left)

    @property
    def full(self) -> bool:
        """Say whether it is time to let others write."""
        return self._bounded and (self._recorded >= MOST_FACTS or time.monotonic() - self._begun > MOST_S)

    def each(
        self, part: str, keys: Sequence[str], kind: type[A] | None = None, key_of: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        """Iterate over keys; raise Unfinished between two of them when the unit is full."""
        if part in self.left and self.left[part] is None:
            return
        for start in range(_after(keys, self.left.get(part)), len(keys), TOGETHER):
            chunk = keys[start : start + TOGETHER]
            if kind is not None:
                self.prepare(kind, [key_of(key) for key in chunk] if key_of is not None else chunk)
            yield from chunk
            self.left[part] = chunk[-1]
            if self.full and start + TOGETHER < len(keys):
                raise Unfinished
        self.left[part] = None

    def suspend(self, follower: str, position: int) -> None:
        """Store where the loops of an unfinished answer ended, with what they wrote."""
        unfinished.suspend(self.cursor, follower, position, self.left)

    def finish(self, follower: str) -> None:
        """Forget where loops ended: the answer is complete."""
        unfinished.finish(self.cursor, follower)

    def next_number(self) -> str:
        """Return the next incident number of the year."""
        year = self.at.year
        last = max(finding.last_number(self._cursor, year), self._numbers.get(year, 0))
        return finding.number_of(year, last + 1)

    def withdraw(self, key: str) -> None:
        """Take an order for an effect back that nobody has begun to carry out."""
        outbox.revoke(self._cursor, key)

    def begun(self, key: str) -> bool:
        """Say whether an effect, or one whose key continues it after a colon, was ever tried or is under way."""
        return outbox.begun(self._cursor, key)

    def by_hand(self, key: str) -> None:
        """Mark an order for an effect, and those whose key continues it after a colon, as carried out by a person."""
        outbox.done_by_hand(self._cursor, key)

    def prepare(self, kind: type[A], keys: Sequence[str]) -> None:
        """Load many aggregates together, before each is asked for."""
        name = KINDS[kind]
        wanted = [key for key in dict.fromkeys(keys) if (name, key) not in self._held]
        for key, aggregate in self.store.load_many_within(self._cursor, kind, wanted).items():
            self._held[name, key] = aggregate

    def record(self, kind: type[A], key: str, facts: Sequence[Fact]) -> None:
        """Add facts to an aggregate."""
        if not facts:
            return
        aggregate = self.load(kind, key)
        for fact in facts:
            aggregate.apply(fact)
            stored = MAPPER.to_stored_event(OfAggregate(UUID(key), aggregate.version, fact))
            self._waiting.append(_Recorded(stored, fact, aggregate))
        self._recorded += len(facts)
        name = KINDS[kind]
        for value in finding.belonging(aggregate):
            self._belong.setdefault((name, value), {})[key] = aggregate
        if isinstance(aggregate, Incident):
            self._numbered(aggregate.number)

    def _numbered(self, number: str) -> None:
        """Remember the number of an incident that may have been opened just now."""
        _, year, last = number.split("-")
        self._numbers[int(year)] = max(self._numbers.get(int(year), 0), int(last))

    def record_single(self, key: str, fact: Fact) -> None:
        """Add a fact that stands for itself (a finding, a change of an account)."""
        originator = UUID(key)
        self._cursor.execute("SELECT COUNT(*) FROM decisions WHERE originator_id = ?", (originator.hex,))
        self._singles[originator.hex] += 1
        version = self._cursor.fetchone()[0] + self._singles[originator.hex]
        stored = MAPPER.to_stored_event(OfAggregate(originator, version, fact))
        self._waiting.append(_Recorded(stored, fact, None))

    def flush(self) -> None:
        """Write what was recorded: rows, read models, timelines."""
        waiting, self._waiting = self._waiting, []
        self._belong.clear()
        self._singles.clear()
        if not waiting:
            return
        with self.store.database.pipeline(self._cursor):
            positions = self.store.insert(self._cursor, [it.stored for it in waiting])
            touched: dict[int, list[_Recorded]] = {}
            for it in waiting:
                if it.aggregate is not None:
                    touched.setdefault(id(it.aggregate), []).append(it)
            changed = (
                (str(of_one[0].stored.originator_id), of_one[0].aggregate, [it.fact for it in of_one])
                for of_one in touched.values()
            )
            views.show_all(self._cursor, changed, self.at)
            for position, it in zip(positions, waiting, strict=True):
                stored = it.stored
                self.written.append(StoredFact(position, str(stored.originator_id), it.fact, stored.originator_version))
            views.place_all(
                self._cursor,
                ((position, it.fact, it.aggregate) for position, it in zip(positions, waiting, strict=True)),
            )

    def intend(self, intent: Intent) -> None:
        """Order an effect; the same key is ordered once."""
        outbox.order(self._cursor, intent, self.at)

    def facts(self, key: str) -> list[Fact]:
        """Return the facts of one id, in order: up to the one that is being answered, else with those of this unit."""
        if self._answered:
            found = self._named.get(key) or self._asked.get(key)
            if found is None:
                found = self._asked[key] = self.store.facts_until(self._cursor, key, self._answered)
            return list(found)
        cursor = self.cursor
        cursor.execute(
            "SELECT topic, state FROM decisions WHERE originator_id = ? ORDER BY originator_version", (UUID(key).hex,)
        )
        return [topics.decode(row[0], row[1]) for row in cursor.fetchall()]

    def track(self, follower: str, position: int) -> None:
        """Store a follower's position with what it wrote; raises when it would go backwards."""
        self.store.database.track(self._cursor, follower, position)
