"""Checkpoints as signed notes (C2SP signed-note and tlog-checkpoint), signed with Ed25519; and a witness's cosignature.

A note is text: origin, size and root of a tree, each on a line, an empty line, and signature lines of the form
``— name base64(key id, signature)``. Anybody can check one with the public key and nothing of this product.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine.kernel.errors import InputError

_DASH = "— "
_LOG, _WITNESS = 1, 4


class NoteError(InputError):
    """A note is not what the format says, or a signature on it is wrong."""

    code = "checkpoint"


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half: checks what a ``Signer`` of the same name signed."""

    name: str
    public: bytes
    kind: int = _LOG

    @property
    def key_id(self) -> bytes:
        """The four bytes that say which key a signature line is of."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def text(self) -> str:
        """Write the key as one line: ``name+id+base64``."""
        packed = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{packed}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read the line ``text`` gives. Raise NoteError."""
        try:
            name, key_id, packed = text.strip().split("+", 2)
            data = base64.b64decode(packed, validate=True)
            found = cls(name, data[1:], data[0])
            if found.key_id.hex() != key_id or len(found.public) != 32:
                raise ValueError
            Ed25519PublicKey.from_public_bytes(found.public)
        except (ValueError, IndexError, binascii.Error):
            raise NoteError("not a public key of the form name+id+key") from None
        return found

    def _holds(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree: whose log, how many leaves, which root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Write what is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def short(self) -> str:
        """The first 16 hex digits of the root, as printed on paper."""
        return self.root.hex()[:16]


def parse(note: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """Take a note apart: the checkpoint, and (name, key id with signature) of each line. Raise NoteError."""
    body, cut, tail = note.partition("\n\n")
    lines = body.split("\n")
    try:
        if not cut or len(lines) < 3 or not lines[0] or str(int(lines[1])) != lines[1] or int(lines[1]) < 0:
            raise ValueError
        root = base64.b64decode(lines[2], validate=True)
        if len(root) != 32:
            raise ValueError
        signatures = []
        for line in tail.splitlines():
            if not line.startswith(_DASH):
                raise ValueError
            name, packed = line[len(_DASH) :].split(" ")
            signatures.append((name, base64.b64decode(packed, validate=True)))
    except (ValueError, binascii.Error):
        raise NoteError("not a signed checkpoint (C2SP tlog-checkpoint)") from None
    return Checkpoint(lines[0], int(lines[1]), root), signatures


class Signer:
    """Signs checkpoints with one key."""

    def __init__(self, name: str, seed: bytes, kind: int = _LOG) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw(), kind)

    def sign(self, checkpoint: Checkpoint) -> str:
        """Return the signed note."""
        text = checkpoint.text()
        return f"{text}\n{_line(self.verifier, self._key.sign(text.encode()))}"

    def sign_text(self, text: str) -> str:
        """Return a signed note over any text that ends a line (C2SP signed-note); its first line says what it is."""
        return f"{text}\n{_line(self.verifier, self._key.sign(text.encode()))}"

    def cosign(self, checkpoint: Checkpoint, seconds: int) -> str:
        """Return a witness's signature line: that the checkpoint was seen at a time (C2SP tlog-cosignature)."""
        signature = self._key.sign(_cosigned(checkpoint.text(), seconds))
        return _line(self.verifier, struct.pack(">Q", seconds) + signature)


def witness_signer(name: str, seed: bytes) -> Signer:
    """Return the signer of a witness."""
    return Signer(name, seed, _WITNESS)


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _line(verifier: Verifier, signature: bytes) -> str:
    return f"{_DASH}{verifier.name} {base64.b64encode(verifier.key_id + signature).decode()}\n"


def verified(note: str, log: Verifier) -> Checkpoint:
    """Read a note and check the log's signature. Raise NoteError when it is missing or wrong."""
    checkpoint, signatures = parse(note)
    for name, packed in signatures:
        if name == log.name and packed[:4] == log.key_id and log._holds(packed[4:], checkpoint.text().encode()):
            return checkpoint
    raise NoteError(f"the checkpoint of size {checkpoint.size} is not signed by {log.name}")


def witnessed(note: str, witness: Verifier) -> int | None:
    """Return the second at which a witness saw the checkpoint; None when it did not sign it."""
    checkpoint, signatures = parse(note)
    for name, packed in signatures:
        if name == witness.name and packed[:4] == witness.key_id and len(packed) == 76:
            (seconds,) = struct.unpack(">Q", packed[4:12])
            if witness._holds(packed[12:], _cosigned(checkpoint.text(), seconds)):
                return int(seconds)
    return None
