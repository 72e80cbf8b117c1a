"""The archive of electronic documents: each in the format it came in, under its hash, checked for change.

A document of a client is encrypted under the client's key, so that destroying the key destroys it too. The archive only
ever adds; what is in it and with which hash is a fact in the log of decisions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from engine.kernel.errors import DataError, InputError, NotFound
from engine.kernel.ids import derive
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions
from infra.store.log.topics import DocumentArchived

MOST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fixity:
    """What a check found of one document: ``whole``, ``erased`` (its key is destroyed), ``altered`` or ``missing``."""

    document: DocumentArchived
    state: str


class Archive:
    """Documents in a directory, by hash."""

    def __init__(self, folder: Path, decisions: Decisions, vault: Vault) -> None:
        self.folder = folder
        self.decisions = decisions
        self.vault = vault

    def store(
        self, data: bytes, *, name: str, media_type: str, client: str, about: str, actor: str, at: datetime
    ) -> DocumentArchived:
        """Keep a document; the same bytes for the same client are kept once. Raise InputError."""
        if not data or len(data) > MOST:
            raise InputError("a document has 1 to {most} bytes", field="file", most=MOST)
        if not client.strip():
            raise InputError("name the client it belongs to", field="client")
        digest = sha256(data).hexdigest()
        key = str(derive("document", client, digest))
        held = self._find(key)
        if held is not None:
            return held
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed = self.vault.lock_for(client, key, data, at)
        part = path.with_suffix(".part")
        with part.open("wb") as stream:
            stream.write(sealed)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        fact = DocumentArchived(
            at=at, actor=actor, document_id=key, sha256=digest, size=len(data), name=Path(name).name[:200],
            media_type=media_type[:100], client=client, about=about[:200],
        )  # fmt: skip
        with self.decisions.unit(at) as unit:
            unit.record_single(key, fact)
        return fact

    def read(self, document_id: str) -> tuple[DocumentArchived, bytes]:
        """Return a document as it came. Raise NotFound, DataError when it is not what was stored."""
        fact = self._find(document_id)
        if fact is None:
            raise NotFound("there is no such document")
        state, data = self._look(fact)
        if state == "erased":
            raise NotFound("the document was destroyed with the key of its client")
        if state != "whole":
            raise DataError(f"the document is {state}", file=str(self._path(document_id)))
        return fact, data

    def check(self) -> Iterator[Fixity]:
        """Count the hash of every document again."""
        for fact in self.documents():
            yield Fixity(fact, self._look(fact)[0])

    def documents(self, client: str | None = None) -> Iterator[DocumentArchived]:
        """Return every document, or those of a client, in the order they came."""
        position = 0
        while facts := self.decisions.read_topic(DocumentArchived.topic, position, 500):
            position = facts[-1].position
            for recorded in facts:
                assert isinstance(recorded.fact, DocumentArchived)
                if client is None or recorded.fact.client == client:
                    yield recorded.fact

    def _look(self, fact: DocumentArchived) -> tuple[str, bytes]:
        path = self._path(fact.document_id)
        if not path.is_file():
            return "missing", b""
        try:
            data = self.vault.unlock(fact.document_id, path.read_bytes())
        except DataError:
            return "altered", b""
        if data is None:
            return "erased", b""
        return ("whole" if sha256(data).hexdigest() == fact.sha256 else "altered"), data

    def _find(self, document_id: str) -> DocumentArchived | None:
        try:
            facts = self.decisions.of(document_id)
        except ValueError:
            return None
        return next((fact for fact in facts if isinstance(fact, DocumentArchived)), None)

    def _path(self, document_id: str) -> Path:
        return self.folder / document_id[:2] / document_id
