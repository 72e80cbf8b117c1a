"""What people's tools may read over the API, as JSON, under the person's session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from engine.kernel.errors import NotFound
from engine.kernel.facts import EntityKind
from engine.kernel.timestamps import iso
from engine.notices.signing import signature_of
from infra.app.container import Container
from infra.commands.signing import notice_bytes
from infra.read import exchange, queries, timeline
from infra.read.coverage import Coverage
from infra.read.finders import load_incident, load_notice
from infra.read.incident_graph import similar
from infra.read.rows import clock_lines, clocks, incidents, notices, protections
from infra.read.upcoming_terms import due_within
from infra.store.models.duties import ClockRow, NoticeRow
from infra.store.models.incidents import IncidentRow
from infra.store.models.record import stored
from infra.web.context import TheContainer, TheSession
from infra.web.documents import to_sign

router = APIRouter(prefix="/api/v1")
LONG = 200
"""Rows of a list that goes on."""
FIRST = 20
"""Clocks of an incident in the queue."""


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
    now = container.clock.now()
    rows = incidents.queue(container.database, view, session.person.id, q[:100], now, clocks=FIRST)
    return [stored(row) for row in rows]


@router.get("/incidents/{incident_id}", tags=["incidents"], summary="One incident")
def get_incident(container: TheContainer, session: TheSession, incident_id: str) -> dict[str, Any]:
    """Return one incident with its first clocks and notices, how many there are, and where the others begin."""
    row, database = _incident(container, incident_id), container.database
    terms = clock_lines.after(database, row.id, "", LONG)
    told = notices.after(database, row.id, "", LONG)
    return {
        **stored(row),
        "clocks": [stored(it) for it in sorted(terms, key=lambda it: (it.due_at, it.id))],
        "clock_count": clocks.how_many_of(database, row.id),
        "clock_groups": _groups(container, row.id),
        "clocks_next": _next(terms),
        "notices": [stored(it) for it in told],
        "notice_count": notices.how_many_of(database, row.id),
        "notices_next": _next(told),
        "playbooks": [stored(it) for it in protections.runs_of(database, row.id)],
    }


def _groups(container: Container, owner: str) -> list[dict[str, Any]]:
    found = []
    for kind in clock_lines.kinds_of(container.database, owner):
        line = clock_lines.line(container.database, owner, kind, container.clock.now())
        if line is not None:
            nearest = iso(line.due_at) if line.running else None
            found.append(
                {"kind": kind, "total": line.total, "running": line.open, "breached": line.breached,
                 "owed": line.owed, "nearest_due_at": nearest}
            )  # fmt: skip
    return found


def _next(rows: Sequence[ClockRow | NoticeRow]) -> str | None:
    """Return after which id the next page begins, None where there may be none."""
    return rows[-1].id if len(rows) == LONG else None


def _incident(container: Container, name: str) -> IncidentRow:
    row = incidents.named(container.database, name)
    if row is None:
        raise NotFound("there is no such incident")
    return row


@router.get("/incidents/{incident_id}/clocks", tags=["incidents"], summary="The clocks of an incident")
def list_clocks_of(container: TheContainer, session: TheSession, incident_id: str, after: str = "") -> dict[str, Any]:
    """Return 200 clocks by kind and subject after the one with an id, and as ``next`` the id to go on after."""
    rows = clock_lines.after(container.database, _incident(container, incident_id).id, after, LONG)
    return {"clocks": [stored(it) for it in rows], "next": _next(rows)}


@router.get("/incidents/{incident_id}/notices", tags=["incidents"], summary="The notices of an incident")
def list_notices_of(container: TheContainer, session: TheSession, incident_id: str, after: str = "") -> dict[str, Any]:
    """Return 200 notices, those with a text of their own first, after the one with an id, and as ``next`` the id to go
    on after."""
    rows = notices.after(container.database, _incident(container, incident_id).id, after, LONG)
    return {"notices": [stored(it) for it in rows], "next": _next(rows)}


@router.get("/incidents/{incident_id}/timeline", tags=["incidents"], summary="What happened, newest first")
def get_timeline(
    container: TheContainer,
    session: TheSession,
    incident_id: str,
    below: Annotated[int, Query(ge=0, le=timeline.END)] = 0,
    main: bool = False,
) -> dict[str, Any]:
    """Return 200 entries below a position (0: the newest), and as ``next`` the position to go on below; ``main`` leaves
    out the clocks and notices of single clients."""
    found = timeline.page(container, _incident(container, incident_id).id, below, main=main)
    rows = [{**it._asdict(), "at": iso(it.at)} for it in found.entries]
    return {"entries": rows, "next": found.next or None}


@router.get("/incidents/{incident_id}/touched/{kind}", tags=["incidents"], summary="Whom and what it touches")
def get_touched(
    container: TheContainer, session: TheSession, incident_id: str, kind: EntityKind, after: str = ""
) -> dict[str, Any]:
    """Return 200 clients, loans or others by identifier after one of them, and as ``next`` the one to go on after."""
    key = _incident(container, incident_id).id
    values = incidents.entities_after(container.database, key, kind, after[:200], LONG)
    return {"values": values, "next": values[-1] if len(values) == LONG else None}


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
def get_due(container: TheContainer, session: TheSession, days: int = 7, after: str = "") -> list[dict[str, Any]]:
    """Return the open terms that end within so many days, and what is overdue; 500, after the one with an id."""
    return [stored(row) for row in due_within(container, max(0, min(days, 400)), after)]


@router.get("/coverage", tags=["governance"], summary="Coverage of the obligations")
def get_coverage(container: TheContainer, session: TheSession) -> list[dict[str, Any]]:
    """Return every obligation with what serves it and its latest evidence."""
    return [asdict(row) for row in Coverage(container).rows()]


@router.get("/clocks", tags=["clocks"], summary="The board of duties")
def list_clocks(
    container: TheContainer, session: TheSession, state: str = "running", after: str = ""
) -> list[dict[str, Any]]:
    """Return 500 clocks of one state, the nearest first, after the one with an id."""
    state = state if state in ("running", "breached", "all") else "running"
    return [stored(row) for row in clock_lines.board(container.database, state, container.clock.now(), after)]


@router.get("/notices", tags=["notices"], summary="Notices")
def list_notices(
    container: TheContainer, session: TheSession, state: str = "open", after: str = ""
) -> list[dict[str, Any]]:
    """Return 500 notices of one state: the open ones, those due first at the top; the sent ones or all, those drafted
    last at the top, after the one with an id."""
    state = state if state in ("open", "sent", "all") else "open"
    return [stored(row) for row in notices.listed(container.database, state, after)]


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
        "signature": signature_of(notice),
    }


@router.get("/notices/{notice_id}/to-sign", tags=["notices"], summary="The bytes that the approver signs")
def get_bytes_to_sign(container: TheContainer, session: TheSession, notice_id: str) -> Response:
    """Return exactly the bytes over which the approver's detached CMS is made; of an approved notice, was made."""
    found = notice_bytes(container.dispatcher.desk, load_notice(container, notice_id).id, session.person)
    return to_sign(found, notice_id)


@router.get("/notices/{notice_id}/clients", tags=["notices"], summary="The clients of an approved text")
def get_clients_of_notice(
    container: TheContainer, session: TheSession, notice_id: str, state: str = "", after: str = ""
) -> dict[str, Any]:
    """Return what became of an approved text at 200 of its clients, after one of them; ``fates`` counts all."""
    notice = load_notice(container, notice_id)
    rows = notices.clients_of(container.database, notice.id, state[:20], after[:300], 200)
    fates = notices.fates_of(container.database, notice.id)
    return {
        "clients": [stored(row) for row in rows],
        "fates": fates,
        "next": rows[-1].subject if len(rows) == 200 else "",
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
