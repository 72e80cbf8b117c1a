"""A connection that only looks: a simulation looks far more often than a real house is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.store.sql.database import Readable


class Eyes(Readable):
    """Asks the store of a simulated house through one connection that stays open."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.row_factory = sqlite3.Row

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Open a view; nobody writes while a simulation looks."""
        yield self._connection.cursor()

    @contextmanager
    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """Iterate over the rows of a query."""
        yield self._connection.execute(sql, parameters)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
