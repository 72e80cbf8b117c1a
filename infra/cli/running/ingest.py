"""``qorgau ingest``: NDJSON into the ledger."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

import click

from engine.kernel.errors import InputError
from engine.kernel.ports import Taken
from infra.cli import common
from infra.inbound.parser_pool import Batch
from infra.observe.gc_tuning import tune

LINES = 2_000
READERS_AFTER = 8
"""Batches after which it pays to start reader processes."""
GZIP = b"\x1f\x8b"
BATCH_BYTES = 8 * 1024 * 1024


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--source", default="file", show_default=True, help="Source of events that do not name their own.")
@click.option("--show-rejects", is_flag=True, help="Name every line that was set aside, on stderr.")
@common.as_json
def ingest(file: Path, source: str, show_rejects: bool, as_json: bool) -> None:
    """Put the events of FILE (or - for stdin) into the ledger; it may be packed with gzip.

    Every line is counted: accepted, duplicate (known by source and event id) or rejected (kept as a dead letter with
    its reason; where many are rejected, together with others). The same file a second time accepts none.
    """
    total = {"accepted": 0, "duplicate": 0, "rejected": 0, "flagged": 0}
    with common.container() as container, _open(file) as stream:
        first = 1
        sizes: deque[int] = deque()

        def batches() -> Iterator[Batch]:
            for count, body in _batches(stream):
                sizes.append(count)
                if len(sizes) == READERS_AFTER:
                    container.start_readers()
                    tune()
                yield Batch(source, None, container.clock.now(), body)

        for receipt in container.intake.pour(batches()):
            lines = sizes.popleft()
            _add(total, receipt.taken)
            for reject in receipt.rejects if show_rejects else ():
                field = f" field '{reject.field}':" if reject.field else ""
                click.echo(f"{file}:{first + reject.line - 1}:{field} {reject.reason} [{reject.code}]", err=True)
            first += lines
    if as_json:
        click.echo(json.dumps(total))
    else:
        click.echo(
            f"{total['accepted']} accepted ({total['flagged']} flagged), {total['duplicate']} known already, "
            f"{total['rejected']} rejected"
        )


@contextmanager
def _open(file: Path) -> Iterator[IO[bytes]]:
    """Open a file, or stdin, packed or not. Raise InputError where it cannot be unpacked."""
    with ExitStack() as stack:
        plain = sys.stdin.buffer if str(file) == "-" else stack.enter_context(file.open("rb"))
        buffered = plain if isinstance(plain, io.BufferedReader) else io.BufferedReader(plain)  # type: ignore[type-var]
        if buffered.peek(2)[:2] != GZIP:
            yield buffered
            return
        try:
            yield cast(IO[bytes], stack.enter_context(gzip.open(buffered)))
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise InputError(
                "the gzip stream is damaged or cut short; what came before it was taken", file=str(file)
            ) from None


def _batches(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Return (number of lines, bytes). What is longer than a batch comes in pieces, which the door sets aside."""
    lines: list[bytes] = []
    size = 0
    while line := stream.readline(BATCH_BYTES):
        lines.append(line)
        size += len(line)
        if len(lines) >= LINES or size >= BATCH_BYTES:
            yield len(lines), b"".join(lines)
            lines, size = [], 0
    if lines:
        yield len(lines), b"".join(lines)


def _add(total: dict[str, int], taken: Taken) -> None:
    for name in total:
        total[name] += getattr(taken, name)
