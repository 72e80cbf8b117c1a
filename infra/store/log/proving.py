"""Proofs that an outsider can check with the log's public key and this file's format, or any RFC 6962 code."""

from __future__ import annotations

import base64
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.kernel.errors import InputError, NotFound
from engine.proofs.merkle import leaf_hash, verify_consistency, verify_inclusion
from engine.proofs.notes import Verifier, verified
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger


class Inclusion(BaseModel):
    """That a record stands at a position of a log. ``record`` is what the leaf is the hash of, position first."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["inclusion"] = "inclusion"
    log: str
    position: int
    record: str
    path: tuple[str, ...]
    checkpoint: str


class Growth(BaseModel):
    """That a log grew from an older head without a change."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["growth"] = "growth"
    log: str
    old: str
    path: tuple[str, ...]
    checkpoint: str


def prove_inclusion(log: Ledger | Decisions, position: int, size: int | None = None) -> Inclusion:
    """Prove a position in the newest head, or in that of a size. Raise NotFound, InputError."""
    with log.database.read() as cursor:
        note = log.tree.note(cursor, size)
        size = int(note.split("\n")[1])
        if not 0 < position <= size:
            raise NotFound(f"the {log.tree.log} of {size} entries has no position {position}")
        path = log.stored_tree(cursor).inclusion(position - 1, size)
        data = log.leaf_data(cursor, position)
    return Inclusion(log=log.tree.log, position=position, record=_b64(data), path=_all(path), checkpoint=note)


def prove_growth(log: Ledger | Decisions, old: int, new: int | None = None) -> Growth:
    """Prove that the head of ``new`` (or the newest) continues that of ``old``. Raise InputError."""
    with log.database.read() as cursor:
        before, after = log.tree.note(cursor, old), log.tree.note(cursor, new)
        size = int(after.split("\n")[1])
        if old > size:
            raise InputError(f"{old} is larger than {size}")
        path = log.stored_tree(cursor).consistency(old, size) if old < size else []
    return Growth(log=log.tree.log, old=before, path=_all(path), checkpoint=after)


def check(document: dict[str, Any], key: Verifier) -> str:
    """Check a proof with nothing but the log's public key; return what it proves. Raise InputError, NoteError."""
    path = tuple(_bytes(part) for part in document.get("path", ()))
    head = verified(str(document.get("checkpoint", "")), key)
    if document.get("kind") == "growth":
        old = verified(str(document.get("old", "")), key)
        if old.origin != head.origin or not verify_consistency(old.size, head.size, old.root, head.root, path):
            raise InputError("the proof does not hold: the newer log does not begin with the older")
        return f"{head.origin}: {old.size} entries grew to {head.size} without a change"
    position, record = int(document.get("position", 0)), _bytes(document.get("record", ""))
    if record[:8] != position.to_bytes(8, "big") or not verify_inclusion(
        leaf_hash(record), position - 1, head.size, path, head.root
    ):
        raise InputError("the proof does not hold: this record does not stand there")
    return f"{head.origin}: this record stands at position {position} of {head.size}"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:
        raise InputError("not base64") from None


def _all(path: list[bytes]) -> tuple[str, ...]:
    return tuple(_b64(part) for part in path)
