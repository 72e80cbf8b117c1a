"""One day of a lender on the embedded default and on Kafka, PostgreSQL and Elasticsearch: the same to the last byte."""

from __future__ import annotations

import asyncio
import os
import re
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from infra.app.stream import arrivals_of
from infra.inbound.kafka import topics
from infra.inbound.kafka.consumer import stream_app
from infra.inbound.parser_pool import Batch
from infra.lab.simulate.stream import SOURCE_OF, stream
from infra.read import queries
from infra.search.port import INDEXES
from infra.settings.settings import Settings
from infra.store.models.duties import ClockRow, NoticeRow, OrderRow
from infra.store.models.incidents import IncidentRow, RunRow
from tests.full_setup import engines_of
from tests.servers import broker
from tests.support import COMPLIANCE, MONDAY, MovingClock, World

pytestmark = pytest.mark.services
EVENTS = 4_000
SOURCES = (*sorted(set(SOURCE_OF.values())), "infrastructure")
_PROVIDER = re.compile(rb'"event.provider":"([^"]+)"')
_ASKED = {
    "events": ("", "portal failed", "client:c-* -portal", "@timestamp:>=2026-11-23"),
    "incidents": ("", "severity:critical", "state:open client:*", "opened:2026-11-23"),
    "notices": ("", "kind:regulator", "state:sent OR state:draft"),
}  # fmt: skip


def lines() -> list[tuple[str, bytes]]:
    made = islice(stream(11, MONDAY, campaign_every=150), EVENTS)
    found = [it.line for it in made]
    return [((_PROVIDER.search(line) or [b"", b"portal"])[1].decode(), line) for line in found]


def day_after(world: World) -> None:
    """People act, time passes, clocks run out."""
    world.work()
    for row in world.held(NoticeRow, kind="regulator")[:3]:
        world.container.acts.approve_notice(row.id, None, by=COMPLIANCE)
    world.clock.forward(days=3)
    world.sweep()


def told(world: World) -> dict[str, Any]:
    """Everything people would see of incidents, clocks and notices, and what the search answers."""
    shown: dict[str, Any] = {
        "incidents": sorted(world.held(IncidentRow), key=lambda it: it.number),
        "clocks": world.held(ClockRow),
        "notices": world.held(NoticeRow),
        "orders": world.held(OrderRow),
        "runs": world.held(RunRow),
    }
    for index in INDEXES:
        for text in _ASKED[index]:
            shown[f"{index}: {text}"] = queries.search(world.container, text, index, limit=10_000)
    return shown


def normalised(shown: dict[str, Any]) -> bytes:
    """Pseudonyms, and the references of the spool, are made with keys of the installation: each becomes its rank."""
    text = orjson.dumps(shown, option=orjson.OPT_SORT_KEYS).decode()
    ranks: dict[str, str] = {}
    return re.sub(r"\b[0-9a-f]{12,}\b", lambda it: ranks.setdefault(it[0], f"#{len(ranks)}"), text).encode()


async def through_kafka(world: World, settings: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker().address, acks="all")
    await producer.start()
    at = int(MONDAY.timestamp() * 1000)
    for number, (source, line) in enumerate(lines()):
        await producer.send(f"{settings.kafka_prefix}.{source}", line, timestamp_ms=at + number)
    await producer.stop()
    arrivals = arrivals_of(world.container)
    app, _ = stream_app(arrivals, settings, "full")
    await app.start()
    while sum(it.next for it in arrivals.positions().values()) < EVENTS:
        await asyncio.sleep(0.05)
    await app.stop()


def test_a_day_is_the_same_on_every_engine(tmp_path: Path) -> None:
    embedded = World(tmp_path / "embedded", MovingClock()).people()
    for source, line in lines():
        embedded.container.intake.take(Batch(source, None, embedded.clock.now(), line))
    day_after(embedded)
    expected = told(embedded)
    prefix = f"day{os.getpid()}"
    kafka = {"kafka": broker().address, "kafka_prefix": prefix, "kafka_sources": SOURCES}
    full = World(tmp_path / "full", MovingClock(), **engines_of(tmp_path / "full"), **kafka).people()
    asyncio.run(topics.create(full.settings, 3, 1))
    asyncio.run(through_kafka(full, full.settings))
    day_after(full)
    found = told(full)
    assert len(expected["incidents"]) > 10
    assert len(expected["events: "]) >= EVENTS
    for name, rows in expected.items():
        assert len(found[name]) == len(rows), name
    assert normalised(found) == normalised(expected)
    full.whole()
    embedded.container.close()
    full.container.close()
