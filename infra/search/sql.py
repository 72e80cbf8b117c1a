"""The embedded index: FTS5 of SQLite or a tsvector of PostgreSQL, in the same store and transaction as the mark."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import orjson

from engine.search.question import And, Between, Node, Not, Or, Phrase
from infra.search.port import ANSWER_S, Document, SearchIndex, too_long
from infra.store.sql.database import Database, TooLong


class SqlIndex(SearchIndex):
    """A table ``search_INDEX`` for each index, with the key as its row number."""

    def prepare(self) -> None:
        """Nothing: the tables are part of the schema."""

    def put(self, index: str, documents: Sequence[Document], before: int, after: int) -> None:
        """Replace the rows and move the mark in one transaction."""
        latest = {it.key: it for it in documents}
        with self.database.unlocked_write() as cursor:
            if not self.marks.move(cursor, index, before, after):
                return
            if index != "events" or before < self._highest(cursor, index):
                cursor.executemany(f"DELETE FROM search_{index} WHERE rowid = ?", [(key,) for key in latest])  # noqa: S608
            cursor.executemany(
                f"INSERT INTO search_{index} (rowid, words, shown, at) VALUES (?, {self.words_mark}, ?, ?)",  # noqa: S608
                [(it.key, self.stored(it.words), orjson.dumps(it.shown).decode(), it.at) for it in latest.values()],
            )

    def _highest(self, cursor: Any, index: str) -> int:
        cursor.execute(f"SELECT MAX(rowid) FROM search_{index}")  # noqa: S608 - our own names
        return int(cursor.fetchone()[0] or 0)

    words_mark = "?"

    def stored(self, words: str) -> str:
        """Return the words as the column takes them."""
        return words

    def find(self, index: str, question: Node, limit: int, below: int | None = None) -> list[dict[str, Any]]:
        """Ask the table."""
        values: list[Any] = []
        where = self.top(f"search_{index}", question, values)
        if below is not None:
            where += " AND rowid < ?"
            values.append(below)
        rows = answered(
            self.database,
            f"SELECT shown FROM search_{index} WHERE {where} ORDER BY rowid DESC LIMIT ?",  # noqa: S608 - ours
            *values,
            limit,
        )
        return [orjson.loads(row["shown"]) for row in rows]

    @abstractmethod
    def text(self, question: Node) -> str | None:
        """Return a question about words in the engine's own words, None when it is not about words alone."""

    @abstractmethod
    def match(self, table: str) -> str:
        """Return the condition that a question about words is asked with."""

    def top(self, table: str, question: Node, values: list[Any]) -> str:
        """Return the condition of a whole question."""
        return self.where(table, question, values)

    def where(self, table: str, question: Node, values: list[Any]) -> str:
        """Return the condition of a question or a part of one."""
        text = self.text(question)
        if text is not None:
            values.append(text)
            return self.match(table)
        match question:
            case Between(low, high):
                values += [low, high]
                return "at BETWEEN ? AND ?"
            case And(parts):
                # The parts about words are asked together: one walk through the index.
                worded = tuple(it for it in parts if self.text(it) is not None or self.below_and(it))
                together = [And(worded)] if len(worded) > 1 and self.text(And(worded)) is not None else []
                rest = [it for it in parts if not together or it not in worded]
                rest.sort(key=lambda it: self.text(it) is None)
                return " AND ".join(self.where(table, it, values) for it in (*together, *rest)) or "1 = 1"
            case Or(parts):
                return "(" + (" OR ".join(self.where(table, it, values) for it in parts) or "1 = 0") + ")"
            case Not(part):
                return f"NOT ({self.where(table, part, values)})"
            case Phrase():
                raise AssertionError("a phrase is words")

    def below_and(self, question: Node) -> bool:
        """Say whether a part can be asked only together with others."""
        return False

    def count(self, index: str) -> int:
        """Count the rows."""
        return int(self.database.scalar(f"SELECT COUNT(*) FROM search_{index}"))  # noqa: S608 - our own names

    def clear(self, index: str) -> None:
        """Delete the rows and set the mark back in one transaction."""
        with self.database.unlocked_write() as cursor:
            cursor.execute(f"DELETE FROM search_{index}")  # noqa: S608 - our own names
            self.marks.back(cursor, index)

    def refresh(self) -> None:
        """Nothing: what is committed is visible."""


class Fts5(SqlIndex):
    """SQLite. Its NOT stands only between two questions, so a bare one is answered in SQL."""

    def text(self, question: Node) -> str | None:
        """Return a query of FTS5."""
        match question:
            case Phrase(words, open_):
                return f'"{" ".join(words)}"' + (" *" if open_ else "")
            case And(parts):
                return self._all(parts)
            case Or(parts):
                found = [self.text(it) for it in parts]
                return None if not found or None in found else "(" + " OR ".join(it for it in found if it) + ")"
        return None

    def _all(self, parts: tuple[Node, ...]) -> str | None:
        wanted = [self.text(it) for it in parts if not isinstance(it, Not)]
        refused = [self.text(it.part) for it in parts if isinstance(it, Not)]
        if not wanted or None in wanted or None in refused:
            return None
        found = "(" + " AND ".join(it for it in wanted if it) + ")"
        for it in refused:
            found = f"({found} NOT {it})"
        return found

    def below_and(self, question: Node) -> bool:
        """A NOT of words goes together with words."""
        return isinstance(question, Not) and self.text(question.part) is not None

    def match(self, table: str) -> str:
        """Ask by the keys, so that the condition may stand anywhere."""
        return f"rowid IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)"  # noqa: S608 - our own names

    def top(self, table: str, question: Node, values: list[Any]) -> str:
        """Ask words at the top directly: the index is then walked from its newest row and left at the limit."""
        found = self.where(table, question, values)
        asked = self.match(table)
        if found == asked or found.startswith(asked + " AND "):
            return f"{table} MATCH ?" + found.removeprefix(asked)
        return found


class TsVector(SqlIndex):
    """PostgreSQL. The vector is written by us, word by word with its place; none of its parsers is asked."""

    words_mark = "CAST(? AS tsvector)"

    def stored(self, words: str) -> str:
        """Return the words with their places."""
        return " ".join(f"'{word}':{place}" for place, word in enumerate(words.split(), 1))

    def text(self, question: Node) -> str | None:
        """Return a tsquery."""
        match question:
            case Phrase(words, open_):
                return "(" + " <-> ".join(f"'{it}'" for it in words) + (":*" if open_ else "") + ")"
            case And(parts) | Or(parts):
                found = [self.text(it) for it in parts]
                sign = " & " if isinstance(question, And) else " | "
                return None if not found or None in found else "(" + sign.join(it for it in found if it) + ")"
            case Not(part):
                inner = self.text(part)
                return None if inner is None else f"!{inner}"
        return None

    def match(self, table: str) -> str:
        """Ask the vector."""
        return "words @@ CAST(? AS tsquery)"


def answered(database: Database, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Ask within the time that a question has. Raise TooMuchAsked."""
    try:
        return database.rows_within(ANSWER_S, sql, *values)
    except TooLong:
        raise too_long() from None


def sql_index(database: Database) -> SqlIndex:
    """Return the index of a store."""
    return Fts5(database) if database.dialect == "sqlite" else TsVector(database)
