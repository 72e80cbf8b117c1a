"""How each database tells which rows a transaction touches, and how they were before.

SQLite: temporary triggers, which belong to one connection; nobody else's writes go through them. PostgreSQL: triggers
that write into ``row_touched`` under the transaction's own number; rows of other numbers are foreign and never marked.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson

from infra.store.integrity.tables import BY_NAME, MARKED, Marked
from infra.store.sql.cursor import Cursor

Seen = dict[tuple[str, tuple[Any, ...]], Any]


def watch(connection: sqlite3.Connection) -> Seen:
    """Have a connection of SQLite note what it touches; return where it notes it."""
    seen: Seen = {}

    def touched(name: str, was: int, *values: Any) -> None:
        seen.setdefault((name, values[: len(BY_NAME[name].key)]), values if was else None)

    connection.create_function("qorgau_touched", -1, touched)
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in MARKED:
        if table.name in there:
            for statement in _of_sqlite(table):
                connection.execute(statement)
    return seen


def _of_sqlite(table: Marked) -> list[str]:
    name = table.name
    old = ", ".join(f"OLD.{column}" for column in table.columns)
    new = ", ".join(f"NEW.{column}" for column in table.key)
    kept = " AND ".join(f"OLD.{column} = NEW.{column}" for column in table.key)
    made = f"CREATE TEMP TRIGGER touched_{name}"
    return [
        f"{made}_insert AFTER INSERT ON main.{name} BEGIN SELECT qorgau_touched('{name}', 0, {new}); END",
        f"{made}_delete AFTER DELETE ON main.{name} BEGIN SELECT qorgau_touched('{name}', 1, {old}); END",
        f"{made}_update AFTER UPDATE ON main.{name} BEGIN SELECT qorgau_touched('{name}', 1, {old}); END",
        f"{made}_moved AFTER UPDATE ON main.{name} WHEN NOT ({kept}) "
        f"BEGIN SELECT qorgau_touched('{name}', 0, {new}); END",
    ]


POSTGRES = """
CREATE UNLOGGED TABLE IF NOT EXISTS row_touched (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number BIGINT NOT NULL, name TEXT NOT NULL, was TEXT,
    now TEXT);
CREATE INDEX IF NOT EXISTS row_touched_number ON row_touched (number);
CREATE OR REPLACE FUNCTION qorgau_touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO row_touched (number, name, was, now) VALUES (txid_current(), TG_TABLE_NAME,
        CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD)::text END,
        CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW)::text END); RETURN NULL; END $$
"""


def for_postgres() -> list[str]:
    """Return the statements that make the triggers of PostgreSQL."""
    made = [part for part in POSTGRES.split(";\n") if "FUNCTION" not in part and part.strip()]
    made.append(POSTGRES[POSTGRES.index("CREATE OR REPLACE FUNCTION") :].strip())
    made += [
        f"CREATE OR REPLACE TRIGGER touched AFTER INSERT OR UPDATE OR DELETE ON {table.name} "
        "FOR EACH ROW EXECUTE FUNCTION qorgau_touched()"
        for table in MARKED
    ]
    return made


def seen_by_postgres(cursor: Cursor) -> Seen:
    """Take what the present transaction of PostgreSQL has touched."""
    cursor.execute("DELETE FROM row_touched WHERE number = txid_current() RETURNING id, name, was, now")
    seen: Seen = {}
    for _, name, was, now in sorted(map(tuple, cursor.fetchall())):
        table = BY_NAME[name]
        old, new = (orjson.loads(text) if text is not None else None for text in (was, now))
        if old is not None:
            seen.setdefault((name, _key(table, old)), [old[column] for column in table.columns])
        if new is not None:
            seen.setdefault((name, _key(table, new)), None)
    return seen


def _key(table: Marked, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column] for column in table.key)
