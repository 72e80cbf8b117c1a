"""The syslog server as a process of its own: TLS, TCP and UDP, stopping, who may send, and a store that is away."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from engine.kernel.ports import Taken
from infra.inbound.syslog.landing import Landing, Received
from infra.inbound.syslog.server import Server
from infra.read.rows import effects
from infra.store.sql.database import StoreUnavailable
from tests.certificates import Certified, certificate
from tests.commands import qorgau
from tests.full_setup import environment as engines
from tests.support import DATA, World

_BOUND = re.compile(rb"syslog over (\w+) on \S+ port (\d+)")


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[dict[str, int]]:
    """The server in a process; return its ports, and ends it by SIGTERM."""
    env = {**os.environ, "QORGAU_DATA": str(data), **engines(data), **settings}
    process = subprocess.Popen([sys.executable, "-m", "infra", "syslog"], env=env, stderr=subprocess.PIPE)
    assert process.stderr is not None
    wanted = sum(name in settings for name in ("QORGAU_SYSLOG_TLS", "QORGAU_SYSLOG_TCP", "QORGAU_SYSLOG_UDP"))
    ports: dict[str, int] = {}
    try:
        while len(ports) < wanted:
            line = process.stderr.readline()
            assert line, "the server ended"
            if found := _BOUND.search(line):
                ports[found[1].decode()] = int(found[2])
        yield ports
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def message(number: int, action: str = "backup.job") -> bytes:
    at = datetime.now(UTC).isoformat()
    return f'<86>1 {at} host app - {action} [ecs@32473 event.id="m-{number}"]'.encode()


def counted(it: bytes) -> bytes:
    return b"%d %s" % (len(it), it)


def stored(data: Path) -> tuple[list[str], list[bytes]]:
    """Ids in the ledger and the bytes of the dead letters."""
    world = World(data)
    events = [event.event_id for event in world.container.ledger.read(0, 100_000)]
    letters = world.letters()
    world.container.close()
    return events, letters


def test_tcp_in_both_framings_and_what_was_read_is_stored_when_it_stops(tmp_path: Path) -> None:
    broken, twice = b"<86>1 - - - - - no event here", message(2_999)
    with serving(tmp_path, QORGAU_SYSLOG_TCP="127.0.0.1:0") as ports:
        with socket.create_connection(("127.0.0.1", ports["tcp"])) as line:
            line.sendall(b"".join(counted(message(n)) for n in range(2_999)) + counted(twice) + counted(broken))
            line.shutdown(socket.SHUT_WR)
            assert line.recv(1) == b""  # the server has read everything
        with socket.create_connection(("127.0.0.1", ports["tcp"])) as line:
            line.sendall(
                twice + b"\n" + b"".join(message(n) + b"\n" for n in range(3_000, 3_100)) + b"not syslog at all"
            )
            line.shutdown(socket.SHUT_WR)
            assert line.recv(1) == b""
    events, letters = stored(tmp_path)
    assert events == [f"m-{n}" for n in range(3_100)]
    assert letters == [broken, b"not syslog at all"]


def test_cef_of_a_firewall_and_of_a_product_that_the_house_names(tmp_path: Path) -> None:
    known = (DATA.parents[1] / "docs" / "examples" / "systems" / "perimeter.log").read_bytes()
    named = b"<134>1 2026-11-23T10:00:00+05:00 waf - - - - CEF:0|ACME|Waf|2|sqli|Attack|9|src=203.0.113.5"
    unknown = b"<134>Nov 23 10:00:00 fw CEF:0|Nobody|Nothing|1|7|config saved|1|msg=saved"
    broken = b"<134>Nov 23 10:00:00 fw CEF:0|ACME|Waf"
    types = '{"ACME|Waf|*": "net.ips.alert"}'
    with (
        serving(tmp_path, QORGAU_SYSLOG_TCP="127.0.0.1:0", QORGAU_SYSLOG_CEF=types) as ports,
        socket.create_connection(("127.0.0.1", ports["tcp"])) as line,
    ):
        line.sendall(known + named + b"\n" + unknown + b"\n" + broken + b"\n")
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1) == b""
    world = World(tmp_path)
    found = [event.action for event in world.container.ledger.read(0, 10)]
    codes = {letter.row.code for letter in effects.dead_letters(world.container.database)}
    world.container.close()
    assert found == ["net.firewall.flow", "net.ips.alert", "net.av.detection", "net.ddos.started", "net.ips.alert"]
    assert stored(tmp_path)[1] == [unknown, broken]
    assert codes == {"cef-unmapped", "not-cef"}


def test_udp(tmp_path: Path) -> None:
    with serving(tmp_path, QORGAU_SYSLOG_UDP="127.0.0.1:0") as ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            for number in range(100):
                way.sendto(message(number) + b"\n", ("127.0.0.1", ports["udp"]))
        until_stored(tmp_path, 100)
    assert stored(tmp_path) == ([f"m-{n}" for n in range(100)], [])


def until_stored(data: Path, count: int) -> None:
    """Datagrams have no end; wait for the last one. The limit only ends a test that failed."""
    world, pause = World(data), threading.Event()
    for _ in range(600):
        if world.container.ledger.head() >= count:
            break
        pause.wait(0.1)
    world.container.close()


def test_tls_takes_only_clients_with_a_certificate(tmp_path: Path) -> None:
    authority, stranger = certificate(tmp_path, "authority"), certificate(tmp_path, "stranger")
    own, client = certificate(tmp_path, "server", authority), certificate(tmp_path, "client", authority)
    settings = {
        "QORGAU_SYSLOG_TLS": "127.0.0.1:0", "QORGAU_SYSLOG_CERTIFICATE": str(own.certificate),
        "QORGAU_SYSLOG_KEY": str(own.key), "QORGAU_SYSLOG_CLIENTS_CA": str(authority.certificate),
        "QORGAU_SYSLOG_SOURCE": "core-banking",
    }  # fmt: skip
    data = tmp_path / "data"

    def send(as_client: Certified, number: int) -> None:
        context = ssl.create_default_context(cafile=authority.certificate)
        context.load_cert_chain(as_client.certificate, as_client.key)
        with (
            socket.create_connection(("127.0.0.1", port)) as line,
            context.wrap_socket(line, server_hostname="127.0.0.1") as secret,
        ):
            secret.sendall(counted(message(number)))
            secret.unwrap()

    with serving(data, **settings) as ports:
        port = ports["tls"]
        send(client, 1)
        with pytest.raises(OSError):
            send(stranger, 2)
    world = World(data)
    (event,) = world.container.ledger.read(0, 10)
    world.container.close()
    assert (event.event_id, event.source) == ("m-1", "core-banking")


class Failing(Landing):
    """A store that is away for the first tries."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.stored: list[bytes] = []

    def store(self, batch: object) -> Taken:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("gone")
        self.stored += [it.raw for it in batch]  # type: ignore[attr-defined]
        return Taken(accepted=len(batch))  # type: ignore[arg-type]


