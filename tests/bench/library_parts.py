"""Measures parts of the `eventsourcing` library against what stands in their place (record 1).

    python -m tests.bench.library_parts [rounds]

Each pair is run in turns, the order changing from round to round; what is printed is the median of the ratio of times
(library / ours; above 1 the library is slower) with its quartiles. Nothing here is a test.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.persistence import EventStore, Mapper, StoredEvent, Tracking, Transcoder
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from eventsourcing.sqlite import SQLiteDatastore, SQLiteProcessRecorder
from eventsourcing.utils import register_topic, resolve_topic
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from engine.incidents.facts import NoteAdded
from engine.incidents.incident import Incident
from engine.kernel.facts import StoredFact
from infra.store.log import topics
from infra.store.sql.notifications import ByPosition
from infra.store.sql.postgres import _rows
from tests.past import finding, opened
from tests.stores import Stores, postgres_url
from tests.support import MONDAY

FACTS = 2_000
Run = Callable[[], Any]


def compare(name: str, library: Run, ours: Run, rounds: int) -> None:
    library(), ours()
    ratios = []
    # What happens in this process is told by its own time, so that neighbours do not count.
    clock = time.perf_counter if name.startswith("postgres") else time.process_time
    spent: dict[int, list[float]] = {0: [], 1: []}
    for number in range(rounds):
        pair = [(0, library), (1, ours)]
        for which, run in pair if number % 2 else pair[::-1]:
            gc.collect()
            gc.disable()
            start = clock()
            run()
            spent[which].append(clock() - start)
            gc.enable()
        ratios.append(spent[0][-1] / spent[1][-1])
    low, middle, high = statistics.quantiles(ratios, n=4)
    one, other = (statistics.median(spent[it]) * 1e3 for it in (0, 1))
    print(f"{name:62} {middle:5.2f} ({low:.2f}-{high:.2f})   {one:8.2f} / {other:8.2f} ms", flush=True)


class Json(Transcoder):
    def encode(self, obj: Any) -> bytes:
        return orjson.dumps(obj)

    def decode(self, data: bytes) -> Any:
        return orjson.loads(data)


class DictMapper(Mapper[UUID]):
    """The library's shape: a transcoder that knows no class gives a dictionary, the class is made of it."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        return topics.REGISTRY[stored_event.topic].model_validate(self.transcoder.decode(stored_event.state))


def in_memory(rounds: int) -> None:
    made = [opened(f"i-{n}") if n % 3 else finding(f"f-{n}") for n in range(FACTS)]
    stored = [StoredEvent(uuid4(), n, it.topic, topics.encode(it)) for n, it in enumerate(made)]
    for kind in topics.REGISTRY.values():
        register_topic(kind.topic, kind)
    names = [it.topic for it in stored]

    def through(mapper: Mapper[UUID]) -> Run:
        def run() -> None:
            for it in stored:
                mapper.to_domain_event(it)

        return run

    def ours() -> None:
        for it in stored:
            topics.decode(it.topic, it.state)

    rows = [(it.originator_id, it.originator_version, it.topic, it.state) for it in stored]

    def from_rows() -> None:
        mapper = topics.FactMapper()
        for row in rows:
            mapper.to_domain_event(StoredEvent(row[0], row[1], row[2], row[3]))

    compare("topic: resolve_topic / closed registry", lambda: [resolve_topic(it) for it in names],
            lambda: [topics.REGISTRY.get(it) for it in names], rounds)  # fmt: skip
    compare("mapper: transcoder to dict, then class / class reads JSON", through(DictMapper(Json())), ours, rounds)
    compare("mapper: subclass over the closed registry / decode()", through(topics.FactMapper()), ours, rounds)
    compare("mapper: the same, with a StoredEvent made of each row", from_rows, ours, rounds)
    key = uuid4()

    def encoded() -> None:
        for n, it in enumerate(made):
            topics.MAPPER.to_stored_event(topics.OfAggregate(key, n, it))

    def ours_encoded() -> None:
        for n, it in enumerate(made):
            StoredEvent(key, n, it.topic, topics.encode(it))

    compare("mapper: to_stored_event / StoredEvent(…, encode())", encoded, ours_encoded, rounds)


