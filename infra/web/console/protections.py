"""Pages of borrower protection: the list, the form to enter an act, and one borrower's whole story on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import UploadFile

from engine.kernel.commands import Attachment
from engine.kernel.errors import NotAllowed, NotFound
from engine.protection.protection import Protection
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.read import timeline
from infra.read.finders import load_protection
from infra.read.rows import clocks, effects, incidents, protections
from infra.store.models.effects import EffectRow
from infra.web.console.forms import ENTER_ACT, PROTECTIONS, answered
from infra.web.context import CheckedForm, TheContainer, TheSession, page, same
from infra.web.documents import DOCUMENT_CSP, TYPES, as_it_came
from reports.messages import say
from reports.render import FORMATS, render

router = APIRouter(include_in_schema=False)


class Upload:
    """A form with one file in it."""

    def __init__(self, fields: dict[str, str], data: bytes, name: str, media_type: str) -> None:
        self.fields = fields
        self.data = data
        self.name = name
        self.media_type = media_type

    @property
    def attachment(self) -> Attachment | None:
        """The file as part of a command, None if there is none."""
        return Attachment(data=self.data, name=self.name, media_type=self.media_type) if self.data else None


async def upload_of(request: Request, session: TheSession) -> Upload:
    """Read a form with at most one file; raises NotAllowed without the session's own token (CSRF)."""
    form = await request.form(max_files=1, max_fields=500)
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    if not same(fields.get("csrf", ""), session.csrf):
        raise NotAllowed("this form does not belong to your session; load the page again", code="web.csrf")
    file = form.get("document")
    if not isinstance(file, UploadFile) or not file.filename:
        return Upload(fields, b"", "", "")
    return Upload(fields, await file.read(), file.filename, file.content_type or "application/octet-stream")


AnUpload = Annotated[Upload, Depends(upload_of)]


@router.get("/protections")
def show_protections(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Borrowers under protection, and the form to enter an act."""
    rows = protections.listed(container.database)
    local_now = container.calendar.local(container.clock.now()).strftime("%Y-%m-%dT%H:%M")
    return page(
        request, "protections.html", session, rows=rows, local_now=local_now, bureaus=container.settings.bureaus,
        title=say("Borrower protection"),
    )  # fmt: skip


@router.post("/protections")
def enter_act(request: Request, container: TheContainer, session: TheSession, upload: AnUpload) -> Response:
    """Enter an act with its document; the orders go out by themselves."""
    return answered(request, container, session, ENTER_ACT, "/protections", upload.fields, upload.attachment)


@router.get("/protections/{protection_id}")
def show_protection(request: Request, container: TheContainer, session: TheSession, protection_id: str) -> Response:
    """One protection: act, documents, orders, clocks, court, outcome, violations, timeline."""
    it = load_protection(container, protection_id)
    rows = clocks.of_owner(container.database, it.id)
    assert it.act is not None
    violations = [
        incidents.incident(container.database, key)
        for key in dict.fromkeys(found.incident_id for found in it.violations)
    ]
    local_now = container.calendar.local(container.clock.now()).strftime("%Y-%m-%dT%H:%M")
    told = timeline.page(container, it.id).entries
    return page(
        request, "protection.html", session, it=it, clocks=clocks.with_share(rows, container.clock.now()),
        local_now=local_now, violations=[row for row in violations if row], timeline=told,
        queued=_queued(container, it),
        others=[row for row in protections.holding(container.database, it.act.client) if row.id != it.id],
        title=say("Act {act_number}", act_number=it.act.number),
    )  # fmt: skip


def _queued(container: Container, it: Protection) -> dict[str, EffectRow]:
    """How the tries of each open order go."""
    return effects.orders_under_way(container.database, it.orders)


@router.get("/protections/{protection_id}/orders/{order_id}.{kind}")
def order_document(
    container: TheContainer, session: TheSession, protection_id: str, order_id: str, kind: str
) -> Response:
    """The document of an order."""
    it = load_protection(container, protection_id)
    if kind not in FORMATS or order_id not in it.orders:
        raise NotFound("there is no such document")
    made, number = container.order_documents.of(it, it.orders[order_id])
    body = render(made, kind)
    headers = {
        "Content-Disposition": f'inline; filename="order-{number}.{kind}"',
        "Content-Security-Policy": DOCUMENT_CSP if kind == "html" else "default-src 'none'; frame-ancestors 'self'",
        "X-Frame-Options": "SAMEORIGIN",
    }
    if kind == "html":
        return HTMLResponse(body, headers=headers)
    return Response(body, media_type=TYPES[kind], headers=headers)


@router.get("/protections/{protection_id}/documents/{document_id}")
def original(container: TheContainer, session: TheSession, protection_id: str, document_id: str) -> Response:
    """A document as it came, as a download; its hash was counted again."""
    it = load_protection(container, protection_id)
    known = {*it.documents, *(ruling.document_id for ruling in it.rulings)}
    if document_id not in known:
        raise NotFound("there is no such document")
    fact, data = container.archive.read(document_id)
    return as_it_came(fact.name, data)


@router.post("/protections/{protection_id}/document")
def attach(
    request: Request, container: TheContainer, session: TheSession, upload: AnUpload, protection_id: str
) -> Response:
    """Attach a document."""
    return _on(request, container, session, protection_id, "document", upload.fields, upload.attachment)


@router.post("/protections/{protection_id}/ruling")
def ruling(
    request: Request, container: TheContainer, session: TheSession, upload: AnUpload, protection_id: str
) -> Response:
    """Enter a decision of a court."""
    return _on(request, container, session, protection_id, "ruling", upload.fields, upload.attachment)


@router.post("/protections/{protection_id}/{act}")
def act_on(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, protection_id: str, act: str
) -> Response:
    """One act on a protection."""
    known = act if act not in ("document", "ruling") else ""  # these two come with a file, at their own addresses
    return _on(request, container, session, protection_id, known, form)


def _on(
    request: Request, container: Container, session: Session, protection_id: str, act: str, fields: Mapping[str, str],
    document: Attachment | None = None,
) -> Response:  # fmt: skip
    back = f"/protections/{protection_id}"
    form = PROTECTIONS.get(act)
    return answered(request, container, session, form, back, fields, document, protection=protection_id)
