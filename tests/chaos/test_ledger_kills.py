"""``kill -9`` of the writer, a full disk: nothing acknowledged is lost, nothing is there twice, it opens by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from infra.store.log.verify import Fault, verify
from tests.contract.test_ledger import event
from tests.stores import KINDS, SIGNER, Stores
from tests.support import MONDAY

KILLS = {"sqlite": 200, "postgres": 200}


class Appender:
    """The victim."""

    def __init__(self, stores: Stores, first: int) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.chaos.appender",
            stores.kind,
            str(stores.folder),
            stores.url,
            str(first),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> list[int]:
        """Kill it; return what it still said."""
        self.process.kill()
        assert self.process.stdout is not None
        left = [int(text) for text in self.process.stdout.read().split("\n")[:-1]]
        self.process.wait()
        self.process.stdout.close()
        return left


def held(stores: Stores, acknowledged: int) -> None:
    """Everything up to the last acknowledged number is there once, in order, and the log is whole."""
    ledger = stores.ledger(run=500)
    ids, position = [], 0
    while read := ledger.read(position, 5_000):
        ids += [int(e.event_id) for e in read]
        position = read[-1].position
    assert ids == list(range(1, len(ids) + 1))
    assert len(ids) >= acknowledged
    assert [s for s in verify(ledger.database, "ledger", SIGNER.verifier) if isinstance(s, Fault)] == []
    assert all(e.fields["mfo.client.iin"] == "850101300005" for e in ledger.read(max(position - 300, 0), 300))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_kills(kind: str, tmp_path: Path) -> None:
    stores, rng, acknowledged, kills = Stores(kind, tmp_path), Random(200), 0, 0
    for _ in range(KILLS[kind]):
        victim = Appender(stores, acknowledged + 1)
        for _ in range(rng.randrange(0, 12)):
            acknowledged = int(victim.line())
        kills += 1
        acknowledged = max([acknowledged, *victim.kill()])
    assert kills == KILLS[kind]
    held(stores, acknowledged)
    stores.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB; needs the right to mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    mounted = (
        mounted
        and not subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False).returncode
    )
    if not mounted:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_loses_nothing_and_heals_by_itself(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_500_000))
    stores = Stores("sqlite", small_disk)
    victim, acknowledged = Appender(stores, 1), 0
    while (said := victim.line()) != "full":
        acknowledged = int(said)
    assert victim.process.wait() == 0
    assert victim.process.stdout is not None
    victim.process.stdout.close()
    assert acknowledged > 100
    (small_disk / "ballast").unlink()
    held(stores, acknowledged)
    more = stores.ledger(run=500)
    head = more.head()
    fields = {"mfo.client.iin": "850101300005", "mfo.client.id": "c-1"}
    assert more.append([event(str(head + 1), **fields)], [], MONDAY).accepted == 1
    held(stores, head + 1)
    stores.close()
