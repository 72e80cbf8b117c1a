"""The full set-up under load while its parts fail: every event counted, nothing twice, clocks where they belong.

Two to four consumers join and leave and are killed, two workers stand for the office and are killed, the broker, the
database, the search index and the mail server go away and come back. ``CHAOS_SECONDS`` is the length of the load
(default 150); Elasticsearch is away for two thirds of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from engine.kernel.errors import QorgauError
from engine.protection.facts import LegalAct
from infra.lab.testbed.elasticsearch import Node
from infra.lab.testbed.kafka import Broker
from infra.lab.testbed.mail import MailServer
from infra.lab.testbed.postgres import Cluster
from infra.processes.search import behind
from infra.read.rows.effects import unsettled
from infra.store.models.duties import NoticeRow, OrderRow, ProtectionRow
from infra.store.models.effects import EffectRow
from tests.commands import qorgau
from tests.receiver import Receiver, receiving
from tests.servers import needed
from tests.support import COMPLIANCE, MovingClock, World

pytestmark = [pytest.mark.slow, pytest.mark.services]
SECONDS = int(os.environ.get("CHAOS_SECONDS", "150"))
RATE = int(os.environ.get("CHAOS_RATE", "400"))
KILLS = 20
ATTACK_EVERY = 400
POISON_EVERY = 97
LIMIT_S = 300.0


class Now(MovingClock):
    """The wall clock: these are real processes."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Fleet:
    """The processes of the product, killed and started as fate wants it."""

    def __init__(self, environment: dict[str, str], log: Path, rng: Random) -> None:
        self.environment = environment
        self.log = log
        self.rng = rng
        self.consumers: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        log = self.log.open("ab")
        env = {**os.environ, **self.environment}
        return subprocess.Popen([sys.executable, "-m", "infra", *words], env=env, stdout=log, stderr=log)

    def join(self) -> None:
        self.consumers.append(self._start("stream", "run", "--stall", "30"))

    def leave(self) -> None:
        process = self.consumers.pop(self.rng.randrange(len(self.consumers)))
        process.terminate()
        threading.Thread(target=process.wait, daemon=True).start()

    def change(self) -> str:
        """Two to four members."""
        if len(self.consumers) < 2 or (len(self.consumers) < 4 and self.rng.random() < 0.5):
            self.join()
            return "join"
        if len(self.consumers) > 2:
            self.leave()
            return "leave"
        self.join()
        return "join"

    def consuming(self) -> list[int]:
        """The processes that consume; what watches a killed one waits before it starts another."""
        found = []
        for process in self.consumers:
            path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            found += [int(pid) for pid in path.read_text().split()] if path.exists() else []
        return found

    def kill_one(self) -> int:
        """``kill -9`` of one of them; says how many that were."""
        found = self.consuming()
        if found:
            os.kill(self.rng.choice(found), signal.SIGKILL)
        return min(len(found), 1)

    def work(self) -> None:
        self.workers.append(self._start("serve", "--only", "worker"))

    def kill_worker(self) -> None:
        self.workers.pop(0).kill()
        self.work()

    def stop(self) -> None:
        running = [*self.consumers, *self.workers]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


