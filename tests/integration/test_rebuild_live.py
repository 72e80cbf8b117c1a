"""A rebuild over a store that a running server holds open, and one of a store that lost its followers' places."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.events.catalogue import builtin_catalogue
from infra.processes.search import behind
from infra.store.opening import open_store
from infra.store.sql.view_tables import NAMES
from tests.commands import qorgau
from tests.full_setup import environment as engines
from tests.integration.test_rebuild import lived
from tests.stores import KINDS
from tests.support import ANALYST, COMPLIANCE, PASSWORD, MovingClock, World

ASKED = ("/api/v1/incidents", "/api/v1/clocks?state=all", "/api/v1/notices?state=all", "/api/v1/coverage",
         "/api/v1/events", "/api/v1/events?of=incidents", "/api/v1/events?of=notices",
         "/", "/clocks?state=all", "/notices?state=all", "/events?of=incidents", "/duties", "/controls")  # fmt: skip
PASSING = re.compile(
    r'data-now="[^"]*"|data-[a-z]+="\d+"|"(age_minutes|used)":\d+|"risk":[-\d.e]+|value="\d+"|\d+ (min|s|h)\b|\d+ %'
    r'|value="\d{4}-\d\d-\d\dT\d\d:\d\d"'
)
"""What changes with every minute of the real time that the server runs in."""


@contextmanager
def serving(data: Path) -> Iterator[httpx.Client]:
    """The product as a process on a port of its own, and somebody signed in."""
    environment = {**os.environ, "QORGAU_DATA": str(data), "QORGAU_PORT": "0", "PYTHONUNBUFFERED": "1", **engines(data)}
    command = [sys.executable, "-m", "infra", "serve"]
    with (data / "serve.log").open("w") as log:  # what it says while a table is gone
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
    assert process.stdout is not None
    try:
        found = next((it for line in process.stdout if (it := re.search(r"http://[\d.:]+", line))), None)
        assert found, "the server did not start"
        with httpx.Client(base_url=found[0], timeout=60) as client:
            signed_in = client.post("/sign-in", data={"user": ANALYST.id, "password": PASSWORD, "to": "/"})
            assert signed_in.status_code == 303
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)


def answers(client: httpx.Client, *more: str) -> dict[str, str]:
    found = {}
    for path in (*ASKED, *more):
        answer = client.get(path)
        assert answer.status_code == 200, path
        found[path] = PASSING.sub("", answer.text)
    return found


def worked(data: Path) -> World:
    """A case of today, with everything that follows from it done."""
    world = World(data, MovingClock(datetime.now(UTC))).people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    incident = world.incidents()[0]["id"]
    world.container.acts.assign(incident, ANALYST.id, by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    return world


def at_rest(world: World) -> None:
    """Wait for nothing: the server has done what there was."""
    assert not any(behind(world.container.search, world.container.ledger, world.container.decisions).values())


@pytest.mark.parametrize("damage", ["DELETE FROM {}", "DROP TABLE {}"])
def test_a_rebuild_under_a_running_server_changes_no_answer(damage: str, tmp_path: Path) -> None:
    world = worked(tmp_path)
    page = f"/incidents/{world.incidents()[0]['id']}"
    at_rest(world)
    settings = world.settings
    world.container.close()
    with serving(tmp_path) as client:
        before = answers(client, page)
        assert '"number":"INC-' in before["/api/v1/events?of=incidents"]
        assert '"phase":"triaged"' in before["/api/v1/incidents"]
        store = open_store(settings, builtin_catalogue(), MovingClock())
        with store.database.write() as cursor:
            for name in (*NAMES, "tally", "search_events", "search_incidents", "search_notices"):
                cursor.execute(damage.format(name))
        store.close()
        if damage.startswith("DELETE"):
            assert client.get("/api/v1/incidents").json() == []
        done = qorgau("ledger", "rebuild", data=tmp_path)
        assert (done.returncode, done.stderr) == (0, b"")
        assert answers(client, page) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_follower_without_a_place_is_named_before_it_answers_again(kind: str, tmp_path: Path) -> None:
    world = lived(tmp_path, kind)
    told = _rebuilt(world, "DELETE FROM tracking WHERE application_name IN ('clocks', 'notices')")
    assert told.returncode == 0
    assert told.stderr.decode() == (
        "qorgau: clocks, notices have no place in the log and will answer it again from its beginning; "
        "restore a backup if they had one\n"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_places_that_are_gone_altogether_are_for_a_backup_to_restore(kind: str, tmp_path: Path) -> None:
    world = lived(tmp_path, kind)
    told = _rebuilt(world, "DROP TABLE tracking", "DROP TABLE incident_view")
    assert told.returncode != 0
    assert b"the table of the followers' places cannot be read" in told.stderr
    assert b"restore it from a backup" in told.stderr
    assert b"Traceback" not in told.stderr


def _rebuilt(world: World, *damages: str) -> Any:
    with world.container.database.write() as cursor:
        for damage in damages:
            cursor.execute(damage)
    settings = {"QORGAU_DATABASE": world.settings.database} if world.settings.database else {}
    world.container.close()
    return qorgau("ledger", "rebuild", data=world.folder, **settings)
