"""The tables, and the way from each version of them to the next.

Written once, in the words SQLite and PostgreSQL share; ``for_postgres`` exchanges the few that differ. A version is
never edited after a release: what comes later is a new step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.store.integrity import watching
from infra.store.sql import view_tables

_BASE = """
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, received_at TEXT NOT NULL, line INTEGER NOT NULL,
    code TEXT NOT NULL, field TEXT, reason TEXT NOT NULL, raw BLOB NOT NULL, digest BLOB NOT NULL,
    times INTEGER NOT NULL DEFAULT 1, UNIQUE (source, digest));
CREATE TABLE IF NOT EXISTS intake (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, claims TEXT NOT NULL, received_at TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, created_at TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_at TEXT NOT NULL, last_answer TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, next_at);
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, roles TEXT NOT NULL, password_hash TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1, failures INTEGER NOT NULL DEFAULT 0, locked_until TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    digest TEXT PRIMARY KEY, user_id TEXT NOT NULL, csrf TEXT NOT NULL, created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source_tokens (
    digest TEXT PRIMARY KEY, source TEXT NOT NULL, claims TEXT NOT NULL, created_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS detector_state (
    id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL, fingerprint TEXT NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS detector_parts (part INTEGER PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS traces (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, parent TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    position INTEGER PRIMARY KEY, originator_id UUID NOT NULL, originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL, state BLOB NOT NULL, hash BLOB NOT NULL, UNIQUE (originator_id, originator_version));
"""
_SIGNING_IN = """
CREATE TABLE IF NOT EXISTS sign_in_tries (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, failures INTEGER NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sign_in_tries_account ON sign_in_tries (account);
CREATE TABLE IF NOT EXISTS known_browsers (
    digest TEXT PRIMARY KEY, user_id TEXT NOT NULL, seen_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session_places (
    digest TEXT PRIMARY KEY, address TEXT NOT NULL, agent TEXT NOT NULL) WITHOUT ROWID;
"""
"""Tries by a hash of where they came from, browsers told from strangers, where sessions are."""
_FACTORS = """
CREATE TABLE IF NOT EXISTS totp (
    user_id TEXT PRIMARY KEY, secret BLOB NOT NULL, last_step INTEGER NOT NULL, created_at TEXT NOT NULL,
    confirmed_at TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recovery_codes (digest TEXT PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passkeys (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, public_key BLOB NOT NULL, sign_count INTEGER NOT NULL,
    name TEXT NOT NULL, created_at TEXT NOT NULL, used_at TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending_steps (
    digest TEXT PRIMARY KEY, kind TEXT NOT NULL, user_id TEXT NOT NULL, data TEXT NOT NULL,
    created_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told_at_sign_in (user_id TEXT PRIMARY KEY, actor TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session_proofs (digest TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS personal_tokens (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
    created_at TEXT NOT NULL, expires_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source_token_terms (
    digest TEXT PRIMARY KEY, expires_at TEXT, networks TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token_uses (digest TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
"""
"""Second factors, sign-ins that are half done, when a session last showed one, tokens and when they were used."""
_LANGUAGES = "CREATE TABLE IF NOT EXISTS languages (user_id TEXT PRIMARY KEY, language TEXT NOT NULL) WITHOUT ROWID"
_SEARCHED = ("events", "incidents", "notices")
_SEARCH = {
    "sqlite": "CREATE VIRTUAL TABLE IF NOT EXISTS search_{name} USING fts5 (words, shown UNINDEXED, at UNINDEXED, "
    "tokenize = 'ascii')",
    "postgres": "CREATE TABLE IF NOT EXISTS search_{name} (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL, "
    "shown TEXT NOT NULL, at BIGINT NOT NULL);\n"
    "CREATE INDEX IF NOT EXISTS search_{name}_words ON search_{name} USING gin (words);\n"
    "CREATE INDEX IF NOT EXISTS search_{name}_at ON search_{name} (at)",
}
_BLOCKS = """
CREATE TABLE IF NOT EXISTS ledger (
    position INTEGER PRIMARY KEY, originator_id UUID NOT NULL, originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL, first INTEGER NOT NULL, hash BLOB NOT NULL, keys BLOB NOT NULL, leaves BLOB NOT NULL,
    state BLOB NOT NULL, UNIQUE (originator_id, originator_version));
CREATE TABLE IF NOT EXISTS checkpoints (
    log TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, edge BLOB NOT NULL, note TEXT NOT NULL,
    at TEXT NOT NULL, PRIMARY KEY (log, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cosignatures (
    log TEXT NOT NULL, size INTEGER NOT NULL, witness TEXT NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (log, size, witness)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tiles (
    log TEXT NOT NULL, part INTEGER NOT NULL, roots BLOB NOT NULL, PRIMARY KEY (log, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known_runs (run INTEGER PRIMARY KEY, last INTEGER NOT NULL, words BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS known_pages (
    run INTEGER NOT NULL, page INTEGER NOT NULL, entries BLOB NOT NULL, PRIMARY KEY (run, page)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS timestamps (
    log TEXT NOT NULL, size INTEGER NOT NULL, at TEXT NOT NULL, stamped_at TEXT NOT NULL, authority TEXT NOT NULL,
    note TEXT NOT NULL, token BLOB NOT NULL, PRIMARY KEY (log, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS list_entries (
    name TEXT NOT NULL, version INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (name, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS expected_sources (
    source TEXT PRIMARY KEY, heard_at TEXT NOT NULL, silent INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tally (
    action TEXT NOT NULL, day TEXT NOT NULL, count INTEGER NOT NULL, last INTEGER NOT NULL, last_at TEXT NOT NULL,
    PRIMARY KEY (action, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS proofs (
    obligation TEXT NOT NULL, action TEXT NOT NULL, position INTEGER NOT NULL, at TEXT NOT NULL,
    done_at TEXT NOT NULL, PRIMARY KEY (obligation, action)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed_tokens (
    digest TEXT PRIMARY KEY, user_id TEXT NOT NULL, created_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blind_index (last INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS arrivals (
    topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL, digest BLOB NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (topic, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS search_marks (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""
_KEYS = """
CREATE TABLE IF NOT EXISTS subject_keys (
    id BLOB PRIMARY KEY, subject TEXT NOT NULL, wrapped BLOB, master TEXT NOT NULL, created_at TEXT NOT NULL,
    destroyed_at TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subject_keys_subject ON subject_keys (subject);
CREATE TABLE IF NOT EXISTS subject_links (
    subject TEXT NOT NULL, other TEXT NOT NULL, PRIMARY KEY (subject, other)) WITHOUT ROWID;
"""
_TRACKING = {
    "sqlite": "CREATE TABLE IF NOT EXISTS tracking (application_name TEXT, notification_id INTEGER, "
    "PRIMARY KEY (application_name)) WITHOUT ROWID",
    "postgres": "CREATE TABLE IF NOT EXISTS tracking (application_name TEXT, notification_id BIGINT, "
    "PRIMARY KEY (application_name))",
}
_POSTGRES_ONLY = """
ALTER TABLE ledger ALTER COLUMN state SET COMPRESSION lz4, ALTER COLUMN leaves SET STORAGE EXTERNAL,
    ALTER COLUMN keys SET STORAGE EXTERNAL;
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS notification_id BIGINT GENERATED ALWAYS AS (position) STORED;
ALTER TABLE decisions ADD COLUMN IF NOT EXISTS notification_id BIGINT GENERATED ALWAYS AS (position) STORED;
CREATE OR REPLACE FUNCTION qorgau_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the table % is only ever added to', TG_TABLE_NAME; END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION qorgau_append_only();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
    FOR EACH STATEMENT EXECUTE FUNCTION qorgau_append_only();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION qorgau_append_only();
"""
_EXCHANGED = (
    ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
    (" WITHOUT ROWID", ""),
    ("INTEGER", "BIGINT"),
    ("BLOB", "BYTEA"),
)


def statements(text: str, dialect: str) -> list[str]:
    """Cut a text into statements, in the words of one database."""
    found = [part.strip() for part in text.split(";\n") if part.strip()]
    if dialect == "sqlite":
        return [part.replace(" UUID ", " TEXT ") for part in found]
    for old, new in _EXCHANGED:
        found = [part.replace(old, new) for part in found]
    return found


REBUILD = "rebuild-views"
"""The key in ``meta`` that has the read models folded again at the opening."""

Step = Callable[[Any, str, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The tables of one kind of store: where their version stands, and the numbered steps from each to the next."""

    meta: str
    steps: tuple[tuple[int, Step], ...]
    """The version a step leads to and the step, in ascending order. A released step is never edited."""

    @property
    def version(self) -> int:
        """The current version."""
        return self.steps[-1][0]

    def migrate(self, cursor: Any, dialect: str, exists: Callable[[str], bool]) -> tuple[int, int]:
        """Bring the tables to the current version, in the caller's transaction; return the version found and reached.

        ``exists`` says whether a table is there. Data of a later version are left alone: the caller refuses them.
        """
        if not exists(self.meta):
            cursor.execute(f"CREATE TABLE {self.meta} (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        cursor.execute(f"SELECT value FROM {self.meta} WHERE key = 'schema'")  # noqa: S608 - our own names
        row = cursor.fetchone()
        found = int(row[0]) if row else 0
        if found >= self.version:
            return found, found
        for number, step in self.steps:
            if number > found:
                step(cursor, dialect, found)
        cursor.execute(
            f"INSERT INTO {self.meta} (key, value) VALUES ('schema', ?) "  # noqa: S608 - our own names
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (str(self.version),),
        )
        return found, self.version


def _put_ledger_by(cursor: Any, dialect: str, found: int) -> None:
    """2: events stand in blocks; ``infra.store.sql.upgrade`` brings the rows over at the opening."""
    if found == 1:
        cursor.execute("ALTER TABLE ledger RENAME TO ledger_v1")


def renew_views(cursor: Any, dialect: str, found: int) -> None:
    """4, and each later version that changes a read model: the tables of the shape before are dropped, made again by a
    later step, and folded again at the opening."""
    if not found:
        return
    for name in view_tables.NAMES:
        cursor.execute(f"DROP TABLE IF EXISTS {name}")
    cursor.execute(
        "INSERT INTO meta (key, value) VALUES (?, '1') ON CONFLICT (key) DO UPDATE SET value = '1'", (REBUILD,)
    )


def _drop_search(cursor: Any, dialect: str, found: int) -> None:
    """6: the search index is a table for each kind of document and fills itself from the logs."""
    cursor.execute("DROP TABLE IF EXISTS search")


def _make_tables(cursor: Any, dialect: str, found: int) -> None:
    """7: every table that is not there yet."""
    for statement in (*statements(_BASE, dialect), *statements(_BLOCKS, dialect), _TRACKING[dialect]):
        cursor.execute(statement)
    make_derived(cursor, dialect)
    if dialect == "postgres":
        for statement in _POSTGRES_ONLY.split(";\n"):
            if statement.strip():
                cursor.execute(statement)


def _new_facts(cursor: Any, dialect: str, found: int) -> None:
    """8: what failed is now said by facts that a version before cannot read; the language of each person is kept."""
    for statement in statements(_LANGUAGES, dialect):
        cursor.execute(statement)


_UNFINISHED = (
    "CREATE TABLE IF NOT EXISTS unfinished (follower TEXT PRIMARY KEY, position INTEGER NOT NULL, "
    "parts TEXT NOT NULL) WITHOUT ROWID"
)


_FOUND = (
    "CREATE INDEX IF NOT EXISTS decisions_topic ON decisions (topic, position)",
    "CREATE INDEX IF NOT EXISTS outbox_made ON outbox (created_at, key)",
    "CREATE INDEX IF NOT EXISTS outbox_of_kind ON outbox (kind, state, next_at, created_at, key)",
)
"""What finds the facts of a topic, the newest effects, and the waiting ones of a kind, among hundreds of thousands."""


def _count_clients(cursor: Any, dialect: str, found: int) -> None:
    """9: incidents count whom they touch, their numbers come from a counter, and an answer to one fact may be given in
    several units of work; each kind of message finds its own in the outbox."""
    renew_views(cursor, dialect, found)
    make_derived(cursor, dialect)
    for statement in (*statements(_UNFINISHED, dialect), *_FOUND):
        cursor.execute(statement)


def _say_what_is_true(cursor: Any, dialect: str, found: int) -> None:
    """10: facts that a version before cannot read: acts are amended, joined, taken back, orders are answered for every
    subject, what only lies in the spool is said so; matters of other systems and events that are evidence are known."""
    renew_views(cursor, dialect, found)
    make_derived(cursor, dialect)


def _find_by_key_and_sign_in(cursor: Any, dialect: str, found: int) -> None:
    """11: an open incident is found by its key among thousands of open ones (the index of before, over the open ones
    alone, was of no use to a question that says so in a parameter), and a client's notice with its state; tries to sign
    in are counted by where they come from; signing in is a fact that a version before cannot read."""
    for statement in statements(_SIGNING_IN, dialect):
        cursor.execute(statement)
    if not found:
        return
    for name in ("incident_open_key", "notice_client"):
        cursor.execute(f"DROP INDEX IF EXISTS {name}")
    make_derived(cursor, dialect)


def _prove_who_signs_in(cursor: Any, dialect: str, found: int) -> None:
    """12: second factors, tokens of people, terms of sources' tokens; facts that a version before cannot read."""
    for statement in statements(_FACTORS, dialect):
        cursor.execute(statement)


_ROW_MARKS = """
CREATE TABLE IF NOT EXISTS row_marks (
    name TEXT NOT NULL, key TEXT NOT NULL, mark BLOB NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS row_totals (
    name TEXT PRIMARY KEY, rows INTEGER NOT NULL, total BLOB NOT NULL, generation INTEGER NOT NULL,
    mark BLOB NOT NULL) WITHOUT ROWID;
"""


def _mark_rows(cursor: Any, dialect: str, found: int) -> None:
    """13: rows that no log tells carry marks; they are put on at the opening, which has the key."""
    for statement in statements(_ROW_MARKS, dialect):
        cursor.execute(statement)
    for statement in watching.for_postgres() if dialect == "postgres" else ():
        cursor.execute(statement)


def make_derived(cursor: Any, dialect: str) -> None:
    """Make the tables that are folded from the logs and are not there: read models, tally, search index."""
    made = [text for name in _SEARCHED for text in _SEARCH[dialect].format(name=name).split(";\n")]
    made += [text for text in statements(_BLOCKS, dialect) if any(f" {name} (" in text for name in _FOLDED)]
    made += [text for table in view_tables.TABLES for text in statements(table, dialect)]
    for statement in made:
        cursor.execute(statement)


def _make_keyring(cursor: Any, dialect: str, found: int) -> None:
    for statement in statements(_KEYS, dialect):
        cursor.execute(statement)


def _mark_keys(cursor: Any, dialect: str, found: int) -> None:
    """2: each row of a key carries its mark; they are put on at the opening, which has the key of the marks."""
    cursor.execute(f"ALTER TABLE subject_keys ADD COLUMN mark {'BLOB' if dialect == 'sqlite' else 'BYTEA'}")


_FOLDED = ("tally", "proofs", "search_marks", "known_runs", "known_pages")
_STEPS: tuple[tuple[int, Step], ...] = (
    (2, _put_ledger_by), (4, renew_views), (6, _drop_search), (7, _make_tables), (8, _new_facts), (9, _count_clients),
    (10, _say_what_is_true), (11, _find_by_key_and_sign_in), (12, _prove_who_signs_in), (13, _mark_rows),
)  # fmt: skip
STORE = Plan("meta", _STEPS)
KEYRING = Plan("keys_meta", ((1, _make_keyring), (2, _mark_keys)))
