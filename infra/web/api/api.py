"""What people's tools may read over the API, as JSON, under the person's session."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from infra.read import exchange, queries
from infra.read.coverage import Coverage
from infra.read.finders import load_incident, load_notice
from infra.read.incident_graph import similar
from infra.read.rows import clocks, incidents, notices, protections
from infra.read.upcoming_terms import due_within
from infra.store.models.record import stored
from infra.web.context import TheContainer, TheSession

router = APIRouter(prefix="/api/v1")


@router.get("/me", tags=["session"], summary="Who is signed in")
def me(session: TheSession) -> dict[str, Any]:
    """Return the person, the roles and the token acts must carry."""
    return {"id": session.person.id, "roles": sorted(session.person.roles), "csrf": session.csrf}


@router.get("/incidents", tags=["incidents"], summary="The queue")
def list_incidents(
    container: TheContainer, session: TheSession, view: str = "open", q: str = ""
) -> list[dict[str, Any]]:
    """Return the incidents of one view of the queue."""
    view = view if view in incidents.VIEWS else "open"
    rows = incidents.queue(container.database, view, session.person.id, q[:100], container.clock.now())
    return [stored(row) for row in rows]


@router.get("/incidents/{incident_id}", tags=["incidents"], summary="One incident")
def get_incident(container: TheContainer, session: TheSession, incident_id: str) -> dict[str, Any]:
    """Return one incident with its clocks and notices."""
    incident = load_incident(container, incident_id)
    row, database = incidents.incident(container.database, incident.id), container.database
    return {
        **(stored(row) if row is not None else {}),
        "clocks": [stored(it) for it in clocks.of_owner(database, incident.id)],
        "notices": [stored(it) for it in notices.of_incident(database, incident.id)],
        "playbooks": [stored(it) for it in protections.runs_of(database, incident.id)],
    }


@router.get("/incidents/{incident_id}/similar", tags=["incidents"], summary="Similar incidents")
def get_similar(container: TheContainer, session: TheSession, incident_id: str) -> list[dict[str, Any]]:
    """Return other incidents that share entities or the rule, the most alike first."""
    return [stored(row) for row in similar(container, load_incident(container, incident_id).id)]


@router.get("/incidents/{incident_id}/export", tags=["incidents"], summary="An incident for other tools")
def export_incident(
    container: TheContainer,
    session: TheSession,
    incident_id: str,
    form: Annotated[Literal["ocsf", "stix"], Query(alias="format")] = "ocsf",
) -> Response:
    """Return an incident as OCSF Incident Finding 1.7.0 or STIX 2.1 bundle. Neither names a client."""
    body = exchange.written(container, load_incident(container, incident_id), form)
    return Response(body, media_type=exchange.TYPES[form])


@router.get("/due", tags=["clocks"], summary="What is due")
def get_due(container: TheContainer, session: TheSession, days: int = 7) -> list[dict[str, Any]]:
    """Return the open terms that end within so many days, and what is overdue."""
    return [stored(row) for row in due_within(container, max(0, min(days, 400)))]


@router.get("/coverage", tags=["governance"], summary="Coverage of the obligations")
def get_coverage(container: TheContainer, session: TheSession) -> list[dict[str, Any]]:
    """Return every obligation with what serves it and its latest evidence."""
    return [asdict(row) for row in Coverage(container).rows()]


@router.get("/clocks", tags=["clocks"], summary="The board of duties")
def list_clocks(container: TheContainer, session: TheSession, state: str = "running") -> list[dict[str, Any]]:
    """Return the clocks of one state."""
    state = state if state in ("running", "breached", "all") else "running"
    return [stored(row) for row in clocks.board(container.database, state, container.clock.now())]


@router.get("/notices", tags=["notices"], summary="Notices")
def list_notices(container: TheContainer, session: TheSession, state: str = "open") -> list[dict[str, Any]]:
    """Return the notices of one state."""
    state = state if state in ("open", "sent", "all") else "open"
    return [stored(row) for row in notices.listed(container.database, state)]


@router.get("/notices/{notice_id}", tags=["notices"], summary="One notice")
def get_notice(container: TheContainer, session: TheSession, notice_id: str) -> dict[str, Any]:
    """Return one notice with its texts."""
    notice = load_notice(container, notice_id)
    row = notices.notice(container.database, notice.id)
    return {
        **(stored(row) if row is not None else {}),
        "version": notice.version,
        "content": notice.content,
        "hash": notice.content_hash,
    }


@router.get("/protections/{protection_id}", tags=["protection"], summary="One protection")
def get_protection(container: TheContainer, session: TheSession, protection_id: str) -> dict[str, Any]:
    """Return one protection with its orders and clocks."""
    row, database = protections.protection(container.database, protection_id), container.database
    return {
        "protection": stored(row) if row is not None else None,
        "orders": [stored(it) for it in protections.orders_of(database, protection_id)],
        "clocks": [stored(it) for it in clocks.of_owner_by_id(database, protection_id)],
    }


@router.get("/events", tags=["events"], summary="Search events, incidents or notices")
def find_events(
    container: TheContainer,
    session: TheSession,
    q: str = "",
    of: Literal["events", "incidents", "notices"] = "events",
    below: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> list[dict[str, Any]]:
    """Return the newest hundred that answer a question in the Lucene query language, with keys below a bound."""
    return [asdict(hit) for hit in queries.search(container, q, of, below)]
