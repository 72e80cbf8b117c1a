"""The other pages: duties, protections, events, dead letters, effects, mail spool."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from engine.deadlines import clock_specs
from engine.errors import InputError, NotFound
from engine.protection import Protection
from engine.protection_facts import LegalAct
from engine.register import builtin_register
from infra.bootstrap import House
from infra.web import queries, timeline
from infra.web.context import CheckedForm, TheHouse, TheSession, do, must, page
from infra.web.pages_rules import explanations

router = APIRouter(include_in_schema=False)


@router.get("/clocks")
def show_clocks(request: Request, house: TheHouse, session: TheSession, state: str = "running") -> Response:
    """The board of duties."""
    state = state if state in ("running", "breached", "all") else "running"
    register = builtin_register()
    clauses = {
        kind: [register.citation(o) for o in spec.obligations if o in register] for kind, spec in clock_specs().items()
    }
    return page(
        request, "clocks.html", session, rows=queries.duties(house, state), state=state, clauses=clauses,
        title="Legal clocks",
    )  # fmt: skip


@router.get("/protections")
def show_protections(request: Request, house: TheHouse, session: TheSession) -> Response:
    """Borrowers under protection, and the form to enter an act."""
    rows = house.database.rows(
        "SELECT p.*, (SELECT COUNT(*) FROM order_view o WHERE o.protection_id = p.id) AS orders, "
        "(SELECT COUNT(*) FROM order_view o WHERE o.protection_id = p.id AND o.acknowledged_at IS NOT NULL) AS done "
        "FROM protection_view p ORDER BY p.received_at DESC LIMIT 200"
    )
    local_now = house.calendar.local(house.clock.now()).strftime("%Y-%m-%dT%H:%M")
    return page(
        request, "protections.html", session, rows=rows, local_now=local_now, bureaus=house.settings.bureaus,
        title="Borrower protection",
    )  # fmt: skip


@router.post("/protections")
def enter_act(request: Request, house: TheHouse, session: TheSession, form: CheckedForm) -> Response:
    """Enter an act; the orders go out by themselves."""

    def perform() -> str | None:
        house.acts.register_act(read_act(house, form), by=session.person)
        return "The act is entered; the orders are on their way and the three-day clocks run."

    return do(request, perform, "/protections")


def read_act(house: House, form: dict[str, str]) -> LegalAct:
    """Read an act from a form; the moment of receipt is local time without an offset."""
    try:
        received = datetime.fromisoformat(form.get("received_at", ""))
    except ValueError:
        raise InputError("give date and time of receipt", field="received_at") from None
    if received.tzinfo is None:
        received = house.calendar.aware(received)
    try:
        return LegalAct(
            kind=form.get("kind"),
            issuer=form.get("issuer", "").strip(),
            number=form.get("number", "").strip(),
            act_date=form.get("act_date"),
            received_at=received,
            channel=form.get("channel", "").strip(),
            client=form.get("client", "").strip(),
            loans=tuple(loan for loan in form.get("loans", "").replace(",", " ").split() if loan),
            bureaus=tuple(form.get("bureaus", " ".join(house.settings.bureaus)).replace(",", " ").split()),
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise InputError(str(first["msg"]), field=str(first["loc"][0])) from None


@router.get("/protections/{protection_id}")
def show_protection(request: Request, house: TheHouse, session: TheSession, protection_id: str) -> Response:
    """One protection with its orders, clocks and timeline."""
    if house.database.row("SELECT id FROM protection_view WHERE id = ?", protection_id) is None:
        raise NotFound("there is no such protection")
    it = house.decisions.load(Protection, protection_id)
    rows = house.database.rows("SELECT * FROM clock_view WHERE owner_id = ? ORDER BY due_at", it.id)
    assert it.act is not None
    return page(
        request, "protection.html", session, it=it, clocks=queries.with_share(house, rows),
        timeline=timeline.entries(house, it.id), title=f"Act {it.act.number}",
    )  # fmt: skip


@router.post("/protections/{protection_id}/{act}")
def act_on(
    request: Request, house: TheHouse, session: TheSession, form: CheckedForm, protection_id: str, act: str
) -> Response:
    """One act on a protection."""

    def perform() -> str | None:
        match act:
            case "verify":
                genuine = form.get("genuine") == "yes"
                house.acts.verify_act(protection_id, genuine, form.get("reason", ""), by=session.person)
            case "acknowledge":
                reference = form.get("reference", "")
                house.acts.acknowledge_order(protection_id, form.get("order", ""), reference, by=session.person)
            case _:
                raise NotFound("there is no such act")
        return None

    return do(request, perform, f"/protections/{protection_id}")


@router.get("/events")
def show_events(request: Request, house: TheHouse, session: TheSession, q: str = "") -> Response:
    """Search the events."""
    rows = queries.search(house, q[:200])
    return page(request, "events.html", session, rows=rows, q=q[:200], title="Events")


@router.get("/catalogue")
def show_catalogue(request: Request, house: TheHouse, session: TheSession) -> Response:
    """Every event type with its fields, the duties that name it and an example."""
    register, rows = builtin_register(), []
    for spec in house.catalogue.events.values():
        example = orjson.dumps(house.catalogue.example(spec.action), option=orjson.OPT_INDENT_2).decode()
        rows.append({"spec": spec, "example": example, "duties": register.using_event(spec.action)})
    fields = house.catalogue.fields
    return page(request, "catalogue.html", session, rows=rows, fields=fields, title="Event catalogue")


@router.get("/events/{position}")
def show_event(request: Request, house: TheHouse, session: TheSession, position: int) -> Response:
    """One event; personal fields are named and not shown."""
    event = house.ledger.get(position)
    if event is None:
        raise NotFound("there is no such event")
    fields = queries.masked_fields(house, event.fields)
    duties = builtin_register().using_event(event.action)
    why = explanations(house, event, request.query_params.get("rule", ""))
    return page(request, "event.html", session, event=event, fields=fields, duties=duties, why=why, title=event.action)


@router.get("/system")
def show_system(request: Request, house: TheHouse, session: TheSession) -> Response:
    """Dead letters, effects under way, the mail spool."""
    must(session.person, "soc_analyst", "compliance_officer", "fraud_analyst", "ciso", "admin", "auditor")
    spool = house.settings.data / "spool"
    mails = sorted(spool.glob("*.eml"), key=lambda p: p.stat().st_mtime, reverse=True)[:200] if spool.exists() else []
    return page(
        request, "system.html", session, letters=queries.dead_letters(house), effects=queries.outbox(house),
        mails=[(mail.name, mail.stat().st_size) for mail in mails], stats=queries.stats(house), title="System",
    )  # fmt: skip


@router.get("/system/mail/{name}")
def show_mail(house: TheHouse, session: TheSession, name: str) -> Response:
    """One message of the spool, as a file."""
    must(session.person, "compliance_officer", "ciso", "auditor", "admin")
    path = house.settings.data / "spool" / Path(name).name
    if path.suffix != ".eml" or not path.is_file():
        raise NotFound("there is no such message")
    headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return Response(path.read_bytes(), media_type="message/rfc822", headers=headers)


@router.get("/help")
def show_help(request: Request, session: TheSession) -> Response:
    """The keys and the words."""
    return page(request, "help.html", session, title="Help")