async def _no_pause(_: float) -> None:
    await asyncio.sleep(0)


def test_what_was_read_waits_for_a_store_that_is_away() -> None:
    landing = Failing(away=7)

    async def scene() -> Server:
        server = Server(landing, (ip_network("127.0.0.0/8"),), sleep=_no_pause)
        for number in range(5):
            server.offer(Received(b"%d" % number))
        server.stop()
        await server.run()
        return server

    server = asyncio.run(scene())
    assert landing.stored == [b"0", b"1", b"2", b"3", b"4"]
    assert (server.counts.received, server.counts.taken.accepted, server.counts.lost) == (5, 5, 0)


def test_only_the_networks_named_may_send() -> None:
    server = Server(Failing(away=0), (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32")))
    asked = {
        "10.1.2.3": True, "10.2.0.1": False, "127.0.0.1": False, "2001:db8::7": True, "::1": False,
        "::ffff:10.1.0.1": True, "fe80::1%eth0": False,
    }  # fmt: skip
    assert {peer: server.may_send((peer, 514)) for peer in asked} == asked
    assert server.counts.refused == 4
    assert not server.may_send(None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, b"QORGAU_SYSLOG_TLS"),
        ({"QORGAU_SYSLOG_TCP": "6514"}, b"an address and a port"),
        ({"QORGAU_SYSLOG_TLS": "127.0.0.1:0"}, b"certificate and its key"),
        ({"QORGAU_SYSLOG_TCP": "127.0.0.1:0", "QORGAU_SYSLOG_ALLOW": '["everyone"]'}, b"QORGAU_SYSLOG_ALLOW"),
        ({"QORGAU_SYSLOG_TCP": "192.0.2.1:1"}, b"cannot listen"),
        ({"QORGAU_SYSLOG_TCP": "127.0.0.1:0", "QORGAU_SYSLOG_CEF": '{"A|B": "no.such"}'}, b"QORGAU_SYSLOG_CEF"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, settings: dict[str, str], said: bytes) -> None:
    done = qorgau("syslog", data=tmp_path, **settings)
    assert (done.returncode, said in done.stderr, done.stderr.count(b"Traceback")) == (2, True, 0), done.stderr
