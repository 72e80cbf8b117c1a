"""PostgreSQL goes away and comes back, again and again: people are told at once, and afterwards one worker works."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from infra.app.leader import LEADER
from infra.inbound.parser_pool import Batch
from infra.lab.testbed.server import free_port
from tests.stores import cluster, postgres_url
from tests.support import MovingClock, World

pytestmark = pytest.mark.services
LIMIT_S = 90.0
ANSWER_S = 8.0
"""The limit of a question on a machine that does much else; ours is 2 s, and it was 30 s and more."""
TOKEN = "t" * 32


def until(what: Callable[[], bool]) -> None:
    """Wait for another process; the limit only ends a test that failed."""
    pause, ends = threading.Event(), time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < ends, "it did not come about in time"
        pause.wait(0.2)


class Machine:
    """One ``qorgau serve``: console, intake and a candidate for the work."""

    def __init__(self, data: Path, url: str, log: Path) -> None:
        self.port, self.log = free_port(), log
        env = {**os.environ, "QORGAU_DATA": str(data), "QORGAU_DATABASE": url, "QORGAU_HEALTH_TOKEN": TOKEN}
        command = [sys.executable, "-m", "infra", "serve", "--port", str(self.port)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, env=env, stdout=out, stderr=out)

    def health(self) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.get(f"http://127.0.0.1:{self.port}/health", headers=headers, timeout=ANSWER_S)

    def is_up(self) -> bool:
        try:
            return self.health().status_code == 200
        except httpx.HTTPError:
            return False


def workers(url: str) -> int:
    """How many sessions hold the lock of the worker."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted", (LEADER,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_after_each_outage_one_worker_works_and_meanwhile_everybody_is_told_at_once(tmp_path: Path) -> None:
    url = postgres_url()
    world = World(tmp_path / "data", MovingClock(datetime.now(UTC)), database=url)
    token = world.container.accounts.new_source("portal")
    machines = [Machine(tmp_path / "data", url, tmp_path / f"log-{n}") for n in range(2)]
    try:
        until(lambda: all(machine.is_up() for machine in machines))
        for number in range(3):
            cluster().stop("immediate")
            try:
                for machine in machines:
                    answer = machine.health()
                    assert (answer.status_code, answer.json()["faults"][0]["stage"]) == (503, "store"), answer.text
                    at = f"http://127.0.0.1:{machine.port}"
                    cookies = {"qorgau_session": "s" * 40}
                    page = httpx.get(f"{at}/notices", cookies=cookies, timeout=ANSWER_S)
                    assert page.status_code == 503, page.text
                    headers = {"Authorization": f"Bearer {token}"}
                    sent = httpx.post(f"{at}/api/v1/events", headers=headers, content=b"{}", timeout=ANSWER_S)
                    assert sent.status_code == 503, sent.text
            finally:
                cluster().start()
            line = world.event("portal.profile.change_applied", mfo__client__id=f"c-{number}", mfo__change__field="iin")
            until(lambda line=line: took(world, line))  # type: ignore[misc]
            until(lambda wanted=number + 1: len(world.incidents()) == wanted)  # type: ignore[misc]
            until(lambda: all(machine.is_up() for machine in machines))
            assert workers(url) == 1
    except BaseException:
        sys.stderr.write("".join(machine.log.read_text()[-4000:] for machine in machines))
        raise
    finally:
        for machine in machines:
            machine.process.terminate()
        for machine in machines:
            machine.process.wait(60)
    world.container.close()


def took(world: World, line: bytes) -> bool:
    """Say whether the store, come back, took an event."""
    try:
        world.container.intake.take(Batch("portal", None, world.clock.now(), line))
    except Exception:
        return False
    return True
