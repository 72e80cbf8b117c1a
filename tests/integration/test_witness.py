"""The witness as a process of its own, and what it makes impossible."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_string
from email.header import decode_header, make_header
from pathlib import Path

import httpx
import pytest

from engine.proofs.notes import Verifier, parse, witnessed
from infra.observe.stage_health import Faults
from infra.processes.witnessing import HistoryRefused, Witnessing, WitnessRefuses
from tests.commands import qorgau
from tests.support import World


class Process:
    """A running ``qorgau witness serve``."""

    def __init__(self, folder: Path, log: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra", "witness", "serve", "--folder", str(folder), "--log", log, "--port", "0"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        _, key, _, self.address = self.process.stdout.readline().split()
        self.key = Verifier.parse(key)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def witness(world: World, tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "witness", world.container.store.signer.verifier.text())
    yield made
    made.stop()


def stage(world: World, witness: Process) -> Witnessing:
    container = world.container
    return Witnessing(container.ledger, container.decisions, world.clock, [witness.address], [witness.key])


def test_heads_of_both_logs_are_cosigned_and_kept(world: World, witness: Process) -> None:
    asking = stage(world, witness)
    for _ in range(3):
        world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
        assert asking.step()
        assert not asking.step()
    notes = [row["note"] for row in world.rows("SELECT note FROM cosignatures ORDER BY log, size")]
    assert len(notes) == 6
    assert all(witnessed(note, witness.key) is not None for note in notes)
    assert {parse(note)[0].origin for note in notes} == {"qorgau/ledger", "qorgau/decisions"}


def test_a_witness_that_was_away_or_a_worker_that_forgot_go_on(world: World, witness: Process, tmp_path: Path) -> None:
    world.feed(world.event("backup.job"))
    stage(world, witness).step()
    world.feed(world.event("backup.job"))
    assert stage(world, witness).step(), "a new worker knows no size and is told it by the witness"
    witness.stop()
    with pytest.raises(WitnessRefuses, match="does not answer"):
        world.feed(world.event("backup.job"))
        stage(world, witness).step()
    again = Process(tmp_path / "witness", world.container.store.signer.verifier.text())
    assert again.key == witness.key
    assert stage(world, again).step()
    again.stop()
    witness.process = again.process


def test_a_log_that_was_rewritten_or_cut_off_is_not_signed(world: World, witness: Process, tmp_path: Path) -> None:
    """By somebody who holds database and signing key: another log under the same key."""
    for _ in range(3):
        world.feed(world.event("backup.job"))
    stage(world, witness).step()
    other = World(tmp_path / "other")
    key = (world.folder / "keys" / "checkpoint.key").read_text()
    other.container.close()
    (tmp_path / "forged" / "keys").mkdir(parents=True)
    (tmp_path / "forged" / "keys" / "checkpoint.key").write_text(key)
    (tmp_path / "forged" / "keys" / "checkpoint.key").chmod(0o600)
    forged = World(tmp_path / "forged")
    forged.feed(forged.event("backup.job", message="rewritten"))
    with pytest.raises(WitnessRefuses, match="was cut off"):
        stage(forged, witness).step()
    for _ in range(5):
        forged.feed(forged.event("backup.job", message="rewritten"))
    with pytest.raises(WitnessRefuses, match="422 the log of 6 does not begin with that of 3"):
        stage(forged, witness).step()
    seen = httpx.get(f"{witness.address}/last", params={"origin": "qorgau/ledger"}).text
    (tmp_path / "seen").write_text(seen)
    forged.container.close()
    done = qorgau("ledger", "verify", "--seen", str(tmp_path / "seen"), "--json", data=tmp_path / "forged")
    assert done.returncode == 1
    assert "log was rewritten" in json.loads(done.stdout)["faults"][0]["fault"] or "no commit ends" in str(done.stdout)
    assert qorgau("ledger", "verify", data=tmp_path / "forged").returncode == 0, "without the witness it passes"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"old 0\n\nnothing", 400),
        (b"old -1\n\nx\n0\n" + base64.b64encode(bytes(32)) + b"\n\n", 400),
        (b"old 0\n" + b"AAAA\n" + b"\nx\n0\n" + base64.b64encode(bytes(32)) + b"\n\n", 400),
        (b"old 0\n\nother/ledger\n1\n" + base64.b64encode(bytes(32)) + b"\n\n", 404),
        (b"old 0\n\nqorgau/ledger\n1\n" + base64.b64encode(bytes(32)) + b"\n\n", 403),
        (b"\xff" * 70_000, 413),
    ],
)
def test_what_a_witness_does_not_sign(witness: Process, body: bytes, status: int) -> None:
    assert httpx.post(f"{witness.address}/add-checkpoint", content=body).status_code == status


def test_proofs_are_checked_without_the_store(world: World, tmp_path: Path) -> None:
    for _ in range(9):
        world.feed(world.event("backup.job"))
    key = world.container.store.signer.verifier.text()
    world.container.close()
    proof = tmp_path / "proof.json"
    for command in (("prove", "4"), ("prove", "9"), ("prove-growth", "3"), ("prove-growth", "3", "9")):
        made = qorgau("ledger", *command, data=world.folder)
        assert made.returncode == 0, made.stderr
        proof.write_bytes(made.stdout)
        assert qorgau("ledger", "check-proof", str(proof), "--key", key, data=tmp_path / "none").returncode == 0
        document = json.loads(made.stdout)
        broken = {**document, "position": 5} if "position" in document else {**document, "path": document["path"][:-1]}
        proof.write_text(json.dumps(broken))
        failed = qorgau("ledger", "check-proof", str(proof), "--key", key, data=tmp_path / "none")
        assert failed.returncode == 1
    assert qorgau("ledger", "prove", "10", data=world.folder).returncode == 2
    assert not (tmp_path / "none").exists()


def test_a_witness_is_asked_at_the_start_before_anything_is_written(
    world: World, witness: Process, tmp_path: Path
) -> None:
    """The end of the store was lost, here all of it, and only the keys are left."""
    world.feed(world.event("backup.job"))
    stage(world, witness).step()
    (tmp_path / "cut" / "keys").mkdir(parents=True)
    key = tmp_path / "cut" / "keys" / "checkpoint.key"
    key.write_text((world.folder / "keys" / "checkpoint.key").read_text())
    key.chmod(0o600)
    cut = World(tmp_path / "cut", role_mail={"ciso": "ciso@mfo.kz", "auditor": "auditor@mfo.kz"})
    with pytest.raises(HistoryRefused, match="here are 0: the end was cut off") as refused:
        stage(cut, witness).step()
    Faults(cut.container.decisions, cut.clock).raised("witness", refused.value)
    cut.work()
    letters = [it.read_text() for it in (cut.folder / "spool").glob("alert-*.eml")]
    told = {}
    for letter in map(message_from_string, letters):
        told[letter["To"]] = str(make_header(decode_header(letter["Subject"])))
    assert {"auditor@mfo.kz", "ciso@mfo.kz"} <= {to for to, it in told.items() if "cut or rewritten" in it}
    cut.container.close()
