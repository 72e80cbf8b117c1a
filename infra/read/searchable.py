"""Incidents and notices as the search index gets them: what the read models show of them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from infra.read.rows import figures, incidents
from infra.read.rows.asking import by_ids
from infra.search import documents
from infra.search.port import Document
from infra.store.models.duties import NoticeRow
from infra.store.models.incidents import IncidentRow
from infra.store.sql.database import Database


class Cases:
    """Asks for the documents of cases; the key of each is where in the log it began, the same after every rebuild."""

    def __init__(self, database: Database, zone: tzinfo) -> None:
        self.database = database
        self.zone = zone

    def incidents(self, version: int, ids: Sequence[str]) -> Iterator[Document]:
        """Return the documents of incidents."""
        rows, began = by_ids(self.database, IncidentRow, ids), figures.began(self.database, ids)
        for it in ids:
            if it in rows:
                touched = incidents.entities_of(self.database, it, most=documents.ENTITIES)
                yield documents.of_incident(began.get(it, 0), version, rows[it], touched, self.zone)

    def notices(self, version: int, ids: Sequence[str]) -> Iterator[Document]:
        """Return the documents of notices; those that carry one text to many are found by their text."""
        rows = {key: row for key, row in by_ids(self.database, NoticeRow, ids).items() if not row.text_of}
        began = figures.began(self.database, list(rows))
        of = by_ids(self.database, IncidentRow, list(dict.fromkeys(row.incident_id for row in rows.values())))
        for it in ids:
            if it in rows:
                incident = of.get(rows[it].incident_id)
                number = incident.number if incident is not None else None
                yield documents.of_notice(began.get(it, 0), version, rows[it], number, self.zone)