class Servers:
    """One of each, at addresses that stay."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.chmod(0o755)
        self.postgres = Cluster(folder / "postgres")
        self.broker, self.node, self.mail = Broker(folder / "kafka"), Node(folder / "es"), MailServer(folder / "mail")
        self.postgres.create()
        self.postgres.start()
        stack.callback(self.postgres.stop, "immediate")
        for server in (self.broker, self.node, self.mail):
            server.start()
            stack.callback(server.kill)
        self.folder = folder

    def letters(self) -> list[Any]:
        return [message_from_bytes(path.read_bytes()) for path in (self.folder / "mail" / "mail" / "new").iterdir()]


@contextmanager
def setting(tmp_path: Path) -> Iterator[tuple[Servers, Receiver, dict[str, str]]]:
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="qorgau-chaos-", dir="/tmp"))
        with needed():
            servers = Servers(Path(name), stack)
        receiver = stack.enter_context(receiving())
        yield servers, receiver, {
            "QORGAU_DATA": str(tmp_path / "data"), "QORGAU_DATABASE": servers.postgres.database("chaos"),
            "QORGAU_KAFKA": servers.broker.address, "QORGAU_KAFKA_SOURCES": '["portal","antifraud"]',
            "QORGAU_ELASTICSEARCH": servers.node.url, "QORGAU_SMTP_HOST": "127.0.0.1", "QORGAU_SMTP_TLS": "none",
            "QORGAU_SMTP_PORT": str(servers.mail.port), "QORGAU_COLLECTIONS_URL": receiver.url,
            "QORGAU_LOANS_URL": receiver.url, "QORGAU_BUREAU_URL": receiver.url, "PYTHONUNBUFFERED": "1",
        }  # fmt: skip


class Load(threading.Thread):
    """Sends events at a rate until the end, one in so many an attack, one in so many broken."""

    def __init__(self, address: str) -> None:
        super().__init__(name="load", daemon=True)
        self.address = address
        self.sent: list[str] = []
        self.attacks: list[str] = []
        self.broken: list[bytes] = []
        self.began = time.monotonic()

    def run(self) -> None:
        asyncio.run(self._send())

    async def _send(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.address,
            acks="all",
            enable_idempotence=True,
            linger_ms=20,
            request_timeout_ms=120_000,
        )
        await producer.start()
        waiting: list[Any] = []
        for number in count():
            passed = time.monotonic() - self.began
            if passed > SECONDS:
                break
            if number > passed * RATE:
                await asyncio.sleep(number / RATE - passed)
            topic = f"qorgau.events.{('portal', 'antifraud')[number % 5 == 4]}"
            waiting.append(await producer.send(topic, self._value(number), key=b"%d" % (number % 50)))
            if len(waiting) > 2_000:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
        await producer.stop()

    def _value(self, number: int) -> bytes:
        if number % POISON_EVERY == 1:
            self.broken.append(b"{broken %d" % number)
            return self.broken[-1]
        document = {
            "@timestamp": datetime.now(UTC).isoformat(),
            "event.id": f"n-{number}",
            "event.action": "backup.job",
        }
        if number % ATTACK_EVERY == 0:
            self.attacks.append(f"c-{number}")
            document |= {
                "event.action": "portal.profile.change_applied", "mfo.client.id": f"c-{number}",
                "mfo.change.field": "iin",
            }  # fmt: skip
        self.sent.append(f"n-{number}")
        return orjson.dumps(document)


class Officer(threading.Thread):
    """A compliance officer who approves what is drafted, and enters acts of the police, whatever happens around."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__(name="officer", daemon=True)
        self.world = World(
            Path(environment["QORGAU_DATA"]), Now(), database=environment["QORGAU_DATABASE"],
            elasticsearch=environment["QORGAU_ELASTICSEARCH"], collections_url=environment["QORGAU_COLLECTIONS_URL"],
            loans_url=environment["QORGAU_LOANS_URL"], bureau_url=environment["QORGAU_BUREAU_URL"],
        ).people()  # fmt: skip
        self.stopping = threading.Event()
        self.acts: list[str] = []
        self.refused = 0

    def run(self) -> None:
        last_act = 0.0
        while not self.stopping.wait(0.5):
            try:
                if time.monotonic() - last_act > 15:
                    self._enter_act()
                    last_act = time.monotonic()
                self.approve()
            except QorgauError:
                self.refused += 1  # the store was away; the officer tries again

    def approve(self) -> int:
        rows = self.world.held(NoticeRow, state="draft", kind="regulator")[:20]
        for row in rows:
            self.world.container.acts.approve_notice(row.id, None, by=COMPLIANCE)
        return len(rows)

    def _enter_act(self) -> None:
        now = self.world.clock.now()
        number = f"{len(self.acts) + 1:04d}"
        act = LegalAct(
            kind="victim_resolution", issuer="Police of Almaty", number=number, act_date=now.date(), received_at=now,
            channel="paper", client=f"victim-{number}", loans=(f"L-{number}",), bureaus=("pkb",),
        )  # fmt: skip
        self.world.container.acts.register_act(act, by=COMPLIANCE)
        self.acts.append(number)


def until(what: Any, why: str) -> None:
    pause, ends = threading.Event(), time.monotonic() + LIMIT_S
    while True:
        try:
            if what():
                return
        except QorgauError:
            pass
        assert time.monotonic() < ends, why
        pause.wait(0.3)


