"""Bringing stored notices and orders together with what their documents show: number, due instant, hash, log head."""

from __future__ import annotations

from datetime import datetime

from engine.duties.clock import clock_id
from engine.kernel.timestamps import iso
from engine.notices.kinds import notice_kinds
from engine.notices.notice import Notice
from engine.protection.protection import Order, Protection
from engine.terms.calendar import BusinessCalendar
from infra.commands.wordbook import Wordbook
from infra.store.log.decisions import Decisions
from reports.document import Document, Facts, document
from reports.drafts import OrderSubject
from reports.wording import kind_key


def notice_document(decisions: Decisions, notice: Notice, recipient: str | None = None) -> tuple[Document, str]:
    """Give the document of a notice and the number of its incident."""
    incident = decisions.database.row("SELECT number FROM incident_view WHERE id = ?", notice.incident_id)
    number = str(incident["number"]) if incident else notice.incident_id
    delivery = notice.deliveries.get(recipient or "")
    facts = Facts(
        number=number,
        drafted_at=notice.drafted_at,
        approved_by=notice.approved_by,
        approved_at=notice.approved_at,
        content_hash=notice.content_hash,
        log_head=log_head(decisions, notice.approved_at or notice.drafted_at),
        due_at=_due(decisions, notice),
        repeat=delivery is not None and delivery.repeat,
        draft=notice.approved_by is None,
    )
    kind = kind_key(notice.kind, notice.stage)
    return document(kind=kind, notice_id=notice.id, content=notice.content, facts=facts), number


def _due(decisions: Decisions, notice: Notice) -> datetime | None:
    spec = notice_kinds().get(notice.kind)
    kind = spec.clock if spec is not None else None
    if kind is None or notice.stage != "initial":
        return None
    key = clock_id(kind, notice.incident_id, notice.subject)
    row = decisions.database.row("SELECT due_at FROM clock_view WHERE id = ?", key)
    return datetime.fromisoformat(row["due_at"]) if row else None


class OrderDocuments:
    """The documents of orders: stop order, correction request, write-off and the others."""

    def __init__(self, decisions: Decisions, wordbook: Wordbook, calendar: BusinessCalendar) -> None:
        self.decisions = decisions
        self.wordbook = wordbook
        self.calendar = calendar

    def of(self, it: Protection, order: Order, languages: tuple[str, ...] | None = None) -> tuple[Document, str]:
        """Give the document of an order and the order's short number."""
        act = it.act
        assert act is not None
        offset = self.calendar.local(order.issued_at).utcoffset()
        subject = OrderSubject(
            number=order.id[:8],
            kind=order.kind,
            target=order.target,
            issued_at=order.issued_at,
            due_at=order.due_at,
            act_kind=act.kind,
            issuer=act.issuer,
            act_number=act.number,
            act_date=act.act_date.strftime("%d.%m.%Y"),
            received_at=act.received_at,
            channel=act.channel,
            client=act.client,
            loans=order.loans,
            document_sha256=act.document_sha256,
            utc_offset_minutes=int(offset.total_seconds() // 60) if offset is not None else 0,
        )
        content = self.wordbook.writer.order(subject, self.wordbook.own(), languages)
        facts = Facts(
            number=act.number,
            drafted_at=order.issued_at,
            due_at=order.due_at,
            log_head=log_head(self.decisions, order.issued_at),
            recipient=order.target,
            draft=False,
        )
        return document(kind="order", notice_id=order.id, content=content, facts=facts), order.id[:8]


def log_head(decisions: Decisions, at: datetime | None) -> str | None:
    """Give the head of the ledger as it stood at a moment: entries and the first 16 hex digits of the root."""
    if at is None:
        return None
    row = decisions.database.row(
        "SELECT size, root FROM checkpoints WHERE log = 'ledger' AND at <= ? ORDER BY size DESC LIMIT 1", iso(at)
    )
    return f"{row['size']} / {bytes(row['root']).hex()[:16]}" if row else None
