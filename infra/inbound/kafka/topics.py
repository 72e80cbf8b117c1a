"""The topics of a set-up, asked of the broker itself."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from engine.kernel.errors import QorgauError
from infra.inbound.kafka.access import client_options
from infra.settings.kafka import KafkaSettings


class BrokerUnavailable(QorgauError):
    """The broker cannot be reached."""

    code = "stream.broker"


def topics_of(settings: KafkaSettings) -> list[str]:
    """Return the names: one per source, and the dead letters'."""
    prefix = settings.kafka_prefix
    return [*(f"{prefix}.{source}" for source in settings.kafka_sources), f"{prefix}-dead-letters"]


async def missing(settings: KafkaSettings) -> list[str]:
    """Return the topics that are not there. Raises BrokerUnavailable."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        there = set(await admin.list_topics())
    except KafkaError as error:
        raise BrokerUnavailable(f"no broker answers at {settings.kafka}: {type(error).__name__}") from None
    finally:
        await admin.close()
    return [name for name in topics_of(settings) if name not in there]


async def create(settings: KafkaSettings, partitions: int, replicas: int) -> list[str]:
    """Make what is missing; return the names. Raises BrokerUnavailable."""
    absent = await missing(settings)
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        wanted = [NewTopic(name, partitions, replicas) for name in absent]
        errors = (await admin.create_topics(wanted)).topic_errors if wanted else ()
        for name, code, *rest in errors:
            if code:
                raise QorgauError(f"the topic {name} cannot be made: {rest[0] if rest and rest[0] else code}")
    finally:
        await admin.close()
    return absent


async def ends(settings: KafkaSettings) -> dict[tuple[str, int], tuple[int, int]]:
    """Return the first and the next offset of every partition of the sources. Raises BrokerUnavailable."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    consumer = AIOKafkaConsumer(**client_options(settings))
    try:
        await admin.start()
        await consumer.start()
        described = await admin.describe_topics(topics_of(settings)[:-1])
        partitions = [TopicPartition(it["topic"], part["partition"]) for it in described for part in it["partitions"]]
        first, last = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    except KafkaError as error:
        raise BrokerUnavailable(f"no broker answers at {settings.kafka}: {type(error).__name__}") from None
    finally:
        await consumer.stop()
        await admin.close()
    return {(it.topic, it.partition): (first[it], last[it]) for it in partitions}


async def message_at(settings: KafkaSettings, topic: str, partition: int, offset: int) -> bytes | None:
    """Return the bytes of one message, None where the partition has none at the offset. Raises BrokerUnavailable."""
    consumer = AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False)
    place = TopicPartition(topic, partition)
    try:
        await consumer.start()
        consumer.assign([place])
        ends = await consumer.end_offsets([place])
        if offset >= ends[place]:
            return None
        consumer.seek(place, offset)
        for messages in (await consumer.getmany(place, timeout_ms=10_000, max_records=1)).values():
            for message in messages:
                if message.offset == offset:
                    return message.value or b""
        return None
    except KafkaError as error:
        raise BrokerUnavailable(f"no broker answers at {settings.kafka}: {type(error).__name__}") from None
    finally:
        await consumer.stop()
