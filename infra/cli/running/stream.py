"""``qorgau stream run|status|topics|skip``."""

from __future__ import annotations

import asyncio
import logging

import click

from engine.kernel.errors import InputError
from infra.cli import common
from infra.observe.logs import configure
from infra.observe.stage_health import standing
from infra.read.rows import effects
from infra.settings.settings import Settings

log = logging.getLogger("qorgau.stream")


@click.group()
def stream() -> None:
    """Security events from Kafka."""


def _settings() -> Settings:
    settings = common.settings()
    if not settings.kafka:
        raise InputError("name the brokers, as in 10.0.0.1:9092,10.0.0.2:9092", field="QORGAU_KAFKA")
    if not settings.kafka_sources:
        raise InputError('name the sources, as in ["portal","antifraud"]', field="QORGAU_KAFKA_SOURCES")
    return settings


@stream.command()
@click.option("--worker", is_flag=True, help="Work in this process; without it a second one is started and watched.")
@click.option("--stall", type=click.FloatRange(5), default=60.0, show_default=True,
              help="Seconds without progress after which the consumer is started again.")  # fmt: skip
def run(worker: bool, stall: float) -> None:
    """Take messages into the ledger until stopped. Several may run; Kafka shares the partitions among them."""
    from infra.app import stream as program
    from infra.inbound.kafka.topics import BrokerUnavailable, missing

    settings = _settings()
    configure(settings.log_format)
    if not worker:
        raise SystemExit(program.supervise(["stream", "run", "--worker", "--stall", str(stall)]))
    try:
        absent = asyncio.run(missing(settings))
    except BrokerUnavailable as away:
        log.error("%s", away.message)  # it comes back; whoever watches this process starts it again
        raise SystemExit(program.AGAIN) from None
    if absent:
        raise InputError(f"there is no topic {', '.join(absent)}; 'qorgau stream topics' makes them")
    with common.container() as container:
        program.work(container, stall_s=stall)


@stream.command()
@click.option("--partitions", type=click.IntRange(1, 1000), default=8, show_default=True)
@click.option("--replicas", type=click.IntRange(1, 9), default=1, show_default=True, help="Three in production.")
def topics(partitions: int, replicas: int) -> None:
    """Make the topics of the sources, and the one of dead letters, where they are missing."""
    from infra.inbound.kafka.topics import create

    for name in asyncio.run(create(_settings(), partitions, replicas)):
        click.echo(name)


@stream.command()
@common.as_json
def status(as_json: bool) -> None:
    """Show how far each partition was taken, how many messages wait, and what was set aside of the source."""
    from infra.inbound.kafka.topics import ends

    settings = _settings()
    with common.reading() as container:
        rows = container.database.rows("SELECT topic, part AS partition, next, at FROM arrivals ORDER BY topic, part")
        aside = effects.dead_by_source(container.database)
        faults = [it for it in standing(container.database) if it["stage"] == "stream"]
    held = {(row["topic"], row["partition"]): row for row in rows}
    shown = [
        {
            "topic": topic,
            "partition": partition,
            "next": held.get((topic, partition), {}).get("next", 0),
            "end": end,
            "waiting": max(end - max(held.get((topic, partition), {}).get("next", 0), first), 0),
            "at": held.get((topic, partition), {}).get("at"),
            "set_aside": aside.get(topic.removeprefix(f"{settings.kafka_prefix}."), 0),
        }
        for (topic, partition), (first, end) in sorted(asyncio.run(ends(settings)).items())
    ]
    common.show(shown, ("topic", "partition", "next", "end", "waiting", "at", "set_aside"), as_json)
    for fault in faults:
        click.echo(f"the stream waits since {fault['since']}: {fault['error']}", err=True)


@stream.command()
@click.argument("topic")
@click.argument("partition", type=click.IntRange(0))
@click.argument("offset", type=click.IntRange(0))
@click.option("--reason", required=True, help="Why; it is kept with the message.")
def skip(topic: str, partition: int, offset: int, reason: str) -> None:
    """Pass over one message that cannot be taken: the next of its partition, as 'stream status' and the log name it.

    Its bytes are kept as a dead letter with the reason. A consumer that runs goes on by itself.
    """
    from infra.app.stream import arrivals_of
    from infra.inbound.kafka.arrivals import Arrival
    from infra.inbound.kafka.topics import message_at, topics_of

    settings = _settings()
    if topic not in topics_of(settings)[:-1]:
        raise InputError(f"no topic of a source; there are {', '.join(topics_of(settings)[:-1])}", field="TOPIC")
    value = asyncio.run(message_at(settings, topic, partition, offset))
    if value is None:
        raise InputError("the partition has no message there", field="OFFSET")
    with common.container() as container:
        arrivals_of(container).skip(Arrival(topic, partition, offset, value), reason.strip()[:500])
    click.echo(f"passed over {topic}/{partition} offset {offset}: {len(value)} bytes are kept as a dead letter")
