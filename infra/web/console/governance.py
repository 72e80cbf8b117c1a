"""Pages of governance: coverage of the register, returning duties and actions, risks, controls, reports, wording."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from engine.governance.governance import controls, duty_specs
from engine.governance.register import builtin_register
from engine.kernel.errors import InputError, NotFound
from infra.app.container import House
from infra.read import queries
from infra.read.coverage import Coverage, totals
from infra.read.reporting import Reports
from infra.read.rows import governance as read_governance
from infra.read.rows.clocks import of_duties
from infra.web.console.protections import AnUpload, a_day
from infra.web.context import CheckedForm, TheHouse, TheSession, do, page
from infra.web.documents import DOCUMENT_CSP, TYPES
from reports.render import REPORT_FORMATS, render_report
from reports.wording import LANGUAGES, NAMES, heading, kinds, template_of

router = APIRouter(include_in_schema=False)
REPORTS = {
    "security": "Security report: incidents, handling, terms, notices, events",
    "sla": "Compliance with the terms of the law, with every breach",
    "management-review": "Input of the management review (KMG 7.2)",
    "review-outputs": "Record of the outputs of reviews (KMG 7.3)",
    "soa": "Statement of applicability, ISO/IEC 27001:2022 Annex A",
    "fraud-risks": "Register of fraud risks",
    "asset-risks": "Register of risks to information assets",
    "coverage": "Coverage of the obligations",
}


@router.get("/coverage")
def show_coverage(request: Request, house: TheHouse, session: TheSession, view: str = "all", q: str = "") -> Response:
    """Every obligation with what serves it and its latest evidence."""
    rows = Coverage(house).rows()
    found = totals(rows)
    words = q.lower()[:100]
    shown = [
        row
        for row in rows
        if _chosen(row, view) and words in f"{row['obligation']} {row['clause']} {row['text']}".lower()
    ]
    return page(request, "coverage.html", session, rows=shown, totals=found, view=view, q=q[:100], title="Coverage")


def _chosen(row: dict[str, Any], view: str) -> bool:
    match view:
        case "missing":
            return not row["served"] and not row["by_hand"]
        case "without-evidence":
            return not row["evidence_at"]
    return True


@router.post("/coverage")
def hand_in(request: Request, house: TheHouse, session: TheSession, upload: AnUpload) -> Response:
    """Hand in evidence for an obligation."""
    form, by = upload.fields, session.person

    def perform() -> str:
        obligation = form.get("obligation", "")
        document = (
            house.acts.keep_document(upload.data, upload.name, upload.media_type, obligation, by=by)
            if upload.data
            else ""
        )
        until = a_day(form["valid_until"], "valid_until") if form.get("valid_until") else None
        house.acts.record_evidence(obligation, form.get("text", ""), document, until, by=by)
        return f"Recorded for {builtin_register().citation(obligation)}."

    return do(request, perform, "/coverage")


@router.get("/duties")
def show_duties(request: Request, house: TheHouse, session: TheSession) -> Response:
    """Returning duties with their next day, corrective actions, and the evidence people handed in."""
    held = read_governance.duties(house.database)
    clocks = of_duties(house.database)
    rows = []
    for key, spec in duty_specs().items():
        row = held.get(key)
        rows.append({"spec": spec, "row": row, "clock": clocks.get(row.id) if row else None})
    actions = read_governance.actions(house.database)[:200]
    evidence = [row for key, row in held.items() if key.startswith("obligation:")]
    return page(
        request, "duties.html", session, rows=rows, actions=actions, evidence=evidence,
        today=house.calendar.local(house.clock.now()).date(), title="Duties",
    )  # fmt: skip


@router.post("/duties/{act}")
def act_on_duty(request: Request, house: TheHouse, session: TheSession, upload: AnUpload, act: str) -> Response:
    """Record that a duty was done, plan an action, or close one."""
    form, by = upload.fields, session.person

    def perform() -> str | None:
        match act:
            case "done":
                key = form.get("key", "")
                document = (
                    house.acts.keep_document(upload.data, upload.name, upload.media_type, key, by=by)
                    if upload.data
                    else ""
                )
                house.acts.duty_done(
                    key, a_day(form.get("done_on"), "done_on"), form.get("evidence", ""), document, by=by
                )
                return "Recorded; the next term runs from that day."
            case "plan":
                day = a_day(form.get("due_on"), "due_on")
                house.acts.plan_action(form.get("key", ""), form.get("text", ""), form.get("owner", ""), day, by=by)
            case "close":
                house.acts.close_action(form.get("duty", ""), form.get("action", ""), form.get("evidence", ""), by=by)
            case _:
                raise NotFound("there is no such act")
        return None

    return do(request, perform, "/duties")


@router.get("/risks")
def show_risks(request: Request, house: TheHouse, session: TheSession, book: str = "asset") -> Response:
    """A risk register with its heat map."""
    book = book if book in ("asset", "fraud") else "asset"
    rows = read_governance.risks(house.database, book)
    heat: dict[tuple[int, int], int] = {}
    for row in rows:
        worst = max(row.confidentiality, row.integrity, row.availability)
        heat[row.likelihood, worst] = heat.get((row.likelihood, worst), 0) + 1
    return page(request, "risks.html", session, rows=rows, book=book, heat=heat, title="Risks")


@router.post("/risks/{act}")
def act_on_risk(request: Request, house: TheHouse, session: TheSession, form: CheckedForm, act: str) -> Response:
    """Enter, score or treat a risk."""
    by, book = session.person, form.get("book", "asset")

    def perform() -> str | None:
        match act:
            case "enter":
                names = ("name", "asset", "threat", "source", "vulnerability", "controls", "owner")
                house.acts.enter_risk(book, *(form.get(name, "") for name in names), by=by)
            case "score":
                loss = (_level(form, "confidentiality"), _level(form, "integrity"), _level(form, "availability"))
                house.acts.score_risk(
                    form.get("risk", ""), _level(form, "likelihood"), loss, form.get("expert", ""), by=by
                )
                return "Recorded. Of several experts' scores the highest counts."
            case "treat":
                due = a_day(form["due_on"], "due_on") if form.get("due_on") else None
                house.acts.treat_risk(
                    form.get("risk", ""), form.get("treatment", ""), form.get("measures", ""), due, by=by
                )
            case _:
                raise NotFound("there is no such act")
        return None

    return do(request, perform, f"/risks?book={'fraud' if book == 'fraud' else 'asset'}")


def _level(form: dict[str, str], name: str) -> int:
    text = form.get(name, "")
    if text not in ("1", "2", "3", "4", "5"):
        raise InputError("a score is a number from 1 to 5", field=name)
    return int(text)


@router.get("/controls")
def show_controls(request: Request, house: TheHouse, session: TheSession) -> Response:
    """The statement of applicability."""
    stated = read_governance.controls(house.database)
    coverage = {row["obligation"]: row for row in Coverage(house).rows()}
    rows = []
    for control in controls().values():
        behind = [coverage[o] for o in control.obligations]
        latest = max((r for r in behind if r["evidence_at"]), key=lambda r: r["evidence_at"], default=None)
        rows.append({"control": control, "stated": stated.get(control.id), "behind": behind, "latest": latest})
    return page(request, "controls.html", session, rows=rows, title="Controls")


@router.post("/controls")
def state_control(request: Request, house: TheHouse, session: TheSession, form: CheckedForm) -> Response:
    """State whether a control applies."""

    def perform() -> None:
        house.acts.state_control(
            form.get("control", ""), form.get("applicable") == "yes", form.get("justification", ""), by=session.person
        )

    return do(request, perform, f"/controls#c{form.get('control', '')[:6]}")


@router.get("/reports")
def show_reports(request: Request, house: TheHouse, session: TheSession) -> Response:
    """The reports there are."""
    today = house.calendar.local(house.clock.now()).date()
    periods = [
        f"{today:%Y-%m}",
        *(f"{y}-{m:02d}" for y, m in _months_before(today.year, today.month, 5)),
        f"{today:%Y}",
        f"{today.year - 1}",
    ]
    return page(
        request, "reports.html", session, reports=REPORTS, periods=periods, formats=REPORT_FORMATS,
        stats=queries.stats(house), title="Reports",
    )  # fmt: skip


def _months_before(year: int, month: int, count: int) -> list[tuple[int, int]]:
    found = []
    for _ in range(count):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
        found.append((year, month))
    return found


@router.get("/reports/{name}.{kind}")
def show_report(house: TheHouse, session: TheSession, name: str, kind: str, period: str = "") -> Response:
    """One report in one format."""
    wanted = next((known for known in REPORT_FORMATS if known == kind), None)
    if wanted is None or name not in REPORTS:
        raise NotFound("there is no such report")
    made = Reports(house).build(name, period)
    body = render_report(made, wanted)
    inline = kind in ("html", "pdf", "txt")
    headers = {
        "Content-Disposition": f'{"inline" if inline else "attachment"}; filename="{name}-{made.period}.{kind}"',
        "Content-Security-Policy": DOCUMENT_CSP if kind == "html" else "default-src 'none'; frame-ancestors 'self'",
        "X-Frame-Options": "SAMEORIGIN",
    }
    if kind == "html":
        return HTMLResponse(body, headers=headers)
    return Response(body, media_type=TYPES[kind], headers=headers)


@router.get("/wording")
def show_wording(
    request: Request, house: TheHouse, session: TheSession, kind: str = "regulator", language: str = "ru"
) -> Response:
    """One template: the product's wording, the organisation's own, what waits for a second person."""
    life = house.wordbook.life(kind, language)
    product = template_of(kind, language)
    waiting = life.versions.get(life.waiting)
    return page(
        request, "wording.html", session, kind=kind, language=language, kinds=kinds(), languages=LANGUAGES,
        names=NAMES, product=product, own=dict(life.fields), waiting=waiting, life=life,
        headings={name: heading(kind, language, name) for name in product}, title="Wording of notices",
    )  # fmt: skip


@router.post("/wording/{act}")
def act_on_wording(request: Request, house: TheHouse, session: TheSession, form: CheckedForm, act: str) -> Response:
    """Propose, decide or roll back a wording."""
    kind, language, by = form.get("kind", ""), form.get("language", ""), session.person

    def perform() -> str | None:
        return _reword(house, form, act, kind, language, by)

    return do(request, perform, f"/wording?kind={kind[:40]}&language={language[:2]}")


def _reword(house: House, form: dict[str, str], act: str, kind: str, language: str, by: Any) -> str | None:
    reason = form.get("reason", "")
    match act:
        case "propose":
            fields = {key[2:]: value.replace("\r\n", "\n") for key, value in form.items() if key.startswith("f.")}
            house.wordbook.propose(kind, language, fields, reason, by=by)
            return "Proposed. It was tried on an example; a second person must put it in force."
        case "decide":
            house.wordbook.decide(kind, language, form.get("agreed") == "yes", reason, by=by)
        case "roll-back":
            house.wordbook.roll_back(kind, language, reason, by=by)
            return "The wording before is in force again."
        case _:
            raise NotFound("there is no such act")
    return None
