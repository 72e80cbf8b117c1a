"""A real broker and the real program, killed and started again: every event once, every broken one kept and shown."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.inbound.kafka import topics
from infra.settings.settings import Settings
from tests.commands import qorgau
from tests.servers import broker
from tests.support import World

pytestmark = pytest.mark.services
LIMIT_S = 120.0
_numbers = count()


def until(what: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait for another process; the limit only ends a test that failed."""
    pause, ends = threading.Event(), time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < ends, "it did not come about in time"
        pause.wait(0.1)


class Program:
    """``qorgau stream run`` over one data directory."""

    def __init__(self, data: Path, prefix: str) -> None:
        self.settings = {
            "QORGAU_DATA": str(data), "QORGAU_KAFKA": broker().address, "QORGAU_KAFKA_PREFIX": prefix,
            "QORGAU_KAFKA_SOURCES": '["portal"]', "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "infra", "stream", "run", "--stall", "20"]
        self.process = subprocess.Popen(command, env={**os.environ, **self.settings}, stderr=subprocess.DEVNULL)

    def settings_without_data(self) -> dict[str, str]:
        return {name: value for name, value in self.settings.items() if name != "QORGAU_DATA"}

    def workers(self) -> list[int]:
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def kill_worker(self) -> None:
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)


@pytest.fixture
def prefix() -> str:
    return f"t{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.container.close()


@pytest.fixture
def program(tmp_path: Path, prefix: str, world: World) -> Iterator[Program]:
    made = Program(tmp_path, prefix)
    done = qorgau("stream", "topics", "--partitions", "3", data=tmp_path, **made.settings_without_data())
    assert done.returncode == 0, done.stderr
    yield made
    made.stop()


def event(number: int) -> bytes:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return orjson.dumps({"@timestamp": at, "event.id": f"n-{number:06d}", "event.action": "backup.job"})


