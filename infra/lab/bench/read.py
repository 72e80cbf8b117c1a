"""The reading half of ``qorgau bench ledger``, in a process of its own: replay, verification, segments."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.events.catalogue import builtin_catalogue
from engine.proofs.notes import Signer
from infra.lab.bench.ledger import MASTER, SEED, WINDOW
from infra.observe.gc_tuning import tune
from infra.store.keys.keyring import Keyring
from infra.store.keys.master import LocalMasterKey
from infra.store.keys.vault import Vault
from infra.store.log import segments
from infra.store.log.ledger import Ledger
from infra.store.log.tree import SignedTree
from infra.store.log.verify import Fault, verify
from infra.store.sql.database import Database
from infra.store.sql.schema import KEYRING
from infra.store.sql.sqlite import SqliteDatabase
from rules.detection.pack import builtin_rules

REPLAYED = 1_000_000
PAGE = 5_000


def main() -> None:
    """Measure the store named in the argument; print the figures as JSON."""
    about = json.loads(sys.argv[1])
    vault = None
    if about["keys"]:
        keyring = SqliteDatabase(Path(about["keys"]), KEYRING)
        vault = Vault(Keyring(keyring, LocalMasterKey.parse(MASTER)), builtin_catalogue())
    signer = Signer("bench", SEED)
    ledger = Ledger(_database(about), SignedTree("ledger", signer), vault)
    tune()
    figures = {**_replay(ledger), **_verify(ledger, signer), **_segments(ledger)}
    print(json.dumps({**figures, "reader_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def _database(about: dict[str, Any]) -> Database:
    if about["sqlite"]:
        return SqliteDatabase(Path(about["sqlite"]))
    from infra.store.sql.postgres import PostgresDatabase

    return PostgresDatabase(about["postgres"], pool_size=4)


def _replay(ledger: Ledger) -> dict[str, Any]:
    """Read in order, decrypted, as the detector does."""
    until, begin = min(ledger.head(), REPLAYED), time.perf_counter()
    read = sum(map(len, ledger.replay(0, until, PAGE)))
    return {"replay_events_per_s": read / (time.perf_counter() - begin)}


def _verify(ledger: Ledger, signer: Signer) -> dict[str, Any]:
    """Walk everything that is stored."""
    head, begin = ledger.head(), time.perf_counter()
    faults = [step for step in verify(ledger.database, "ledger", signer.verifier) if isinstance(step, Fault)]
    took = time.perf_counter() - begin
    if faults:
        raise SystemExit(str(faults[0]))
    return {"stored": head, "verify_seconds": took, "verify_events_per_s": head / took}


def _segments(ledger: Ledger) -> dict[str, Any]:
    """Write segments of at most a million events (not measured); read the columns of the domain rules three times."""
    columns = segments.columns_for(tuple(builtin_rules().fields()), builtin_catalogue())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if ledger.head() <= REPLAYED:
            segments.close_ranges(ledger.database, folder, columns, size=min(WINDOW, ledger.head()))
        else:
            for number, rows in enumerate(segments.ranges(ledger.database, 0, REPLAYED, WINDOW)):
                first = number * WINDOW + 1
                path = folder / f"ledger-{first:012d}-{first + len(rows) - 1:012d}.parquet"
                segments.write_segment(path, rows, columns, "")
        wanted = ["position", "at", *(column for column, _ in columns)]
        begin, read = time.perf_counter(), 0
        for _ in range(3):
            read += sum(batch.num_rows for batch in segments.scan(folder, wanted))
        return {"segment_columns": len(wanted), "segment_rows_per_s": read / (time.perf_counter() - begin)}


if __name__ == "__main__":
    main()
