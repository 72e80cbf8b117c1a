"""Reader processes give what reading here gives; when they die nothing is lost."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from infra.inbound.parser_pool import Batch
from infra.lab.simulate.stream import stream
from infra.read.rows.effects import dead_letters
from tests.support import MONDAY, World


def bodies(count: int) -> list[bytes]:
    made = stream(11, MONDAY)
    parts = [b"\n".join(one.line for one in islice(made, 200)) for _ in range(count)]
    parts[2] += b"\nnot json\n" + parts[2].split(b"\n")[0]
    return parts


def poured(world: World, parts: list[bytes]) -> list[tuple[int, int, int, int]]:
    batches = (Batch("file", None, MONDAY, part) for part in parts)
    return [tuple(receipt.taken.model_dump().values()) for receipt in world.container.intake.pour(batches)]


def test_readers_and_reading_here_store_the_same(tmp_path: Path) -> None:
    here, there = World(tmp_path / "here"), World(tmp_path / "there")
    there.container.start_readers(2)
    parts = bodies(12)
    assert poured(here, parts) == poured(there, parts)
    assert here.container.ledger.read(0, 10_000) == there.container.ledger.read(0, 10_000)
    assert poured(there, parts) == poured(here, parts), "and a second time nothing"
    assert here.whole() == there.whole()
    assert [letter.row for letter in dead_letters(here.container.database)] == [
        letter.row for letter in dead_letters(there.container.database)
    ]
    here.container.close()
    there.container.close()


def test_readers_that_die_lose_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.container.start_readers(2)
    readers = world.container.intake.readers
    assert readers is not None
    parts = bodies(30)

    def batches() -> object:
        for number, part in enumerate(parts):
            if number == 7:
                readers._children[0]._process.kill()
            if number == 15:
                readers._children[1]._process.kill()
            yield Batch("file", None, MONDAY, part)

    accepted = sum(receipt.taken.accepted for receipt in world.container.intake.pour(batches()))  # type: ignore[arg-type]
    assert accepted == 30 * 200
    assert world.whole()["ledger"] == 6_000
    world.container.close()


def test_a_key_destroyed_meanwhile_is_never_used_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.container.start_readers(1)
    line = world.event("portal.application.submitted", mfo__client__id="c-1", mfo__client__iin="850101300005")
    (first,) = world.container.intake.pour([Batch("file", None, MONDAY, line)])
    vault = world.container.store.vault
    vault.keyring.destroy(vault.subjects_of_client("c-1"), MONDAY)
    line = world.event("portal.application.submitted", mfo__client__id="c-1", mfo__client__iin="850101300005")
    (second,) = world.container.intake.pour([Batch("file", None, MONDAY, line)])
    assert (first.taken.accepted, second.taken.accepted) == (1, 1)
    erased, readable = world.container.ledger.read(0, 10)
    assert ("erased" in erased.flags, readable.fields["mfo.client.iin"]) == (True, "850101300005")
    world.container.close()
