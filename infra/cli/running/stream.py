"""``qorgau stream run|status|topics``."""

from __future__ import annotations

import asyncio
import logging

import click

from engine.kernel.errors import InputError
from infra.cli import common
from infra.observe.logs import configure
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
    """Show how far each partition was taken, and how many messages wait."""
    from infra.inbound.kafka.topics import ends

    settings = _settings()
    with common.reading() as container:
        rows = container.database.rows("SELECT topic, part AS partition, next, at FROM arrivals ORDER BY topic, part")
    held = {(row["topic"], row["partition"]): row for row in rows}
    shown = [
        {
            "topic": topic,
            "partition": partition,
            "next": held.get((topic, partition), {}).get("next", 0),
            "end": end,
            "waiting": max(end - max(held.get((topic, partition), {}).get("next", 0), first), 0),
            "at": held.get((topic, partition), {}).get("at"),
        }
        for (topic, partition), (first, end) in sorted(asyncio.run(ends(settings)).items())
    ]
    common.show(shown, ("topic", "partition", "next", "end", "waiting", "at"), as_json)
