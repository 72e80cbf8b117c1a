"""The API for people's tools: the same acts as the console, as JSON, under the person's session."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Depends, Header
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from engine.errors import NotAllowed
from engine.protection_facts import LegalAct
from infra.web import queries
from infra.web.context import TheHouse, TheSession
from infra.web.pages_incidents import load_incident
from infra.web.pages_notices import load_notice


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

    act: Literal["assign", "acknowledge", "note", "severity", "measure", "merge", "close", "reopen"]
    text: str = Field(default="", max_length=10_000)
    reason: str = Field(default="", max_length=2_000)
    assignee: str = ""
    severity: str = ""
    measure: str = ""
    into: str = ""
    disposition: str = ""


class NewAct(_Body):
    """A law-enforcement act as received."""

    kind: Literal["victim_resolution", "remedial_submission"]
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
    return queries.queue(house, view if view in queries.VIEWS else "open", session.person.id, q[:100])


@router.get("/incidents/{incident_id}", tags=["incidents"], summary="One incident")
def get_incident(house: TheHouse, session: TheSession, incident_id: str) -> dict[str, Any]:
    """Give one incident with its clocks and notices."""
    incident = load_incident(house, incident_id)
    row = house.database.row("SELECT * FROM incident_view WHERE id = ?", incident.id)
    return {
        **(row or {}),
        "clocks": house.database.rows("SELECT * FROM clock_view WHERE owner_id = ? ORDER BY due_at", incident.id),
        "notices": house.database.rows("SELECT * FROM notice_view WHERE incident_id = ?", incident.id),
        "playbooks": house.database.rows("SELECT * FROM run_view WHERE incident_id = ?", incident.id),
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
    return get_incident(house, session, incident_id)


@router.get("/clocks", tags=["clocks"], summary="The board of duties")
def list_clocks(house: TheHouse, session: TheSession, state: str = "running") -> list[dict[str, Any]]:
    """Give the clocks of one state."""
    return queries.duties(house, state if state in ("running", "breached", "all") else "running")


@router.get("/notices", tags=["notices"], summary="Notices")
def list_notices(house: TheHouse, session: TheSession, state: str = "open") -> list[dict[str, Any]]:
    """Give the notices of one state."""
    return queries.notices(house, state if state in ("open", "sent", "all") else "open")


@router.get("/notices/{notice_id}", tags=["notices"], summary="One notice")
def get_notice(house: TheHouse, session: TheSession, notice_id: str) -> dict[str, Any]:
    """Give one notice with its texts."""
    notice = load_notice(house, notice_id)
    row = house.database.row("SELECT * FROM notice_view WHERE id = ?", notice.id)
    return {**(row or {}), "version": notice.version, "content": notice.content, "hash": notice.content_hash}


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
    return {
        "protection": house.database.row("SELECT * FROM protection_view WHERE id = ?", protection_id),
        "orders": house.database.rows("SELECT * FROM order_view WHERE protection_id = ?", protection_id),
        "clocks": house.database.rows("SELECT * FROM clock_view WHERE owner_id = ?", protection_id),
    }


@router.get("/events", tags=["events"], summary="Search events")
def find_events(house: TheHouse, session: TheSession, q: str = "") -> list[dict[str, Any]]:
    """Give the newest events whose words begin with every word asked for."""
    return queries.search(house, q[:200])


router.include_router(acts)
