"""The Faust application: it fetches, buffers and shares partitions between workers; everything else is ``arrivals``.

Its traps (measured or read, see the record 0016) and what stands against them: an agent that raises loses its batch, so
nothing is raised out of it; committed offsets prove nothing, so every assignment seeks to our own positions; values are
taken raw, since one that cannot be decoded would vanish; a consumer that stands still is ended and started again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import faust
from aiokafka.errors import (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from faust.types import TP

from engine.kernel.errors import QorgauError
from engine.kernel.ports import Taken
from infra.inbound.kafka.access import credentials
from infra.inbound.kafka.arrivals import Arrival, Arrivals, DeadLetter, Moved, Partition, Skipped, TopicReplaced
from infra.inbound.kafka.reading import TAKE, own_positions
from infra.settings.settings import Settings
from infra.store.keys.sealing import KeysChanged

log = logging.getLogger("qorgau.stream")
FETCH_BYTES = 256 * 1024
"""What is fetched of one partition at a time."""
BUNDLES = 1
"""Bundles that wait for the ledger; then fetching stops."""
SESSION_S = 15.0
"""After so long the partitions of a killed worker go to the others; Faust would wait for a minute."""
GATHER_S = 0.1
"""A small bundle is followed by a pause to this length, so that the next is larger: each costs a transaction."""
PAUSES_S = (0.2, 1.0, 5.0, 15.0)

Sleep = Callable[[float], Any]
SendDead = Callable[[DeadLetter], Any]
Seek = Callable[[tuple[str, int], int], Any]


class Waits(QorgauError):
    """A batch that cannot be stored now; it is tried again. Says which messages wait."""

    code = "stream.waits"

    def __init__(self, error: Exception, batch: Sequence[Arrival]) -> None:
        self.error_name = type(error).__name__
        spans = sorted({(it.topic, it.partition) for it in batch})
        first = {span: min(it.offset for it in batch if (it.topic, it.partition) == span) for span in spans}
        self.places = ", ".join(f"{topic}/{part} from offset {first[topic, part]}" for topic, part in spans)
        self.outline = f"{self.error_name} at {self.places}"
        super().__init__(f"the batch waits ({self.places}): {self.error_name}")


NEVER = (MessageSizeTooLargeError, RecordTooLargeError, RecordListTooLargeError, TopicAuthorizationFailedError)
"""What a broker answers to a message that it will never take."""
TRIES_OF_LETTERS = 3
"""So often a batch waits for the topic of dead letters; then the ledger goes on without it."""


def never(error: BaseException) -> bool:
    """Say whether a broker will never take this message; one that is only away is waited for."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, NEVER):
        cause = cause.__cause__
    return cause is not None


class Landing:
    """Brings batches to the ledger, however often it takes; ``taken`` and ``progress`` say how it goes."""

    def __init__(self, arrivals: Arrivals, send_dead: SendDead, seek: Seek, sleep: Sleep = asyncio.sleep) -> None:
        self.arrivals = arrivals
        self.send_dead = send_dead
        self.seek = seek
        self.sleep = sleep
        self.taken = Taken()
        self.progress = 0
        self.fault = ""
        self.untold = 0
        """Letters that are in the store and not in their topic."""
        self.on_fault: Callable[[Exception], None] = lambda error: None
        self.on_success: Callable[[set[str]], None] = lambda places: None
        """Hears of every batch that was stored, with the partitions (``topic/number``) in it."""

    async def land(self, batch: Sequence[Arrival]) -> None:
        """Store a batch. Comes back when it is durable, or when its messages will come again."""
        tracing = self.arrivals.tracing
        if not tracing.active:
            await self._land(batch, "")
            return
        with tracing.span("events process", "consumer", (it.trace for it in batch), messages=len(batch)) as span:
            await self._land(batch, span.trace)
            span.say(**self.taken.model_dump())

    async def _land(self, batch: Sequence[Arrival], trace: str) -> None:
        tries = 0
        sent: set[tuple[str, int, int, int]] = set()
        while True:
            try:
                read = await asyncio.to_thread(self.arrivals.read, batch)
                await self._tell_dead(read.dead, sent, tries)
                self.taken = await asyncio.to_thread(self.arrivals.store, read, trace)
            except (Moved, KeysChanged):
                continue
            except Skipped as skipped:
                log.info("%s; asked for again", skipped.message)
                await self.seek(skipped.partition, skipped.expected)
                batch = _without(batch, skipped.partition, skipped.got)
                continue
            except TopicReplaced as replaced:
                log.warning("%s", replaced.message)
                await asyncio.to_thread(self.arrivals.forget, replaced.partition)
                await self.seek(replaced.partition, 0)
                batch = _without(batch, replaced.partition, 0)
                continue
            except Exception as error:
                self._failed(Waits(error, batch))
                await self.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
                continue
            self.progress += 1
            self.fault = ""
            await asyncio.to_thread(self.on_success, {f"{it.topic}/{it.partition}" for it in batch})
            return

    async def _tell_dead(self, letters: Sequence[DeadLetter], sent: set[tuple[str, int, int, int]], tries: int) -> None:
        """Send the letters that were not sent yet. One that the broker does not take stops nothing: the store keeps it,
        and only that its topic lacks it is said."""
        new = {_place(letter): letter for letter in letters if _place(letter) not in sent}
        answers = await asyncio.gather(*(self.send_dead(it) for it in new.values()), return_exceptions=True)
        away: BaseException | None = None
        for (place, letter), answer in zip(new.items(), answers, strict=True):
            if not isinstance(answer, BaseException):
                sent.add(place)
            elif isinstance(answer, Exception) and (never(answer) or tries >= TRIES_OF_LETTERS):
                sent.add(place)
                self.untold += 1
                topic, part, offset, line = place
                log.error(
                    "the dead letter of %s/%s offset %s line %s (%s bytes) is in the store and not in its topic: %s",
                    topic, part, offset, line, len(letter.reject.raw), type(answer).__name__,
                )  # fmt: skip
            else:
                away = answer
        if away is not None:
            raise away

    def _failed(self, waits: Waits) -> None:
        if self.fault != waits.error_name:
            log.error("%s", waits.message)
            self.fault = waits.error_name
        self.on_fault(waits)


