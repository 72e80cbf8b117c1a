"""What the console asks of the read models."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import orjson

from engine.events.catalogue import ENVELOPE, Catalogue
from engine.notices.kinds import notice_kinds
from infra.app.container import House
from infra.search.documents import vocabulary_of
from infra.search.question import read
from infra.store.log.ledger import DEAD_LETTER

VIEWS = ("open", "mine", "unassigned", "overdue", "closed")
PAGE = 100
_KINDS = " ".join(f"WHEN '{it.kind}' THEN '{it.clock}'" for it in notice_kinds().values() if it.clock)
_ITS_CLOCK = f"n.stage = 'initial' AND c.subject = n.subject AND c.kind = CASE n.kind {_KINDS} END"


def queue(house: House, view: str, person_id: str, text: str = "") -> list[dict[str, Any]]:
    """Incidents in the order of breach risk: overdue first, then share of time used, severity, age."""
    where = {
        "open": "i.is_open = 1",
        "mine": "i.is_open = 1 AND i.assignee = :person",
        "unassigned": "i.is_open = 1 AND i.assignee IS NULL",
        "overdue": "i.is_open = 1 AND EXISTS (SELECT 1 FROM clock_view c WHERE c.owner_id = i.id AND c.running = 1 "
        "AND (c.breached_at IS NOT NULL OR c.state = 'late'))",
        "closed": "i.is_open = 0",
    }[view]
    if text:
        where += (
            " AND (instr(lower(i.title), :text) OR instr(lower(i.number), :text) OR instr(lower(i.clients), :text))"
        )
    with house.database.read() as cursor:
        cursor.execute(
            f"SELECT i.* FROM incident_view i WHERE {where} ORDER BY i.opened_at DESC LIMIT 500",  # noqa: S608
            {"person": person_id, "text": text.lower()},
        )
        rows = [dict(row) for row in cursor.fetchall()]
    now = house.clock.now()
    clocks = _clocks_of(house, [row["id"] for row in rows])
    for row in rows:
        row["clocks"] = clocks.get(row["id"], [])
        nearest = min((c for c in row["clocks"] if c["running"]), key=lambda c: c["due_at"], default=None)
        row["nearest"] = nearest
        row["age_minutes"] = int((now - datetime.fromisoformat(row["opened_at"])).total_seconds() // 60)
        row["risk"] = used_share(nearest, now) if nearest else -1.0
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    rows.sort(key=lambda r: (-round(min(r["risk"], 1.0), 1), order[r["severity"]], r["opened_at"]))
    return rows[:PAGE]


def used_share(clock: dict[str, Any], now: datetime) -> float:
    """The share of a term that is used up; 1 and more is overdue."""
    start, due = datetime.fromisoformat(clock["anchor_at"]), datetime.fromisoformat(clock["due_at"])
    return (now - start).total_seconds() / max((due - start).total_seconds(), 1.0)


def _clocks_of(house: House, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for start in range(0, len(ids), 400):
        part = ids[start : start + 400]
        marks = ",".join("?" * len(part))
        rows = house.database.rows(
            f"SELECT * FROM clock_view WHERE owner_id IN ({marks}) ORDER BY due_at",  # noqa: S608
            *part,
        )
        for row in rows:
            found.setdefault(row["owner_id"], []).append(row)
    return found


def with_share(house: House, clocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the used share of the term in percent to clocks."""
    now = house.clock.now()
    for clock in clocks:
        clock["used"] = max(0, min(100, int(used_share(clock, now) * 100)))
    return clocks


def duties(house: House, state: str = "running") -> list[dict[str, Any]]:
    """The board of duties: every clock with the incident or act it belongs to, the nearest first."""
    where = {"running": "c.running = 1", "breached": "c.breached_at IS NOT NULL", "all": "1 = 1"}[state]
    rows = house.database.rows(
        "SELECT c.*, i.number, i.title, i.assignee, p.number AS act_number FROM clock_view c "  # noqa: S608
        "LEFT JOIN incident_view i ON i.id = c.owner_id LEFT JOIN protection_view p ON p.id = c.owner_id "
        f"WHERE {where} ORDER BY c.running DESC, c.due_at LIMIT 500"
    )
    return with_share(house, rows)


