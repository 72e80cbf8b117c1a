"""``qorgau bench notice``: how long from the moment an attack's event is taken to its regulator draft in the API."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import click
import httpx
import orjson

from engine.permissions import Role
from infra.app.container import open_container
from infra.lab.bench.waits import watched
from infra.lab.simulate.stream import stream
from infra.settings.settings import Settings

BATCH = 200


@click.command("notice")
@click.option("--rate", type=click.IntRange(1), default=2_000, show_default=True, help="Events a second beside it.")
@click.option("--seconds", type=click.IntRange(5, 3_600), default=60, show_default=True)
@click.option("--every", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Seconds between attacks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def notice(rate: int, seconds: int, every: float, as_json: bool) -> None:
    """The product as a process of its own under load; attacks planted in it; the time until each draft is visible."""
    with tempfile.TemporaryDirectory(prefix="qorgau-notice-") as folder:
        figures = _measure(Path(folder), rate, seconds, every)
    if as_json:
        click.echo(json.dumps(figures))
    else:
        for key, value in figures.items():
            click.echo(f"{key:22} {value}")


def _measure(folder: Path, rate: int, seconds: int, every: float) -> dict[str, Any]:
    data = folder / "data"
    container = open_container(Settings(data=data).for_demonstration())
    container.accounts.add("bench", "bench", (Role.COMPLIANCE_OFFICER,), "bench bench bench", actor="bench")
    token, session = (
        container.accounts.new_source("bench", None),
        container.accounts.sign_in("bench", "bench bench bench"),
    )
    container.close()
    environment = {**os.environ, "QORGAU_DATA": str(data), "QORGAU_PORT": "0", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "infra", "serve"], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        address = next(found.group() for line in process.stdout if (found := re.search(r"http://[\d.:]+", line)))
        container, waits = open_container(Settings(data=data)), dict[str, Any]()
        try:
            with watched(container.database, folder / "probe", waits, asking=True):
                figures = _Load(address, token, str(session), rate, seconds, every).run()
            return figures | waits
        finally:
            container.close()
            process.terminate()
            process.wait(timeout=60)


class _Load:
    """Two clients: one that feeds at a steady rate with attacks in it, one that looks for the drafts."""

    def __init__(self, address: str, token: str, session: str, rate: int, seconds: int, every: float) -> None:
        self.address = address
        self.token = token
        self.session = session
        self.rate, self.seconds, self.every = rate, seconds, every
        self.planted: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.sent = 0
        self.lag = 0.0
        self.stopping = threading.Event()

    def run(self) -> dict[str, Any]:
        """Feed, look, and give the figures."""
        looker = threading.Thread(target=self._look, daemon=True)
        looker.start()
        self._feed()
        deadline = time.monotonic() + 60
        while len(self.seen) < len(self.planted) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.stopping.set()
        looker.join(timeout=10)
        if len(self.seen) < len(self.planted):
            raise RuntimeError(f"of {len(self.planted)} attacks {len(self.seen)} had a draft after a minute")
        spans = sorted(self.seen[key] - at for key, at in self.planted.items() if key in self.seen)
        cuts = quantiles(spans, n=100) if len(spans) > 1 else spans * 99
        return {
            "rate": rate_of(self.sent, self.seconds + self.lag), "events": self.sent, "attacks": len(self.planted),
            "drafts_seen": len(spans), "p50_s": round(cuts[49], 2), "p99_s": round(cuts[98], 2),
            "worst_s": round(spans[-1], 2), "asked_s": 5.0,
        }  # fmt: skip

    def _feed(self) -> None:
        start = datetime.now(UTC)
        lines = [made.line for made in islice(stream(5, start), self.rate * self.seconds)]
        began, attack = time.monotonic(), 0
        with httpx.Client(
            base_url=self.address, headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        ) as client:
            for first in range(0, len(lines), BATCH):
                batch = lines[first : first + BATCH]
                if time.monotonic() - began >= attack * self.every:
                    name = f"bench-{attack}"
                    batch.append(_attack(name))
                    self.planted[name] = time.monotonic()
                    attack += 1
                while client.post("/api/v1/events", content=b"\n".join(batch)).status_code == 429:
                    time.sleep(0.05)
                self.sent += len(batch)
                ahead = began + self.sent / self.rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
        self.lag = max(0.0, time.monotonic() - began - self.seconds)

    def _look(self) -> None:
        """Ask for the open notices again and again, as a page does that refreshes itself."""
        with httpx.Client(base_url=self.address, cookies={"qorgau_session": self.session}, timeout=30) as client:
            while not self.stopping.wait(0.1):
                answer = client.get("/api/v1/notices", params={"state": "all"})
                now = time.monotonic()
                if answer.status_code != 200:
                    continue
                for row in answer.json():
                    name = str(row["title"]).rsplit(": ", 1)[-1] if row["kind"] == "regulator" else ""
                    if name in self.planted and name not in self.seen:
                        self.seen[name] = now


def rate_of(events: int, seconds: float) -> int:
    """Events a second, as kept."""
    return round(events / seconds)


def _attack(client: str) -> bytes:
    return orjson.dumps(
        {
            "@timestamp": datetime.now(UTC).isoformat(), "event.id": client, "mfo.client.id": client,
            "event.action": "portal.profile.change_applied", "mfo.change.field": "iin",
        }
    )  # fmt: skip