def havoc(servers: Servers, fleet: Fleet, load: Load, rng: Random) -> Counter[str]:
    """Everything that goes wrong, at its share of the time; between them consumers join, leave and die."""
    planned: list[tuple[float, str, Any]] = [
        (0.15, "elasticsearch down", servers.node.kill),
        (0.30, "mail server down", servers.mail.kill),
        (0.35, "broker killed", lambda: (servers.broker.kill(), servers.broker.start())),
        (0.50, "worker killed", fleet.kill_worker),
        (0.55, "database killed", lambda: (servers.postgres.kill(), servers.postgres.recover())),
        (0.65, "mail server up", servers.mail.start),
        (0.75, "worker killed", fleet.kill_worker),
        (0.82, "elasticsearch up", servers.node.start),
    ]
    done: Counter[str] = Counter()
    pause, kills = threading.Event(), 0
    while load.is_alive():
        share = (time.monotonic() - load.began) / SECONDS
        while planned and planned[0][0] <= share:
            _, name, act = planned.pop(0)
            act()
            done[name] += 1
        if kills < KILLS and share > 0.03 + 0.85 * kills / KILLS and fleet.consuming():
            done[fleet.change()] += 1
            pause.wait(rng.uniform(0.0, 1.5))  # the others are sharing the partitions anew
            killed = fleet.kill_one()
            kills += killed
            done["consumer killed"] += killed
        pause.wait(0.2)
    for _, name, act in planned:
        act()
        done[name] += 1
    return done


def test_nothing_is_lost_or_done_twice_while_everything_fails(tmp_path: Path) -> None:
    rng = Random(int(os.environ.get("CHAOS_SEED", "7")))
    with setting(tmp_path) as (servers, receiver, environment):
        data = Path(environment["QORGAU_DATA"])
        more = {name: value for name, value in environment.items() if name != "QORGAU_DATA"}
        assert qorgau("stream", "topics", "--partitions", "6", data=data, **more).returncode == 0
        officer = Officer(environment)
        world = officer.world
        fleet = Fleet(environment, tmp_path / "log", rng)
        load = Load(servers.broker.address)
        try:
            for _ in range(2):
                fleet.join()
                fleet.work()
            load.start()
            officer.start()
            done = havoc(servers, fleet, load, rng)
            load.join()
            _settle(world, officer, load)
        finally:
            officer.stopping.set()
            fleet.stop()
        _count(world, servers, receiver, officer, load)
        watched = qorgau("watchdog", "--once", data=data, **more)
        print("\n", dict(done), len(load.sent), "events", len(load.attacks), "attacks", len(officer.acts), "acts")
        assert watched.returncode == 0, watched.stdout
        assert done["consumer killed"] == KILLS
        world.container.close()


def _settle(world: World, officer: Officer, load: Load) -> None:
    """Everything catches up by itself."""
    container = world.container
    until(lambda: container.ledger.head() >= len(load.sent), "events are missing")
    until(lambda: len(world.incidents()) >= len(load.attacks), "incidents are missing")
    until(
        lambda: container.decisions.tracked("notices") > 0 and not officer.approve(), "notices are drafted without end"
    )
    until(lambda: not unsettled(container.database), "effects wait")
    until(lambda: sum(behind(container.search, container.ledger, container.decisions).values()) == 0, "the index lags")


def _count(world: World, servers: Servers, receiver: Receiver, officer: Officer, load: Load) -> None:
    stored = Counter(event.event_id for events in world.container.ledger.replay(0, 10**9) for event in events)
    own = {name for name in stored if not name.startswith("n-")}
    assert {name: n for name, n in stored.items() if name not in own} == dict.fromkeys(load.sent, 1)
    assert Counter(world.letters()) == Counter(load.broken)

    incidents = world.incidents()
    touched = Counter(client for row in incidents for client in orjson.loads(row["clients"]))
    assert {name: n for name, n in touched.items() if name.startswith("c-")} == dict.fromkeys(load.attacks, 1)
    assert sorted(row["number"] for row in incidents) == sorted({row["number"] for row in incidents})
    for row in incidents:
        clocks = world.clocks(row["id"])
        assert {"regulator-notice", "remediation"} <= clocks.keys()
        assert clocks["regulator-notice"]["anchor_at"] == row["detected_at"]

    notices = world.held(NoticeRow)
    of = Counter((row.incident_id, row.kind, row.stage, row.subject) for row in notices)
    assert max(of.values()) == 1
    told = {row.incident_id for row in notices if row.kind == "regulator"}
    assert told == {row["id"] for row in incidents}
    mails = Counter(letter["Message-ID"] for letter in servers.letters())
    assert {name: n for name, n in mails.items() if n > 1} == {}
    states = Counter(row.state for row in notices if row.kind == "regulator")
    assert states["sent"] + states["unknown"] == len(told), states

    orders = world.held(OrderRow)
    assert max(Counter((o.protection_id, o.kind, o.target) for o in orders).values()) == 1
    assert all(order.acknowledged_at for order in orders)
    keys = {headers["idempotency-key"] for headers, _ in receiver.taken}
    assert len(world.held(ProtectionRow)) == len(officer.acts)
    assert len(keys) == len(world.held(EffectRow, kind="order"))
    world.whole()
