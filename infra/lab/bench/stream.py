"""``qorgau bench stream``: Kafka → durable ledger → incident, by the real program, with every server on this machine.

The backlog is in Kafka before the clock starts; the floor is the bare consumer over the same messages in the same run.
Then events come at a steady rate with attacks among them, and the time until each incident is visible is taken.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.app.container import Container, open_container
from infra.lab.bench.waits import watched
from infra.lab.simulate.stream import SOURCE_OF
from infra.lab.simulate.stream import stream as simulated
from infra.lab.testbed.elasticsearch import Node
from infra.lab.testbed.kafka import Broker
from infra.lab.testbed.postgres import Cluster
from infra.read.rows import figures, incidents
from infra.settings.settings import Settings, load_settings

SOURCES = tuple(sorted({*SOURCE_OF.values(), "infrastructure"}))
PARTITIONS = 2
CAMPAIGN_EVERY = 50_000
_SOURCE = re.compile(rb'"event.provider":"([^"]+)"')
_KEY = re.compile(rb'"mfo.(?:client|loan).id":"([^"]+)"')


def measure(
    events: int, batch: int, backend: str, *, rate: int, seconds: int, elasticsearch: bool, per_day: int = 0
) -> dict[str, Any]:
    """Start the servers, run both parts, and give the figures; ``per_day`` events make a day in their own time, by
    default as many as the rate would. Raises NoServer."""
    with tempfile.TemporaryDirectory(prefix="qorgau-stream-", dir="/tmp") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        environment = _servers(folder, stack, backend, elasticsearch)
        return _Measured(folder, environment, events, batch).run(rate, seconds, per_day)


def _servers(folder: Path, stack: ExitStack, backend: str, elasticsearch: bool) -> dict[str, str]:
    broker = Broker(folder / "kafka")
    broker.start()
    stack.callback(broker.kill)
    environment = {
        "QORGAU_DATA": str(folder / "data"), "QORGAU_KAFKA": broker.address,
        "QORGAU_KAFKA_SOURCES": orjson.dumps(SOURCES).decode(),
        "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    if backend == "postgres":
        cluster = Cluster(folder / "postgres")
        cluster.create()
        cluster.start()
        stack.callback(cluster.stop, "immediate")
        environment["QORGAU_DATABASE"] = cluster.database("bench")
    if elasticsearch:
        node = Node(folder / "elasticsearch")
        node.start()
        stack.callback(node.kill)
        environment["QORGAU_ELASTICSEARCH"] = node.url
    return environment


class _Measured:
    def __init__(self, folder: Path, environment: dict[str, str], events: int, batch: int) -> None:
        self.folder = folder
        self.environment = environment
        self.events = events
        self.batch = batch
        os.environ.update(environment)
        self.settings: Settings = load_settings()

    def run(self, rate: int, seconds: int, per_day: int) -> dict[str, Any]:
        self._command("stream", "topics", "--partitions", str(PARTITIONS)).wait()
        # In their own time the events lie as far apart as they would at this rate: windows hold what they would hold.
        per_day = per_day or max(rate, 1_000) * 86_400
        start = datetime.now(UTC) - timedelta(days=2 + (self.events + rate * seconds) / per_day)
        made = simulated(5, start, per_day=per_day, campaign_every=CAMPAIGN_EVERY)
        lines = (it.line for it in made)
        asyncio.run(produce(self.settings, islice(lines, self.events), self.batch))
        floor = asyncio.run(self._bare())
        container = open_container(self.settings)
        try:
            waits: dict[str, Any] = {}
            with self._working() as pids, watched(container.database, self.folder / "probe", waits, asking=True):
                figures = self._backlog(container, pids)
                if rate:
                    figures |= self._steady(container, lines, rate, seconds)
            figures |= waits | {"bare_consumer_events_s": floor, "ratio": round(figures["events_s"] / floor, 3)}
            return figures
        finally:
            container.close()

    def _command(self, *words: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{words[0]}.log").open("ab")
        return subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-P", "-m", "infra", *words],
            env={**os.environ, **self.environment},
            stdout=log,
            stderr=log,
        )

    @contextmanager
    def _working(self) -> Iterator[list[int]]:
        """The consumer and the stages, each a process as in production."""
        running = [self._command("stream", "run"), self._command("serve", "--only", "worker")]
        try:
            yield [process.pid for process in running]
        finally:
            for process in running:
                process.terminate()
            for process in running:
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()

    async def _bare(self) -> int:
        """The floor: read every message and look at nothing."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka)
        await consumer.start()
        try:
            partitions = [
                TopicPartition(_topic(self.settings, it), number) for it in SOURCES for number in range(PARTITIONS)
            ]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            began, seen = time.perf_counter(), 0
            while seen < self.events:
                for messages in (await consumer.getmany(timeout_ms=1000)).values():
                    seen += sum(it.value.count(b"\n") + 1 for it in messages)
            return round(seen / (time.perf_counter() - began))
        finally:
            await consumer.stop()

    def _backlog(self, container: Container, pids: list[int]) -> dict[str, Any]:
        """Wait until the backlog is stored and every stage has seen it; the clock starts with the first event."""
        first = last_memory = 0.0
        stored_at = 0.0
        memory: list[list[int]] = []
        while True:
            now, head = time.perf_counter(), container.ledger.head()
            if head and not first:
                first, begun_with = now, head
            if first and now - last_memory > 2:
                memory.append([_memory_mb(pid) for pid in pids])
                last_memory = now
            if head >= self.events and not stored_at:
                stored_at = now
            if stored_at and self._seen(container):
                break
            time.sleep(0.05)
        done = time.perf_counter()
        search = container.ledger.head() - container.search.marks.get("events")
        return {
            "events": self.events, "batch": self.batch,
            "stored_events_s": round((self.events - begun_with) / (stored_at - first)),
            "events_s": round((self.events - begun_with) / (done - first)), "seconds": round(done - first, 1),
            "incidents": figures.incidents(container.database), "search_behind": search,
            "memory_mb_consumer_and_worker": [memory[len(memory) * part // 10] for part in range(10)] + memory[-1:],
        }  # fmt: skip

    def _seen(self, container: Container) -> bool:
        head = container.ledger.head()
        return all(container.decisions.tracked(name) >= head for name in ("detect", "acts"))

    def _steady(self, container: Container, more: Iterator[bytes], rate: int, seconds: int) -> dict[str, Any]:
        """Send at a rate from a process of its own, attacks among them, and look for the incidents."""
        begun, missing = time.perf_counter(), container.ledger.head() - container.search.marks.get("events")
        while any(self._lag(container)) or container.ledger.head() - container.search.marks.get("events") > 1_000:
            time.sleep(0.2)
        caught_up = missing / max(time.perf_counter() - begun, 0.001)
        planted: dict[str, float] = {}
        seen: dict[str, float] = {}
        asyncio.run(self._send_steadily(container, more, rate, seconds, planted, seen))
        deadline = time.monotonic() + 60
        while len(seen) < len(planted) and time.monotonic() < deadline:
            _look(container, planted, seen)
            time.sleep(0.02)
        spans = sorted(seen[key] - at for key, at in planted.items() if key in seen)
        cuts = quantiles(spans, n=100) if len(spans) > 1 else [float("nan")] * 99
        stored = sorted(_stored_after(container))
        return {
            "search_caught_up_events_s": round(caught_up), "steady_rate": rate, "attacks": len(planted),
            "incidents_seen": len(spans), "p50_stored_s": round(stored[len(stored) // 2], 2) if stored else None,
            "p50_s": round(cuts[49], 2), "p99_s": round(cuts[98], 2), "worst_s": round(spans[-1], 2) if spans else None,
        }  # fmt: skip

    def _lag(self, container: Container) -> list[int]:
        decisions = container.decisions.head()
        return [max(decisions - container.decisions.tracked(name), 0) for name in ("incidents", "clocks")]

    async def _send_steadily(
        self, container: Container, more: Iterator[bytes], rate: int, seconds: int, planted: dict[str, float],
        seen: dict[str, float],
    ) -> None:  # fmt: skip
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.kafka, linger_ms=5)
        await producer.start()
        lines = list(islice(more, rate * seconds))
        began, sent, attack = time.monotonic(), 0, 0
        step = max(rate // 20, self.batch)
        try:
            while sent < len(lines):
                part = lines[sent : sent + step]
                if time.monotonic() - began >= attack:
                    name = f"bench-{attack}"
                    part.append(_attack(name))
                    planted[name] = time.monotonic()
                    attack += 1
                for source, key, value in _messages(part, self.batch):
                    await producer.send(_topic(self.settings, source), value, key)
                sent += step
                await asyncio.to_thread(_look, container, planted, seen)
                await asyncio.sleep(max(began + sent / rate - time.monotonic(), 0))
        finally:
            await producer.stop()


async def produce(settings: Settings, lines: Iterable[bytes], batch: int) -> None:
    """Write events to the topics of their sources, so many in a message."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, linger_ms=20, max_batch_size=500_000)
    await producer.start()
    waiting: list[Any] = []
    try:
        for source, key, value in _messages(lines, batch):
            waiting.append(await producer.send(_topic(settings, source), value, key))
            if len(waiting) == 5_000:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


def _topic(settings: Settings, source: str) -> str:
    return f"{settings.kafka_prefix}.{source}"


def _messages(lines: Iterable[bytes], batch: int) -> Iterator[tuple[str, bytes | None, bytes]]:
    """Return source, key (whom it concerns) and value; a message holds events of one source."""
    held: dict[str, list[bytes]] = {}
    for line in lines:
        source = found[1].decode() if (found := _SOURCE.search(line)) else "portal"
        part = held.setdefault(source, [])
        part.append(line)
        if len(part) == batch:
            yield source, _key(part), b"\n".join(part)
            part.clear()
    for source, part in held.items():
        if part:
            yield source, _key(part), b"\n".join(part)


def _key(part: list[bytes]) -> bytes | None:
    found = _KEY.search(part[0]) if len(part) == 1 else None
    return found[1] if found else None


def _look(container: Container, planted: dict[str, float], seen: dict[str, float]) -> None:
    rows = incidents.of_clients_like(container.database, "bench-")
    now = time.monotonic()
    for row in rows:
        for client in row.clients:
            if client in planted:
                seen.setdefault(client, now)


def _stored_after(container: Container) -> Iterator[float]:
    """Return the seconds from an attack's own time to its receipt in the ledger."""
    for row in incidents.of_clients_like(container.database, "bench-"):
        if row.first_event_at is not None:
            yield (row.detected_at - row.first_event_at).total_seconds()


def _attack(client: str) -> bytes:
    return orjson.dumps(
        {
            "@timestamp": datetime.now(UTC).isoformat(), "event.id": client, "mfo.client.id": client,
            "event.action": "portal.profile.change_applied", "mfo.change.field": "iin",
        }
    )  # fmt: skip


def _memory_mb(pid: int) -> int:
    """Resident memory of a process and its children."""
    total = 0
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) // 1024
    except OSError:
        return 0
    return total + sum(_memory_mb(int(child)) for child in children)
