"""The stores every contract is run against: SQLite always, PostgreSQL where its server can be had."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import lru_cache
from itertools import count
from pathlib import Path

import pytest

from engine.events.catalogue import builtin_catalogue
from engine.proofs.notes import Signer
from infra.lab.testbed.postgres import Cluster
from infra.store.keys.keyring import Keyring
from infra.store.keys.master import LocalMasterKey
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.tree import SignedTree
from infra.store.sql.database import Database
from infra.store.sql.schema import KEYRING
from infra.store.sql.sqlite import SqliteDatabase
from tests.servers import needed

SIGNER = Signer("test", b"s" * 32)
MASTER = LocalMasterKey(b"m" * 32)
KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.services)]
_numbers = count()


@lru_cache(maxsize=1)
def cluster() -> Cluster:
    """One cluster for all tests of a process."""
    with needed():
        made = Cluster(Path(tempfile.mkdtemp(prefix="qorgau-pg-", dir="/tmp")))
    made.folder.chmod(0o755)
    made.create()
    made.start()

    def away() -> None:
        made.stop("immediate")
        shutil.rmtree(made.folder, ignore_errors=True)

    atexit.register(away)
    return made


def postgres_url() -> str:
    """An empty database of the cluster."""
    return cluster().fresh(f"t{os.getpid()}_{next(_numbers)}")


class Stores:
    """Opens stores of one kind over one place; several at once stand for several processes."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.url = postgres_url() if kind == "postgres" else ""
        self._open: list[Database] = []

    def database(self) -> Database:
        database: Database
        if self.kind == "sqlite":
            database = SqliteDatabase(self.folder / "store.sqlite")
        else:
            from infra.store.sql.postgres import PostgresDatabase

            database = PostgresDatabase(self.url, pool_size=4)
        self._open.append(database)
        return database

    def vault(self) -> Vault:
        database: Database
        if self.kind == "sqlite":
            database = SqliteDatabase(self.folder / "keys.sqlite", KEYRING)
        else:
            from infra.store.opening import KEYRING_LOCK
            from infra.store.sql.postgres import PostgresDatabase

            database = PostgresDatabase(self.url, KEYRING, lock=KEYRING_LOCK, pool_size=2)
        self._open.append(database)
        return Vault(Keyring(database, MASTER), builtin_catalogue())

    def ledger(self, run: int = 64) -> Ledger:
        """A small run, so that a few hundred events settle several."""
        return Ledger(self.database(), SignedTree("ledger", SIGNER), self.vault(), run=run)

    def decisions(self) -> Decisions:
        return Decisions(self.database(), SignedTree("decisions", SIGNER))

    def close(self) -> None:
        for database in self._open:
            database.close()
        self._open = []
