"""A broker that wants TLS and a name and password: the real program over it, and what it says when either is wrong."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from infra.inbound.kafka.access import client_options
from infra.lab.testbed.kafka import Broker
from infra.lab.testbed.server import free_port
from infra.settings.settings import Settings
from tests.certificates import Certified, certificate
from tests.collector import collecting
from tests.commands import qorgau
from tests.servers import needed
from tests.support import World

pytestmark = pytest.mark.services
USER, PASSWORD = "qorgau", "a-long-word-17"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class SecureBroker(Broker):
    """Clients come in over TLS with SCRAM-SHA-512; the plain listener is the broker's own."""

    def __init__(self, folder: Path, own: Certified) -> None:
        super().__init__(folder)
        self.outside = free_port()
        self.keystore = folder / "broker.pem"
        self.keystore.write_bytes(own.key.read_bytes() + own.certificate.read_bytes())

    def settings(self) -> dict[str, object]:
        plain = super().settings()
        outside = f"OUTSIDE://127.0.0.1:{self.outside}"
        jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return plain | {
            "listeners": f"{plain['listeners']},{outside}",
            "advertised.listeners": f"{plain['advertised.listeners']},{outside}",
            "listener.security.protocol.map": f"{plain['listener.security.protocol.map']},OUTSIDE:SASL_SSL",
            "listener.name.outside.ssl.keystore.type": "PEM",
            "listener.name.outside.ssl.keystore.location": self.keystore,
            "listener.name.outside.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.outside.scram-sha-512.sasl.jaas.config": jaas,
        }

    def format_options(self) -> Sequence[str]:
        return ("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]")


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings that reach the broker."""
    folder = tmp_path_factory.mktemp("secure")
    authority = certificate(folder, "authority")
    with needed():
        broker = SecureBroker(folder, certificate(folder, "broker", authority))
    broker.start()
    yield {
        "QORGAU_KAFKA": f"127.0.0.1:{broker.outside}", "QORGAU_KAFKA_SOURCES": '["portal"]',
        "QORGAU_KAFKA_TLS": "true", "QORGAU_KAFKA_CA": str(authority.certificate), "QORGAU_KAFKA_USER": USER,
        "QORGAU_KAFKA_PASSWORD": PASSWORD,
    }  # fmt: skip
    broker.kill()


def of(reached: dict[str, str], data: Path) -> Settings:
    values = {name.removeprefix("QORGAU_").lower(): value for name, value in reached.items()}
    return Settings(data=data, **{**values, "kafka_sources": ("portal",)})  # type: ignore[arg-type]


def test_events_come_in_over_tls_with_a_password_and_their_trace_goes_on(
    tmp_path: Path, reached: dict[str, str]
) -> None:
    world = World(tmp_path)
    assert qorgau("stream", "topics", data=tmp_path, **reached).returncode == 0
    settings = of(reached, tmp_path)

    async def send() -> None:
        producer = AIOKafkaProducer(**client_options(settings))
        await producer.start()
        header = ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())
        for _ in range(50):
            await producer.send_and_wait("qorgau.events.portal", world.event("backup.job"), headers=[header])
        await producer.stop()

    asyncio.run(send())
    with collecting() as collector:
        env = {**os.environ, "QORGAU_DATA": str(tmp_path), "QORGAU_TRACES": collector.url, **reached}
        process = subprocess.Popen([sys.executable, "-m", "infra", "stream", "run"], env=env, stderr=subprocess.DEVNULL)
        pause = threading.Event()
        for _ in range(600):
            if world.container.ledger.head() == 50:
                break
            pause.wait(0.1)
        process.terminate()
        process.wait(60)
        assert world.container.ledger.head() == 50
        assert {span.trace_id.hex() for span in collector.spans["events process"]} == {TRACE}
    status = qorgau("stream", "status", data=tmp_path, **reached)
    assert b"qorgau.events.portal" in status.stdout
    world.container.close()


@pytest.mark.parametrize(
    "wrong", [{"QORGAU_KAFKA_PASSWORD": "another"}, {"QORGAU_KAFKA_TLS": "false"}, {"QORGAU_KAFKA_CA": ""}]
)
def test_who_may_not_come_in_gets_one_line(tmp_path: Path, reached: dict[str, str], wrong: dict[str, str]) -> None:
    settings = {name: value for name, value in {**reached, **wrong}.items() if value}
    done = qorgau("stream", "status", data=tmp_path, **settings)
    assert (done.returncode, done.stderr.count(b"Traceback")) == (2, 0), done.stderr[-600:]
    assert b"qorgau:" in done.stderr and PASSWORD.encode() not in done.stderr


def test_the_certificate_of_the_broker_is_looked_at(tmp_path: Path, reached: dict[str, str]) -> None:
    options = client_options(of(reached, tmp_path))
    assert options["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname
