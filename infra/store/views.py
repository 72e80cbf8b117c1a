"""The read models: tables the console asks, written in one commit with the facts they show, rebuildable from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from engine.containment.containment import Containment
from engine.duties.clock import Clock
from engine.governance.governance import Control, Duty, Risk
from engine.governance.matters import Matter
from engine.incidents.incident import Incident
from engine.kernel.facts import Fact, FindingRaised
from engine.kernel.trouble import DutyNotCounted
from engine.notices.notice import WORST_FIRST, Notice
from engine.notices.wording import TemplateLife
from engine.protection.protection import Protection
from engine.retention.retention import Retention
from engine.rule_life.lists import ListLife
from engine.rule_life.rules import RuleLife
from infra.store.incident_views import show_incident
from infra.store.log.aggregates import AnyAggregate
from infra.store.models.ddl import insert, put, put_all
from infra.store.models.duties import (
    ClockRow,
    ContainmentRow,
    LoanRow,
    NoticeRow,
    OrderRow,
    ProtectionRow,
    RetentionRow,
)
from infra.store.models.governance import ActionRow, ControlRow, DutyRow, MatterRow, RiskRow
from infra.store.models.incidents import RunRow, TimelineRow
from infra.store.models.record import Record, columns_of
from infra.store.models.rules import ListRow, RuleRow, RuleVersionRow, TemplateRow
from infra.store.sql.cursor import Cursor
from infra.store.sql.schema import make_derived
from infra.store.sql.view_tables import MODELS, NAMES
from playbooks.run import Run


def clear(cursor: Cursor, dialect: str) -> None:
    """Empty every read model; one that is gone or has other columns than it should is made again."""
    for kind in MODELS:
        held = _columns(cursor, dialect, kind.table.name)
        if held and held != {it.name for it in columns_of(kind)}:
            cursor.execute(f"DROP TABLE {kind.table.name}")
    make_derived(cursor, dialect)
    for name in NAMES:
        cursor.execute(f"DELETE FROM {name}")  # noqa: S608 - our own names


def _columns(cursor: Cursor, dialect: str, table: str) -> set[str]:
    """Return the columns that a table has in the store; none for one that is not there."""
    if dialect == "sqlite":
        cursor.execute("SELECT name FROM pragma_table_info(?)", (table,))
    else:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = ? "
            "AND table_schema = current_schema()",
            (table,),
        )
    return {str(row[0]) for row in cursor.fetchall()}


def show_all(cursor: Cursor, changed: Iterable[tuple[str, AnyAggregate, Sequence[Fact]]], at: datetime) -> None:
    """Write the rows of aggregates (id, aggregate, some of its facts, the latest there are); none is named twice."""
    rows: list[Record] = []
    for key, aggregate, facts in changed:
        row = _row(key, aggregate)
        if row is None:
            _show(cursor, key, aggregate, at, facts)
        else:
            rows.append(row)
    put_all(cursor, rows)


def _row(key: str, aggregate: AnyAggregate) -> Record | None:
    """Return the row of an aggregate that has one, and nothing beside it."""
    match aggregate:
        case Clock():
            return _clock(key, aggregate)
        case Notice():
            return _notice(key, aggregate)
        case Run():
            return _run(key, aggregate)
        case ListLife():
            return _list(key, aggregate)
        case TemplateLife():
            return _template(key, aggregate)
        case Control():
            return _control(key, aggregate)
        case Risk():
            return _risk(key, aggregate)
        case Matter():
            return _matter(key, aggregate)
    return None


def _show(cursor: Cursor, key: str, aggregate: AnyAggregate, at: datetime, facts: Sequence[Fact]) -> None:
    match aggregate:
        case Incident():
            show_incident(cursor, key, aggregate, at, facts)
        case Protection():
            _protection(cursor, key, aggregate)
        case Retention():
            put(cursor, _retention(key, aggregate))
            for loan in sorted(aggregate.loans):
                put(cursor, LoanRow(loan, key, aggregate.client))
        case RuleLife():
            _rule(cursor, key, aggregate)
        case Duty():
            _duty(cursor, key, aggregate)
        case Containment():
            put_all(cursor, _containment(key, aggregate))
        case _:
            raise AssertionError(f"{type(aggregate).__name__} has no rows")


def place_all(cursor: Cursor, facts: Iterable[tuple[int, Fact, AnyAggregate | None]]) -> None:
    """Put facts (position, fact, its aggregate or None) on the timelines they belong to."""
    rows = [
        (owner, position, int(_is_of_client(aggregate)))
        for position, fact, aggregate in facts
        for owner in _owners(fact, aggregate)
    ]
    if rows:
        cursor.executemany(insert(TimelineRow) + " ON CONFLICT DO NOTHING", rows)


def _is_of_client(aggregate: AnyAggregate | None) -> bool:
    match aggregate:
        case Clock():
            return aggregate.owner_kind == "incident" and aggregate.subject != ""
        case Notice():
            return aggregate.text_of != ""
    return False


def _owners(fact: Fact, aggregate: AnyAggregate | None) -> list[str]:
    match aggregate:
        case Incident():
            return [aggregate.id]
        case Clock():
            return [aggregate.owner_id]
        case Notice() | Run() | Containment():
            return [aggregate.incident_id]
        case Protection() | Retention() | RuleLife() | ListLife() | TemplateLife() | Duty() | Control() | Risk():
            return [aggregate.id]
        case Matter():
            return [aggregate.id]
        case None:
            if isinstance(fact, DutyNotCounted):
                return [fact.owner_id]
            return [fact.finding_id] if isinstance(fact, FindingRaised) else []


def _clock(key: str, it: Clock) -> ClockRow:
    assert it.anchor_at is not None
    assert it.due_at is not None
    assert it.latest_at is not None
    return ClockRow(
        id=key,
        kind=it.kind,
        owner_kind=it.owner_kind,
        owner_id=it.owner_id,
        subject=it.subject,
        state=it.state,
        running=it.running,
        anchor_at=it.anchor_at,
        due_at=it.due_at,
        latest_at=it.latest_at,
        target_at=it.target_at,
        reading=it.reading,
        next_instant=it.next_instant(),
        breached_at=it.breached_at,
        satisfied_at=it.satisfied_at,
        reached=max(it.reached, default=0),
        calendar_version=it.calendar_version,
        offered_due_at=it.offered.counted_due_at if it.offered else None,
        proposed_by=it.proposed[0] if it.proposed else None,
        confirmed_at=it.confirmed_at,
        confirmed_due_at=it.confirmed_due_at,
        late_because=it.late_because,
    )


def _notice(key: str, it: Notice) -> NoticeRow:
    assert it.drafted_at is not None
    return NoticeRow(
        id=key,
        kind=it.kind,
        stage=it.stage,
        incident_id=it.incident_id,
        subject=it.subject,
        state=it.state,
        recipient=it.recipient,
        drafted_at=it.drafted_at,
        submitted_by=it.submitted_by,
        approved_by=it.approved_by,
        approved_at=it.approved_at,
        sent_at=it.sent_at,
        transport_ref=it.transport_ref,
        receipt="; ".join(delivery.receipt for delivery in it.deliveries.values() if delivery.receipt) or None,
        answer="; ".join(d.reference for d in it.deliveries.values() if d.state in WORST_FIRST and d.reference) or None,
        text_of=it.text_of,
        addressees=it.addressees,
    )


def _protection(cursor: Cursor, key: str, it: Protection) -> None:
    act = it.act
    assert act is not None
    put(
        cursor,
        ProtectionRow(
            id=key,
            kind=act.kind,
            issuer=act.issuer,
            number=act.number,
            received_at=act.received_at,
            client=act.client,
            loans=it.loans,
            registered_by=it.registered_by,
            genuine=it.genuine,
            state=it.state,
            holds=it.holds,
            proposed_by=it.proposed[0] if it.proposed else None,
            violations=len(it.violations),
            documents=len(it.documents),
        ),
    )
    for order in it.orders.values():
        put(
            cursor,
            OrderRow(
                id=order.id,
                protection_id=key,
                kind=order.kind,
                target=order.target,
                issued_at=order.issued_at,
                due_at=order.due_at,
                handed_over_at=order.handed_over_at,
                acknowledged_at=order.acknowledged_at,
                reference=order.reference,
                overdue=order.overdue,
                revoked=order.revoked,
            ),
        )


def _run(key: str, it: Run) -> RunRow:
    return RunRow(
        id=key, incident_id=it.incident_id, playbook=it.playbook_name, state=it.state, waiting=len(it.waiting),
        done=len(it.done),
    )  # fmt: skip


def _containment(key: str, it: Containment) -> Iterator[ContainmentRow]:
    assert it.ordered_at is not None
    for subject in it.subjects:
        name = subject.name
        state = "confirmed" if name in it.done else "refused" if name in it.refused else "ordered"
        if it.release_ordered_at is not None and name not in it.refused:
            state = "released" if it.released_at is not None else "release-ordered"
        yield ContainmentRow(
            id=key, incident_id=it.incident_id, order_kind=it.order or "", subject=name, ordered_at=it.ordered_at,
            state=state, confirmed_at=it.confirmed_at, released_at=it.released_at,
        )  # fmt: skip


def _retention(key: str, it: Retention) -> RetentionRow:
    return RetentionRow(
        id=key, client=it.client, state=it.state, ended_on=it.ended_on, free_from=it.free_from, held=it.held,
        proposed_by=it.proposed_by, erased_at=it.erased_at,
    )  # fmt: skip


def _rule(cursor: Cursor, key: str, it: RuleLife) -> None:
    waiting = next((draft.version for draft in it.drafts.values() if draft.stage == "proposed"), "")
    put(
        cursor,
        RuleRow(
            id=key, name=it.name, in_force=it.in_force, shadow=it.shadow, waiting=waiting,
            retirement_by=it.retirement_by, changes=it.version,
        ),
    )  # fmt: skip
    for draft in it.drafts.values():
        version = RuleVersionRow(
            id=f"{key}/{draft.version}",
            name=it.name,
            version=draft.version,
            stage=draft.stage,
            written_by=draft.by,
            proposed_by=draft.proposed_by,
        )
        put(cursor, version)


def _list(key: str, it: ListLife) -> ListRow:
    return ListRow(
        id=key,
        name=it.name,
        in_force=it.in_force,
        count=it.count,
        waiting=it.waiting.version if it.waiting is not None else 0,
        proposed_by=it.waiting.actor if it.waiting is not None else "",
        changes=it.version,
    )


def _template(key: str, it: TemplateLife) -> TemplateRow:
    by = it.versions[it.waiting].actor if it.waiting else ""
    return TemplateRow(
        id=key, kind=it.kind, language=it.language, in_force=it.in_force, waiting=it.waiting, proposed_by=by
    )


def _duty(cursor: Cursor, key: str, it: Duty) -> None:
    latest = max((*it.done, *it.evidence), key=lambda fact: fact.at, default=None)
    words = getattr(latest, "text", "") or getattr(latest, "evidence", "")
    put(
        cursor,
        DutyRow(
            id=key,
            key=it.key,
            last_on=it.last_on,
            evidence=len(it.evidence) + len(it.done),
            latest_at=latest.at if latest else None,
            latest=words[:300],
            valid_until=max((fact.valid_until for fact in it.evidence if fact.valid_until), default=None),
            open_actions=len(it.actions) - len(it.closed),
        ),
    )
    for action in it.actions.values():
        closed = it.closed.get(action.action_id)
        put(
            cursor,
            ActionRow(
                id=action.action_id,
                duty_id=key,
                key=action.key,
                text=action.text,
                owner=action.owner,
                due_on=action.due_on,
                closed_at=closed.at if closed else None,
                evidence=closed.evidence if closed else "",
            ),
        )


def _control(key: str, it: Control) -> ControlRow:
    stated = it.stated
    assert stated is not None
    return ControlRow(
        id=key,
        control=it.control,
        applicable=stated.applicable,
        justification=stated.justification,
        stated_by=stated.actor,
        stated_at=stated.at,
    )


def _matter(key: str, it: Matter) -> MatterRow:
    return MatterRow(
        id=key, kind=it.kind, about=it.about, is_open=it.is_open, since=min(it.open.values(), default=None),
        settled_at=it.settled_at,
    )  # fmt: skip


def _risk(key: str, it: Risk) -> RiskRow:
    entry, treated = it.entered, it.treated
    assert entry is not None
    confidentiality, integrity, availability = it.loss
    return RiskRow(
        id=key,
        book=entry.book,
        name=entry.name,
        asset=entry.asset,
        threat=entry.threat,
        source=entry.source,
        vulnerability=entry.vulnerability,
        controls=entry.controls,
        owner=entry.owner,
        experts=len(it.scores),
        likelihood=it.likelihood,
        confidentiality=confidentiality,
        integrity=integrity,
        availability=availability,
        level=it.level,
        treatment=treated.treatment if treated else "",
        measures=treated.measures if treated else "",
        due_on=treated.due_on if treated else None,
    )
