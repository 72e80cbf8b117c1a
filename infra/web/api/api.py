"""What people's tools may read over the API, as JSON, under the person's session."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from infra.read import exchange, queries
from infra.read.coverage import Coverage
from infra.read.finders import load_incident, load_notice
from infra.read.related import similar
from infra.read.rows import clocks, incidents, notices, protections
from infra.read.upcoming_terms import due_within
from infra.store.models.record import stored
from infra.web.context import TheHouse, TheSession

router = APIRouter(prefix="/api/v1")


@router.get("/me", tags=["session"], summary="Who is signed in")
def me(session: TheSession) -> dict[str, Any]:
    """Give the person, the roles and the token acts must carry."""
    return {"id": session.person.id, "roles": sorted(session.person.roles), "csrf": session.csrf}


@router.get("/incidents", tags=["incidents"], summary="The queue")
def list_incidents(house: TheHouse, session: TheSession, view: str = "open", q: str = "") -> list[dict[str, Any]]:
    """Give the incidents of one view of the queue."""
    view = view if view in incidents.VIEWS else "open"
    rows = incidents.queue(house.database, view, session.person.id, q[:100], house.clock.now())
    return [stored(row) for row in rows]


@router.get("/incidents/{incident_id}", tags=["incidents"], summary="One incident")
def get_incident(house: TheHouse, session: TheSession, incident_id: str) -> dict[str, Any]:
    """Give one incident with its clocks and notices."""
    incident = load_incident(house, incident_id)
    row, database = incidents.incident(house.database, incident.id), house.database
    return {
        **(stored(row) if row is not None else {}),
        "clocks": [stored(it) for it in clocks.of_owner(database, incident.id)],
        "notices": [stored(it) for it in notices.of_incident(database, incident.id)],
        "playbooks": [stored(it) for it in protections.runs_of(database, incident.id)],
    }


@router.get("/incidents/{incident_id}/similar", tags=["incidents"], summary="Similar incidents")
def get_similar(house: TheHouse, session: TheSession, incident_id: str) -> list[dict[str, Any]]:
    """Give other incidents that share entities or the rule, the most alike first."""
    return [stored(row) for row in similar(house, load_incident(house, incident_id).id)]


@router.get("/incidents/{incident_id}/export", tags=["incidents"], summary="An incident for other tools")
def export_incident(
    house: TheHouse,
    session: TheSession,
    incident_id: str,
    form: Annotated[Literal["ocsf", "stix"], Query(alias="format")] = "ocsf",
) -> Response:
    """Give an incident as OCSF Incident Finding 1.7.0 or STIX 2.1 bundle. Neither names a client."""
    body = exchange.written(house, load_incident(house, incident_id), form)
    return Response(body, media_type=exchange.TYPES[form])


@router.get("/due", tags=["clocks"], summary="What is due")
def get_due(house: TheHouse, session: TheSession, days: int = 7) -> list[dict[str, Any]]:
    """Give the open terms that end within so many days, and what is overdue."""
    return [stored(row) for row in due_within(house, max(0, min(days, 400)))]


@router.get("/coverage", tags=["governance"], summary="Coverage of the obligations")
def get_coverage(house: TheHouse, session: TheSession) -> list[dict[str, Any]]:
    """Give every obligation with what serves it and its latest evidence."""
    return [asdict(row) for row in Coverage(house).rows()]


@router.get("/clocks", tags=["clocks"], summary="The board of duties")
def list_clocks(house: TheHouse, session: TheSession, state: str = "running") -> list[dict[str, Any]]:
    """Give the clocks of one state."""
    state = state if state in ("running", "breached", "all") else "running"
    return [stored(row) for row in clocks.board(house.database, state, house.clock.now())]


@router.get("/notices", tags=["notices"], summary="Notices")
def list_notices(house: TheHouse, session: TheSession, state: str = "open") -> list[dict[str, Any]]:
    """Give the notices of one state."""
    state = state if state in ("open", "sent", "all") else "open"
    return [stored(row) for row in notices.listed(house.database, state)]


@router.get("/notices/{notice_id}", tags=["notices"], summary="One notice")
def get_notice(house: TheHouse, session: TheSession, notice_id: str) -> dict[str, Any]:
    """Give one notice with its texts."""
    notice = load_notice(house, notice_id)
    row = notices.notice(house.database, notice.id)
    return {
        **(stored(row) if row is not None else {}),
        "version": notice.version,
        "content": notice.content,
        "hash": notice.content_hash,
    }


@router.get("/protections/{protection_id}", tags=["protection"], summary="One protection")
def get_protection(house: TheHouse, session: TheSession, protection_id: str) -> dict[str, Any]:
    """Give one protection with its orders and clocks."""
    row, database = protections.protection(house.database, protection_id), house.database
    return {
        "protection": stored(row) if row is not None else None,
        "orders": [stored(it) for it in protections.orders_of(database, protection_id)],
        "clocks": [stored(it) for it in clocks.of_owner_by_id(database, protection_id)],
    }


@router.get("/events", tags=["events"], summary="Search events, incidents or notices")
def find_events(
    house: TheHouse,
    session: TheSession,
    q: str = "",
    of: Literal["events", "incidents", "notices"] = "events",
    below: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> list[dict[str, Any]]:
    """Give the newest hundred that answer a question in the Lucene query language, with keys below a bound."""
    return [asdict(hit) for hit in queries.search(house, q, of, below)]
