"""The other pages: events, dead letters, effects, mail spool."""

from __future__ import annotations

from pathlib import Path

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.governance.register import builtin_register
from engine.kernel.errors import NotFound
from engine.permissions import READS
from engine.search.question import LONGEST, BadQuestion
from infra.processes.search import behind
from infra.read import queries
from infra.read.people.looking import note, sight
from infra.search.port import INDEXES, SearchUnavailable
from infra.web.console.rules import explanations
from infra.web.context import TheContainer, TheSession, page
from reports.messages import refusal, say

router = APIRouter(include_in_schema=False)


@router.get("/events")
def show_events(
    request: Request,
    container: TheContainer,
    session: TheSession,
    q: str = "",
    of: str = "events",
    below: int | None = None,
) -> Response:
    """Search the events, the incidents or the notices; what is wrong with a question is said above an empty list."""
    of, rows, wrong = (of if of in INDEXES else "events"), [], ""
    try:
        rows = queries.search(container, q, of, below)
    except (BadQuestion, SearchUnavailable) as error:
        wrong = refusal(error)
    oldest = queries.place_of(rows[-1]) if len(rows) == queries.PAGE else None
    lag = behind(container.search, container.ledger, container.decisions)[of]
    return page(
        request, "events.html", session, rows=rows, q=q[:LONGEST], of=of, wrong=wrong, oldest=oldest, indexes=INDEXES,
        lag=lag, title=say("Search") if q or of != "events" else say("Events"),
    )  # fmt: skip


@router.get("/catalogue")
def show_catalogue(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Every event type with its fields, the duties that name it and an example."""
    register, rows = builtin_register(), []
    for spec in container.catalogue.events.values():
        example = orjson.dumps(container.catalogue.example(spec.action), option=orjson.OPT_INDENT_2).decode()
        rows.append({"spec": spec, "example": example, "duties": register.using_event(spec.action)})
    fields = container.catalogue.fields
    return page(request, "catalogue.html", session, rows=rows, fields=fields, title=say("Event catalogue"))


@router.get("/events/{position}")
def show_event(request: Request, container: TheContainer, session: TheSession, position: int) -> Response:
    """One event; personal fields are named and not shown."""
    event = container.ledger.get(position)
    if event is None or not sight().shows_event(event.action):
        raise NotFound("there is no such event")
    queries.note_event(event)
    fields = queries.masked_fields(container, event.fields)
    duties = builtin_register().using_event(event.action)
    why = explanations(container, event, request.query_params.get("rule", ""))
    return page(request, "event.html", session, event=event, fields=fields, duties=duties, why=why, title=event.action)


@router.get("/system")
def show_system(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Dead letters, effects under way, the mail spool."""
    spool = container.settings.data / "spool"
    shown = spool.exists() and session.person.may(*READS["mail-spool"].roles)
    mails = sorted(spool.glob("*.eml"), key=lambda p: p.stat().st_mtime, reverse=True)[:200] if shown else []
    return page(
        request, "system.html", session, letters=queries.dead_letters(container), effects=queries.outbox(container),
        mails=[(mail.name, mail.stat().st_size) for mail in mails], stats=queries.stats(container), title=say("System"),
    )  # fmt: skip


@router.get("/system/mail/{name}")
def show_mail(container: TheContainer, session: TheSession, name: str) -> Response:
    """One message of the spool, as a file."""
    path = container.settings.data / "spool" / Path(name).name
    if path.suffix != ".eml" or not path.is_file():
        raise NotFound("there is no such message")
    note("mail", path.stem)
    headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return Response(path.read_bytes(), media_type="message/rfc822", headers=headers)


@router.get("/help")
def show_help(request: Request, session: TheSession) -> Response:
    """The keys and the words."""
    return page(request, "help.html", session, title=say("Help"))
