"""The clients of an approved text: a page of them with what became of each, and the whole list as a file."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from engine.incidents.incident import Incident
from engine.notices.delivering import FAILED
from engine.notices.notice import Notice
from infra.app.container import Container
from infra.read.finders import load_notice
from infra.read.notices.client_fates import fates_as_csv, fates_of_clients
from infra.read.notices.documents import whom
from infra.read.people.looking import note
from infra.read.rows import notices
from infra.web.context import TheContainer, TheSession, page
from infra.web.documents import TYPES
from reports.messages import say

router = APIRouter(include_in_schema=False)
CLIENTS_SHOWN = 100


@router.get("/notices/{notice_id}/clients")
def show_clients(
    request: Request, container: TheContainer, session: TheSession, notice_id: str, state: str = "", below: str = ""
) -> Response:
    """The clients that a text goes to, a page of them; of an approved one with what became of each."""
    notice = load_notice(container, notice_id)
    below = below[:300]
    planned = _planned(container, notice)
    shown = [client for client in planned if client > below][:CLIENTS_SHOWN]
    note("client", *shown)
    rows = notices.clients_of(container.database, notice.id, state[:20], below, CLIENTS_SHOWN)
    return page(
        request, "notice_clients.html", session, notice=notice, rows=rows, state=state[:20],
        incident=container.decisions.load(Incident, notice.incident_id), full=CLIENTS_SHOWN in (len(rows), len(shown)),
        planned=shown, last=shown[-1] if shown else rows[-1].subject if rows else "",
        fates=notices.fates_of(container.database, notice.id), failed=FAILED, title=say("Clients told"),
    )  # fmt: skip


@router.get("/notices/{notice_id}/clients.txt")
def client_names(container: TheContainer, session: TheSession, notice_id: str) -> Response:
    """The list itself, one client a line: the bytes whose SHA-256 is approved with the text."""
    notice = load_notice(container, notice_id)
    clients = sorted(notice.listed) if notice.approved_at is not None else _planned(container, notice)
    note("client", *clients)
    return Response(
        "\n".join(clients), media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="clients-{notice.id[:8]}.txt"'},
    )  # fmt: skip


def _planned(container: Container, notice: Notice) -> list[str]:
    """Whom an open text to many would go to now, sorted; nobody where it is approved."""
    return sorted(whom(container.decisions, notice)) if notice.to_many and notice.approved_at is None else []


@router.get("/notices/{notice_id}/clients.csv")
def client_file(container: TheContainer, session: TheSession, notice_id: str, state: str = "") -> Response:
    """The same as a file, all of them: for a letter to those whom no gateway reaches."""
    notice = load_notice(container, notice_id)
    # The record is made before the first byte leaves, and the file is read while it leaves.
    note("client", *(row.subject for row in fates_of_clients(container.database, notice.id, state[:20])))
    name = f"clients-{notice.id[:8]}{'-' + state if state.isascii() and state.isalpha() else ''}.csv"
    return StreamingResponse(
        fates_as_csv(container.database, notice.id, state[:20]), media_type=TYPES["csv"],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip
