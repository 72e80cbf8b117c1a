"""The program of a reader process: frames in on stdin, frames out on stdout, until stdin ends."""

from __future__ import annotations

import os
import queue
import sys
import threading
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

from engine.events.catalogue import builtin_catalogue
from infra.inbound.parser_pool import Batch, Reader, read_frame, write_frame
from infra.observe.gc_tuning import tune
from infra.store.keys.keyring import Keyring
from infra.store.keys.master import LocalMasterKey
from infra.store.keys.sealing import KeysChanged
from infra.store.keys.vault import Vault
from infra.store.sql.schema import KEYRING
from reports.children.limits import limit_to


def main() -> None:
    """Read, answer, end."""
    os.umask(0o077)
    limit_to()
    about = read_frame(sys.stdin.buffer)
    if about is None:
        return
    said = orjson.loads(about)
    catalogue = builtin_catalogue()
    reader = Reader(catalogue, _vault(said["keys"]), said["keep_unknown_types"])
    todo: queue.Queue[bytes | None] = queue.Queue(2)
    done: queue.Queue[bytes | None] = queue.Queue(2)
    threading.Thread(target=_receive, args=(todo,), daemon=True).start()
    sending = threading.Thread(target=_send, args=(done,))
    sending.start()
    tune()
    while (frame := todo.get()) is not None:
        done.put(_answer(reader, frame))
    done.put(None)
    sending.join()


def _answer(reader: Reader, frame: bytes) -> bytes:
    line, _, body = frame.partition(b"\n")
    head = orjson.loads(line)
    claims = frozenset(head["claims"]) if head["claims"] is not None else None
    batch = Batch(
        head["source"], claims, datetime.fromisoformat(head["received_at"]), body, parts=_parts(head.get("parts"), body)
    )
    while True:
        try:
            return reader.read(batch).to_bytes()
        except KeysChanged:
            continue


def _parts(sizes: list[tuple[int, int]] | None, body: bytes) -> tuple[tuple[int, bytes], ...] | None:
    """Cut the body as it was cut before; None where nobody has."""
    if sizes is None:
        return None
    ends = accumulate(size for _, size in sizes)
    return tuple((line, body[end - size : end]) for (line, size), end in zip(sizes, ends, strict=True))


def _vault(keys: dict[str, Any] | None) -> Vault | None:
    if keys is None:
        return None
    database: Any
    if keys["sqlite"]:
        from infra.store.sql.sqlite import SqliteDatabase

        database = SqliteDatabase(Path(keys["sqlite"]), KEYRING)
    else:
        from infra.store.opening import KEYRING_LOCK
        from infra.store.sql.postgres import PostgresDatabase

        database = PostgresDatabase(keys["url"], KEYRING, lock=KEYRING_LOCK, pool_size=2)
    masters = [LocalMasterKey.parse(text) for text in (*keys["older"], keys["master"])]
    return Vault(Keyring(database, masters[-1], masters[:-1]), builtin_catalogue())


def _receive(todo: queue.Queue[bytes | None]) -> None:
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        todo.put(frame)
    todo.put(None)


def _send(done: queue.Queue[bytes | None]) -> None:
    while (answer := done.get()) is not None:
        write_frame(sys.stdout.buffer, answer)


if __name__ == "__main__":
    main()
