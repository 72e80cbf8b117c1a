"""What a row that is shown says of whom."""

from __future__ import annotations

from collections.abc import Sequence

from infra.read.people.looking import Looking
from infra.store.models.duties import ClockRow, ContainmentRow, NoticeRow, OrderRow, ProtectionRow, RetentionRow
from infra.store.models.incidents import EntityRow, IncidentRow
from infra.store.models.record import Record


def note_rows(now: Looking, rows: Sequence[Record]) -> None:
    """Note the identifiers that rows show."""
    for row in rows:
        match row:
            case IncidentRow():
                now.note("incident", row.id)
                now.note("client", *row.clients)
                now.note("loan", *row.loans)
            case EntityRow(kind="clients"):
                now.note("client", row.value)
            case EntityRow(kind="loans"):
                now.note("loan", row.value)
            case ClockRow():
                if row.owner_kind != "duty":
                    now.note(row.owner_kind, row.owner_id)
                    now.note("client", row.subject)
            case NoticeRow():
                now.note("notice", row.id)
                now.note("incident", row.incident_id)
                now.note("client", row.subject)
            case ProtectionRow():
                now.note("protection", row.id)
                now.note("client", row.client)
                now.note("loan", *row.loans)
            case OrderRow():
                now.note("protection", row.protection_id)
            case RetentionRow():
                now.note("client", row.client)
            case ContainmentRow():
                now.note("incident", row.incident_id)
                now.note("client", row.subject)
            case _:
                subject = getattr(row, "subject", "")
                if isinstance(subject, str):
                    now.note("client", subject)