def _without(batch: Sequence[Arrival], partition: Partition, begin: int) -> list[Arrival]:
    """Leave out what will come again; the rest of the batch is stored now."""
    return [it for it in batch if (it.topic, it.partition) != partition or it.offset < begin]


LETTER_BYTES = 256 * 1024
"""What a message of the topic of dead letters holds at most of the bytes that were set aside. A broker takes one of
1 MB with its headers unless told otherwise; the store keeps them all."""


def message_of(letter: DeadLetter, most: int = LETTER_BYTES) -> tuple[bytes, dict[str, bytes]]:
    """Return a dead letter as it goes to its topic: the bytes, cut where they are long, and headers that say where the
    message stood, what is wrong with it, and the size and SHA-256 of all its bytes."""
    arrival, reject = letter.arrival, letter.reject
    headers = {
        "qorgau.topic": arrival.topic, "qorgau.partition": str(arrival.partition), "qorgau.offset": str(arrival.offset),
        "qorgau.line": str(reject.line), "qorgau.code": reject.code, "qorgau.field": reject.field or "",
        "qorgau.size": str(len(reject.raw)), "qorgau.sha256": sha256(reject.raw).hexdigest(),
        "qorgau.cut": "yes" if len(reject.raw) > most else "no",
    }  # fmt: skip
    return reject.raw[:most], {name: text.encode()[:1000] for name, text in headers.items()}


def _place(letter: DeadLetter) -> tuple[str, int, int, int]:
    return letter.arrival.topic, letter.arrival.partition, letter.arrival.offset, letter.reject.line


def _application(settings: Settings, group: str) -> faust.App:
    """Set Faust as far as it lets itself be set; the rest is in ``reading``."""
    return faust.App(
        group,
        broker=[f"kafka://{server.strip()}" for server in (settings.kafka or "").split(",")],
        store="memory://",
        broker_credentials=credentials(settings),
        datadir=str(settings.data / "stream"),
        web_enabled=False,
        topic_disable_leader=True,
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        producer_acks=-1,
        broker_commit_livelock_soft_timeout=300.0,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 5,
        broker_rebalance_timeout=SESSION_S * 2,
        stream_buffer_maxsize=BUNDLES,
    )


def stream_app(arrivals: Arrivals, settings: Settings, group: str) -> tuple[faust.App, Landing]:
    """Build the application over the topics of the sources."""
    app = _application(settings, group)
    app.transport.Consumer = own_positions(arrivals)  # type: ignore[misc]
    topics = app.topic(
        *(arrivals.topic(source) for source in settings.kafka_sources), value_type=bytes, value_serializer="raw"
    )
    graves = app.topic(f"{arrivals.prefix}-dead-letters", value_type=bytes, value_serializer="raw")

    async def send_dead(letter: DeadLetter) -> None:
        for most in (LETTER_BYTES, 0):
            value, headers = message_of(letter, most)
            try:
                await (await graves.send(value=value, headers=headers))
            except Exception as error:
                if most and never(error):  # the topic takes less than we believe: without the bytes
                    continue
                raise
            return

    async def seek(partition: tuple[str, int], offset: int) -> None:
        await app.consumer.read_again(TP(*partition), offset)  # type: ignore[attr-defined]

    landing = Landing(arrivals, send_dead, seek)

    @app.agent(topics, name="qorgau-arrivals")
    async def take_in(stream: Any) -> None:
        async for event in stream.events():
            began = time.monotonic()
            await landing.land(event.message.value)
            if len(event.message.value) < TAKE // 4:
                await asyncio.sleep(max(began + GATHER_S - time.monotonic(), 0))

    return app, landing
