"""``qorgau syslog``."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl

import click

from engine.events.catalogue import Catalogue
from engine.events.cef import CefTable, builtin_cef
from engine.kernel.errors import InputError
from infra.app.container import Container
from infra.cli import common
from infra.inbound.syslog.landing import Landing
from infra.inbound.syslog.server import Server
from infra.observe.logs import configure
from infra.settings.syslog import SyslogSettings

log = logging.getLogger("qorgau.syslog")


@click.command()
def syslog() -> None:
    """Take syslog messages (RFC 5424) into the ledger until stopped: over TLS, TCP and UDP, as the settings say."""
    settings = common.settings()
    addresses = {
        name: _address(text, name)
        for name, text in (("tls", settings.syslog_tls), ("tcp", settings.syslog_tcp), ("udp", settings.syslog_udp))
        if text
    }
    if not addresses:
        raise InputError("name where to listen, as in 127.0.0.1:6514", field="QORGAU_SYSLOG_TLS")
    tls = _tls(settings) if "tls" in addresses else None
    configure(settings.log_format)
    with common.container() as container:
        cef_of(settings, container.catalogue)
        asyncio.run(_serve(container, addresses, tls))


def _address(text: str, name: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError(
            "an address and a port are needed, as in 127.0.0.1:6514", field=f"QORGAU_SYSLOG_{name.upper()}"
        )
    return host.strip("[]"), int(port)


def _tls(settings: SyslogSettings) -> ssl.SSLContext:
    """TLS 1.2 or later; where a CA of clients is named, only clients with a certificate of it (RFC 5425)."""
    if settings.syslog_certificate is None or settings.syslog_key is None:
        raise InputError("TLS needs a certificate and its key", field="QORGAU_SYSLOG_CERTIFICATE")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.syslog_certificate, settings.syslog_key)
        if settings.syslog_clients_ca is not None:
            context.load_verify_locations(settings.syslog_clients_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"cannot be used: {error}", field="QORGAU_SYSLOG_CERTIFICATE") from None
    return context


def cef_of(settings: SyslogSettings, catalogue: Catalogue) -> CefTable:
    """Return the table by which CEF is read. Raise InputError for a type that is not in the catalogue."""
    unknown = sorted(set(settings.syslog_cef.values()) - set(catalogue.events))
    if unknown:
        raise InputError(f"no event type of the catalogue: {', '.join(unknown)}", field="QORGAU_SYSLOG_CEF")
    return builtin_cef().with_types(settings.syslog_cef)


async def _serve(container: Container, addresses: dict[str, tuple[str, int]], tls: ssl.SSLContext | None) -> None:
    settings = container.settings
    unknown = settings.keep_unknown_types
    landing = Landing(
        container.ledger, container.catalogue, container.clock, settings.syslog_source, keep_unknown_types=unknown,
        cef=cef_of(settings, container.catalogue),
    )  # fmt: skip
    server = Server(landing, settings.syslog_allow)
    for name, (host, port) in addresses.items():
        try:
            if name == "udp":
                bound = await server.listen_udp(host, port)
            else:
                bound = await server.listen(host, port, tls if name == "tls" else None)
        except OSError as error:
            variable = f"QORGAU_SYSLOG_{name.upper()}"
            raise InputError(f"cannot listen on {host}:{port}: {error.strerror}", field=variable) from None
        log.info("syslog over %s on %s port %s, for the source %s", name, host, bound, settings.syslog_source)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.run()
    counts = server.counts
    log.info(
        "%s messages: %s accepted, %s known already, %s set aside; %s datagrams lost, %s peers refused",
        counts.received, counts.taken.accepted, counts.taken.duplicate, counts.taken.rejected, counts.lost,
        counts.refused,
    )  # fmt: skip
