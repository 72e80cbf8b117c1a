"""Checkpoints as signed notes, and a witness's cosignature: what is taken, and what is not."""

from __future__ import annotations

import pytest

from engine.proofs.notes import Checkpoint, NoteError, Signer, Verifier, parse, verified, witness_signer, witnessed

LOG = Signer("example.kz/log", bytes(range(32)))
WITNESS = witness_signer("witness", bytes(range(1, 33)))
HEAD = Checkpoint("example.kz/log/ledger", 7, bytes(range(32)))
NOTE = LOG.sign(HEAD)


def test_a_note_is_read_and_verified_by_its_key() -> None:
    assert verified(NOTE, LOG.verifier) == HEAD
    assert parse(NOTE)[0] == HEAD
    assert Verifier.parse(LOG.verifier.text()) == LOG.verifier


@pytest.mark.parametrize("other", [Signer("other", bytes(range(32))), Signer("example.kz/log", bytes(32))])
def test_another_key_does_not_verify_it(other: Signer) -> None:
    with pytest.raises(NoteError, match="is not signed by"):
        verified(NOTE, other.verifier)


@pytest.mark.parametrize("old_and_new", [("\n7\n", "\n8\n"), ("ledger", "ledges")])
def test_an_altered_note_is_not_signed(old_and_new: tuple[str, str]) -> None:
    with pytest.raises(NoteError):
        verified(NOTE.replace(*old_and_new), LOG.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "", "one line", "origin\n\n— a b\n", "\n7\nAAAA\n\n— a b\n", "origin\n-1\nAAAA\n\n", "origin\n07\nAAAA\n\n",
        "origin\nseven\nAAAA\n\n", "origin\n7\nAAAA\n\n— a AAAA\n", "origin\n7\n!!!\n\n", NOTE + "no dash\n",
        NOTE + "— name\n", NOTE + "— name !!!\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="not a signed checkpoint"):
        parse(text)


@pytest.mark.parametrize("text", ["", "name", "a+b+c", "name+00000000+AAAA", LOG.verifier.text()[:-4]])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="not a public key"):
        Verifier.parse(text)


def test_a_witness_says_when_it_saw_a_head() -> None:
    note = NOTE + WITNESS.cosign(HEAD, 1_795_000_000)
    assert witnessed(note, WITNESS.verifier) == 1_795_000_000
    assert verified(note, LOG.verifier) == HEAD
    assert witnessed(NOTE, WITNESS.verifier) is None
    assert witnessed(note.replace("\n7\n", "\n8\n"), WITNESS.verifier) is None
