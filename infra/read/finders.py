"""Finding one case by what people call it."""

from __future__ import annotations

from engine.incidents.incident import Incident
from engine.kernel.errors import NotFound
from engine.notices.notice import Notice
from infra.app.container import House


def load_incident(house: House, incident_id: str) -> Incident:
    """Load an incident by id or number; raises NotFound."""
    row = house.database.row(
        "SELECT id FROM incident_view WHERE id = ? OR number = ?", incident_id, incident_id.upper()
    )
    if row is None:
        raise NotFound("there is no such incident")
    return house.decisions.load(Incident, str(row["id"]))


def load_notice(house: House, notice_id: str) -> Notice:
    """Load a notice; raises NotFound."""
    if house.database.row("SELECT id FROM notice_view WHERE id = ?", notice_id) is None:
        raise NotFound("there is no such notice")
    return house.decisions.load(Notice, notice_id)
