"""What a search index is, whichever engine keeps it. It is never the truth: everything in it can be made again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.kernel.errors import QorgauError
from engine.search.question import Node, TooMuchAsked
from infra.store.sql.database import Database

INDEXES = ("events", "incidents", "notices")
ANSWER_S = 5.0
"""How long an engine may look for the answer to a question."""
Progress = Callable[[int, int], None]


class SearchUnavailable(QorgauError):
    """The engine of the index cannot be reached, or refused; nothing of what matters depends on it."""

    code = "search.unavailable"


def too_long() -> TooMuchAsked:
    """Return what a question is answered with that takes too long."""
    return TooMuchAsked("this takes longer than {seconds} seconds to find; ask for less", seconds=int(ANSWER_S))


@dataclass(frozen=True, slots=True)
class Document:
    """One thing that can be found.

    ``key`` is its number, larger for newer; ``version`` the position of its log that it shows, so that an older state
    never replaces a newer one; ``at`` its time in microseconds since 1970; ``words`` as ``words.spell`` writes them;
    ``shown`` what a list shows of it; ``fields`` further fields under their ECS names, for tools beside ours.
    """

    key: int
    version: int
    at: int
    words: str
    shown: dict[str, Any]
    fields: dict[str, Any]


class Marks:
    """How far each index has read its log: rows of our store, so that a rebuild is only a mark set back."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def get(self, index: str) -> int:
        """Return the position up to which an index has read."""
        found = self.database.scalar("SELECT position FROM search_marks WHERE name = ?", index)
        return int(found) if found is not None else 0

    def move(self, cursor: Any, index: str, before: int, after: int) -> bool:
        """Move a mark that stands where it is believed to stand; says whether it did."""
        cursor.execute("INSERT INTO search_marks (name, position) VALUES (?, 0) ON CONFLICT DO NOTHING", (index,))
        cursor.execute(
            "UPDATE search_marks SET position = ? WHERE name = ? AND position = ? RETURNING position",
            (after, index, before),
        )
        return cursor.fetchone() is not None

    def back(self, cursor: Any, index: str) -> None:
        """Set a mark to the beginning."""
        cursor.execute(
            "INSERT INTO search_marks (name, position) VALUES (?, 0) ON CONFLICT (name) DO UPDATE SET position = 0",
            (index,),
        )


class SearchIndex(ABC):
    """The indexes of events, incidents and notices."""

    keeps_fields = False
    """Whether it keeps the ECS fields of events beside their words."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.marks = Marks(database)

    @abstractmethod
    def prepare(self) -> None:
        """Make what is missing, an index that vanished too; its mark is set back. Raises SearchUnavailable."""

    @abstractmethod
    def put(self, index: str, documents: Sequence[Document], before: int, after: int) -> None:
        """Index documents and move the mark; the same documents may come again. Raises SearchUnavailable."""

    @abstractmethod
    def find(self, index: str, question: Node, limit: int, below: int | None = None) -> list[dict[str, Any]]:
        """Return what is shown of the newest that answer. Raises SearchUnavailable, BadQuestion."""

    @abstractmethod
    def count(self, index: str) -> int:
        """Return the number of documents. Raises SearchUnavailable."""

    @abstractmethod
    def clear(self, index: str) -> None:
        """Empty an index and set its mark back. Raises SearchUnavailable."""

    @abstractmethod
    def refresh(self) -> None:
        """Make visible what was put."""

    def close(self) -> None:  # noqa: B027 - most have none
        """Let connections go."""
