"""What the witness decides, and the one thing it remembers. Protocol: C2SP tlog-witness."""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engine.kernel.ports import TimeSource
from engine.proofs.merkle import verify_consistency
from engine.proofs.notes import NoteError, Signer, Verifier, parse, verified


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status with its text."""

    status: int
    text: str
    kind: str = "text/plain; charset=utf-8"


class Keeper:
    """Remembers the last checkpoint of each origin in a file; cosigns what provably continues it."""

    def __init__(self, folder: Path, signer: Signer, logs: list[Verifier], clock: TimeSource) -> None:
        self.folder = folder
        self.signer = signer
        self.logs = {log.name: log for log in logs}
        self.clock = clock
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def _path(self, origin: str) -> Path:
        return self.folder / f"{sha256(origin.encode()).hexdigest()[:32]}.json"

    def last(self, origin: str) -> tuple[int, str]:
        """Return the size and the cosigned note kept of a log; (0, "") of one never seen."""
        path = self._path(origin)
        if not path.exists():
            return 0, ""
        kept = json.loads(path.read_text())
        return int(kept["size"]), str(kept["note"])

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request: the old size, the proof, an empty line, the new note.

        200 with the cosignature; 400 what cannot be read; 403 no good signature of the log; 404 an unknown log; 409
        another old size is on record (it is the text); 422 the proof does not hold.
        """
        try:
            old, path, note = _request(body)
            checkpoint, _ = parse(note)
        except (NoteError, ValueError):
            return Answer(400, "not a request of tlog-witness\n")
        log = self.logs.get(checkpoint.origin.rpartition("/")[0])
        if log is None:
            return Answer(404, "this log is not known here\n")
        try:
            verified(note, log)
        except NoteError as error:
            return Answer(403, f"{error.message}\n")
        if old > checkpoint.size:
            return Answer(400, "the old size is larger than the new\n")
        with self._lock:
            return self._decide(old, path, note)

    def _decide(self, old: int, path: list[bytes], note: str) -> Answer:
        checkpoint, _ = parse(note)
        size, kept = self.last(checkpoint.origin)
        if old != size:
            return Answer(409, f"{size}\n", "text/x.tlog.size")
        if size:
            before, _ = parse(kept)
            if not verify_consistency(size, checkpoint.size, before.root, checkpoint.root, path):
                return Answer(422, f"the log of {checkpoint.size} does not begin with that of {size}\n")
        elif path:
            return Answer(422, "the first checkpoint has nothing to be consistent with\n")
        line = self.signer.cosign(checkpoint, int(self.clock.now().timestamp()))
        self._keep(checkpoint.origin, checkpoint.size, note.rstrip("\n") + "\n" + line)
        return Answer(200, line)

    def _keep(self, origin: str, size: int, note: str) -> None:
        """Write down what is about to be signed, durably, before the signature leaves."""
        path = self._path(origin)
        part = path.with_suffix(".part")
        with part.open("w") as stream:
            json.dump({"origin": origin, "size": size, "note": note}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _request(body: bytes) -> tuple[int, list[bytes], str]:
    head, cut, note = body.decode("utf8").partition("\n\n")
    lines = head.split("\n")
    if not cut or not lines[0].startswith("old ") or len(lines) > 64:
        raise ValueError
    try:
        path = [base64.b64decode(line, validate=True) for line in lines[1:]]
    except binascii.Error:
        raise ValueError from None
    old = int(lines[0][4:])
    if str(old) != lines[0][4:] or old < 0 or any(len(part) != 32 for part in path):
        raise ValueError
    return old, path, note
