"""``qorgau reference-systems``: the systems that take orders and notices, to try ours with."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from engine.kernel.errors import InputError
from infra.app.time_source import SystemClock
from infra.lab.reference.answers import ANSWERS
from infra.lab.reference.server import GATEWAY, ReferenceServer, Reporting
from infra.lab.reference.systems import CENTRE, EVENTS, SYSTEMS, ReferenceSystems
from infra.lab.testbed.gateway import ReferenceGateway

EVERY_S = 1.0
OTHERS = ("client-flag", "client-unflag", "accrual-resume", "access-block", "access-release", "payout-hold",
          "payout-release")  # fmt: skip
"""Orders that no event answers."""


@click.command()
@click.option(
    "--listen", default="127.0.0.1:8098", show_default=True, help="Address and port; port 0 takes a free one."
)
@click.option(
    "--refuse", multiple=True, metavar="[NAME=]HOW",
    help=f"How a system ({', '.join((*SYSTEMS, CENTRE, GATEWAY))}) or a kind of order answers, without NAME all of "
    f"them: {', '.join(ANSWERS)}.",
)  # fmt: skip
@click.option("--secret", multiple=True, help="Secret of the orders' signatures (whsec_…); with it only signed ones.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Write what came and was answered.")
@click.option("--engine", default="", help="Address of the engine that is told by events and statuses.")
@click.option("--token", default="", help="Token of the source that tells by events (qorgau sources add).")
@click.option("--gateway-token", default="", help="Token of the gateway's source (qorgau sources add client-gateway).")
@click.option("--finish-after", type=click.FloatRange(0), default=5.0, show_default=True,
              help="Seconds until what is 'later' is finished and told.")  # fmt: skip
@click.option("--fail", multiple=True, help="Ending of the identifiers of clients whom the gateway does not reach.")
def reference_systems(
    listen: str, refuse: tuple[str, ...], secret: tuple[str, ...], record: Path | None, engine: str, token: str,
    gateway_token: str, finish_after: float, fail: tuple[str, ...],
) -> None:  # fmt: skip
    """Play collections, loans, bureau, access, the Anti-Fraud Centre and the gateway for clients, until stopped.

    Prints the settings that send everything here. The contract is docs/api/orders.openapi.yaml; nothing of it is real:
    it answers as it is told and keeps what it got (GET /control/orders, PUT /control/answers, POST /control/finish).
    """
    host, port = _address(listen)
    clock = SystemClock()
    systems = ReferenceSystems(clock, how=_ways(refuse), secrets=secret)
    gateway = ReferenceGateway(failing=fail, secrets=secret, clock=clock)
    try:
        server = ReferenceServer(systems, gateway, host, port, record)
    except OSError as error:
        raise InputError(f"cannot listen on {listen}: {error.strerror}", field="--listen") from None
    if engine:
        server.reporting = Reporting(systems, gateway, engine, token, gateway_token)
    server.start()
    for name, value in server.settings.items():
        click.echo(f"export QORGAU_{name.upper()}={value}")
    _until_stopped(server, finish_after)


def _until_stopped(server: ReferenceServer, finish_after: float) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    waited = 0.0
    while not stop.wait(EVERY_S):
        waited += EVERY_S
        if waited >= finish_after:
            server.systems.finish()
            waited = 0.0
        if server.reporting is not None:
            server.reporting.report()
    server.stop()


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError("an address and a port are needed, as in 127.0.0.1:8098", field="--listen")
    return host.strip("[]"), int(port)


def _ways(refuse: tuple[str, ...]) -> dict[str, str]:
    found = {}
    known = {"*", *SYSTEMS, CENTRE, GATEWAY, *EVENTS, *OTHERS}
    for text in refuse:
        name, equals, how = text.partition("=")
        name, how = (name, how) if equals else ("*", name)
        if name not in known or how not in ANSWERS:
            raise InputError(f"'{text}': NAME=HOW is needed, as in collections=partly", field="--refuse")
        found[name] = how
    return found
