"""Effects on the outside, dead letters, and the counts of events by type and day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from engine.events.set_aside import PACKED
from engine.kernel.timestamps import iso
from infra.read.rows.asking import all_of, count, counted
from infra.store.models.effects import EffectRow, ProofRow, SourceRow
from infra.store.models.record import Record, column
from infra.store.sql.database import Readable


@dataclass(frozen=True, slots=True)
class TypeCount(Record):
    """How many events of a type came in a period, and the instant of the last, as text."""

    action: str
    n: int = field(metadata=column(of="SUM(count)"))
    at: str = field(metadata=column(of="MAX(last_at)"))


@dataclass(frozen=True, slots=True)
class LetterRow(Record):
    """A dead letter without its bytes; ``line`` counts from 1 within its batch, ``times`` how often it came, or how
    many lines it holds; ``size`` counts bytes as they are kept."""

    id: int
    source: str
    received_at: datetime
    line: int
    code: str
    field: str | None
    reason: str
    times: int
    size: int = 0
    head: str = ""


class Letter(NamedTuple):
    """A dead letter with its bytes, encrypted."""

    row: LetterRow
    raw: bytes


def newest(database: Readable) -> list[EffectRow]:
    """Return at most 200 effects: those that wait, in the order of their turn, then the newest of the others."""
    waiting = "FROM outbox WHERE state = 'waiting' ORDER BY next_at LIMIT 200"
    found = all_of(database, EffectRow, waiting)
    others = "FROM outbox WHERE state <> 'waiting' ORDER BY created_at DESC, key DESC LIMIT ?"
    return found + all_of(database, EffectRow, others, 200 - len(found)) if len(found) < 200 else found


def orders_under_way(database: Readable, keys: Collection[str]) -> dict[str, EffectRow]:
    """Return by key those of some orders that are not done."""
    marks = ",".join("?" * len(keys))
    rest = f"FROM outbox WHERE key IN ({marks}) AND kind = 'order' AND state <> 'done'"
    return {row.key: row for row in all_of(database, EffectRow, rest, *keys)} if keys else {}


def under_way(database: Readable, kinds: Collection[str]) -> list[EffectRow]:
    """Return the effects of some kinds that were begun and of which no end is known."""
    marks = ",".join("?" * len(kinds))
    return all_of(database, EffectRow, f"FROM outbox WHERE state = 'performing' AND kind IN ({marks})", *kinds)


def not_settled(database: Readable) -> list[EffectRow]:
    """Return every effect that waits or is under way."""
    return all_of(database, EffectRow, "FROM outbox WHERE state IN ('waiting', 'performing') ORDER BY key")


def due(database: Readable, now: datetime, kinds: Collection[str], most: int, system: str = "") -> list[EffectRow]:
    """Return at most so many effects of some kinds that are due, in the order of their turn; those to one system where
    it is named."""
    marks = ",".join("?" * len(kinds))
    to_it = "AND payload LIKE ? " if system else ""
    rest = (
        f"FROM outbox WHERE state = 'waiting' AND next_at <= ? AND kind IN ({marks}) {to_it}"
        "ORDER BY next_at, created_at, key LIMIT ?"
    )
    return all_of(database, EffectRow, rest, iso(now), *kinds, *([f'%"system":"{system}"%'] if system else []), most)


def next_try(database: Readable) -> datetime | None:
    """Return when the next effect is due, None while none waits."""
    found = database.scalar("SELECT MIN(next_at) FROM outbox WHERE state = 'waiting'")
    return datetime.fromisoformat(found) if found else None


def unsettled(database: Readable, prefix: str = "") -> list[EffectRow]:
    """Return the effects that wait or are under way; those whose key begins with a prefix."""
    return all_of(
        database, EffectRow, "FROM outbox WHERE state IN ('waiting', 'performing') AND key LIKE ?", f"{prefix}%"
    )


def done_of_kind(database: Readable, kind: str) -> int:
    """Return how many effects of a kind were done."""
    return count(database, "SELECT COUNT(*) FROM outbox WHERE kind = ? AND state = 'done'", kind)


def waiting(database: Readable) -> int:
    """Return how many effects wait."""
    return count(database, "SELECT COUNT(*) FROM outbox WHERE state = 'waiting'")


def by_state(database: Readable, prefix: str = "") -> dict[str, int]:
    """Return how many effects are in each state; of those whose key begins with a prefix."""
    return counted(database, "SELECT state, COUNT(*) FROM outbox WHERE key LIKE ? GROUP BY state", f"{prefix}%")


def last_answer(database: Readable, prefix: str) -> str | None:
    """Return what was answered last to effects whose key begins with a prefix, None if none was tried."""
    sql = "SELECT last_answer FROM outbox WHERE key LIKE ? AND attempts > 0 ORDER BY next_at DESC LIMIT 1"
    found = database.scalar(sql, f"{prefix}%")
    return None if found is None else str(found)


def keys_since(database: Readable, prefix: str, start: str, states: Collection[str]) -> list[str]:
    """Return the keys of effects with a prefix, ordered since an instant (text, '' for all), in one of the states."""
    rows = database.rows("SELECT key, state FROM outbox WHERE key LIKE ? AND created_at >= ?", f"{prefix}%", start)
    return [str(row["key"]) for row in rows if row["state"] in states]


_LETTER = (
    "SELECT id, source, received_at, line, code, field, reason, times, {raw} AS raw, LENGTH(raw) FROM dead_letters "
)


def _letter(row: Any) -> Letter:
    at = datetime.fromisoformat(row[2])
    shown = LetterRow(row[0], row[1], at, row[3], row[4], row[5], row[6], row[7], row[9])
    return Letter(shown, bytes(row[8] or b""))


def dead_letters(database: Readable) -> list[Letter]:
    """Return the newest 200 dead letters, those that hold many lines without their bytes; their heads are empty."""
    packed = ", ".join(f"'{code}'" for code in sorted(PACKED))
    sql = _LETTER.format(raw=f"CASE WHEN code IN ({packed}) THEN NULL ELSE raw END")
    with database.query_session() as cursor:
        cursor.execute(f"{sql}ORDER BY id DESC LIMIT 200")
        return [_letter(row) for row in cursor.fetchall()]


def dead_letter(database: Readable, letter_id: int) -> Letter | None:
    """Return one dead letter, None where there is none of this id."""
    with database.query_session() as cursor:
        cursor.execute(_LETTER.format(raw="raw") + "WHERE id = ?", (letter_id,))
        row = cursor.fetchone()
        return _letter(row) if row else None


def letters_of(database: Readable, source: str) -> list[int]:
    """Return the ids of the dead letters of a source, the oldest first."""
    return [row["id"] for row in database.rows("SELECT id FROM dead_letters WHERE source = ? ORDER BY id", source)]


def dead_by_source(database: Readable) -> dict[str, int]:
    """Return how many dead letters are kept of each source."""
    return counted(database, "SELECT source, COUNT(*) FROM dead_letters GROUP BY source")


def dead(database: Readable) -> int:
    """Return how many dead letters are kept."""
    return count(database, "SELECT COUNT(*) FROM dead_letters")


def set_aside(database: Readable) -> int:
    """Return how many lines were set aside, each as often as it came."""
    return count(database, "SELECT SUM(times) FROM dead_letters")


def sources(database: Readable) -> dict[str, SourceRow]:
    """Return what is known of each source that is expected to send."""
    return {row.source: row for row in all_of(database, SourceRow, "FROM expected_sources")}


def latest_proofs(database: Readable) -> dict[str, dict[str, ProofRow]]:
    """Return for each obligation the newest event of each type that is evidence."""
    found: dict[str, dict[str, ProofRow]] = {}
    for row in all_of(database, ProofRow, "FROM proofs ORDER BY obligation, action"):
        found.setdefault(row.obligation, {})[row.action] = row
    return found


def events_between(database: Readable, first: str, last: str) -> int:
    """Return how many events came from one local day to another (texts, both within)."""
    return count(database, "SELECT SUM(count) FROM tally WHERE day >= ? AND day <= ?", first, last)


def most_frequent(database: Readable, first: str, last: str) -> list[TypeCount]:
    """Return the twenty most frequent types of events between two local days."""
    rest = "FROM tally WHERE day >= ? AND day <= ? GROUP BY action ORDER BY n DESC, action LIMIT 20"
    return all_of(database, TypeCount, rest, first, last)


def of_types(database: Readable, first: str, last: str, actions: Collection[str]) -> list[TypeCount]:
    """Return the counts of some types of events between two local days, by type."""
    marks = ",".join("?" * len(actions))
    rest = f"FROM tally WHERE day >= ? AND day <= ? AND action IN ({marks}) GROUP BY action ORDER BY action"
    return all_of(database, TypeCount, rest, first, last, *actions)
