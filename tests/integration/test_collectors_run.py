"""The configurations for collectors, run by the collectors themselves as far as this machine has them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer

from infra.lab.testbed.connect import Connect
from infra.lab.testbed.postgres import Cluster
from infra.lab.testbed.server import NoServer, free_port
from tests.certificates import Certified, certificate
from tests.commands import qorgau
from tests.integration.test_syslog_server import counted, message, serving, stored, until_stored
from tests.servers import broker, needed
from tests.support import World

pytestmark = pytest.mark.services
FOLDER = Path(__file__).parents[2] / "infra" / "deploy" / "collectors"
INPUT = """
module(load="imptcp")
input(type="imptcp" address="127.0.0.1" port="{port}" SupportOctetCountedFraming="on")
"""


def adapted(name: str, **places: str) -> str:
    """The configuration as it stands in the folder, with the places of this machine in it."""
    text = (FOLDER / name).read_text(encoding="utf8")
    for ours, here in ((ours, here) for pair in places.items() for ours, here in [pair[1].split(" => ")]):
        assert text.count(ours) == 1, ours
        text = text.replace(ours, here)
    return text


@contextmanager
def rsyslog(folder: Path, target: int, authority: Certified, client: Certified) -> Iterator[int]:
    """rsyslogd with our configuration; return the port on which it takes what programs log."""
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
    with needed():
        if program is None or not list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
            raise NoServer("rsyslog with GnuTLS is not installed (Debian: apt-get install rsyslog rsyslog-gnutls)")
    assert program is not None
    spool, port = folder / "spool", free_port()
    spool.mkdir(exist_ok=True)
    text = adapted(
        "rsyslog.conf",
        spool=f"/var/spool/rsyslog => {spool}",
        authority=f"/etc/qorgau/ca.pem => {authority.certificate}",
        certificate=f"/etc/qorgau/client.pem => {client.certificate}",
        key=f"/etc/qorgau/client.key => {client.key}",
        target='target="10.0.0.5" => target="127.0.0.1"',
        port=f'port="6514" => port="{target}"',
        peer='"qorgau.example" => "server"',
        retry='action.resumeRetryCount="-1" => action.resumeRetryCount="-1" action.resumeInterval="1"',
    )
    path = folder / "rsyslog.conf"
    path.write_text(INPUT.format(port=port) + text, encoding="utf8")
    command = [program, "-n", "-f", str(path), "-i", str(folder / "rsyslog.pid")]
    subprocess.run([*command, "-N1"], check=True, capture_output=True)
    log = (folder / "rsyslog.log").open("ab")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)


def say(port: int, *lines: bytes) -> None:
    """Log as a program does, once rsyslog listens."""
    pause = threading.Event()
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(b"".join(map(counted, lines)))
                return
        except ConnectionRefusedError:
            pause.wait(0.1)
    raise AssertionError("rsyslog does not listen")


def test_rsyslog_sends_what_is_ours_and_keeps_it_while_we_are_away(tmp_path: Path) -> None:
    authority = certificate(tmp_path, "authority")
    own, client = certificate(tmp_path, "server", authority), certificate(tmp_path, "client", authority)
    data, port = tmp_path / "data", free_port()
    settings = {
        "QORGAU_SYSLOG_TLS": f"127.0.0.1:{port}", "QORGAU_SYSLOG_CERTIFICATE": str(own.certificate),
        "QORGAU_SYSLOG_KEY": str(own.key), "QORGAU_SYSLOG_CLIENTS_CA": str(authority.certificate),
    }  # fmt: skip
    foreign = b"<13>1 2026-11-22T10:00:00Z host cron - - - a line that concerns nobody"
    with rsyslog(tmp_path, port, authority, client) as local:
        say(local, message(1), foreign, message(2))  # nobody is there to take it
        with serving(data, **settings):
            until_stored(data, 2)
            say(local, foreign, message(3))
            until_stored(data, 3)
            firewalls = (Path(__file__).parents[2] / "docs" / "examples" / "systems" / "perimeter.log").read_bytes()
            say(local, *firewalls.splitlines())
            until_stored(data, 7)
    events, letters = stored(data)
    assert (events[:3], len(events), letters) == (["m-1", "m-2", "m-3"], 7, [])
    world = World(data)
    found = [(event.action, event.fields.get("observer.vendor")) for event in world.container.ledger.read(3, 10)]
    world.container.close()
    assert found == [
        ("net.firewall.flow", "Palo Alto Networks"), ("net.ips.alert", "Fortinet"),
        ("net.av.detection", "KasperskyLab"), ("net.ddos.started", "ACME"),
    ]  # fmt: skip


OUTBOX = """
CREATE TABLE security_outbox (id uuid PRIMARY KEY, source text NOT NULL, client_id text, event text NOT NULL)
"""


@pytest.fixture
def core_banking(tmp_path: Path) -> Iterator[tuple[Cluster, Connect, dict[str, str]]]:
    """The database of another system with an outbox, Kafka Connect with our configuration, and our settings."""
    folder = Path(tempfile.mkdtemp(prefix="qorgau-core-", dir="/tmp"))  # one that the server's own user may enter
    folder.chmod(0o755)
    with needed():
        kafka, cluster = broker().address, Cluster(folder / "core")
        connect = Connect(tmp_path / "connect", kafka)
    cluster.create()
    cluster.start(wal_level="logical")
    connect.start()
    yield cluster, connect, {"QORGAU_KAFKA": kafka, "QORGAU_KAFKA_SOURCES": '["portal"]', "QORGAU_KAFKA_PREFIX": "core"}
    connect.kill()
    cluster.stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


def test_kafka_connect_brings_an_outbox_as_it_stands(
    tmp_path: Path, core_banking: tuple[Cluster, Connect, dict[str, str]]
) -> None:
    cluster, connect, settings = core_banking
    world, secrets = World(tmp_path / "data"), tmp_path / "secrets.properties"
    secrets.write_text("password=none", encoding="utf8")
    assert qorgau("stream", "topics", data=tmp_path / "data", **settings).returncode == 0
    text = adapted(
        "kafka-connect.json",
        host="core-banking.example => 127.0.0.1",
        port=f'"5432" => "{cluster.port}"',
        user="qorgau_outbox => qorgau",
        database='"database.dbname": "core" => "database.dbname": "postgres"',
        password=f"/etc/kafka/secrets.properties => {secrets}",
        topic="qorgau.events. => core.",
    )
    events = [world.event("backup.job", **{"event.id": f"o-{number}"}) for number in range(20)]
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(OUTBOX)
        connect.put(json.loads(text))
        for event in [*events, b"no event"]:
            connection.execute(
                "INSERT INTO security_outbox VALUES (gen_random_uuid(), 'portal', 'client-7', %s)", (event.decode(),)
            )
    env = {**os.environ, "QORGAU_DATA": str(tmp_path / "data"), **settings}
    process = subprocess.Popen([sys.executable, "-m", "infra", "stream", "run"], env=env, stderr=subprocess.DEVNULL)
    pause = threading.Event()
    for _ in range(600):
        if world.container.ledger.head() == 20 and world.letters():
            break
        pause.wait(0.1)
    process.terminate()
    process.wait(60)
    assert [event.raw for event in world.container.ledger.read(0, 100)] == events, connect.state("qorgau-core-banking")
    assert world.letters() == [b"no event"]
    assert asyncio.run(_keys(settings["QORGAU_KAFKA"], 21)) == {b"client-7"}
    world.container.close()


async def _keys(kafka: str, count: int) -> set[bytes | None]:
    """The keys of the first messages of the topic."""
    consumer = AIOKafkaConsumer("core.portal", bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return {(await consumer.getone()).key for _ in range(count)}
    finally:
        await consumer.stop()
