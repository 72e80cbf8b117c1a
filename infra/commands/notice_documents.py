"""Bringing stored orders together with what their documents show: number, due instant, hash, log head."""

from __future__ import annotations

from engine.protection.protection import Order, Protection
from engine.terms.calendar import BusinessCalendar
from infra.commands.wordbook import Wordbook
from infra.read.notices.documents import log_head
from infra.store.log.decisions import Decisions
from reports.document import Document, Facts, document
from reports.drafts import OrderSubject


class OrderDocuments:
    """The documents of orders: stop order, correction request, write-off and the others."""

    def __init__(self, decisions: Decisions, wordbook: Wordbook, calendar: BusinessCalendar) -> None:
        self.decisions = decisions
        self.wordbook = wordbook
        self.calendar = calendar

    def of(self, it: Protection, order: Order, languages: tuple[str, ...] | None = None) -> tuple[Document, str]:
        """Return the document of an order and the order's short number."""
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
