"""The read models: tables the console asks, written in one commit with the facts they show, rebuildable from them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from engine.duties.clock import Clock
from engine.governance.governance import Control, Duty, Risk
from engine.incidents.incident import Incident
from engine.kernel.facts import Fact, FindingRaised
from engine.kernel.timestamps import iso
from engine.notices.notice import Notice
from engine.notices.wording import TemplateLife
from engine.protection.protection import Protection
from engine.retention.retention import Retention
from engine.rule_life.lists import ListLife
from engine.rule_life.rules import RuleLife
from infra.store.sql.cursor import Cursor
from infra.store.sql.view_tables import NAMES
from playbooks.run import Run


def clear(cursor: Cursor) -> None:
    """Empty every read model."""
    for name in NAMES:
        cursor.execute(f"DELETE FROM {name}")  # noqa: S608 - our own names


def show(cursor: Cursor, kind: str, key: str, aggregate: Any, at: datetime) -> None:
    """Write the row (or rows) of one aggregate."""
    match kind:
        case "incident":
            _incident(cursor, key, aggregate, at)
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
        case "template":
            _put(cursor, "template_view", _template(key, aggregate))
        case "duty":
            _duty(cursor, key, aggregate)
        case "control":
            _put(cursor, "control_view", _control(key, aggregate))
        case "risk":
            _put(cursor, "risk_view", _risk(key, aggregate))


def place_all(cursor: Cursor, facts: Iterable[tuple[int, Fact, Any]]) -> None:
    """Put facts (position, fact, its aggregate or None) on the timelines they belong to."""
    rows = [(owner, position) for position, fact, aggregate in facts for owner in _owners(fact, aggregate)]
    if rows:
        cursor.executemany("INSERT INTO timeline VALUES (?, ?) ON CONFLICT DO NOTHING", rows)


def _owners(fact: Fact, aggregate: Any) -> list[str]:
    match aggregate:
        case Incident():
            return [aggregate.id]
        case Clock():
            return [aggregate.owner_id]
        case Notice() | Run():
            return [aggregate.incident_id]
        case Protection() | Retention() | RuleLife() | ListLife() | TemplateLife() | Duty() | Control() | Risk():
            return [aggregate.id]
    return [fact.finding_id] if isinstance(fact, FindingRaised) else []


def _put(cursor: Cursor, table: str, row: tuple[Any, ...]) -> None:
    marks = ",".join("?" * len(row))
    cursor.execute(f"DELETE FROM {table} WHERE id = ?", (row[0],))  # noqa: S608 - our own names
    cursor.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 - our own names


def _when(at: datetime | None) -> str | None:
    return iso(at) if at is not None else None


def _incident(cursor: Cursor, key: str, it: Incident, at: datetime) -> None:
    entities = it.entities
    row = (
        key, it.number, it.title, it.incident_class, it.severity, int(it.notifiable), int(it.personal_data),
        _when(it.detected_at), _when(it.opened_at), it.phase, int(it.is_open), it.assignee, it.disposition,
        it.dedup_key, it.rule_name, it.reported_by, orjson.dumps(entities.clients).decode(),
        orjson.dumps(entities.loans).decode(), len(it.findings), len(it.suppressed),
        it.proposed[0] if it.proposed else None, it.lowering[0] if it.lowering else None, _when(it.first_event_at),
        _when(it.acknowledged_at), _when(it.contained_at), _when(it.recovered_at), _when(it.closed_at),
        int(it.lessons is not None), _when(it.suppressed_until), iso(at),
    )  # fmt: skip
    _put(cursor, "incident_view", row)
    touched = {(kind, value) for kind, values in entities.model_dump().items() for value in values}
    _keep(cursor, "incident_entity", ("kind", "value"), key, touched)
    _keep(cursor, "incident_link", ("other", "relation"), key, set(it.links.items()))


def _keep(cursor: Cursor, table: str, names: tuple[str, str], key: str, wanted: set[tuple[str, str]]) -> None:
    """Bring the rows of one incident to what they should be; most changes touch none of them."""
    columns = ", ".join(names)
    cursor.execute(f"SELECT {columns} FROM {table} WHERE incident_id = ?", (key,))  # noqa: S608 - our own names
    held = {(str(row[0]), str(row[1])) for row in cursor.fetchall()}
    for one, other in held - wanted:
        cursor.execute(
            f"DELETE FROM {table} WHERE incident_id = ? AND {names[0]} = ? AND {names[1]} = ?",  # noqa: S608
            (key, one, other),
        )
    for one, other in wanted - held:
        cursor.execute(
            f"INSERT INTO {table} (incident_id, {columns}) VALUES (?, ?, ?)",  # noqa: S608 - our own names
            (key, one, other),
        )


def _clock(key: str, it: Clock) -> tuple[Any, ...]:
    return (
        key, it.kind, it.owner_kind, it.owner_id, it.subject, it.state, int(it.running), _when(it.anchor_at),
        _when(it.due_at), _when(it.latest_at), _when(it.target_at), it.reading, _when(it.next_instant()),
        _when(it.breached_at), _when(it.satisfied_at), max(it.reached, default=0), it.calendar_version,
        _when(it.offered.counted_due_at) if it.offered else None, it.proposed[0] if it.proposed else None,
    )  # fmt: skip


def _notice(key: str, it: Notice) -> tuple[Any, ...]:
    receipt = "; ".join(delivery.receipt for delivery in it.deliveries.values() if delivery.receipt) or None
    return (
        key, it.kind, it.stage, it.incident_id, it.subject, it.state, it.recipient, _when(it.drafted_at),
        it.submitted_by, it.approved_by, _when(it.approved_at), _when(it.sent_at), it.transport_ref, receipt,
    )  # fmt: skip


def _protection(cursor: Cursor, key: str, it: Protection) -> None:
    act = it.act
    assert act is not None
    genuine = None if it.genuine is None else int(it.genuine)
    row = (
        key, act.kind, act.issuer, act.number, iso(act.received_at), act.client, orjson.dumps(act.loans).decode(),
        it.registered_by, genuine, it.state, int(it.holds), it.proposed[0] if it.proposed else None,
        len(it.violations), len(it.documents),
    )  # fmt: skip
    _put(cursor, "protection_view", row)
    for order in it.orders.values():
        _put(
            cursor,
            "order_view",
            (order.id, key, order.kind, order.target, iso(order.issued_at), iso(order.due_at),
             _when(order.handed_over_at), _when(order.acknowledged_at), order.reference, int(order.overdue),
             int(order.revoked)),
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


def _template(key: str, it: TemplateLife) -> tuple[Any, ...]:
    by = it.versions[it.waiting].actor if it.waiting else ""
    return key, it.kind, it.language, it.in_force, it.waiting, by


def _duty(cursor: Cursor, key: str, it: Duty) -> None:
    latest = max((*it.done, *it.evidence), key=lambda fact: fact.at, default=None)
    words = getattr(latest, "text", "") or getattr(latest, "evidence", "")
    valid = max((fact.valid_until for fact in it.evidence if fact.valid_until), default=None)
    row = (
        key, it.key, it.last_on.isoformat() if it.last_on else None, len(it.evidence) + len(it.done),
        iso(latest.at) if latest else "", words[:300], valid.isoformat() if valid else None,
        len(it.actions) - len(it.closed),
    )  # fmt: skip
    _put(cursor, "duty_view", row)
    for action in it.actions.values():
        closed = it.closed.get(action.action_id)
        _put(
            cursor,
            "action_view",
            (action.action_id, key, action.key, action.text, action.owner, action.due_on.isoformat(),
             iso(closed.at) if closed else None, closed.evidence if closed else ""),
        )  # fmt: skip


def _control(key: str, it: Control) -> tuple[Any, ...]:
    assert it.stated is not None
    return (
        key, it.control, int(it.stated.applicable), it.stated.justification, it.stated.actor, iso(it.stated.at),
    )  # fmt: skip


def _risk(key: str, it: Risk) -> tuple[Any, ...]:
    entry, treated = it.entered, it.treated
    assert entry is not None
    return (
        key, entry.book, entry.name, entry.asset, entry.threat, entry.source, entry.vulnerability, entry.controls,
        entry.owner, len(it.scores), it.likelihood, *it.loss, it.level, treated.treatment if treated else "",
        treated.measures if treated else "", treated.due_on.isoformat() if treated and treated.due_on else None,
    )  # fmt: skip
