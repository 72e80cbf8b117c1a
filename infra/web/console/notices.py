"""Pages of notices: what waits, one notice with its texts and its fate, its versions, the document itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from engine.handlers.approving import blocks_of
from engine.handlers.desk import Work
from engine.incidents.incident import Incident
from engine.kernel.commands import Made
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.notices.kinds import notice_kind
from engine.notices.notice import OPEN_TEXT, Notice, list_hash, recipients
from engine.permissions import READS
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.commands.signing import notice_bytes
from infra.outbound.centre import afc_json
from infra.outbound.mail import NoticeMail, Spool
from infra.outbound.subjects import MEDIA_TYPE, SubjectLists
from infra.read.finders import load_notice
from infra.read.notices.approvers import approvers_of
from infra.read.notices.documents import as_read_by, notice_document, whom
from infra.read.notices.looking import looking
from infra.read.notices.open_points import Points, points_of
from infra.read.notices.versions import changes, version_of
from infra.read.people.looking import note
from infra.read.rows import notices
from infra.web.console.fields import Sent
from infra.web.console.forms import NOTICES, admit, send
from infra.web.console.protections import AnUpload
from infra.web.context import TheContainer, TheSession, do, page
from infra.web.documents import DOCUMENT_CSP, TYPES, as_it_came, to_sign
from reports.messages import refusal, say, spoken
from reports.render import FORMATS, Format, render
from reports.wording import NAMES, heading, kind_key, said_heading

router = APIRouter(include_in_schema=False)
STATES = ("open", "sent", "all")
NOTICES_SHOWN = 200


@router.get("/notices")
def show_notices(
    request: Request, container: TheContainer, session: TheSession, state: str = "open", last: str = ""
) -> Response:
    """Notices of one state, a page of them."""
    state = state if state in STATES else "open"
    rows = notices.listed(container.database, state, last[:100], NOTICES_SHOWN)
    return page(
        request,
        "notices.html",
        session,
        rows=rows,
        state=state,
        last=last[:100],
        next=rows[-1].id if state != "open" and len(rows) == NOTICES_SHOWN else "",
        failed=max(0, notices.failed(container.database) - notices.FAILED_SHOWN) if state == "open" else 0,
        title=say("Notices"),
    )


@router.get("/notices/{notice_id}")
def show_notice(request: Request, container: TheContainer, session: TheSession, notice_id: str) -> Response:
    """One notice with the texts of every language."""
    notice = load_notice(container, notice_id)
    incident = container.decisions.load(Incident, notice.incident_id)
    kind = kind_key(notice.kind, notice.stage)
    headings = {
        language: {name: said_heading(kind, language, name) for name in fields}
        for language, fields in notice.content.items()
    }
    local_now = container.calendar.local(container.clock.now())
    return page(
        request,
        "notice.html",
        session,
        notice=notice,
        incident=incident,
        row=notices.its_clock(container.database, notice.id),
        headings=headings,
        names={**NAMES, "json": "JSON"},
        many=_many(container, notice),
        later=notices.later(container.database, notice.incident_id, notice.kind, notice.subject),
        missing=() if notice.approved_at else container.settings.missing_for(notice.kind, recipients(notice.recipient)),
        password=_password(container, session, notice),
        digital=container.settings.notice_signature == "required",
        signs_as=container.dispatcher.desk.signers.last_digits(session.person.id),
        points=_points(container, notice, headings),
        blocking=_blocking(container, session, notice, headings),
        approvers=approvers_of(container.decisions, notice, container.accounts.people()),
        local_now=local_now.strftime("%Y-%m-%dT%H:%M"),
        today=local_now.date().isoformat(),
        title=say("Notice, {number}", number=incident.number),
    )  # fmt: skip


def _points(container: Container, notice: Notice, headings: Mapping[str, Mapping[str, str]]) -> Points:
    """What is open in a text and what changed, by the headings that people read."""
    found = points_of(container.decisions, container.drafting, notice, container.clock.now())
    named = (
        {language: tuple(headings[language].get(it, it) for it in names) for language, names in part.items()}
        for part in found
    )
    return Points(*named)


def _blocking(
    container: Container, session: Session, notice: Notice, headings: Mapping[str, Mapping[str, str]]
) -> tuple[str, ...]:
    """What in an open text blocks its approval, all of it before anybody tries."""
    if notice.state not in OPEN_TEXT:
        return ()
    context = looking(container.decisions, container.clock.now())
    found = blocks_of(Work(container.dispatcher.desk, context, session.person), notice.id)
    names = next((headings[it] for it in (spoken(), *headings) if it in headings), {})
    return tuple(_said(it, names) for it in found)


def _said(error: DecisionRefused, names: Mapping[str, str]) -> str:
    """A refusal in words, its fields by the headings that people read."""
    values = {
        name: ", ".join(names.get(it, it) for it in value) if name in ("empty", "fields") else value
        for name, value in error.values.items()
    }
    return refusal(DecisionRefused(error.msgid, **values))


def _password(container: Container, session: Session, notice: Notice) -> str:
    """The password of the list that goes with a notice, for those who may tell it to the addressee."""
    if not notice_kind(notice.kind).attaches_list or not session.person.may(*READS["subject-lists"].roles):
        return ""
    return SubjectLists(container.decisions, container.store.vault).password(notice)


class Many(NamedTuple):
    """What the page of a text for many shows beside it."""

    clients: int
    list_sha256: str
    samples: tuple[str, ...]
    fates: dict[str, int]
    """State → clients, of an approved text."""


def _many(container: Container, notice: Notice) -> Many | None:
    """Whom an open text would go to now, or how far an approved one is; None for one that is not for many."""
    if not notice.to_many:
        return None
    if notice.approved_at is not None:
        fates = notices.fates_of(container.database, notice.id)
        return Many(notice.addressees, notice.list_sha256, tuple(notice.listed)[:3], fates)
    clients = whom(container.decisions, notice)
    middle = clients[len(clients) // 2 : len(clients) // 2 + 1]
    samples = tuple(dict.fromkeys((*clients[:1], *middle, *clients[-1:])))
    return Many(len(clients), list_hash(clients), samples, {})


@router.get("/notices/{notice_id}/versions")
def show_versions(
    request: Request, container: TheContainer, session: TheSession, notice_id: str, old: int = 0, new: int = 0
) -> Response:
    """Every version of the text, and what changed between two."""
    notice = load_notice(container, notice_id)
    incident = container.decisions.load(Incident, notice.incident_id)
    last = len(notice.versions)
    second = version_of(notice, new or last)
    first = version_of(notice, old) if old else (notice.versions[second.number - 2] if second.number > 1 else None)
    kind = kind_key(notice.kind, notice.stage)
    found = [{**it._asdict(), "heading": heading(kind, it.language, it.field)} for it in changes(first, second)]
    return page(
        request, "versions.html", session, notice=notice, incident=incident, first=first, second=second,
        changes=found, names={**NAMES, "json": "JSON"}, title=say("Versions, {number}", number=incident.number),
    )  # fmt: skip


@router.get("/notices/{notice_id}/document.{kind}")
def document(
    container: TheContainer,
    session: TheSession,
    notice_id: str,
    kind: str,
    language: str = "",
    version: int = 0,
    client: str = "",
) -> Response:
    """The document: as page, text, PDF, DOCX, as the mail that goes out, or as JSON."""
    notice = load_notice(container, notice_id)
    if version:
        notice.content = version_of(notice, version).content
    if client:
        if client not in (notice.listed if notice.approved_at else whom(container.decisions, notice)):
            raise NotFound("this text does not go to '{client}'", client=client[:100])
        note("client", client[:100])
        notice = as_read_by(container.decisions, notice, client[:100], container.clock.now())
    if language:
        if language not in notice.content:
            raise NotFound("the notice has no text in '{language}'", language=language[:10])
        notice.content = {language: notice.content[language]}
    made, number = notice_document(container.decisions, notice, container.settings.language)
    match kind:
        case "html" | "txt" | "pdf" | "docx":
            body = render(made, _format(kind))
        case "eml":
            body = _mail(container, notice)
        case "json" if notice.kind == "afc":
            body = afc_json(notice)
        case _:
            raise NotFound("a document is one of {formats}, eml", formats=tuple(FORMATS))
    headers = {
        "Content-Disposition": f"{'inline' if kind in ('html', 'pdf', 'txt') else 'attachment'}; "
        f'filename="notice-{number}.{kind}"',
        "Content-Security-Policy": DOCUMENT_CSP if kind == "html" else "default-src 'none'; frame-ancestors 'self'",
        "X-Frame-Options": "SAMEORIGIN",
    }
    if kind == "html":
        return HTMLResponse(body, headers=headers)
    return Response(body, media_type=TYPES[kind], headers=headers)


def _format(kind: str) -> Format:
    return next(name for name in FORMATS if name == kind)


def _mail(container: Container, notice: Notice) -> bytes:
    """The message as it goes out; nothing is sent."""
    recipient = next(iter(notice.deliveries), notice.recipient.partition(",")[0])
    if not recipient:
        raise InputError("the notice has no recipient yet", field="recipient")
    mails = NoticeMail(
        container.decisions,
        container.clock,
        container.settings,
        Spool(container.settings.data / "spool"),
        SubjectLists(container.decisions, container.store.vault),
        kept=container.kept,
    )
    return mails.message(notice, recipient).as_bytes()


@router.get("/notices/{notice_id}/to-sign.json")
def bytes_to_sign(container: TheContainer, session: TheSession, notice_id: str) -> Response:
    """Exactly the bytes over which the approver's signature is made."""
    found = notice_bytes(container.dispatcher.desk, load_notice(container, notice_id).id, session.person)
    return to_sign(found, notice_id)


