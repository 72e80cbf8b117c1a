"""The consumer under Faust: where it begins, in which order it reads, and in what pieces it hands over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from itertools import islice
from typing import Any, ClassVar

from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP, Message

from infra.inbound.kafka.arrivals import Arrival, Arrivals
from infra.inbound.kafka.merging import InOrder
from infra.observe.tracing import HEADER

TAKE = 2_000
"""Messages in a bundle."""
FETCH_WAIT_MS = 50


class Reading(AIOKafkaConsumerThread):
    """Faust's thread around the consumer, with two things it does not let us set."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        made = super()._create_worker_consumer(transport)
        # A request for the quiet partitions would keep the busy ones waiting for as long as 1.5 s: one is under way at
        # a time. And what a producer took back in a transaction never happened.
        made._fetch_max_wait_ms, made._isolation_level = FETCH_WAIT_MS, "read_committed"
        return made


class OwnPositions(Consumer):
    """Begins where our own positions stand, and reads its partitions in the order of time."""

    arrivals: ClassVar[Arrivals]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scheduler = self.in_order = InOrder(self.more, time.monotonic)

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return Reading(self, loop=self.loop, beacon=self.beacon)

    def more(self, tp: TP) -> bool:
        """Say whether the broker has messages of a partition that were not fetched; so too while that is not known."""
        try:
            consumer = self._thread._ensure_consumer()
            state = consumer._subscription.subscription.assignment.state_value(tp)
        except (AssertionError, AttributeError, KafkaError, ConsumerNotStarted):
            return True  # given away meanwhile
        return state is None or state.lso is None or not state.has_valid_position or state.lso > state.position

    def behind(self) -> bool:
        """Say whether messages of our partitions are there and not stored."""
        held = self.arrivals.positions()
        for tp, given in self.in_order.given.items():
            position = held.get((tp.topic, tp.partition))
            if self.more(tp) or given > (position.next if position is not None else 0):
                return True
        return self.in_order.holds()

    async def read_again(self, tp: TP, offset: int) -> None:
        """Go back to an offset."""
        self.in_order.again(tp, offset)
        await self.seek(tp, offset)

    def _get_active_partitions(self) -> set[TP]:
        active: set[TP] = super()._get_active_partitions()
        return active - self.in_order.full() or active

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Return what came as a few bundles: a message of Faust's costs as much as ten of ours, whatever is in it."""
        records, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        assigned = self.assignment()
        merged = ((tp, it) for tp, it in self.in_order.iterate(records) if tp in assigned)
        while bundle := list(islice(merged, TAKE)):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return  # what is dropped here is read again from our own positions
            tp, last = bundle[-1]
            message = self._to_message(tp, last)
            traced = self.arrivals.tracing.active
            bundled: Any = [
                Arrival(at.topic, at.partition, it.offset, it.value or b"", _trace(it) if traced else "")
                for at, it in bundle
            ]
            message.value = bundled
            yield tp, message

    async def seek_to_committed(self) -> Mapping[TP, int]:
        held = await asyncio.to_thread(self.arrivals.positions)
        starts = {}
        for tp in self.assignment():
            position = held.get((tp.topic, tp.partition))
            # The last message taken comes once more: its digest tells whether the topic is still the same one.
            starts[TP(tp.topic, tp.partition)] = max(position.next - 1, 0) if position is not None else 0
        self.in_order.begin(starts)
        await self._thread.seek_wait(starts)
        return starts


def _trace(record: Any) -> str:
    """Return the trace a message belongs to, empty for none."""
    return next((value.decode("ascii", "replace") for name, value in record.headers if name == HEADER), "")


def own_positions(arrivals: Arrivals) -> type[OwnPositions]:
    """Return the consumer of one ledger: Faust makes it by itself, from a class."""
    return type("OwnPositions", (OwnPositions,), {"arrivals": arrivals})
