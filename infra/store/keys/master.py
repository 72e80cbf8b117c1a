"""Master keys: what the keys of persons are wrapped under. A key management service answers the same port."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.kernel.errors import DataError

NONCE = 12


class MasterKey(Protocol):
    """Wraps keys of persons. ``id`` names the key and is stored with everything it wrapped."""

    @property
    def id(self) -> str:
        """Name the key."""
        ...

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        """Encrypt a key, bound to what it is for."""
        ...

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Decrypt a key. Raise DataError when it was not wrapped by this one, or for something else."""
        ...


class LocalMasterKey:
    """A master key of 256 bits in a file or an environment variable; AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise DataError("a master key has 32 bytes, written in base64", field="QORGAU_MASTER_KEY")
        self._cipher = AESGCM(key)
        self.id = sha256(b"qorgau master" + key).hexdigest()[:16]

    @classmethod
    def parse(cls, text: str) -> LocalMasterKey:
        """Read a key in base64. Raise DataError, which never quotes it."""
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except binascii.Error:
            raise DataError("a master key has 32 bytes, written in base64", field="QORGAU_MASTER_KEY") from None

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        """Encrypt a key."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Decrypt a key."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE], wrapped[NONCE:], bound_to)
        except (InvalidTag, ValueError):
            raise DataError("a stored key was not wrapped by this master key, or was changed") from None


class KeyFolder:
    """The directory of secrets: the master key, older ones not yet done with, the key that signs checkpoints.

    It belongs on another disk, with another backup, than the data: who has only one of the two has nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def master(self, given: str | None) -> LocalMasterKey:
        """Return the master key of the setting, else of the file; the file is made when there is none."""
        return LocalMasterKey.parse(given if given is not None else self.text("master.key"))

    def older(self) -> list[LocalMasterKey]:
        """Return the master keys replaced but not removed yet."""
        return [LocalMasterKey.parse(path.read_text()) for path in self.older_files()]

    def older_files(self) -> list[Path]:
        """Return the files of the master keys replaced but not removed yet."""
        return sorted(self.folder.glob("master-*.key"))

    def signing_seed(self) -> bytes:
        """Return the seed of the key that signs checkpoints."""
        return self.seed("checkpoint.key")

    def seed(self, name: str) -> bytes:
        """Return 32 secret bytes kept under a name."""
        try:
            found = base64.b64decode(self.text(name), validate=True)
        except binascii.Error:
            found = b""
        if len(found) != 32:
            raise DataError("a key file holds 32 bytes in base64", file=str(self.folder / name))
        return found

    def replace_master(self) -> LocalMasterKey:
        """Put a new master key in the place of the file's; the old one is kept beside it until it wraps nothing."""
        old = LocalMasterKey.parse(self.text("master.key"))
        fresh = secrets.token_bytes(32)
        self._write(f"master-{old.id}.key", self.text("master.key"))
        self._write("master.key", base64.b64encode(fresh).decode())
        return LocalMasterKey(fresh)

    def drop(self, key: LocalMasterKey) -> None:
        """Remove a replaced master key."""
        (self.folder / f"master-{key.id}.key").unlink(missing_ok=True)

    def text(self, name: str) -> str:
        """Read a key file, made on first use, readable by its owner only. Raise DataError when others may read it."""
        path = self.folder / name
        if not path.exists():
            self._make(path)
        if path.stat().st_mode & 0o077:
            raise DataError("others may read this key; chmod 600", file=str(path))
        return path.read_text()

    def _make(self, path: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.part")
        self._put(part, base64.b64encode(secrets.token_bytes(32)).decode())
        try:
            os.link(part, path)  # whoever is first makes the key, also when two processes begin at once
        except FileExistsError:
            pass
        finally:
            part.unlink()

    def _write(self, name: str, text: str) -> None:
        part = self.folder / (name + ".part")
        self._put(part, text)
        part.replace(self.folder / name)

    def _put(self, path: Path, text: str) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
