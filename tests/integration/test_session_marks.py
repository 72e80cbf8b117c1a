"""The mark of a session's use keeps no page waiting and is written in time."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support import ANALYST, PASSWORD, World


def stored(world: World) -> str:
    return str(world.container.database.row("SELECT seen_at FROM sessions")["seen_at"])  # type: ignore[index]


def test_a_page_is_read_while_somebody_writes(tmp_path: Path) -> None:
    world = World(tmp_path).people()
    accounts = world.container.accounts
    token = accounts.sign_in(ANALYST.id, PASSWORD)
    world.clock.forward(minutes=5)
    found: list[object] = []
    with world.container.database.write():
        reader = threading.Thread(target=lambda: found.append(accounts.session(token)))
        reader.start()
        reader.join(10)
        assert not reader.is_alive()
        assert found and found[0] is not None
    world.container.close()


def test_a_session_in_use_lives_on_in_this_process_and_the_next(tmp_path: Path) -> None:
    world = World(tmp_path, session_minutes=15).people()
    accounts = world.container.accounts
    token = accounts.sign_in(ANALYST.id, PASSWORD)
    for _ in range(4):
        world.clock.forward(minutes=10)
        assert accounts.session(token) is not None
    world.container.close()
    again = World(tmp_path, world.clock, session_minutes=15)
    assert again.container.accounts.session(token) is not None
    again.clock.forward(minutes=16)
    assert again.container.accounts.session(token) is None
    again.container.close()


def test_an_earlier_mark_never_replaces_a_later_one(tmp_path: Path) -> None:
    world = World(tmp_path).people()
    accounts = world.container.accounts
    token = accounts.sign_in(ANALYST.id, PASSWORD)
    at = world.clock.now()
    world.clock.forward(minutes=5)
    assert accounts.session(token) is not None
    accounts.marks.flush()
    later = stored(world)
    (digest,) = (row["digest"] for row in world.container.database.rows("SELECT digest FROM sessions"))
    accounts.marks.note(digest, at)
    accounts.marks.flush()
    assert stored(world) == later
    world.container.close()
