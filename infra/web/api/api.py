"""The API for people's tools: the same acts as the console, as JSON, under the person's session."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from engine.incidents.casework import Report
from engine.kernel.errors import NotAllowed
from engine.kernel.facts import Person
from engine.protection.facts import LegalAct
from infra.read import exchange, queries
from infra.read.coverage import Coverage
from infra.read.finders import load_incident, load_notice
from infra.read.related import similar
from infra.read.rows import clocks, incidents, notices, protections
from infra.read.upcoming_terms import due_within
from infra.store.models.record import stored
from infra.web.context import TheHouse, TheSession


def token(session: TheSession, x_csrf_token: str = Header(default="")) -> None:
    """Demand the session's own token on every act."""
    if x_csrf_token != session.csrf:
        raise NotAllowed("send the session's token as X-CSRF-Token; GET /api/v1/me shows it", code="web.csrf")


router = APIRouter(prefix="/api/v1")
acts = APIRouter(dependencies=[Depends(token)])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Act(_Body):
    """An act on an incident."""

    act: Literal[
        "assign", "acknowledge", "note", "severity", "measure", "merge", "close", "reopen", "split", "move", "link",
        "unlink", "notifiable", "not-notifiable", "clients", "lessons",
    ]  # fmt: skip
    text: str = Field(default="", max_length=10_000)
    reason: str = Field(default="", max_length=2_000)
    assignee: str = ""
    severity: str = ""
    measure: str = ""
    into: str = ""
    disposition: str = ""
    findings: tuple[str, ...] = Field(default=(), max_length=1000)
    title: str = Field(default="", max_length=200)
    relation: str = "related"
    clients: tuple[str, ...] = Field(default=(), max_length=1000)
    loans: tuple[str, ...] = Field(default=(), max_length=1000)
    personal_data: bool = False
    actions: str = Field(default="", max_length=10_000)


class Many(_Body):
    """One act on many incidents."""

    ids: tuple[str, ...] = Field(min_length=1, max_length=200)
    act: Literal["assign", "acknowledge", "severity", "merge", "note", "close"]
    values: dict[str, str] = {}


class NewAct(_Body):
    """A law-enforcement act as received."""

    kind: Literal["victim_resolution", "remedial_submission", "court_decision"]
    issuer: str
    number: str
    act_date: date
    received_at: AwareDatetime
    channel: str
    client: str
    loans: tuple[str, ...] = Field(min_length=1)
    bureaus: tuple[str, ...] | None = None


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


@acts.post("/incidents/{incident_id}/acts", tags=["incidents"], summary="Act on an incident")
def post_act(house: TheHouse, session: TheSession, incident_id: str, body: Act) -> dict[str, Any]:
    """Perform one act of triage and give the incident as it is then."""
    by = session.person
    match body.act:
        case "assign":
            house.acts.assign(incident_id, body.assignee or by.id, by=by)
        case "acknowledge":
            house.acts.acknowledge(incident_id, by=by)
        case "note":
            house.acts.note(incident_id, body.text, by=by)
        case "severity":
            house.acts.change_severity(incident_id, body.severity, body.reason, by=by)
        case "measure":
            house.acts.measure(incident_id, body.measure, body.text, by=by)
        case "merge":
            house.acts.merge(incident_id, body.into, body.reason, by=by)
        case "close":
            house.acts.close(incident_id, body.disposition, body.reason, by=by)
        case "reopen":
            house.acts.reopen(incident_id, body.reason, by=by)
        case _:
            _casework(house, incident_id, body, by)
    return get_incident(house, session, incident_id)


def _casework(house: TheHouse, incident_id: str, body: Act, by: Person) -> None:
    match body.act:
        case "split":
            house.acts.split(incident_id, body.findings, body.title, body.reason, by=by)
        case "move":
            house.acts.move(incident_id, body.findings, body.into, body.reason, by=by)
        case "link":
            house.acts.link(incident_id, body.into, body.relation, body.reason, by=by)
        case "unlink":
            house.acts.unlink(incident_id, body.into, body.reason, by=by)
        case "notifiable":
            house.acts.raise_notifiability(incident_id, body.personal_data, body.reason, by=by)
        case "not-notifiable":
            house.acts.lower_notifiability(incident_id, body.reason, by=by)
        case "clients":
            house.acts.name_clients(incident_id, body.clients, body.loans, body.reason, by=by)
        case "lessons":
            house.acts.record_lessons(incident_id, body.text, body.actions, by=by)


@acts.post("/incidents", tags=["incidents"], summary="Enter an incident that people told of", status_code=201)
def enter_incident(house: TheHouse, session: TheSession, body: Report) -> dict[str, Any]:
    """Open an incident by hand: its duties count from the moment of the telling."""
    return get_incident(house, session, house.acts.report(body, by=session.person))


@acts.post("/incidents/bulk", tags=["incidents"], summary="One act on many incidents")
def post_bulk(house: TheHouse, session: TheSession, body: Many) -> list[dict[str, Any]]:
    """Do an act on each by itself and say what became of each."""
    return house.acts.in_bulk(body.ids, body.act, body.values, by=session.person)


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
    return Coverage(house).rows()


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


@acts.post("/notices/{notice_id}/approve", tags=["notices"], summary="Approve a notice for sending")
def approve(house: TheHouse, session: TheSession, notice_id: str) -> dict[str, Any]:
    """Approve as a compliance officer who neither works the incident nor edited the text."""
    house.acts.approve_notice(notice_id, None, by=session.person)
    return get_notice(house, session, notice_id)


@acts.post("/acts", tags=["protection"], summary="Enter a law-enforcement act", status_code=201)
def enter_act(house: TheHouse, session: TheSession, body: NewAct) -> dict[str, Any]:
    """Enter an act: the three-day clocks start and the orders go out."""
    values = body.model_dump()
    values["bureaus"] = body.bureaus or house.settings.bureaus
    return {"protection_id": house.acts.register_act(LegalAct(**values), by=session.person)}


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
    return queries.search(house, q, of, below)


router.include_router(acts)
