"""What became of an approved text at each of its clients, read a part at a time: there may be a hundred thousand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from infra.read.rows import notices
from infra.read.rows.notices import AddressedNotice
from infra.store.models.record import stored
from infra.store.sql.database import Readable
from reports.report import harmless

COLUMNS = ("id", "subject", "state", "recipient", "sent_at", "transport_ref", "answer", "due_at", "clock_state")
READ_TOGETHER = 1_000


def fates_of_clients(database: Readable, text: str, state: str = "") -> Iterator[AddressedNotice]:
    """Read the clients of a text, in one state where one is given, in their order."""
    below = ""
    while rows := notices.clients_of(database, text, state, below, READ_TOGETHER):
        yield from rows
        below = rows[-1].subject


def fates_as_csv(database: Readable, text: str, state: str = "") -> Iterator[bytes]:
    """Write the clients of a text as CSV (RFC 4180), UTF-8, a part at a time."""
    yield (",".join(COLUMNS) + "\r\n").encode()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for number, row in enumerate(fates_of_clients(database, text, state), 1):
        values = stored(row)
        writer.writerow([harmless(str(values[name] if values[name] is not None else "")) for name in COLUMNS])
        if number % READ_TOGETHER == 0:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
