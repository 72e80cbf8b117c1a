"""Incidents and notices as the search index gets them: what the read models show of them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from infra.read.rows import figures, incidents, notices
from infra.search import documents
from infra.search.port import Document
from infra.store.sql.database import Database


class Cases:
    """Asks for the documents of cases; the key of each is where in the log it began, the same after every rebuild."""

    def __init__(self, database: Database, zone: tzinfo) -> None:
        self.database = database
        self.zone = zone

    def incidents(self, version: int, ids: Sequence[str]) -> Iterator[Document]:
        """Return the documents of incidents."""
        for it in ids:
            row = incidents.incident(self.database, it)
            if row is not None:
                touched = incidents.entities_of(self.database, it, most=documents.ENTITIES)
                yield documents.of_incident(figures.began(self.database, it), version, row, touched, self.zone)

    def notices(self, version: int, ids: Sequence[str]) -> Iterator[Document]:
        """Return the documents of notices; those that carry one text to many are found by their text."""
        for row in notices.searched(self.database, ids):
            number = incidents.number_of(self.database, row.incident_id)
            yield documents.of_notice(figures.began(self.database, row.id), version, row, number, self.zone)
