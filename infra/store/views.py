"""The read models: tables the console asks, written in the same commit as the facts they show, rebuildable from them.

``clock_view.next_instant`` is the due-time index the sweep reads; no timer holds a duty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from engine import clocks, incidents, listbook, notices, protection, retention, rulebook
from engine.clocks import Clock
from engine.facts import Fact, FindingRaised
from engine.incidents import Incident
from engine.listbook import ListLife
from engine.notices import Notice
from engine.protection import Protection
from engine.retention import Retention
from engine.rulebook import RuleLife
from engine.timestamps import iso
from infra.store.cursor import Cursor
from playbooks import run
from playbooks.run import Run

TABLES = (
    """CREATE TABLE IF NOT EXISTS incident_view (
        id TEXT PRIMARY KEY, number TEXT NOT NULL, title TEXT NOT NULL, class TEXT NOT NULL, severity TEXT NOT NULL,
        notifiable INTEGER NOT NULL, detected_at TEXT NOT NULL, opened_at TEXT NOT NULL, phase TEXT NOT NULL,
        is_open INTEGER NOT NULL, assignee TEXT, disposition TEXT, dedup_key TEXT NOT NULL, rule_name TEXT NOT NULL,
        clients TEXT NOT NULL, loans TEXT NOT NULL, findings INTEGER NOT NULL, proposed_by TEXT,
        updated_at TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS incident_open_key ON incident_view (dedup_key) WHERE is_open = 1",
    """CREATE TABLE IF NOT EXISTS clock_view (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, owner_kind TEXT NOT NULL, owner_id TEXT NOT NULL,
        subject TEXT NOT NULL, state TEXT NOT NULL, running INTEGER NOT NULL, anchor_at TEXT NOT NULL,
        due_at TEXT NOT NULL, latest_at TEXT NOT NULL, reading TEXT NOT NULL, next_instant TEXT, breached_at TEXT,
        satisfied_at TEXT, reached INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS clock_due ON clock_view (next_instant) WHERE next_instant IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS clock_owner ON clock_view (owner_id)",
    """CREATE TABLE IF NOT EXISTS notice_view (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, incident_id TEXT NOT NULL, subject TEXT NOT NULL, state TEXT NOT NULL,
        recipient TEXT NOT NULL, drafted_at TEXT NOT NULL, approved_by TEXT, approved_at TEXT, sent_at TEXT,
        transport_ref TEXT) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS notice_incident ON notice_view (incident_id)",
    """CREATE TABLE IF NOT EXISTS protection_view (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, issuer TEXT NOT NULL, number TEXT NOT NULL, received_at TEXT NOT NULL,
        client TEXT NOT NULL, loans TEXT NOT NULL, registered_by TEXT NOT NULL, genuine INTEGER) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS order_view (
        id TEXT PRIMARY KEY, protection_id TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL,
        issued_at TEXT NOT NULL, due_at TEXT NOT NULL, acknowledged_at TEXT, reference TEXT,
        overdue INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS order_protection ON order_view (protection_id)",
    """CREATE TABLE IF NOT EXISTS run_view (
        id TEXT PRIMARY KEY, incident_id TEXT NOT NULL, playbook TEXT NOT NULL, state TEXT NOT NULL,
        waiting INTEGER NOT NULL, done INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS run_incident ON run_view (incident_id)",
    """CREATE TABLE IF NOT EXISTS retention_view (
        id TEXT PRIMARY KEY, client TEXT NOT NULL, state TEXT NOT NULL, ended_on TEXT, free_from TEXT,
        held TEXT NOT NULL, proposed_by TEXT NOT NULL, erased_at TEXT) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS rule_view (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, in_force TEXT NOT NULL, shadow TEXT NOT NULL, waiting TEXT NOT NULL,
        retirement_by TEXT NOT NULL, changes INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS rule_version_view (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, stage TEXT NOT NULL, written_by TEXT NOT NULL,
        proposed_by TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS list_view (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, in_force INTEGER NOT NULL, count INTEGER NOT NULL,
        waiting INTEGER NOT NULL, proposed_by TEXT NOT NULL, changes INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS timeline (owner TEXT NOT NULL, position INTEGER NOT NULL, "
    "PRIMARY KEY (owner, position)) WITHOUT ROWID",
)
_NAMES = (
    "incident_view",
    "clock_view",
    "notice_view",
    "protection_view",
    "order_view",
    "run_view",
    "retention_view",
    "rule_view",
    "rule_version_view",
    "list_view",
    "timeline",
)


def clear(cursor: Cursor) -> None:
    """Empty every read model."""
    for name in _NAMES:
        cursor.execute(f"DELETE FROM {name}")  # noqa: S608 - our own names


def kind_of(fact: Fact) -> type[Any] | None:
    """Give the aggregate a fact belongs to, None for one that stands for itself."""
    for kind, facts in (
        (Incident, incidents.FACTS),
        (Clock, clocks.FACTS),
        (Notice, notices.FACTS),
        (Protection, protection.FACTS),
        (Run, run.FACTS),
        (Retention, retention.FACTS),
        (RuleLife, rulebook.FACTS),
        (ListLife, listbook.FACTS),
    ):
        if isinstance(fact, facts):
            return kind
    return None


def show(cursor: Cursor, kind: str, key: str, aggregate: Any, at: datetime) -> None:
    """Write the row (or rows) of one aggregate."""
    match kind:
        case "incident":
            _put(cursor, "incident_view", _incident(key, aggregate, at))
        case "clock":
            _put(cursor, "clock_view", _clock(key, aggregate))
        case "notice":
            _put(cursor, "notice_view", _notice(key, aggregate))
        case "protection":
            _protection(cursor, key, aggregate)
        case "run":
            _put(cursor, "run_view", _run(key, aggregate))
        case "retention":
            _put(cursor, "retention_view", _retention(key, aggregate))
        case "rule":
            _rule(cursor, key, aggregate)
        case "list":
            _put(cursor, "list_view", _list(key, aggregate))


def place(cursor: Cursor, position: int, fact: Fact, aggregate: Any) -> None:
    """Put a fact on the timelines it belongs to."""
    for owner in _owners(fact, aggregate):
        cursor.execute("INSERT INTO timeline VALUES (?, ?) ON CONFLICT DO NOTHING", (owner, position))


def _owners(fact: Fact, aggregate: Any) -> list[str]:
    match aggregate:
        case Incident():
            return [aggregate.id]
        case Clock():
            return [aggregate.owner_id]
        case Notice() | Run():
            return [aggregate.incident_id]
        case Protection() | Retention() | RuleLife() | ListLife():
            return [aggregate.id]
    return [fact.finding_id] if isinstance(fact, FindingRaised) else []


def _put(cursor: Cursor, table: str, row: tuple[Any, ...]) -> None:
    marks = ",".join("?" * len(row))
    cursor.execute(f"DELETE FROM {table} WHERE id = ?", (row[0],))  # noqa: S608 - our own names
    cursor.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 - our own names


def _when(at: datetime | None) -> str | None:
    return iso(at) if at is not None else None


def _incident(key: str, it: Incident, at: datetime) -> tuple[Any, ...]:
    return (
        key, it.number, it.title, it.incident_class, it.severity, int(it.notifiable), _when(it.detected_at),
        _when(it.opened_at), it.phase, int(it.is_open), it.assignee, it.disposition, it.dedup_key, it.rule_name,
        orjson.dumps(it.entities.clients).decode(), orjson.dumps(it.entities.loans).decode(), len(it.findings),
        it.proposed[0] if it.proposed else None, iso(at),
    )  # fmt: skip


def _clock(key: str, it: Clock) -> tuple[Any, ...]:
    return (
        key, it.kind, it.owner_kind, it.owner_id, it.subject, it.state, int(it.running), _when(it.anchor_at),
        _when(it.due_at), _when(it.latest_at), it.reading, _when(it.next_instant()), _when(it.breached_at),
        _when(it.satisfied_at), max(it.reached, default=0),
    )  # fmt: skip


def _notice(key: str, it: Notice) -> tuple[Any, ...]:
    return (
        key, it.kind, it.incident_id, it.subject, it.state, it.recipient, _when(it.drafted_at), it.approved_by,
        _when(it.approved_at), _when(it.sent_at), it.transport_ref,
    )  # fmt: skip


def _protection(cursor: Cursor, key: str, it: Protection) -> None:
    act = it.act
    assert act is not None
    genuine = None if it.genuine is None else int(it.genuine)
    row = (
        key, act.kind, act.issuer, act.number, iso(act.received_at), act.client, orjson.dumps(act.loans).decode(),
        it.registered_by, genuine,
    )  # fmt: skip
    _put(cursor, "protection_view", row)
    for order in it.orders.values():
        _put(
            cursor,
            "order_view",
            (order.id, key, order.kind, order.target, iso(order.issued_at), iso(order.due_at),
             _when(order.acknowledged_at), order.reference, int(order.overdue)),
        )  # fmt: skip


def _run(key: str, it: Run) -> tuple[Any, ...]:
    return (key, it.incident_id, it.playbook_name, it.state, len(it.waiting), len(it.done))


def _retention(key: str, it: Retention) -> tuple[Any, ...]:
    return (
        key, it.client, it.state, it.ended_on.isoformat() if it.ended_on else None,
        it.free_from.isoformat() if it.free_from else None, it.held, it.proposed_by, _when(it.erased_at),
    )  # fmt: skip


def _rule(cursor: Cursor, key: str, it: RuleLife) -> None:
    waiting = next((draft.version for draft in it.drafts.values() if draft.stage == "proposed"), "")
    _put(cursor, "rule_view", (key, it.name, it.in_force, it.shadow, waiting, it.retirement_by, it.version))
    for draft in it.drafts.values():
        row = (f"{key}/{draft.version}", it.name, draft.version, draft.stage, draft.by, draft.proposed_by)
        _put(cursor, "rule_version_view", row)


def _list(key: str, it: ListLife) -> tuple[Any, ...]:
    waiting, by = (it.waiting.version, it.waiting.actor) if it.waiting is not None else (0, "")
    return key, it.name, it.in_force, it.count, waiting, by, it.version