def on(kind: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores(kind, Path(folder))
        decisions = stores.decisions()
        keys = [str(uuid4()) for _ in range(40)]
        for n in range(FACTS // 40):
            with decisions.unit(MONDAY) as unit:
                for key in keys:
                    fact = opened(key) if n == 0 else NoteAdded(at=MONDAY, actor="a", incident_id=key, text="x" * 200)
                    unit.record(Incident, key, [fact])
        with decisions.unit(MONDAY) as unit:
            unit.track("f", 5)
        reading(kind, decisions, keys, rounds)
        writing(kind, stores, decisions, rounds)
        stores.close()


def reading(kind: str, decisions: Any, keys: Sequence[str], rounds: int) -> None:
    recorder = decisions.recorder
    store: EventStore[UUID] = EventStore(topics.MAPPER, recorder)

    def library_of() -> None:
        for key in keys:
            [it.fact for it in store.get(UUID(key))]

    def notified(select: Callable[..., Any], limit: int) -> Run:
        def run() -> None:
            at = 0
            while found := select(recorder, at, limit, inclusive_of_start=False):
                for it in found:
                    StoredFact(it.id, str(it.originator_id), topics.decode(it.topic, it.state))
                at = found[-1].id

        return run

    def ours(limit: int) -> Run:
        def run() -> None:
            decisions._read, at = {}, 0
            while found := decisions.read(at, limit):
                at = found[-1].position

        return run

    compare(f"{kind}: EventStore.get (select_events) / of (40 aggregates of 50 facts)", library_of,
            lambda: [decisions.of(key) for key in keys], rounds)  # fmt: skip
    for limit in (500, 20):
        if kind == "postgres":
            compare(f"{kind}: its own select_notifications / read, {limit} at once",
                    notified(PostgresProcessRecorder.select_notifications, limit), ours(limit), rounds)  # fmt: skip
        compare(f"{kind}: select_notifications by position / read, {limit} at once",
                notified(ByPosition.select_notifications, limit), ours(limit), rounds)  # fmt: skip
    tracked = "SELECT notification_id FROM tracking WHERE application_name = ?"
    compare(f"{kind}: max_tracking_id / a question of ours, 100 times",
            lambda: [recorder.max_tracking_id("f") for _ in range(100)],
            lambda: [decisions.database.scalar(tracked, "f") for _ in range(100)], rounds)  # fmt: skip
    if kind == "postgres":

        def subscribed() -> None:
            with recorder.subscribe(gt=0) as subscription:
                for number, it in enumerate(subscription, 1):
                    topics.decode(it.topic, it.state)
                    if number == FACTS:
                        break

        try:
            subscribed()
        except Exception as error:
            print(f"postgres: subscribe: not taken ({type(error).__name__}: {str(error)[:100]})")
        else:
            compare("postgres: subscribe / read, 500 at once", subscribed, ours(500), rounds)


def writing(kind: str, stores: Any, decisions: Any, rounds: int) -> None:
    place = stores.folder / "library.sqlite"
    dcb: Any = None
    if kind == "sqlite":
        from eventsourcing.sqlite import SQLiteConnectionPool

        store: Any = SQLiteDatastore(str(place))
        recorder: Any = SQLiteProcessRecorder(store)
        assert isinstance(store.pool, SQLiteConnectionPool)
    else:
        info = conninfo_to_dict(postgres_url())  # the tables of dcb are made in no schema but the first
        store = PostgresDatastore(
            str(info["dbname"]), str(info["host"]), str(info["port"]), str(info.get("user", "")),
            str(info.get("password", "")),
        )  # fmt: skip
        recorder = PostgresProcessRecorder(store, events_table_name="stored_events", tracking_table_name="followed")
        dcb = PostgresDCBRecorderTT(store, events_table_name="dcb_events")
        dcb.create_table()
    recorder.create_table()
    numbers = iter(range(1, 10**9))
    note = topics.encode(NoteAdded(at=MONDAY, actor="a", incident_id="i", text="x" * 200))

    def library(count: int) -> Run:
        def run() -> None:
            for _ in range(20):
                rows = [StoredEvent(uuid4(), 1, "incident.note-added.v1", note) for _ in range(count)]
                recorder.insert_events(rows, tracking=Tracking("f", next(numbers)))

        return run

    ours_numbers = iter(range(10, 10**9))

    def ours(count: int) -> Run:
        def run() -> None:
            for _ in range(20):
                rows = [StoredEvent(uuid4(), 1, "incident.note-added.v1", note) for _ in range(count)]
                with decisions.database.write() as cursor:
                    decisions.insert(cursor, rows)
                    decisions.database.track(cursor, "f", next(ours_numbers))

        return run

    for count in (1, 20, 200):
        compare(f"{kind}: insert {count} with tracking: stock / ours (chain, tree, signature)",
                library(count), ours(count), rounds)  # fmt: skip

    def follow(each: int) -> Run:
        """A follower of 100 facts that only notes its position, one or all in a transaction."""

        def run() -> None:
            for _ in range(100 // each):
                with decisions.database.write() as cursor:
                    for _ in range(each):
                        decisions.database.track(cursor, "f", next(ours_numbers))

        return run

    compare(f"{kind}: projection: a transaction for each fact / for 100", follow(1), follow(100), rounds)
    if dcb is not None:

        def appended(count: int) -> Run:
            def run() -> None:
                for _ in range(20):
                    dcb.append([DCBEvent("incident.note-added.v1", note, [str(uuid4())]) for _ in range(count)])

            return run

        for count in (1, 20):
            compare(f"postgres: dcb append {count} (1 tag) / ours (chain, tree, signature)", appended(count),
                    ours(count), rounds)  # fmt: skip
        pools(stores, decisions, store, rounds)


def pools(stores: Any, decisions: Any, store: Any, rounds: int) -> None:
    def library() -> None:
        for _ in range(100):
            with store.transaction(commit=False) as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()

    def ours() -> None:
        for _ in range(100):
            with decisions.database.read() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()

    compare("postgres: pool: datastore.transaction / read, 100 times", library, ours, rounds)
    sql = b"SELECT position, originator_id, topic, state FROM decisions LIMIT 2000"
    with psycopg.connect(stores.url) as connection:

        def rows(factory: Any) -> Run:
            def run() -> None:
                with connection.cursor(row_factory=factory, binary=True) as cursor:
                    for row in cursor.execute(sql).fetchall():
                        row["topic"], row["state"]

            return run

        compare("postgres: row: dict_row / Row, 2000 rows, by name", rows(dict_row), rows(_rows), rounds)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"{'median of library / ours (quartiles)':62} ratio             library /     ours")
    in_memory(rounds)
    for kind in ("sqlite", "postgres"):
        on(kind, rounds)


if __name__ == "__main__":
    main()
