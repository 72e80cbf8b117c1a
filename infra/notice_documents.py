"""Bringing a stored notice together with what its document shows beside it: number, due instant, hash."""

from __future__ import annotations

from datetime import datetime

from engine.clocks import clock_id
from engine.notices import CLOCK_OF_KIND, Notice
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
        due_at=datetime.fromisoformat(clock["due_at"]) if clock else None,
    )
    return made, number
