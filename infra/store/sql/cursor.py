"""What a transaction runs statements with, whichever database is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """What a transaction runs statements with; ``?`` marks a parameter, rows answer to index and to name."""

    @property
    def rowcount(self) -> int:
        """How many rows the latest statement changed."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> Any:
        """Run one statement for each row."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        ...

    def fetchall(self) -> Any:
        """Return the remaining rows."""
        ...
