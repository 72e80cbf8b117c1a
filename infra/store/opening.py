"""Opens the store the settings name: database, keys, the two logs with their trees."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from engine.events.catalogue import Catalogue
from engine.kernel.errors import DataError
from engine.kernel.ports import TimeSource
from engine.proofs.notes import NoteError, Signer, verified
from infra.settings.settings import Settings
from infra.store.integrity.guarding import Guard, guard
from infra.store.integrity.repairing import refuse_damaged
from infra.store.keys.keyring import Keyring
from infra.store.keys.master import KeyFolder, LocalMasterKey
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.tree import SignedTree
from infra.store.reads.access_log import AccessLog
from infra.store.sql.database import Database, StoreUnavailable, refuse_unsafe_settings
from infra.store.sql.schema import KEYRING, REBUILD, STORE
from infra.store.sql.sqlite import SqliteDatabase, reading_name
from infra.store.sql.upgrade import bring_old_rows

KEYRING_LOCK = 0x716F726B


@dataclass(frozen=True)
class Store:
    """Everything that is kept."""

    database: Database
    keys: KeyFolder
    keyring: Keyring
    vault: Vault
    signer: Signer
    ledger: Ledger
    decisions: Decisions
    access: AccessLog
    """Who read what of whom."""
    guard: Guard
    _keys: dict[str, Any]

    def key_settings(self) -> dict[str, Any]:
        """Say where the keys are, for a reader process; it goes over its pipe and nowhere else."""
        return self._keys

    def close(self) -> None:
        """Let everything go."""
        self.access.close()
        with suppress(StoreUnavailable):  # the heads stay behind then, which they may
            self.guard.heads.close()
        self.keyring.database.close()
        self.database.close()


def open_store(settings: Settings, catalogue: Catalogue, clock: TimeSource, *, read_only: bool = False) -> Store:
    """Open, and bring to this version where needed. Raise DataError, StoreUnavailable.

    ``read_only`` is for a store that ``is_current``: nothing in or beside it changes.
    """
    refuse_unsafe_settings(dict(os.environ))
    folder = KeyFolder(settings.keys_folder)
    database = open_database(settings, read_only=read_only)
    try:
        if isinstance(database, SqliteDatabase) and not read_only:
            refuse_damaged(database.path)
        _refuse_lost_keys(database, settings)
        opened = _with_keys(settings, catalogue, database, folder, clock, read_only)
        if not read_only:
            opened.guard.begin()
        return opened
    except BaseException:
        database.close()
        raise


def _with_keys(
    settings: Settings,
    catalogue: Catalogue,
    database: Database,
    folder: KeyFolder,
    clock: TimeSource,
    read_only: bool,
) -> Store:
    signer = Signer(settings.log_name, folder.signing_seed())
    master: LocalMasterKey = folder.master(settings.master_key)
    keyring = Keyring(_open_keyring(settings, read_only), master, folder.older())
    vault = Vault(keyring, catalogue)
    ledger = Ledger(database, SignedTree("ledger", signer), vault)
    decisions = Decisions(database, SignedTree("decisions", signer))
    _same_key(database, signer)
    guarded = guard(database, decisions, folder, keyring, clock)
    if not read_only:
        bring_old_rows(ledger)
        _fold_views(decisions)
    keys = {
        "master": settings.master_key or folder.text("master.key"),
        "older": [path.read_text() for path in folder.older_files()],
        "sqlite": None if settings.keyring or settings.database else str(settings.keys_folder / "keyring.sqlite"),
        "url": settings.keyring or settings.database,
    }
    access = AccessLog(settings.data, settings.keys_folder, signer, vault.client, settings.reads_kept_days)
    return Store(database, folder, keyring, vault, signer, ledger, decisions, access, guarded, keys)


def _refuse_lost_keys(database: Database, settings: Settings) -> None:
    """Refuse a store that has a history and not its keys, before new ones could be made: a disk may not be mounted."""
    if database.row("SELECT 1 FROM checkpoints LIMIT 1") is None:
        return
    wanted = ["checkpoint.key"]
    wanted += [] if settings.master_key else ["master.key"]
    wanted += [] if settings.keyring or settings.database else ["keyring.sqlite"]
    lost = [name for name in wanted if not (settings.keys_folder / name).exists()]
    if lost:
        raise DataError(
            f"the keys of {database.where} are not here ({', '.join(lost)}), and no new ones are made beside a store "
            "that has a history; is their disk there? See QORGAU_KEYS and 'qorgau keys restore'",
            file=str(settings.keys_folder),
        )


def is_current(settings: Settings) -> bool:
    """Say whether a store in a file is there and of this version, so that it can be opened for reading alone."""
    path = settings.data / "qorgau.sqlite"
    if settings.database or not path.is_file():
        return False
    if not settings.keyring and not (settings.keys_folder / "keyring.sqlite").is_file():
        return False
    try:
        with closing(sqlite3.connect(reading_name(path), uri=True)) as connection:
            held = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('schema', ?)", (REBUILD,)))
            old = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger_v1'").fetchone()
    except sqlite3.DatabaseError:
        return False
    return held.get("schema") == str(STORE.version) and REBUILD not in held and old is None


def _fold_views(decisions: Decisions) -> None:
    """Fold the read models again when the version before had them in another shape."""
    database = decisions.database
    if database.row("SELECT value FROM meta WHERE key = ?", REBUILD) is None:
        return
    decisions.rebuild_views()
    with database.write() as cursor:
        cursor.execute("DELETE FROM meta WHERE key = ?", (REBUILD,))


def _same_key(database: Database, signer: Signer) -> None:
    """Refuse a signing key that is not the store's: the wrong keys lie beside the data, or the right ones elsewhere."""
    row = database.row("SELECT note FROM checkpoints ORDER BY log, size DESC LIMIT 1")
    if row is None:
        return
    try:
        verified(str(row["note"]), signer.verifier)
    except NoteError:
        raise DataError(
            f"the checkpoints of {database.where} are not signed by the key in use; see QORGAU_KEYS, QORGAU_LOG_NAME"
        ) from None


def open_database(settings: Settings, *, read_only: bool = False) -> Database:
    """Open the database alone: SQLite in the data directory, or the PostgreSQL of the setting."""
    if settings.database is None:
        return SqliteDatabase(settings.data / "qorgau.sqlite", read_only=read_only)
    from infra.store.sql.postgres import PostgresDatabase

    return PostgresDatabase(settings.database)


def _open_keyring(settings: Settings, read_only: bool) -> Database:
    """Keys lie apart from the data, so that a backup of the one is not a backup of the other."""
    url = settings.keyring or settings.database
    if url is None:
        return SqliteDatabase(settings.keys_folder / "keyring.sqlite", KEYRING, read_only=read_only)
    from infra.store.sql.postgres import PostgresDatabase

    return PostgresDatabase(url, KEYRING, lock=KEYRING_LOCK, pool_size=4)
