"""kill -9 in the middle of the feed, again and again: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random

import httpx
import pytest

from infra.lab.simulate.stream import stream
from infra.store.models.incidents import IncidentRow
from tests.support import MovingClock, World

ROUNDS = 20
BATCH = 60


class Server:
    """The product as a process that is killed without warning."""

    def __init__(self, data: Path, *flags: str) -> None:
        environment = {**os.environ, "QORGAU_DATA": str(data), "QORGAU_PORT": "0", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra", "serve", *flags], stdout=subprocess.PIPE, env=environment, text=True
        )
        self.address = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = re.search(r"http://[\d.:]+", line)
            if found:
                self.address = found.group()
                break
        assert self.address, "the server did not start"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Feed:
    """A client that sends batches in order and remembers which were acknowledged; unanswered ones are sent again."""

    def __init__(self, token: str) -> None:
        start = datetime.now(UTC) - timedelta(hours=12)
        made = list(islice(stream(11, start, campaign_every=150), 200 * BATCH))
        self.batches = [made[i : i + BATCH] for i in range(0, len(made), BATCH)]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.next = 0
        self.acknowledged: set[str] = set()

    def run(self, address: str) -> None:
        """Send until the server is gone."""
        with httpx.Client(base_url=address, headers=self.headers, timeout=20) as client:
            while self.next < len(self.batches):
                batch = self.batches[self.next]
                try:
                    answer = client.post("/api/v1/events", content=b"\n".join(made.line for made in batch))
                except httpx.HTTPError:
                    return
                if answer.status_code == 200:
                    counts = answer.json()
                    assert counts["accepted"] + counts["duplicate"] == len(batch)
                    self.acknowledged |= {made.event_id for made in batch}
                    self.next += 1


def twice(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


@pytest.mark.parametrize("rounds", [5, pytest.param(ROUNDS, marks=pytest.mark.slow)])
def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path, rounds: int) -> None:
    world = World(tmp_path)
    token = world.container.accounts.new_source("feed", None)
    world.container.close()
    feed, rng = Feed(token), Random(5)
    for _ in range(rounds):
        server = Server(tmp_path)
        sender = threading.Thread(target=feed.run, args=(server.address,))
        sender.start()
        # A random moment: after so many further batches, or in the middle of start-up work.
        goal = min(feed.next + rng.randrange(0, 9), len(feed.batches))
        pause = threading.Event()
        while feed.next < goal and sender.is_alive():
            pause.wait(0.005)
        pause.wait(rng.random() * 0.25)
        server.kill()
        sender.join()
    assert feed.next > rounds, "the feed got on"
    assert feed.next < len(feed.batches), "every kill fell into the feed"
    world = World(tmp_path)
    stored = check(world)
    assert feed.acknowledged - set(stored) == set()
    undisturbed(world, stored, feed)
    world.container.close()


@pytest.mark.slow
def test_twenty_kills_of_the_demonstration(tmp_path: Path) -> None:
    """The demonstration sends its stream in order, so what is stored must be its beginning, without a hole."""
    rng, pause = Random(9), threading.Event()
    for _ in range(ROUNDS):
        server = Server(tmp_path, "--demo")
        pause.wait(rng.random() * 2.5)
        server.kill()
    world = World(tmp_path)
    stored = [event_id for event_id in check(world) if event_id.startswith("sim-")]
    assert len(stored) > 2_000
    assert stored == [f"sim-42-{i:08d}" for i in range(1, len(stored) + 1)]
    world.container.close()


def check(world: World) -> list[str]:
    """Everything that must hold after any crash; return the ids of the stored events in order."""
    world.container.intake.recover()
    world.container.sweep.run()
    world.work()
    stored = [event.event_id for event in world.container.ledger.read(0, 1_000_000)]
    assert twice(stored) == []
    assert world.rows("SELECT COUNT(*) AS n FROM intake")[0]["n"] == 0
    world.whole()
    facts = [
        (row["topic"], json.loads(bytes(row["state"]))) for row in world.rows("SELECT topic, state FROM decisions")
    ]
    assert twice([body["finding_id"] for topic, body in facts if topic == "finding.raised.v1"]) == []
    assert twice([body["incident_id"] for topic, body in facts if topic == "incident.opened.v1"]) == []
    numbers = [body["number"] for topic, body in facts if topic == "incident.opened.v1"]
    assert sorted(numbers) == [f"INC-{datetime.now(UTC).year}-{i:04d}" for i in range(1, len(numbers) + 1)]
    assert twice([body["notice_id"] for topic, body in facts if topic == "notice.drafted.v1"]) == []
    assert twice([body["clock_id"] for topic, body in facts if topic == "clock.started.v1"]) == []
    assert twice([body["order_id"] for topic, body in facts if topic == "order.issued.v1"]) == []
    steps = [f"{body['run_id']}/{body['step_id']}" for topic, body in facts if topic == "run.step-entered.v1"]
    assert twice(steps) == []
    assert len(numbers) >= 5, "the feed holds attacks"
    return stored


def undisturbed(world: World, stored: list[str], feed: Feed) -> None:
    """The same events in a house that was never killed lead to the same findings and incidents."""
    # Its clock is that of the killed servers: a stop that it orders lies after every call of the feed there too.
    calm = World(world.folder / "calm", MovingClock(datetime.now(UTC)))
    lines = {made.event_id: made.line for batch in feed.batches for made in batch}
    own = [event_id for event_id in stored if event_id in lines]
    for start in range(0, len(own), 500):
        calm.feed(*(lines[event_id] for event_id in own[start : start + 500]))
    assert known(calm) == known(world)
    calm.container.close()


def known(world: World) -> list[str]:
    """The keys of all incidents; what stands for a person there differs from house to house, as their secrets do."""
    rows = world.held(IncidentRow)
    return sorted(re.sub(r"person-[0-9a-f]+", "person", row.dedup_key) for row in rows)
