"""Pages of notices: what waits for approval, one notice with its texts, the document itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from engine.errors import NotFound
from engine.incidents import Incident
from engine.notices import Notice
from infra.bootstrap import House
from infra.notice_documents import notice_document
from infra.web import queries
from infra.web.context import CheckedForm, TheHouse, TheSession, do, page
from reports.render import FORMATS, render
from reports.wording import heading

router = APIRouter(include_in_schema=False)
TYPES = {"html": "text/html; charset=utf-8", "txt": "text/plain; charset=utf-8", "pdf": "application/pdf"}
DOCUMENT_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@router.get("/notices")
def show_notices(request: Request, house: TheHouse, session: TheSession, state: str = "open") -> Response:
    """All notices of one state."""
    state = state if state in ("open", "sent", "all") else "open"
    return page(request, "notices.html", session, rows=queries.notices(house, state), state=state, title="Notices")


def load_notice(house: House, notice_id: str) -> Notice:
    """Load a notice; raises NotFound."""
    if house.database.row("SELECT id FROM notice_view WHERE id = ?", notice_id) is None:
        raise NotFound("there is no such notice")
    return house.decisions.load(Notice, notice_id)


@router.get("/notices/{notice_id}")
def show_notice(request: Request, house: TheHouse, session: TheSession, notice_id: str) -> Response:
    """One notice with the texts of both languages."""
    notice = load_notice(house, notice_id)
    incident = house.decisions.load(Incident, notice.incident_id)
    row = queries.notice_row(house, notice.id)
    headings = {
        language: {name: heading(notice.kind, language, name) for name in fields}
        for language, fields in notice.content.items()
    }
    return page(
        request,
        "notice.html",
        session,
        notice=notice,
        incident=incident,
        row=row,
        headings=headings,
        title=f"Notice, {incident.number}",
    )


@router.get("/notices/{notice_id}/document.{kind}")
def document(house: TheHouse, session: TheSession, notice_id: str, kind: str) -> Response:
    """The rendered document."""
    if kind not in FORMATS:
        raise NotFound("a document is html, txt or pdf")
    made, number = notice_document(house.decisions, load_notice(house, notice_id))
    body = render(made, kind)
    headers = {
        "Content-Disposition": f'inline; filename="notice-{number}.{kind}"',
        "Content-Security-Policy": DOCUMENT_CSP if kind == "html" else "default-src 'none'; frame-ancestors 'self'",
        "X-Frame-Options": "SAMEORIGIN",
    }
    if kind == "html":
        return HTMLResponse(body, headers=headers)
    return Response(body, media_type=TYPES[kind], headers=headers)


@router.post("/notices/{notice_id}/{act}")
def act_on(
    request: Request, house: TheHouse, session: TheSession, form: CheckedForm, notice_id: str, act: str
) -> Response:
    """One act on a notice."""
    by = session.person
    version = int(form["version"]) if form.get("version", "").isdigit() else None

    def perform() -> str | None:
        match act:
            case "edit":
                language = form.get("language", "")
                fields = {key[2:]: value for key, value in form.items() if key.startswith("f.")}
                normal = {name: text.replace("\r\n", "\n") for name, text in fields.items()}
                house.acts.edit_notice(notice_id, language, normal, version, by=by)
                return "Saved."
            case "approve":
                house.acts.approve_notice(notice_id, version, by=by)
                return "Approved. It is being sent."
            case "settle":
                house.acts.settle_notice(notice_id, form.get("taken") == "yes", form.get("evidence", ""), by=by)
            case _:
                raise NotFound("there is no such act")
        return None

    return do(request, perform, f"/notices/{notice_id}")
