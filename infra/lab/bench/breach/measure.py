"""``qorgau bench breach``: a leak of many clients, from the entered list to the last clock, while people look at pages.

Three processes: the worker, the console with the API, and a gateway for clients that reports in an order of its own.
This one enters the list, approves the text, looks at pages, and at the end compares every clock with what the gateway
said. The floor writes the same rows of facts into a bare SQLite file, in the same number of commits.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson

from engine.notices.many import client_notice_id
from engine.notices.notice import Notice
from engine.permissions import Role
from infra.app.container import Container, open_container
from infra.inbound.parser_pool import Batch
from infra.lab.bench.breach.visitor import Visitor
from infra.lab.bench.waits import FsyncProbe
from infra.lab.testbed.server import free_port
from infra.read.rows import checking, incidents, notices
from infra.settings.settings import load_settings
from infra.store.log.verify import Fault, verify

PASSWORD = "correct horse battery staple"  # noqa: S105 - of accounts that live as long as the bench
FAILS, REFUSED = "777", "888"
"""Endings of the clients whom the gateway does not reach, or does not take."""
POLL_S = 0.25
WORKER_NICENESS = 5
"""As ``infra/deploy/systemd/qorgau-worker.service`` has it: people come before the backlog."""
GATEWAY_NICENESS = 10
"""The gateway stands on another machine in life; here it takes what is left."""
KIND = "client-notice"


def measure(clients: int, most_s: float = 1800.0) -> dict[str, Any]:
    """Run the breach over SQLite; return the figures. Raise RuntimeError when a stage takes longer than ``most_s``."""
    with tempfile.TemporaryDirectory(prefix="qorgau-breach-") as name:
        folder = Path(name)
        with _breach(folder, most_s) as it:
            figures = it.run(clients)
        return {"clients": clients, **figures, **it.ended, **_floor(folder, figures)}


class Breach:
    """The breach under way: the processes, and what the one who measures sees."""

    def __init__(self, container: Container, api: str, http: httpx.Client, visitor: Visitor, most_s: float) -> None:
        self.container, self.database = container, container.database
        self.api, self.http, self.visitor = api, http, visitor
        self.most_s = most_s
        self.ended: dict[str, Any] = {}

    def run(self, clients: int) -> dict[str, Any]:
        """Enter, draft, approve, hand over, hear; return the seconds of each."""
        incident, began, named = self._enter(clients), time.perf_counter(), self.container.decisions.head()
        self._until(lambda: self.container.decisions.tracked("notices") >= named, "the text")
        visible = self._seen(incident, clients)
        self._until(lambda: checking.clocks_of_kind(self.database, incident, KIND) >= clients, "clocks")
        text = self._text(incident)
        self._until(self._quiet, "drafts")
        drafted = time.perf_counter()
        self.visitor.pages.append(f"/notices/{text}/clients")
        page = self.http.get(f"/notices/{text}").text
        listed = page.split('name="list_sha256" value="')[1][:64]
        self._give("approve-notice", notice_id=text, list_sha256=listed)
        approved = time.perf_counter()
        self._until(lambda: checking.settled(self.database, "client") >= clients, "handing over")
        given = time.perf_counter()
        self._until(lambda: not notices.fates_of(self.database, text).keys() & {"approved", "handed-over"}, "statuses")
        self._until(self._quiet, "clocks after statuses")
        told = time.perf_counter()
        return {
            "list_to_draft_s": visible - began, "list_to_clocks_s": drafted - began, "approval_s": approved - drafted,
            "handed_over_s": given - approved, "last_status_to_clocks_s": told - given, "all_s": told - began,
            **self._right(text, incident, clients), **self.visitor.figures(),
        }  # fmt: skip

    def _enter(self, clients: int) -> str:
        """Let the first event of the leak open the incident, then enter the list."""
        event = {
            "@timestamp": self.container.clock.now().isoformat(), "event.id": uuid4().hex, "mfo.client.id": "k-first",
            "event.action": "portal.profile.change_applied", "mfo.change.field": "iin",
        }  # fmt: skip
        self.container.intake.take(Batch("portal", None, self.container.clock.now(), orjson.dumps(event)))
        self._until(lambda: bool(incidents.all_ids(self.database)), "the incident")
        incident = incidents.all_ids(self.database)[0]
        self.visitor.pages.append(f"/incidents/{incident}")
        data = "\n".join(_client(number) for number in range(clients)).encode()
        document = {"data": base64.b64encode(data).decode(), "name": "leak.csv", "media_type": "text/csv"}
        analyst = _signed_in(self.api, self.most_s, "analyst")
        self._give("name-client-list", analyst, incident_id=incident, document=document, reason="the log of the export")
        return incident

    def _give(self, command: str, by: httpx.Client | None = None, **fields: Any) -> None:
        answer = (by or self.http).post(f"/api/v1/commands/{command}", json=fields)
        if answer.status_code != 200:
            raise RuntimeError(f"{command}: HTTP {answer.status_code} {answer.text[:300]}")

    def _seen(self, incident: str, clients: int) -> float:
        """Return when the list of everybody whom the draft goes to, and its page, could be read. Raise RuntimeError
        when somebody is missing."""
        text = self._text(incident)
        names = self.http.get(f"/notices/{text}/clients.txt").text.split()
        page = self.http.get(f"/notices/{text}")
        if len(names) != clients + 1 or page.status_code != 200:
            raise RuntimeError(f"the draft goes to {len(names)} clients, HTTP {page.status_code}")
        return time.perf_counter()

    def _text(self, incident: str) -> str:
        keys = notices.with_texts(self.database, incident)
        return next(key for key in keys if self.container.decisions.load(Notice, key).to_many)

    def _quiet(self) -> bool:
        """Say whether every follower of the log of decisions that writes duties and notices has read all of it."""
        head = self.container.decisions.head()
        return all(self.container.decisions.tracked(name) >= head - 1 for name in ("clocks", "notices"))

    def _until(self, done: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + self.most_s
        while not done():
            if time.monotonic() > ends:
                raise RuntimeError(f"{what}: not done after {self.most_s:.0f} s")
            self.visitor.stopping.wait(POLL_S)

    def _right(self, text: str, incident: str, clients: int) -> dict[str, Any]:
        """Compare every clock with what the gateway was to do with its client; walk both logs."""
        notice = self.container.decisions.load(Notice, text)
        rows = checking.still_running(self.database, incident, KIND)
        wrong = [client for client, running in rows.items() if running != _fails(client)]
        listed = {client_notice_id(notice, _client(number)) for number in range(clients)}
        held = set(checking.addressed(self.database, text))
        key = self.container.store.signer.verifier
        faults = [
            it for log in ("ledger", "decisions") for it in verify(self.database, log, key) if isinstance(it, Fault)
        ]
        if wrong or not listed <= held or faults:
            raise RuntimeError(
                f"{len(wrong)} clocks are wrong, {len(listed - held)} clients have no notice, {faults[:1]}"
            )
        return {"clocks_right": len(rows), "facts": self.container.decisions.head()}


def _client(number: int) -> str:
    return f"k-{number:06d}"


def _fails(client: str) -> bool:
    return client.endswith((FAILS, REFUSED))


@contextmanager
def _breach(folder: Path, most_s: float) -> Iterator[Breach]:
    """Start everything; stop it at the end and gather what the worker and the API say of themselves."""
    port, gateway_port = free_port(), free_port()
    os.environ.update(
        QORGAU_DATA=str(folder), QORGAU_PORT=str(port), QORGAU_ORGANISATION_BIN="000000000000",
        QORGAU_ORGANISATION_RU="МФО «Стенд»", QORGAU_ORGANISATION_KK="«Стенд» МҚҰ",
        QORGAU_ORGANISATION_EN="Bench MFO", QORGAU_ORGANISATION_CONTACT="+7 700 000 00 00",
        QORGAU_CLIENT_GATEWAY_URL=f"http://127.0.0.1:{gateway_port}/messages",
    )  # fmt: skip
    container = open_container(load_settings())
    for user, role in (("officer", Role.COMPLIANCE_OFFICER), ("analyst", Role.SOC_ANALYST), ("visitor", Role.CISO)):
        container.accounts.add(user, user, (role.value,), PASSWORD, actor="bench")
    token, api = container.accounts.new_source("client-gateway"), f"http://127.0.0.1:{port}"
    gateway = (
        "infra.lab.testbed.gateway", "--port", str(gateway_port), "--statuses", api, "--token", token, "--fail", FAILS,
        "--refuse", REFUSED,
    )  # fmt: skip
    worker = _start("infra.lab.bench.breach.worker", niceness=WORKER_NICENESS)
    others = [_start("infra", "serve", "--only", "api"), _start(*gateway, niceness=GATEWAY_NICENESS)]
    visitor = Visitor(api, "visitor", PASSWORD)
    try:
        http = _signed_in(api, most_s)
        visitor.start()
        it = Breach(container, api, http, visitor, most_s)
        with FsyncProbe(folder) as probe:
            yield it
        visitor.stop()
        it.ended["slowest_fsync_ms"] = 1000 * probe.longest_s
        it.ended["api_rss_mb"] = _rss_mb(others[0].pid)
        it.ended.update(_waits_of(http.get("/metrics").text))
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=120)[0].decode().strip().splitlines()
        it.ended.update(json.loads(said[-1]))
    finally:
        visitor.stopping.set()
        for process in (worker, *others):
            process.kill()
            process.wait()
        container.close()


def _start(*module: str, niceness: int = 0) -> subprocess.Popen[bytes]:
    command = ["nice", "-n", str(niceness), sys.executable, "-m", *module]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)  # noqa: S603 - our own words


def _signed_in(api: str, most_s: float, user: str = "officer") -> httpx.Client:
    """Wait for the API; sign in as one who may enter lists and approve, with the session's token on every act."""
    http = httpx.Client(base_url=api, timeout=300, trust_env=False)
    ends = time.monotonic() + most_s
    while True:
        try:
            http.post("/sign-in", data={"user": user, "password": PASSWORD})
            break
        except httpx.TransportError:
            if time.monotonic() > ends:
                raise
            time.sleep(POLL_S)
    http.headers["X-CSRF-Token"] = http.get("/api/v1/me").json()["csrf"]
    return http


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _waits_of(metrics: str) -> dict[str, float]:
    """The longest wait for the writers' lock in the process of the API, from the buckets of its metric."""
    buckets: list[tuple[float, int]] = []
    for line in metrics.splitlines():
        if line.startswith("qorgau_writer_wait_seconds_bucket"):
            bound, count = line.split('le="')[1].split('"} ')
            buckets.append((float(bound), int(float(count))))
    total = buckets[-1][1] if buckets else 0
    within = next((bound for bound, count in buckets if count >= 0.999 * total), 0.0)
    most = next((bound for bound, count in buckets if count >= total), 0.0)
    return {"api_waits": total, "api_wait_p999_within_ms": 1000 * within, "api_wait_max_within_ms": 1000 * most}


def _floor(folder: Path, figures: dict[str, Any]) -> dict[str, float]:
    """Write the rows of the facts into a bare file, five hundred in a commit."""
    source = sqlite3.connect(folder / "qorgau.sqlite")
    bare = sqlite3.connect(folder / "floor.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE facts (position INTEGER PRIMARY KEY, id TEXT, version INTEGER, topic TEXT, state BLOB)")
    rows = source.execute(
        "SELECT position, originator_id, originator_version, topic, state FROM decisions ORDER BY position"
    )
    began = time.perf_counter()
    while part := rows.fetchmany(500):
        bare.execute("BEGIN")
        bare.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", part)
        bare.execute("COMMIT")
    took = time.perf_counter() - began
    return {"floor_s": took, "floor_share": took / float(figures["all_s"])}