async def send(topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker().address, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for future in [await producer.send(topic, value) for value in values]:
            await future
    finally:
        await producer.stop()


async def everything(topic: str) -> list[Any]:
    """Every message of a topic from its beginning."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker().address)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker().address)
    await consumer.start()
    await admin.start()
    try:
        described = await admin.describe_topics([topic])
        partitions = [TopicPartition(topic, part["partition"]) for part in described[0]["partitions"]]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        while len(found) < sum(ends.values()):
            for messages in (await consumer.getmany(timeout_ms=500)).values():
                found += messages
        return found
    finally:
        await consumer.stop()
        await admin.close()


async def commit_the_end(topic: str, group: str) -> None:
    """Tell Kafka that the group has taken everything."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker().address, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(3)]
        consumer.assign(partitions)
        await consumer.commit(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


def stored(world: World) -> list[str]:
    return [it.event_id for it in world.container.ledger.read(0, 1_000_000)]


def test_killed_workers_and_a_killed_broker_lose_and_repeat_nothing(
    world: World, program: Program, prefix: str
) -> None:
    rng, total, poison = Random(3), 6_000, set(range(50, 6_000, 100))
    values: list[bytes] = []
    number = 0
    while number < total:
        size = rng.choice((1, 1, 1, 20))
        lines = [b"{poison %d" % n if n in poison else event(n) for n in range(number, min(number + size, total))]
        values.append(b"\n".join(lines))
        number += size
    topic, step = f"{prefix}.portal", len(values) // 6
    program.start()
    for part in range(6):
        sent = values[part * step :] if part == 5 else values[part * step : (part + 1) * step]
        asyncio.run(send(topic, sent))
        before = len(stored(world))
        if part in (0, 1, 3):
            until(lambda seen=before: len(stored(world)) > seen or bool(program.workers()))  # type: ignore[misc]
            program.kill_worker()
        if part == 2:
            broker().kill()
            broker().start()
    expected = total - len(poison)
    until(lambda: len(stored(world)) >= expected)
    program.stop()
    found = stored(world)
    assert len(found) == len(set(found)) == expected
    assert len(world.letters()) == len(poison)
    graves = asyncio.run(everything(f"{prefix}-dead-letters"))
    assert {it.value for it in graves} == {b"{poison %d" % n for n in poison}
    headers = dict(graves[0].headers)
    assert (headers["qorgau.topic"], headers["qorgau.code"]) == (topic.encode(), b"not-json")
    world.whole()


def test_what_kafka_remembers_of_us_does_not_matter(world: World, program: Program, prefix: str) -> None:
    topic = f"{prefix}.portal"
    asyncio.run(send(topic, [event(n) for n in range(100)]))
    program.start()
    until(lambda: len(stored(world)) == 100)
    program.stop()
    taken = world.rows("SELECT topic, part, next FROM arrivals ORDER BY part")

    asyncio.run(send(topic, [event(n) for n in range(100, 150)]))
    asyncio.run(commit_the_end(topic, f"{prefix}-ledger"))
    program.start()
    until(lambda: len(stored(world)) == 150)
    program.stop()
    assert sum(row["next"] for row in world.rows("SELECT next FROM arrivals")) == 150
    assert sum(row["next"] for row in taken) == 100
    settings = Settings(data=world.folder, kafka=broker().address, kafka_prefix=prefix, kafka_sources=("portal",))
    assert sum(end for _, end in asyncio.run(topics.ends(settings)).values()) == 150
    shown = qorgau("stream", "status", "--json", data=world.folder, **program.settings_without_data())
    assert sum(row["waiting"] for row in orjson.loads(shown.stdout)) == 0


async def send_in_transactions(topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker().address, transactional_id=f"{topic}-tx")
    await producer.start()
    try:
        for number in range(6):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, event(number), partition=0)
            await (producer.commit_transaction() if number % 2 else producer.abort_transaction())
    finally:
        await producer.stop()


def test_what_a_producer_took_back_never_happened(world: World, program: Program, prefix: str) -> None:
    """Only committed messages count, and the gaps that transactions leave are believed."""
    topic = f"{prefix}.portal"
    asyncio.run(send_in_transactions(topic))
    asyncio.run(send(topic, [event(number) for number in range(10, 20)]))
    program.start()
    until(lambda: len(stored(world)) >= 13)
    program.stop()
    assert sorted(stored(world)) == [f"n-{number:06d}" for number in (1, 3, 5, *range(10, 20))]


def test_what_is_missing_is_said(world: World, program: Program, prefix: str) -> None:
    settings = program.settings_without_data()
    done = qorgau("stream", "run", data=world.folder, **{**settings, "QORGAU_KAFKA_SOURCES": '["nobody"]'})
    assert (done.returncode, b"nobody" in done.stderr, b"stream topics" in done.stderr) == (2, True, True)
    done = qorgau("stream", "status", data=world.folder, **{**settings, "QORGAU_KAFKA": "127.0.0.1:1"})
    assert (done.returncode, b"no broker answers" in done.stderr) == (2, True)
    done = qorgau("stream", "status", data=world.folder)
    assert (done.returncode, b"QORGAU_KAFKA" in done.stderr) == (2, True)


def test_a_message_as_large_as_a_broker_takes_that_nobody_reads_stops_nothing(
    world: World, program: Program, prefix: str
) -> None:
    topic = f"{prefix}.portal"
    asyncio.run(send(topic, [b"\xff" * 1_048_400, event(1)]))
    program.start()
    until(lambda: stored(world) == ["n-000001"])
    until(lambda: world.container.database.scalar("SELECT COUNT(*) FROM dead_letters") == 1)
    letter = asyncio.run(everything(f"{prefix}-dead-letters"))[0]
    headers = dict(letter.headers)
    assert (len(letter.value), headers["qorgau.cut"], headers["qorgau.size"]) == (256 * 1024, b"yes", b"1048400")
    done = qorgau("stream", "status", "--json", data=world.folder, **program.settings_without_data())
    assert {row["set_aside"] for row in orjson.loads(done.stdout)} == {1}


def test_a_message_is_passed_over_by_hand(world: World, program: Program, prefix: str) -> None:
    topic, settings = f"{prefix}.portal", program.settings_without_data()
    asyncio.run(send(topic, [b"poison"]))
    [part] = [it for it, (_, end) in asyncio.run(topics.ends(Settings(**kafka(program)))).items() if end]
    words = ("stream", "skip", topic, str(part[1]), "0")
    done = qorgau(*words, "--reason", "told by the sender", data=world.folder, **settings)
    assert (done.returncode, b"6 bytes are kept" in done.stdout) == (0, True), done.stderr
    again = qorgau(*words, "--reason", "twice", data=world.folder, **settings)
    assert (again.returncode, b"the next offset is 1" in again.stderr) == (2, True)
    none = qorgau(*words[:-1], "5", "--reason", "none", data=world.folder, **settings)
    assert b"no message there" in none.stderr


def kafka(program: Program) -> dict[str, Any]:
    names = {"QORGAU_KAFKA": "kafka", "QORGAU_KAFKA_PREFIX": "kafka_prefix"}
    return {name: program.settings[key] for key, name in names.items()} | {"kafka_sources": ("portal",)}