@router.get("/notices/{notice_id}/signature")
def signature(container: TheContainer, session: TheSession, notice_id: str) -> Response:
    """What proves that a notice is signed, as it came: the detached CMS, or the scan of the paper."""
    notice = load_notice(container, notice_id)
    found = notice.signed or notice.signed_by_hand
    if found is None:
        raise NotFound("no signature of this notice is kept")
    fact, data = container.archive.read(found.document_id)
    return as_it_came(fact.name, data)


@router.get("/notices/{notice_id}/subjects.zip")
def subjects(container: TheContainer, session: TheSession, notice_id: str) -> Response:
    """The list of those concerned, encrypted, as it goes with the notice: to be handed over by another way too."""
    notice = load_notice(container, notice_id)
    found = SubjectLists(container.decisions, container.store.vault).of(notice)
    if found is None:
        raise NotFound("no list of people goes with this notice")
    disposition = f'attachment; filename="{found.name}"'
    return Response(found.data, media_type=MEDIA_TYPE, headers={"Content-Disposition": disposition})


@router.post("/notices/{notice_id}/{act}")
def act_on(
    request: Request, container: TheContainer, session: TheSession, upload: AnUpload, notice_id: str, act: str
) -> Response:
    """One act on a notice."""
    admit(NOTICES.get(act), session.person)
    back = [f"/notices/{notice_id}"]
    sent = Sent(container, session.person, {"notice": notice_id}, upload.fields, upload.attachment)

    def perform() -> str:
        outcome, said = send(NOTICES.get(act), sent)
        if isinstance(outcome, Made):
            back[0] = f"/notices/{outcome.id}"
        return said

    response = do(request, perform, back[0])
    response.headers["location"] = back[0]
    return response
