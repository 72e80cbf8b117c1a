"""Five years, a hold, two persons, a certificate; and afterwards nothing that can be read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, NotFound, SecondPersonNeeded
from engine.retention.facts import ErasureDone
from engine.retention.retention import Retention, retention_id, term_end
from tests.commands import qorgau
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, World

IIN, PHONE = "850101300005", "+77771234567"


def client_with_data(world: World) -> None:
    """A client known by number, IIN and phone; and events that carry only the IIN."""
    world.feed(
        world.event(
            "portal.application.submitted", mfo__client__id="c-1", mfo__client__iin=IIN, mfo__client__phone=PHONE,
            mfo__client__name="Ахметов Айбек",
        ),
        world.event("portal.application.submitted", mfo__client__iin=IIN),
        world.event("portal.application.submitted", mfo__client__id="c-2", mfo__client__iin="900101400008"),
    )  # fmt: skip
    world.container.archive.store(
        b"%PDF-1.7 contract", name="contract.pdf", media_type="application/pdf", client="c-1", about="L-1", actor="t",
        at=world.clock.now(),
    )  # fmt: skip


def ended(world: World, day: str = "2021-11-20") -> None:
    world.feed(
        world.event("loan.contract.signed", mfo__client__id="c-1", mfo__loan__id="L-1"),
        world.event(
            "loan.obligation.terminated", mfo__client__id="c-1", mfo__loan__id="L-1", mfo__obligation__terminated_at=day
        ),
    )  # fmt: skip


def nothing_open(world: World) -> None:
    """Close what was found meanwhile: while something of a client is open, nothing of him is destroyed."""
    for row in world.incidents():
        for by in (ANALYST, CISO):
            if world.incident_is_open(row["id"]):
                world.container.acts.close(str(row["id"]), "false_positive", "a test of our own", by=by)
    world.work()


def test_two_persons_destroy_after_the_term_and_everything_stays_verifiable(world: World) -> None:
    client_with_data(world)
    ended(world)
    acts = world.container.acts
    with pytest.raises(DecisionRefused, match="still needed: INC-"):
        acts.propose_erasure("c-1", "term over", by=COMPLIANCE)
    nothing_open(world)
    acts.propose_erasure("c-1", "term over", by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded):
        acts.approve_erasure("c-1", "me again", by=COMPLIANCE)
    assert world.container.ledger.find(world.container.store.vault.questions(IIN)) == [1, 2]
    acts.approve_erasure("c-1", "agreed", by=COMPLIANCE_2)
    world.work()
    read = world.container.ledger.read(0, 10)
    assert [("erased" in e.flags, IIN in str(e.fields), bool(e.raw)) for e in read[:2]] == [(True, False, False)] * 2
    assert read[2].fields["mfo.client.iin"] == "900101400008"
    assert world.container.ledger.find(world.container.store.vault.questions(IIN)) == []
    (document,) = world.container.archive.documents("c-1")
    with pytest.raises(NotFound, match="destroyed"):
        world.container.archive.read(document.document_id)
    assert [found.state for found in world.container.archive.check()] == ["erased"]
    (done,) = [r.fact for r in world.container.decisions.read_topic(ErasureDone.topic, 0, 10)]
    assert isinstance(done, ErasureDone)
    assert (done.proposed_by, done.approved_by, done.documents, len(done.keys)) == ("bolat", "dana", 1, 2)
    assert world.whole()["ledger"] == world.container.ledger.head()
    again = world.restart()
    assert "erased" in again.container.ledger.read(0, 1)[0].flags
    again.container.close()


def test_a_new_contract_of_an_erased_client_starts_anew(world: World) -> None:
    client_with_data(world)
    ended(world)
    nothing_open(world)
    world.container.acts.propose_erasure("c-1", "term over", by=COMPLIANCE)
    world.container.acts.approve_erasure("c-1", "agreed", by=CISO)
    world.work()
    world.feed(world.event("loan.contract.signed", mfo__client__id="c-1", mfo__loan__id="L-2"))
    world.feed(world.event("portal.application.submitted", mfo__client__id="c-1", mfo__client__iin=IIN))
    assert world.container.ledger.read(world.container.ledger.head() - 1, 1)[0].fields["mfo.client.iin"] == IIN
    with pytest.raises(DecisionRefused, match="last"):
        world.container.acts.propose_erasure("c-1", "again", by=COMPLIANCE)


def test_nothing_is_destroyed_early_or_under_hold_or_by_others(world: World) -> None:
    client_with_data(world)
    acts = world.container.acts
    with pytest.raises(NotFound):
        acts.propose_erasure("c-1", "x", by=COMPLIANCE)
    ended(world, "2021-11-23")
    with pytest.raises(DecisionRefused, match="nothing may be destroyed before 2026-11-24"):
        acts.propose_erasure("c-1", "x", by=COMPLIANCE)
    world.clock.forward(days=1)
    acts.place_hold("c-1", "court case 12", by=CISO)
    with pytest.raises(DecisionRefused, match="court case 12"):
        acts.propose_erasure("c-1", "x", by=COMPLIANCE)
    acts.lift_hold("c-1", "the case ended", by=CISO)
    acts.lift_hold("c-1", "read the judgement", by=COMPLIANCE_2)
    with pytest.raises(DecisionRefused, match="a hold was lifted; nothing may be destroyed before 2026-12-01"):
        acts.propose_erasure("c-1", "x", by=COMPLIANCE)
    world.clock.forward(days=7)
    nothing_open(world)
    with pytest.raises(NotAllowed):
        acts.propose_erasure("c-1", "x", by=ANALYST)
    with pytest.raises(InputError):
        acts.propose_erasure("c-1", " ", by=COMPLIANCE)
    acts.propose_erasure("c-1", "term over", by=COMPLIANCE)
    acts.place_hold("c-1", "a new case", by=CISO)
    with pytest.raises(DecisionRefused, match="a new case"):
        acts.approve_erasure("c-1", "x", by=COMPLIANCE_2)
    assert world.container.ledger.read(0, 1)[0].fields["mfo.client.iin"] == IIN


@given(st.dates(date(2000, 1, 1), date(2090, 12, 31)))
def test_the_term_is_never_shorter_than_five_years(ended_on: date) -> None:
    first = term_end(ended_on)
    assert (first - ended_on).days in (1826, 1827, 1828)
    assert (first.year - ended_on.year, first) >= (5, first)


def test_an_interrupted_destruction_is_finished(world: World) -> None:
    """The keys went, the process died before the fact was written: the next one writes the same certificate."""
    client_with_data(world)
    ended(world)
    nothing_open(world)
    world.container.acts.propose_erasure("c-1", "term over", by=COMPLIANCE)
    world.container.acts.approve_erasure("c-1", "agreed", by=COMPLIANCE_2)
    vault = world.container.store.vault
    gone = vault.keyring.destroy(vault.subjects_of_client("c-1"), world.clock.now())
    again = world.restart()
    again.work()
    (done,) = [r.fact for r in again.container.decisions.read_topic(ErasureDone.topic, 0, 10)]
    assert isinstance(done, ErasureDone)
    assert done.keys == tuple(sorted(key.hex() for key in gone))
    assert again.container.decisions.load(Retention, retention_id("c-1")).state == "erased"
    again.container.close()


def test_documents_are_checked_for_change(world: World) -> None:
    client_with_data(world)
    (document,) = world.container.archive.documents()
    fact, data = world.container.archive.read(document.document_id)
    assert (fact.name, data) == ("contract.pdf", b"%PDF-1.7 contract")
    (path,) = [p for p in (world.folder / "archive").rglob("*") if p.is_file()]
    assert b"contract" not in path.read_bytes()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [found.state for found in world.container.archive.check()] == ["altered"]
    path.unlink()
    assert [found.state for found in world.container.archive.check()] == ["missing"]


def test_the_command_line_and_its_certificate(world: World, tmp_path: Path) -> None:
    from tests.support import PASSWORD

    client_with_data(world)
    nothing_open(world)
    world.container.close()
    word = f"{PASSWORD}\n".encode()
    base = ("--reason", "r")
    no = b"no\n"
    paper = tmp_path / "contract.pdf"
    paper.write_bytes(b"%PDF-1.7 contract")
    ended = ("retention", "ended", "c-1", "2020-01-01", *base)
    assert qorgau(*ended, "--as", "bolat", data=world.folder, stdin=word).returncode == 2, "on no document"
    on_paper = (*ended, "--document", str(paper))
    asked = qorgau(*on_paper, "--as", "bolat", data=world.folder, stdin=word)
    assert (asked.returncode, b"another person" in asked.stdout) == (0, True), asked.stderr
    assert qorgau(*on_paper, "--as", "dana", data=world.folder, stdin=word).returncode == 0
    done = qorgau("retention", "propose", "c-1", "--as", "bolat", *base, data=world.folder, stdin=word)
    assert done.returncode == 0, done.stderr
    assert qorgau("retention", "approve", "c-1", "--as", "bolat", *base, data=world.folder, stdin=word).returncode == 2
    assert qorgau("retention", "approve", "c-1", "--as", "dana", *base, data=world.folder, stdin=no).returncode == 2
    assert qorgau("retention", "approve", "c-1", "--as", "dana", *base, data=world.folder, stdin=word).returncode == 0
    assert qorgau("catch-up", data=world.folder).returncode == 0
    printed = json.loads(qorgau("retention", "certificate", "c-1", data=world.folder).stdout)
    assert printed["erasure"]["approved_by"] == "dana"
    proof = tmp_path / "proof.json"
    proof.write_text(json.dumps(printed["proof"]))
    key = json.loads(qorgau("keys", "show", "--json", data=world.folder).stdout)["log"]
    assert qorgau("ledger", "check-proof", str(proof), "--key", key, data=tmp_path).returncode == 0
    assert qorgau("ledger", "verify", data=world.folder).returncode == 0