def notices(house: House, state: str = "open") -> list[dict[str, Any]]:
    """Notices with the incident they belong to and when they are due."""
    where = {
        "open": "n.state IN ('draft', 'review', 'unknown', 'refused', 'bounced', 'approved')",
        "sent": "n.state = 'sent'",
        "all": "1 = 1",
    }[state]
    return house.database.rows(
        "SELECT n.*, i.number, i.title, i.severity, i.assignee, c.due_at, c.state AS clock_state, c.anchor_at "  # noqa: S608
        "FROM notice_view n "
        "JOIN incident_view i ON i.id = n.incident_id LEFT JOIN clock_view c ON c.owner_id = n.incident_id "
        f"AND {_ITS_CLOCK} WHERE {where} ORDER BY c.due_at, n.kind LIMIT 500"
    )


def notice_row(house: House, notice_id: str) -> dict[str, Any] | None:
    """One notice with the clock it stands for."""
    return house.database.row(
        "SELECT c.due_at, c.state AS clock_state FROM notice_view n JOIN clock_view c ON c.owner_id = n.incident_id "  # noqa: S608
        f"AND {_ITS_CLOCK} WHERE n.id = ?",
        notice_id,
    )


def search(
    house: House, text: str, index: str = "events", below: int | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    """What answers a question in the Lucene query language, newest first. Raises BadQuestion, SearchUnavailable."""
    question = read(text, vocabulary_of(index, house.catalogue), house.calendar.zone)
    return house.search.find(index, question, limit, below)


def outline(text: str, catalogue: Catalogue) -> str:
    """Show the build of a text and the field names in it; every other word may be somebody's and becomes a dot."""

    def word(found: re.Match[str]) -> str:
        name = found[0]
        return name if name in catalogue.fields or name in ENVELOPE or name in ("id", "type", "data") else "•"

    clean = "".join(ch if ch.isprintable() else "·" for ch in text)
    return re.sub(r"[^\s{}\[\]:,\"]+", word, clean)


def dead_letters(house: House) -> list[dict[str, Any]]:
    """The newest dead letters: why each was set aside, and the outline of its bytes."""
    rows = house.database.rows(
        "SELECT id, source, received_at, line, code, field, reason, times, raw FROM dead_letters "
        "ORDER BY id DESC LIMIT 200"
    )
    for row in rows:
        raw = house.store.vault.unlock(DEAD_LETTER, bytes(row.pop("raw"))) or b""
        row["size"] = len(raw)
        row["head"] = outline(raw[:200].decode("utf8", "replace"), house.catalogue)
    return rows


def outbox(house: House) -> list[dict[str, Any]]:
    """Effects that are not settled, and the newest of the others, with the system each goes to."""
    rows = house.database.rows(
        "SELECT key, kind, payload, state, attempts, created_at, next_at, last_answer FROM outbox "
        "ORDER BY state = 'waiting' DESC, created_at DESC LIMIT 200"
    )
    for row in rows:
        payload = orjson.loads(row.pop("payload"))
        row["to"] = payload.get("system") or payload.get("receiver") or ""
    return rows


def stats(house: House) -> dict[str, int]:
    """How much there is."""
    count = house.database.scalar
    return {
        "events": house.ledger.head(),
        "findings": count("SELECT COUNT(*) FROM decisions WHERE topic = 'finding.raised.v1'"),
        "incidents": count("SELECT COUNT(*) FROM incident_view"),
        "dead_letters": count("SELECT COUNT(*) FROM dead_letters"),
        "decisions": house.decisions.head(),
    }


def masked_fields(house: House, fields: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields of an event for the console: personal ones are named and not shown."""
    shown = []
    for name in sorted(fields):
        value = fields[name]
        if house.catalogue.is_personal(name):
            text = "(personal)"
        else:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
        shown.append((name, text[:2000]))
    return shown
