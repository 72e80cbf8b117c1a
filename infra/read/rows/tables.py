"""What of an incident there may be a hundred thousand of, as tables (CSV), a page at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from infra.read.rows import clock_lines, notices
from infra.store.models.duties import ClockRow, NoticeRow
from infra.store.models.record import R, columns_of, stored
from infra.store.sql.database import Readable

PAGE = 200


def pages(ask: Callable[[str], Sequence[R]]) -> Iterator[Sequence[R]]:
    """Iterate over pages: ``ask`` returns the rows after an id ('': the first), an empty page ends it."""
    rows = ask("")
    while rows:
        yield rows
        rows = ask(str(getattr(rows[-1], "id", "")))


def tables(database: Readable, key: str, clients: Sequence[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Iterate over the tables of an incident: name and lines of its clocks, its notices and its clients."""
    yield "clocks", _table(ClockRow, lambda last: clock_lines.after(database, key, last))
    yield "notices", _table(NoticeRow, lambda last: notices.after(database, key, last, PAGE))
    yield "clients", (_csv([value]) for value in ("client", *clients))


def _table(kind: type[R], ask: Callable[[str], Sequence[R]]) -> Iterator[bytes]:
    yield _csv([it.name for it in columns_of(kind)])
    for rows in pages(ask):
        for row in rows:
            yield _csv(list(stored(row).values()))


def _csv(values: Sequence[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(["" if value is None else value for value in values])
    return out.getvalue().encode()
