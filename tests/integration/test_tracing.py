"""Traces against a real OTLP receiver: from the sender's span through ledger and finding to the incident."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from infra.inbound.kafka.arrivals import Arrival, Arrivals
from infra.inbound.kafka.consumer import Landing
from infra.web.app import create_app
from tests.collector import Collector, collecting
from tests.support import World

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
CLIENT = "C-104477"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


def attack(world: World, client: str = CLIENT) -> bytes:
    return world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin")


def posted(tmp_path: Path, parent: str, **settings: Any) -> World:
    """Hand an attack in over HTTP, work it off, and send the spans."""
    world = World(tmp_path, **settings)
    token = world.container.accounts.new_source("portal")
    world.container.intake.start()
    with TestClient(create_app(world.container)) as client:
        headers = {"Authorization": f"Bearer {token}", "traceparent": parent}
        body = b"\n".join([world.event("backup.job"), attack(world)])
        assert client.post("/api/v1/events", content=body, headers=headers).json()["accepted"] == 2
    world.container.intake.stop()
    world.work()
    world.container.tracing.close()
    return world


def test_a_trace_goes_from_the_sender_to_the_incident(tmp_path: Path, collector: Collector) -> None:
    world = posted(tmp_path, PARENT, traces=collector.url)
    taken, found, opened = (collector.one(name) for name in ("POST /api/v1/events", "detect", "incident"))
    assert {span.trace_id.hex() for span in (taken, found, opened)} == {TRACE}
    assert taken.parent_span_id.hex() == SPAN
    assert (found.parent_span_id, opened.parent_span_id) == (taken.span_id, found.span_id)
    said = {it.key: it.value for it in opened.attributes}
    assert said["qorgau.incident"].string_value == world.incidents()[0]["number"]
    assert {it.key: it.value.int_value for it in taken.attributes if "accepted" in it.key} == {"qorgau.accepted": 2}
    assert CLIENT.encode() not in collector.raw
    world.container.close()


@pytest.mark.parametrize("parent", [f"00-{TRACE}-{SPAN}-00", "", "rubbish", "00-" + "0" * 32 + f"-{SPAN}-01"])
def test_what_the_sender_does_not_sample_is_not_traced_and_rubbish_is_passed_over(
    tmp_path: Path, collector: Collector, parent: str
) -> None:
    world = posted(tmp_path, parent, traces=collector.url, traces_share=0.0)
    assert collector.spans == {}
    assert len(world.incidents()) == 1
    assert world.rows("SELECT * FROM traces") == []
    world.container.close()


def test_without_a_collector_nothing_is_kept(tmp_path: Path) -> None:
    world = posted(tmp_path, PARENT)
    assert world.rows("SELECT * FROM traces") == []
    world.container.close()


def test_a_collector_that_is_away_stops_nothing(tmp_path: Path) -> None:
    world = posted(tmp_path, PARENT, traces="http://127.0.0.1:9/v1/traces")
    assert len(world.incidents()) == 1
    world.container.close()


def test_messages_of_several_traces_are_linked_and_one_is_gone_on_with(tmp_path: Path, collector: Collector) -> None:
    world = World(tmp_path, traces=collector.url)
    container = world.container
    arrivals = Arrivals(
        container.ledger, container.catalogue, world.clock, "q", keep_unknown_types=False, tracing=container.tracing
    )

    async def nothing(*_: object) -> None:
        return None

    landing = Landing(arrivals, nothing, nothing)
    other = PARENT.replace("0af7", "1af7")
    batch = [Arrival("q.portal", 0, n, world.event("backup.job"), trace) for n, trace in enumerate((PARENT, "", other))]
    asyncio.run(landing.land(batch))
    asyncio.run(landing.land([Arrival("q.portal", 0, 3, attack(world), other)]))
    world.work()
    container.tracing.close()
    linked, alone = sorted(collector.spans["events process"], key=lambda span: span.start_time_unix_nano)
    assert {link.trace_id.hex() for link in linked.links} == {TRACE, "1" + TRACE[1:]}
    assert linked.trace_id.hex() not in (TRACE, "1" + TRACE[1:])
    assert alone.trace_id.hex() == "1" + TRACE[1:]
    assert collector.one("incident").trace_id == alone.trace_id
    container.close()
