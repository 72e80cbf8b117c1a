"""Finding one case by what people call it."""

from __future__ import annotations

from engine.incidents.incident import Incident
from engine.kernel.errors import NotFound
from engine.notices.notice import Notice
from engine.protection.protection import Protection
from infra.read.notices.documents import ClientTexts
from infra.read.reading import Reading
from infra.read.rows import incidents, notices, protections


def load_incident(container: Reading, incident_id: str) -> Incident:
    """Load an incident by id or number; raises NotFound."""
    row = incidents.named(container.database, incident_id)
    if row is None:
        raise NotFound("there is no such incident")
    return container.decisions.load(Incident, row.id)


def load_notice(container: Reading, notice_id: str) -> Notice:
    """Load a notice; raises NotFound."""
    if notices.notice(container.database, notice_id) is None:
        raise NotFound("there is no such notice")
    return ClientTexts(container.decisions).load(notice_id)


def load_protection(container: Reading, protection_id: str) -> Protection:
    """Load a protection; raises NotFound."""
    if protections.protection(container.database, protection_id) is None:
        raise NotFound("there is no such protection")
    return container.decisions.load(Protection, protection_id)
