"""Several processes over one PostgreSQL store: one works, another takes over, and the former one can write nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from infra.app.leader import LeaderLock
from infra.app.worker import WorkedElsewhere
from infra.inbound.parser_pool import Batch
from infra.store.sql.postgres import LeadershipLost, PostgresDatabase
from tests.commands import qorgau
from tests.stores import postgres_url
from tests.support import MovingClock, World

pytestmark = pytest.mark.services
LIMIT_S = 60.0


@pytest.fixture
def url() -> str:
    return postgres_url()


@pytest.fixture
def two(url: str) -> Iterator[tuple[LeaderLock, LeaderLock]]:
    databases = [PostgresDatabase(url, pool_size=2) for _ in range(2)]
    first, second = (LeaderLock(database) for database in databases)
    yield first, second
    for election, database in zip((first, second), databases, strict=True):
        election.give_up()
        database.close()


def cut(url: str, election: LeaderLock) -> None:
    """The line of a session is cut by the server."""
    pid = election._session.info.backend_pid
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def until(what: Callable[[], bool]) -> None:
    """Wait for another process; the limit only ends a test that failed."""
    pause, ends = threading.Event(), time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < ends, "it did not come about in time"
        pause.wait(0.1)


def test_one_is_elected_and_the_next_term_begins_when_it_resigns(two: tuple[LeaderLock, LeaderLock]) -> None:
    first, second = two
    assert (first.acquire(), second.acquire()) == (True, False)
    assert first.still_held()
    first.give_up()
    assert second.acquire()
    assert second.term == 2
    assert not first.acquire()
    with pytest.raises(WorkedElsewhere, match="another qorgau works"):
        first.take()


def test_who_lost_the_session_notices_and_its_late_writes_are_refused(
    url: str, two: tuple[LeaderLock, LeaderLock]
) -> None:
    first, second = two
    assert first.acquire()
    own = first.database.own_term
    own.number = first.term
    with first.database.write() as cursor:
        cursor.execute("INSERT INTO meta (key, value) VALUES ('a', '1')")
    cut(url, first)
    until(second.acquire)
    with pytest.raises(LeadershipLost), first.database.write() as cursor:
        cursor.execute("INSERT INTO meta (key, value) VALUES ('b', '1')")
    own.number = None
    assert first.database.scalar("SELECT COUNT(*) FROM meta WHERE key IN ('a', 'b')") == 1
    assert not first.still_held()
    with first.database.write() as cursor:  # people are served by any process
        cursor.execute("INSERT INTO meta (key, value) VALUES ('c', '1')")


def test_a_killed_worker_is_followed_by_the_other(tmp_path: Path, url: str) -> None:
    world = World(tmp_path, MovingClock(datetime.now(UTC)), database=url)
    env = {**os.environ, "QORGAU_DATA": str(tmp_path), "QORGAU_DATABASE": url}
    command = [sys.executable, "-m", "infra", "serve", "--only", "worker"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def term() -> int:
        return int(world.container.database.scalar("SELECT value FROM meta WHERE key = 'term'") or 0)

    def tell(client: str) -> None:
        line = world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin")
        world.container.intake.take(Batch("portal", None, world.clock.now(), line))

    running = [start()]
    try:
        until(lambda: term() == 1)
        done = qorgau("catch-up", data=tmp_path, QORGAU_DATABASE=url)
        assert (done.returncode, b"another qorgau works" in done.stderr) == (2, True)
        running.append(start())
        for number in (1, 2, 3):
            tell(f"before-{number}")
            until(lambda wanted=2 * number - 1: len(world.incidents()) == wanted)  # type: ignore[misc]
            running.pop(0).send_signal(signal.SIGKILL)
            tell(f"after-{number}")
            until(lambda wanted=number + 1: term() == wanted)  # type: ignore[misc]
            running.append(start())
            until(lambda wanted=2 * number: len(world.incidents()) == wanted)  # type: ignore[misc]
    finally:
        for process in running:
            process.kill()
            process.wait()
    world.whole()
    assert len({row["number"] for row in world.incidents()}) == 6
    world.container.close()
