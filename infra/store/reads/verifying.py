"""Counts the access log again from its bytes, and holds it against its signed heads and the one beside the keys."""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson

from engine.proofs.chain import GENESIS
from engine.proofs.notes import Checkpoint, NoteError, Verifier, parse, verified
from infra.store.reads.access_log import AccessLog, linked


def verify_reads(log: AccessLog, key: Verifier) -> tuple[int, str]:
    """Return how many records are whole, and what is wrong first; empty when nothing is."""
    beside = log.head_file.read_text() if log.head_file.is_file() else ""
    with log.reading() as connection:
        if connection is None:
            return 0, "the access log is missing; the head beside the keys knows of records in it" if beside else ""
        try:
            return _walk(connection, log.origin, key, beside)
        except sqlite3.DatabaseError as error:
            return 0, f"the access log cannot be read: {error}"
        except NoteError as error:
            return 0, error.message


def _walk(connection: sqlite3.Connection, origin: str, key: Verifier, beside: str) -> tuple[int, str]:
    start, root = 0, GENESIS
    base = connection.execute("SELECT note FROM base").fetchone()
    if base is not None:
        begun = _checked(base[0], f"{origin}-base", key)
        start, root = begun.size, begun.root
    heads = {row[0]: str(row[1]) for row in connection.execute("SELECT size, note FROM heads")}
    known = _checked(beside, origin, key) if beside else None
    named, last = 0, start
    for row in connection.execute("SELECT position, at, who, entry, hash FROM reads ORDER BY position"):
        if row["position"] != last + 1:
            return last - start, f"the access log has no record {last + 1}: something was taken out"
        last = row["position"]
        told = _as_written(row, root)
        if told is None:
            return last - 1 - start, f"record {last} of the access log is not as it was written"
        root = row["hash"]
        if last in heads and _checked(heads[last], origin, key).root != root:
            return last - 1 - start, f"the access log up to {last} is not what was signed"
        if known is not None and known.size == last and known.root != root:
            return last - 1 - start, f"the access log up to {last} is not what the head beside the keys says"
        named += len({it for held in told["ids"].values() for it in held} | ({told["case"]} - {""}))
    if last > start and last not in heads:
        return last - start, f"the end of the access log, record {last}, is not signed: it was cut or added to"
    if known is not None and known.size > last:
        return last - start, f"the access log ends at {last}, the head beside the keys at {known.size}: it was cut"
    if named != connection.execute("SELECT COUNT(*) FROM read_ids").fetchone()[0]:
        return last - start, "the index of the access log does not name whom its records name"
    return last - start, ""


def _as_written(row: sqlite3.Row, before: bytes) -> dict[str, Any] | None:
    """Return a record, None for one that was changed."""
    if not isinstance(row["entry"], bytes) or linked(before, row["position"], row["entry"]) != row["hash"]:
        return None
    told: dict[str, Any] = orjson.loads(row["entry"])
    return told if (told["at"], told["who"]) == (row["at"], row["who"]) else None


def _checked(note: str, origin: str, key: Verifier) -> Checkpoint:
    verified(note, key)
    found = parse(note)[0]
    if found.origin != origin:
        raise NoteError(f"a head of the access log is one of {found.origin}")
    return found
