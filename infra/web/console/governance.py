"""Pages of governance: coverage of the register, returning duties and actions, risks, controls, reports, wording."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from engine.governance.governance import controls, duty_specs
from engine.kernel.errors import NotFound, n_
from infra.read import queries
from infra.read.coverage import Coverage, CoverageRow, totals
from infra.read.reporting import Reports
from infra.read.rows import governance as read_governance
from infra.read.rows.clocks import of_duties
from infra.web.console.forms import CONTROL, DUTIES, EVIDENCE, RISKS, WORDING, answered
from infra.web.console.protections import AnUpload
from infra.web.context import CheckedForm, TheContainer, TheSession, page
from infra.web.documents import DOCUMENT_CSP, TYPES
from reports.messages import say
from reports.render import REPORT_FORMATS, render_report
from reports.wording import LANGUAGES, NAMES, heading, kinds, template_of

router = APIRouter(include_in_schema=False)
REPORTS = {
    "security": n_("Security report: incidents, handling, terms, notices, events"),
    "sla": n_("Compliance with the terms of the law, with every breach"),
    "management-review": n_("Input of the management review (KMG 7.2)"),
    "review-outputs": n_("Record of the outputs of reviews (KMG 7.3)"),
    "soa": n_("Statement of applicability, ISO/IEC 27001:2022 Annex A"),
    "fraud-risks": n_("Register of fraud risks"),
    "asset-risks": n_("Register of risks to information assets"),
    "coverage": n_("Coverage of the obligations"),
}


@router.get("/coverage")
def show_coverage(
    request: Request, container: TheContainer, session: TheSession, view: str = "all", q: str = ""
) -> Response:
    """Every obligation with what serves it and its latest evidence."""
    rows = Coverage(container).rows()
    found = totals(rows)
    words = q.lower()[:100]
    shown = [row for row in rows if _chosen(row, view) and words in f"{row.obligation} {row.clause} {row.text}".lower()]
    return page(
        request, "coverage.html", session, rows=shown, totals=found, view=view, q=q[:100], title=say("Coverage")
    )


def _chosen(row: CoverageRow, view: str) -> bool:
    match view:
        case "missing":
            return not row.served and not row.by_hand
        case "without-evidence":
            return not row.evidence_at
    return True


@router.post("/coverage")
def hand_in(request: Request, container: TheContainer, session: TheSession, upload: AnUpload) -> Response:
    """Hand in evidence for an obligation."""
    return answered(request, container, session, EVIDENCE, "/coverage", upload.fields, upload.attachment)


@router.get("/duties")
def show_duties(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Returning duties with their next day, corrective actions, and the evidence people handed in."""
    held = read_governance.duties(container.database)
    clocks = of_duties(container.database)
    rows = []
    for key, spec in duty_specs().items():
        row = held.get(key)
        rows.append({"spec": spec, "row": row, "clock": clocks.get(row.id) if row else None})
    actions = read_governance.actions(container.database)[:200]
    evidence = [row for key, row in held.items() if key.startswith("obligation:")]
    return page(
        request, "duties.html", session, rows=rows, actions=actions, evidence=evidence,
        today=container.calendar.local(container.clock.now()).date(), title=say("Duties"),
    )  # fmt: skip


@router.post("/duties/{act}")
def act_on_duty(request: Request, container: TheContainer, session: TheSession, upload: AnUpload, act: str) -> Response:
    """Record that a duty was done, plan an action, or close one."""
    return answered(request, container, session, DUTIES.get(act), "/duties", upload.fields, upload.attachment)


@router.get("/risks")
def show_risks(request: Request, container: TheContainer, session: TheSession, book: str = "asset") -> Response:
    """A risk register with its heat map."""
    book = book if book in ("asset", "fraud") else "asset"
    rows = read_governance.risks(container.database, book)
    heat: dict[tuple[int, int], int] = {}
    for row in rows:
        worst = max(row.confidentiality, row.integrity, row.availability)
        heat[row.likelihood, worst] = heat.get((row.likelihood, worst), 0) + 1
    return page(request, "risks.html", session, rows=rows, book=book, heat=heat, title=say("Risks"))


@router.post("/risks/{act}")
def act_on_risk(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, act: str
) -> Response:
    """Enter, score or treat a risk."""
    back = f"/risks?book={'fraud' if form.get('book') == 'fraud' else 'asset'}"
    return answered(request, container, session, RISKS.get(act), back, form)


@router.get("/controls")
def show_controls(request: Request, container: TheContainer, session: TheSession) -> Response:
    """The statement of applicability."""
    stated = read_governance.controls(container.database)
    coverage = {row.obligation: row for row in Coverage(container).rows()}
    rows = []
    for control in controls().values():
        behind = [coverage[o] for o in control.obligations]
        latest = max((r for r in behind if r.evidence_at), key=lambda r: r.evidence_at, default=None)
        rows.append({"control": control, "stated": stated.get(control.id), "behind": behind, "latest": latest})
    return page(request, "controls.html", session, rows=rows, title=say("Controls"))


@router.post("/controls")
def state_control(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """State whether a control applies."""
    return answered(request, container, session, CONTROL, f"/controls#c{form.get('control', '')[:6]}", form)


@router.get("/reports")
def show_reports(request: Request, container: TheContainer, session: TheSession) -> Response:
    """The reports there are."""
    today = container.calendar.local(container.clock.now()).date()
    periods = [
        f"{today:%Y-%m}",
        *(f"{y}-{m:02d}" for y, m in _months_before(today.year, today.month, 5)),
        f"{today:%Y}",
        f"{today.year - 1}",
    ]
    return page(
        request, "reports.html", session, reports=REPORTS, periods=periods, formats=REPORT_FORMATS,
        stats=queries.stats(container), title=say("Reports"),
    )  # fmt: skip


def _months_before(year: int, month: int, count: int) -> list[tuple[int, int]]:
    found = []
    for _ in range(count):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
        found.append((year, month))
    return found


@router.get("/reports/{name}.{kind}")
def show_report(container: TheContainer, session: TheSession, name: str, kind: str, period: str = "") -> Response:
    """One report in one format."""
    wanted = next((known for known in REPORT_FORMATS if known == kind), None)
    if wanted is None or name not in REPORTS:
        raise NotFound("there is no such report")
    made = Reports(container).build(name, period)
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
    request: Request, container: TheContainer, session: TheSession, kind: str = "regulator", language: str = "ru"
) -> Response:
    """One template: the product's wording, the organisation's own, what waits for a second person."""
    life = container.wordbook.life(kind, language)
    product = template_of(kind, language)
    waiting = life.versions.get(life.waiting)
    return page(
        request, "wording.html", session, kind=kind, language=language, kinds=kinds(), languages=LANGUAGES,
        names=NAMES, product=product, own=dict(life.fields), waiting=waiting, life=life,
        headings={name: heading(kind, language, name) for name in product}, title=say("Wording of notices"),
    )  # fmt: skip


@router.post("/wording/{act}")
def act_on_wording(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, act: str
) -> Response:
    """Propose, decide or roll back a wording."""
    back = f"/wording?kind={form.get('kind', '')[:40]}&language={form.get('language', '')[:2]}"
    return answered(request, container, session, WORDING.get(act), back, form)
