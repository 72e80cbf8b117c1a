"""Time stamps (RFC 3161) by a real authority process: openssl."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.app.container import stages_of
from infra.outbound.timestamping import Authority, StampRefused, roots_of
from infra.processes.stamping import Stamping
from tests.commands import qorgau
from tests.integration import timestamp_authority
from tests.support import World


class Process:
    """A running authority."""

    def __init__(self, folder: Path) -> None:
        timestamp_authority.make(folder)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.timestamp_authority", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "tsa")
    yield made
    made.stop()


def stamping(world: World, authority: Process, every_s: int = 60) -> Stamping:
    asked = Authority(authority.address, roots_of(authority.folder / "root.pem"))
    return Stamping(world.container.ledger, world.container.decisions, world.clock, asked, every_s)


def change(world: World) -> None:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))


def test_heads_are_stamped_now_and_then_and_outsiders_can_check_them(
    world: World, authority: Process, tmp_path: Path
) -> None:
    stage = stamping(world, authority)
    change(world)
    assert stage.step()
    change(world)
    assert not stage.step(), "not yet"
    world.clock.forward(seconds=61)
    assert stage.step()
    world.container.close()
    roots = {"QORGAU_TIMESTAMP_ROOTS": str(authority.folder / "root.pem")}
    listed = qorgau("ledger", "timestamps", "--out", str(tmp_path / "out"), "--json", data=world.folder, **roots)
    assert len(json.loads(listed.stdout)) == 4
    for note in (tmp_path / "out").glob("*.note"):
        words = ["ts", "-verify", "-data", str(note), "-in", str(note.with_suffix(".tsr")), "-CAfile", "root.pem"]
        done = subprocess.run(["openssl", *words], cwd=authority.folder, capture_output=True, check=False)
        assert b"Verification: OK" in done.stdout + done.stderr
    assert qorgau("ledger", "verify", data=world.folder, **roots).returncode == 0


def test_a_stamp_of_something_else_or_of_a_stranger_is_found(world: World, authority: Process, tmp_path: Path) -> None:
    change(world)
    assert stamping(world, authority).step()
    timestamp_authority.make(tmp_path / "stranger")
    world.container.close()
    roots = {"QORGAU_TIMESTAMP_ROOTS": str(tmp_path / "stranger" / "root.pem")}
    found = qorgau("ledger", "verify", data=world.folder, **roots)
    assert (found.returncode, b"does not hold" in found.stderr) == (1, True)
    again = World(world.folder, world.clock)
    with again.container.database.write() as cursor:
        cursor.execute("UPDATE timestamps SET note = note || 'x' WHERE log = 'ledger'")
    again.container.close()
    found = qorgau("ledger", "verify", data=world.folder)
    assert (found.returncode, b"over something else" in found.stderr) == (1, True)


def test_an_authority_that_does_not_answer_is_told_and_stops_nothing(world: World, authority: Process) -> None:
    stage = stamping(world, authority)
    authority.stop()
    change(world)
    with pytest.raises(StampRefused, match="does not answer"):
        stage.step()


def test_the_settings_name_the_authority(tmp_path: Path) -> None:
    world = World(tmp_path, timestamp_url="http://127.0.0.1:9")
    assert [stage.name for stage in stages_of(world.container) if isinstance(stage, Stamping)] == ["timestamps"]
    world.container.close()
