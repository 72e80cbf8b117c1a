"""Notices over SMTP to a real server process: taken, refused, tried again, and in doubt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import DecisionRefused
from tests.support import COMPLIANCE, World

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    folder = tmp_path_factory.mktemp("smtp")
    script = str(Path(__file__).parent / "smtp_server.py")
    with subprocess.Popen([sys.executable, script, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), folder
        process.kill()


def approved(tmp_path: Path, server: tuple[int, Path], recipient: str) -> tuple[World, str]:
    world = World(
        tmp_path / "data", smtp_host="127.0.0.1", smtp_port=server[0], smtp_tls="none", regulator_mail=recipient
    ).people()
    world.count = 1000 * len(list(server[1].iterdir()))  # ids are derived: another event gives another notice
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    notice = world.notices(world.incidents()[0]["id"])["regulator"]["id"]
    world.house.acts.approve_notice(notice, None, by=COMPLIANCE)
    world.work()
    return world, notice


def copies(server: tuple[int, Path], notice: str) -> int:
    """How many messages with the id of this notice the server took."""
    return sum(f"<{notice}@localhost>".encode() in mail.read_bytes() for mail in server[1].iterdir())


def state(world: World) -> tuple[str, str]:
    incident = world.incidents()[0]["id"]
    return world.notices(incident)["regulator"]["state"], world.clocks(incident)["regulator-notice"]["state"]


def test_a_taken_notice_satisfies_the_clock(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, notice = approved(tmp_path, server, "agency@example.kz")
    assert state(world) == ("sent", "satisfied")
    assert copies(server, notice) == 1


@pytest.mark.parametrize("recipient", ["refuse@example.kz", "bad@example.kz"])
def test_a_refused_notice_leaves_the_clock_running(tmp_path: Path, server: tuple[int, Path], recipient: str) -> None:
    world, _ = approved(tmp_path, server, recipient)
    assert state(world) == ("refused", "running")


def test_a_passing_refusal_is_tried_again(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, _ = approved(tmp_path, server, "later@example.kz")
    assert state(world) == ("approved", "running")
    world.clock.forward(minutes=10)
    world.work()
    row = world.rows("SELECT state, attempts FROM outbox WHERE kind = 'mail'")[0]
    assert (row["state"], row["attempts"]) == ("waiting", 2)


def test_a_connection_lost_after_the_data_is_unknown_and_a_person_decides(
    tmp_path: Path, server: tuple[int, Path]
) -> None:
    world, notice = approved(tmp_path, server, "lost@example.kz")
    assert state(world) == ("unknown", "running")
    assert copies(server, notice) == 1, "the server had taken it"
    world.clock.forward(hours=1)
    world.work()
    assert copies(server, notice) == 1, "it is never sent a second time by itself"
    with pytest.raises(DecisionRefused, match="evidence"):
        world.house.acts.settle_notice(notice, True, "", by=COMPLIANCE)
    world.house.acts.settle_notice(notice, True, "they confirmed by telephone, entry 881", by=COMPLIANCE)
    world.work()
    assert state(world) == ("sent", "satisfied")


def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    world, _ = approved(tmp_path, (9, tmp_path), "agency@example.kz")
    assert state(world) == ("approved", "running")


def test_a_stop_while_sending_is_unknown_after_the_restart(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, _ = approved(tmp_path, (9, tmp_path), "agency@example.kz")
    with world.house.database.write() as cursor:
        cursor.execute("UPDATE outbox SET state = 'performing' WHERE kind = 'mail'")
    again = world.restart()
    again.work()
    assert state(again) == ("unknown", "running")
    again.house.close()
