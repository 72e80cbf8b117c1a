"""The demonstration: accounts, the reference systems that take orders, a feed that is an ordinary API client."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge

import httpx

from infra.app.container import Container
from infra.app.time_source import SystemClock
from infra.commands.accounts import ROLES
from infra.commands.demonstration import PASSWORD, PEOPLE, SOURCE
from infra.lab.reference.server import ReferenceServer
from infra.lab.reference.systems import ReferenceSystems
from infra.lab.simulate.campaigns import victim
from infra.lab.simulate.people import Chance
from infra.lab.simulate.stream import Made, make, stream
from infra.settings.settings import Settings

log = logging.getLogger("qorgau.demo")
SEED = 42
BACKLOG = timedelta(hours=6)
PER_DAY = 30_000
CAMPAIGN_EVERY = 700
BATCH = 200


def _scene(start: datetime) -> Iterator[Made]:
    """What a visitor sees happen: a resolution arrives, and the agency goes on calling."""
    for index, (offset, step) in enumerate(zip((15, 60), victim(Chance(SEED), "demo"), strict=True)):
        _, action, fields = step
        yield make(start + timedelta(seconds=offset), f"demo-scene-{index}", action, fields, "victim", ())


class Demo:
    """Everything the demonstration adds; the engine itself does not know of it."""

    def __init__(self) -> None:
        self._systems: ReferenceServer | None = None
        self._stop = threading.Event()

    def receive_orders(self, settings: Settings) -> Settings:
        """Start the reference systems and give settings that send the orders there, where no other address is set."""
        known = ReferenceSystems(SystemClock(), secrets=settings.order_secrets)
        self._systems = ReferenceServer(known).start()
        addresses = {
            name: getattr(settings, name) or self._systems.settings[name]
            for name in ("collections_url", "loans_url", "bureau_url", "access_url")
        }
        return settings.for_demonstration(**addresses)

    def seed(self, container: Container) -> dict[str, str]:
        """Make the accounts where they are missing; return what the sign-in page shows."""
        present = {person.id for person in container.accounts.people()}
        for user, (name, roles) in PEOPLE.items():
            if user not in present:
                assert set(roles) <= set(ROLES)
                container.accounts.add(user, name, roles, PASSWORD, actor="demo")
        return {"password": PASSWORD, **{user: roles[0] for user, (_, roles) in PEOPLE.items()}}

    def play(self, container: Container, address: str) -> None:
        """Start the feed in the background."""
        container.accounts.forget_source(SOURCE)
        token = container.accounts.new_source(SOURCE, None)
        origin_file = container.settings.data / "demo-origin"
        if not origin_file.exists():
            now = datetime.now(UTC).replace(microsecond=0)
            origin_file.write_text((now - BACKLOG).isoformat())
        origin = datetime.fromisoformat(origin_file.read_text().strip())
        thread = threading.Thread(target=self._feed, args=(address, token, origin), name="demo-feed", daemon=True)
        thread.start()

    def stop(self) -> None:
        """End feed and systems."""
        self._stop.set()
        if self._systems is not None:
            self._systems.stop()

    def _feed(self, address: str, token: str, origin: datetime) -> None:
        """Send the stream from its origin: the past at once, the present as it comes.

        After a restart the stream is sent from the beginning again; the ledger knows every event by its id.
        """
        batch: list[Made] = []
        traffic = stream(SEED, origin, per_day=PER_DAY, campaign_every=CAMPAIGN_EVERY)
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            for made in merge(traffic, _scene(origin + BACKLOG), key=lambda made: made.at):
                if self._stop.is_set():
                    return
                ahead = (made.at - datetime.now(UTC)).total_seconds()
                if ahead > 0 or len(batch) >= BATCH:
                    self._send(client, batch)
                    batch = []
                    self._stop.wait(max(ahead, 0.0))
                batch.append(made)

    def _send(self, client: httpx.Client, batch: list[Made]) -> None:
        body = b"\n".join(made.line for made in batch)
        while batch and not self._stop.is_set():
            try:
                answer = client.post("/api/v1/events", content=body)
                if answer.status_code == 200:
                    return
                if answer.status_code != 429:
                    log.error("the feed was answered %s", answer.status_code)
                    return
            except httpx.HTTPError:
                pass
            self._stop.wait(0.5)
