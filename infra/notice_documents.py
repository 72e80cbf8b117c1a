"""Bringing a stored notice together with what its document shows beside it: number, due instant, hash."""

from __future__ import annotations

from datetime import datetime

from engine.clocks import clock_id
from engine.notices import CLOCK_OF_KIND, Notice
from engine.timestamps import iso
from infra.store.decisions import Decisions
from reports.document import Document, document


def notice_document(decisions: Decisions, notice: Notice) -> tuple[Document, str]:
    """Give the document of a notice and the number of its incident."""
    incident = decisions.database.row("SELECT number FROM incident_view WHERE id = ?", notice.incident_id)
    number = str(incident["number"]) if incident else notice.incident_id
    key = clock_id(CLOCK_OF_KIND[notice.kind], notice.incident_id, notice.subject)
    clock = decisions.database.row("SELECT due_at FROM clock_view WHERE id = ?", key)
    made = document(
        kind=notice.kind,
        notice_id=notice.id,
        number=number,
        content=notice.content,
        drafted_at=notice.drafted_at,
        approved_by=notice.approved_by,
        approved_at=notice.approved_at,
        content_hash=notice.content_hash,
        log_head=log_head(decisions, notice.approved_at or notice.drafted_at),
        due_at=datetime.fromisoformat(clock["due_at"]) if clock else None,
    )
    return made, number


def log_head(decisions: Decisions, at: datetime | None) -> str | None:
    """Give the head of the ledger as it stood at a moment: entries and the first 16 hex digits of the root."""
    if at is None:
        return None
    row = decisions.database.row(
        "SELECT size, root FROM checkpoints WHERE log = 'ledger' AND at <= ? ORDER BY size DESC LIMIT 1", iso(at)
    )
    return f"{row['size']} / {bytes(row['root']).hex()[:16]}" if row else None
