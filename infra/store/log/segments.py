"""Closed ranges of the ledger as Parquet, for questions over long histories.

A segment holds the same positions, the same records byte for byte and the same leaf hashes as the ledger, and beside
them one typed column for each field a rule asks for. Personal fields have no column: they stay encrypted in the record,
so that destroying a key reaches the segments too. Segments can be thrown away and written again at any time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.events.catalogue import Catalogue
from engine.events.envelope import SecurityEvent
from engine.kernel.errors import DataError, InputError
from infra.store.log import records
from infra.store.log.ledger import blocks
from infra.store.log.records import leaf_of
from infra.store.sql.database import Readable

SIZE = 100_000
GROUP = 25_000
_BASE = [
    ("position", pa.int64()), ("key", pa.binary(16)), ("version", pa.int32()), ("at", pa.timestamp("us", tz="UTC")),
    ("received_at", pa.timestamp("us", tz="UTC")), ("source", pa.string()), ("event_id", pa.string()),
    ("flags", pa.list_(pa.string())), ("leaf", pa.binary(32)), ("record", pa.binary()),
]  # fmt: skip
_KINDS = {"number": pa.float64(), "boolean": pa.bool_()}


@dataclass(frozen=True, slots=True)
class Segment:
    """One file: the positions it holds, first and last."""

    path: Path
    first: int
    last: int


def columns_for(fields: Sequence[str], catalogue: Catalogue) -> list[tuple[str, Any]]:
    """Return the columns of the fields that may stand in the clear."""
    wanted = [name for name in sorted(set(fields)) if not catalogue.may_be_personal(name)]
    specs = catalogue.fields
    return [(name, _KINDS.get(specs[name].type, pa.string()) if name in specs else pa.string()) for name in wanted]


def write_segment(
    path: Path, rows: Sequence[tuple[int, bytes]], columns: Sequence[tuple[str, Any]], checkpoint: str
) -> Segment:
    """Write records (position, bytes) as one file, under its name only when it is whole and on disk."""
    events = [records.decode(position, record, None) for position, record in rows]
    heads = [records.HEAD.unpack_from(record) for _, record in rows]
    data: dict[str, Any] = {
        "position": [position for position, _ in rows],
        "key": [head[0] for head in heads],
        "version": [head[2] for head in heads],
        "at": [event.at for event in events],
        "received_at": [event.received_at for event in events],
        "source": [event.source for event in events],
        "event_id": [event.event_id for event in events],
        "flags": [[flag for flag in event.flags if flag != records.ERASED] for event in events],
        "leaf": [leaf_of(position, record) for position, record in rows],
        "record": [record for _, record in rows],
    }
    for name, kind in columns:
        data[name] = _column(events, name, kind)
    first, last = rows[0][0], rows[-1][0]
    about = {b"qorgau.first": str(first), b"qorgau.last": str(last), b"qorgau.checkpoint": checkpoint}
    table = pa.table(data, schema=pa.schema([*_BASE, *columns], metadata=about))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    pq.write_table(table, part, compression="zstd", row_group_size=GROUP, use_dictionary=[name for name, _ in columns])
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.rename(path)
    return Segment(path, first, last)


def _column(events: Sequence[SecurityEvent], name: str, kind: Any) -> list[Any]:
    """Return one field of all events; a value of another type than the column's is left to the record."""
    values = [event.fields.get(name) for event in events]
    if kind == pa.float64():
        return [float(v) if v.__class__ in (int, float) else None for v in values]
    if kind == pa.bool_():
        return [v if v.__class__ is bool else None for v in values]
    return [v if v is None or v.__class__ is str else _text(v) for v in values]


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def listed(folder: Path) -> list[Segment]:
    """Return the segments of a directory in order. Raise DataError where one is missing in between."""
    found = []
    for path in sorted(folder.glob("ledger-*.parquet")):
        _, first, last = path.stem.split("-")
        found.append(Segment(path, int(first), int(last)))
    for before, after in pairwise(found):
        if after.first != before.last + 1:
            raise DataError(f"positions {before.last + 1} to {after.first - 1} have no segment", file=str(folder))
    return found


def close_ranges(
    database: Readable, folder: Path, columns: Sequence[tuple[str, Any]], *, size: int = SIZE
) -> list[Segment]:
    """Write every full range that has no segment yet; return what was written."""
    held = listed(folder)
    done = held[-1].last if held else 0
    head = int(database.scalar("SELECT MAX(position) FROM ledger") or 0)
    written: list[Segment] = []
    for rows in ranges(database, done, head - (head - done) % size, size):
        name = f"ledger-{rows[0][0]:012d}-{rows[-1][0]:012d}.parquet"
        written.append(write_segment(folder / name, rows, columns, checkpoint_after(database, rows[-1][0])))
    return written


def ranges(database: Readable, after: int, until: int, size: int) -> Iterator[list[tuple[int, bytes]]]:
    """Return the records in (after, until] in lists of ``size``."""
    rows: list[tuple[int, bytes]] = []
    if until <= after:
        return
    for first, _, topic, state in blocks(database, after):
        if topic != records.TOPIC:
            raise DataError(f"ledger position {first} has an unknown topic")
        for position, record in enumerate(records.unpack(state), first):
            if after < position <= until:
                rows.append((position, record))
                if len(rows) == size:
                    yield rows
                    rows = []
        if first > until:
            break
    if rows:
        yield rows


def checkpoint_after(database: Readable, position: int) -> str:
    """Return the signed checkpoint that covers a position; empty when there is none."""
    row = database.row(
        "SELECT note FROM checkpoints WHERE log = 'ledger' AND size >= ? ORDER BY size LIMIT 1", position
    )
    return str(row["note"]) if row else ""


def check(segment: Segment, database: Readable) -> None:
    """Hold a segment against the ledger. Raise InputError naming the first position that differs."""
    at = segment.first
    try:
        file = pq.ParquetFile(segment.path)
        stored = ranges(database, segment.first - 1, segment.last, GROUP)
        for batch, rows in zip(file.iter_batches(GROUP, columns=["position", "leaf", "record"]), stored, strict=True):
            found = batch.to_pydict()
            for (position, record), where, leaf, held in zip(
                rows, found["position"], found["leaf"], found["record"], strict=True
            ):
                at = position
                if where != position or held != record or leaf != leaf_of(position, record):
                    raise InputError(f"position {position} is not what the ledger holds", file=str(segment.path))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"from position {at} on: {type(error).__name__}", file=str(segment.path)) from None


def scan(folder: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read columns of all segments in order, a row group at a time."""
    for segment in listed(folder):
        file = pq.ParquetFile(segment.path)
        have = set(file.schema_arrow.names)
        yield from file.iter_batches(GROUP, columns=[name for name in columns if name in have])
