"""The reports of the organisation: every figure is counted from facts and events, with what stands behind it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.governance.governance import controls, duty_specs
from engine.kernel.errors import InputError
from engine.kernel.timestamps import iso
from infra.read.coverage import Coverage, totals
from infra.read.metrics import STEPS, say, summary
from infra.read.notice_documents import log_head
from infra.read.reading import Reading
from infra.read.report_tables import (
    actions_table,
    counted,
    duties_table,
    recommendations,
    risks_table,
    serving,
    terms_table,
)
from infra.read.rows import clocks, effects, governance, incidents, notices, protections
from infra.read.rows.clocks import TermsRow
from infra.read.rows.incidents import MeasuredRow
from reports.labels import word
from reports.report import Block, Chart, Report, Table

_INDICATORS = (
    "fraud.loss.recorded", "fraud.complaint.received", "fraud.investigation.opened", "fraud.investigation.closed",
    "antifraud.alert.raised",
)  # fmt: skip
_PERIOD = re.compile(r"(\d{4})(?:-(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Period:
    """A month or a year of local time; ``start`` and ``end`` are instants, the end excluded."""

    name: str
    start: datetime
    end: datetime
    labels: tuple[str, ...]
    by_month: bool


def period_of(container: Reading, text: str) -> Period:
    """Read ``2026-11`` or ``2026``; empty is the present month. Raise InputError."""
    local = container.calendar.local(container.clock.now()).date()
    found = _PERIOD.fullmatch(text or f"{local:%Y-%m}")
    year, month = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if found is None or not 1992 <= year <= 2199 or not 0 <= month <= 12:
        raise InputError("a period is a year or a month, such as 2026 or 2026-11", field="period")
    if month == 0:
        first, after = date(year, 1, 1), date(year + 1, 1, 1)
        labels = tuple(f"{year}-{m:02d}" for m in range(1, 13))
    else:
        first = date(year, month, 1)
        after = date(year + month // 12, month % 12 + 1, 1)
        labels = tuple((first + timedelta(days=d)).isoformat() for d in range((after - first).days))
    start = container.calendar.start_of_day
    return Period(found[0], start(first), start(after), labels, month == 0)


class Reports:
    """Builds the reports of one organisation."""

    def __init__(self, container: Reading) -> None:
        self.container = container

    def build(self, name: str, period: str = "") -> Report:
        """Build a report by its name. Raise InputError for one there is not."""
        makers: dict[str, Callable[[Period], Report]] = {
            "security": self.security,
            "sla": self.sla,
            "management-review": self.management_review,
            "review-outputs": self.review_outputs,
            "soa": self.soa,
            "fraud-risks": lambda p: self.risks(p, "fraud"),
            "asset-risks": lambda p: self.risks(p, "asset"),
            "coverage": self.coverage,
        }
        if name not in makers:
            raise InputError("a report is one of {makers}", field="report", makers=tuple(makers))
        return makers[name](period_of(self.container, period))

    def _report(self, name: str, title: str, period: str, blocks: list[Block]) -> Report:
        now = self.container.clock.now()
        made = self.container.calendar.local(now).strftime("%Y-%m-%d %H:%M")
        return Report(
            name=name, title=title, organisation=self.container.settings.sender.name("en"), period=period, made_at=made,
            log_head=log_head(self.container.decisions, now) or "", blocks=tuple(blocks),
        )  # fmt: skip

    def security(self, period: Period) -> Report:
        """The security report of a month or a year: events, incidents, handling, duties, notices (KMG 5.2)."""
        rows = incidents.detected_between(self.container.database, period.start, period.end)
        rules = Counter(row.rule_name or "told by people" for row in rows)
        classes = Counter(word(row.incident_class) for row in rows)
        title = "Yearly security report" if period.by_month else "Monthly security report"
        blocks = [
            self._headline(period, rows),
            self._incident_chart(period, rows),
            Block(heading="Incidents by class", table=counted(classes, "Class")),
            Block(heading="Incidents by rule", table=counted(rules, "Rule")),
            self._handling(rows),
            self._terms(period),
            self._notices(period),
            self._event_types(period),
            self._lessons(rows),
        ]  # fmt: skip
        return self._report("security", title, period.name, blocks)

    def _headline(self, period: Period, rows: list[MeasuredRow]) -> Block:
        database = self.container.database
        first, last = period.labels[0], (period.labels[-1] + ("-99" if period.by_month else ""))
        events = effects.events_between(database, first, last)
        breached = clocks.breached_between(database, period.start, period.end)
        acts = protections.received_between(database, period.start, period.end)
        closed = Counter(row.disposition for row in rows if row.disposition)
        facts = [
            ("Security events", f"{events:,}"),
            ("Incidents", str(len(rows))),
            ("of them notifiable", str(sum(row.notifiable for row in rows))),
            ("of them open", str(sum(row.is_open for row in rows))),
            ("False positives", str(closed["false_positive"])),
            ("Acts of law enforcement", str(acts)),
            ("Terms breached", str(breached)),
        ]
        return Block(heading="At a glance", table=Table(columns=("", ""), rows=tuple(facts)))

    def _incident_chart(self, period: Period, rows: list[MeasuredRow]) -> Block:
        length = 7 if period.by_month else 10
        found: dict[str, Counter[str]] = {"notifiable": Counter(), "other": Counter()}
        for row in rows:
            day = self.container.calendar.local(row.detected_at).date().isoformat()
            found["notifiable" if row.notifiable else "other"][day[:length]] += 1
        series = {name: tuple(float(counts[label]) for label in period.labels) for name, counts in found.items()}
        labels = tuple(label[5:] for label in period.labels)
        chart = Chart(title="Incidents by day of detection", labels=labels, series=series)
        return Block(heading="Incidents over time", chart=chart)

    def _handling(self, rows: list[MeasuredRow]) -> Block:
        found = summary(rows)
        table = tuple(
            (step, str(it.count), say(it.median_s), say(it.longest_s), it.longest or "—")
            for step, it in ((step, found[step]) for step in STEPS)
        )
        return Block(
            heading="How long handling took",
            text="Detect: from the first event to the detection. The others: from the detection.",
            table=Table(columns=("Step", "Incidents", "Median", "Longest", "Longest in"), rows=table),
        )

    def _terms(self, period: Period) -> Block:
        return Block(heading="Terms of the law", table=terms_table(self._terms_of(period)))

    def _terms_of(self, period: Period) -> list[TermsRow]:
        """Count the clocks that were due in a period, by kind and how they ended."""
        return clocks.terms(self.container.database, period.start, period.end)

    def _notices(self, period: Period) -> Block:
        rows = notices.drafted_between(self.container.database, period.start, period.end)
        table = tuple((word(r.kind), word(r.stage), r.state, str(r.n)) for r in rows)
        return Block(heading="Notices", table=Table(columns=("Notice", "Stage", "State", "Number"), rows=table))

    def _event_types(self, period: Period) -> Block:
        last = period.labels[-1] + ("-99" if period.by_month else "")
        rows = effects.most_frequent(self.container.database, period.labels[0], last)
        table = tuple((r.action, f"{r.n:,}", r.at[:16]) for r in rows)
        return Block(heading="Most frequent event types", table=Table(columns=("Type", "Events", "Last"), rows=table))

    def _lessons(self, rows: list[MeasuredRow]) -> Block:
        closed = [row for row in rows if row.closed_at]
        without = [row.number for row in closed if not row.lessons and row.disposition == "true_positive"]
        text = f"{sum(row.lessons for row in closed)} of {len(closed)} closed incidents have recorded lessons."
        if without:
            text += f" True positives without: {', '.join(without[:20])}."
        return Block(heading="Lessons", text=text)

    def sla(self, period: Period) -> Report:
        """How each term of the law was kept, with every breach by name."""
        rows = self._terms_of(period)
        breaches = clocks.breaches(self.container.database, period.start, period.end)
        listed = tuple(
            (word(r.kind), r.number or r.act_number or "—", self._when(r.due_at),
             self._when(r.satisfied_at) if r.satisfied_at else "still owed")
            for r in breaches
        )  # fmt: skip
        series = {
            "in time": tuple(float(r.in_time) for r in rows),
            "late": tuple(float(r.late) for r in rows),
            "still owed": tuple(float(r.owed) for r in rows),
        }
        chart = Chart(title="Terms by how they ended", labels=tuple(word(r.kind)[:16] for r in rows), series=series)
        specs = self.container.settings.clock_policy
        clauses = tuple(
            (word(kind), f"{spec.n} {spec.unit}", specs.reading_of(kind), ", ".join(spec.obligations))
            for kind, spec in specs.specs.items()
            if spec.owner != "none"
        )
        columns = ("Duty", "Term", "Reading", "Obligations")
        blocks = [
            Block(heading="Terms", table=terms_table(rows), chart=chart if rows else None),
            Block(heading="Breaches", text="" if listed else "There was none.",
                  table=Table(columns=("Duty", "Of", "Due", "Done"), rows=listed) if listed else None),
            Block(heading="What is counted", table=Table(columns=columns, rows=clauses)),
        ]  # fmt: skip
        return self._report("sla", "Compliance with the terms of the law", period.name, blocks)

    def management_review(self, period: Period) -> Report:
        """Input of the management review (KMG 7.2): its six points, each from what was recorded."""
        rows = incidents.detected_between(self.container.database, period.start, period.end)
        actions = governance.actions(self.container.database)
        risks = governance.risks_unaddressed(self.container.database)
        duties = governance.duties(self.container.database)
        terms = self._terms_of(period)
        kept = sum(r.in_time for r in terms), sum(r.in_time + r.late + r.owed for r in terms)
        lessons = self._lessons_of(rows)
        advice = recommendations(rows, terms, risks, actions)
        blocks = [
            Block(heading="1. Follow-up actions from earlier reviews", table=actions_table(actions)),
            Block(
                heading="2. Vulnerabilities and threats not adequately addressed",
                text="" if risks else "No risk stands without treatment or at a high level.",
                table=risks_table(risks) if risks else None,
            ),
            Block(heading="3. Results of audits and reviews", table=duties_table(duties)),
            Block(
                heading="4. Nonconformities and corrective actions",
                text=f"{sum(r.late + r.owed for r in terms)} terms of the law were missed; "
                f"{sum(1 for a in actions if not a.closed_at)} corrective actions are open.",
                table=terms_table(terms),
            ),
            Block(heading="5. Possible improvements", text="\n".join(lessons) or "No lesson was recorded."),
            Block(
                heading="6. Effectiveness measurements and recommendations",
                text=f"{kept[0]} of {kept[1]} terms were kept. " + " ".join(advice),
                table=self._handling(rows).table,
            ),
        ]  # fmt: skip
        return self._report("management-review", "Input of the management review", period.name, blocks)

    def _lessons_of(self, rows: list[MeasuredRow]) -> list[str]:
        found = []
        for row in rows:
            if row.lessons:
                for it in self.container.decisions.timeline(row.id):
                    if it.fact.topic == "incident.lessons-recorded.v1":
                        found.append(
                            f"{row.number}: {getattr(it.fact, 'lessons', '')} — {getattr(it.fact, 'actions', '')}"
                        )
        return found

    def review_outputs(self, period: Period) -> Report:
        """Record of the outputs of reviews and audits (KMG 7.3): decisions with owners and days."""
        since, until = iso(period.start), iso(period.end)
        held = []
        for row in governance.duties_done(self.container.database):
            for it in self.container.decisions.timeline(row.id):
                if it.fact.topic == "duty.done.v1" and since <= iso(it.fact.at) < until:
                    title = duty_specs()[row.key].title
                    held.append(
                        (
                            title,
                            str(getattr(it.fact, "done_on", "")),
                            it.fact.actor,
                            str(getattr(it.fact, "evidence", "")),
                        )
                    )
        actions = governance.actions_by_day(self.container.database)
        blocks = [
            Block(heading="Held", text="" if held else "None was recorded.",
                  table=Table(columns=("What", "On", "Recorded by", "Evidence"), rows=tuple(held)) if held else None),
            Block(heading="Decisions, with owners and days", table=actions_table(actions)),
        ]  # fmt: skip
        return self._report("review-outputs", "Record of review outputs", period.name, blocks)

    def soa(self, period: Period) -> Report:
        """Statement of applicability (KMG 4.2.1): every control of Annex A with live evidence."""
        stated = governance.controls(self.container.database)
        rows = {row.obligation: row for row in Coverage(self.container).rows()}
        table = []
        for control in controls().values():
            statement = stated.get(control.id)
            behind = [rows[o] for o in control.obligations]
            latest = max((row for row in behind if row.evidence_at), key=lambda r: r.evidence_at, default=None)
            says = "not stated" if statement is None else "applicable" if statement.applicable else "not applicable"
            table.append(
                (control.id, control.name, says, statement.justification if statement else "—",
                 ", ".join(control.obligations) or "—",
                 f"{latest.evidence}, {latest.evidence_at[:10]}" if latest else "none")
            )  # fmt: skip
        text = f"{len(stated)} of {len(table)} controls are stated."
        columns = ("Control", "Name", "Statement", "Justification", "Obligations", "Latest evidence")
        return self._report(
            "soa", "Statement of applicability, ISO/IEC 27001:2022 Annex A", period.name,
            [Block(heading="Controls", text=text, table=Table(columns=columns, rows=tuple(table)))],
        )  # fmt: skip

    def risks(self, period: Period, book: str) -> Report:
        """A risk register: of several expert scores the highest counts (PROcredit 22)."""
        rows = governance.risks(self.container.database, book)
        levels = Counter("high" if r.level >= 12 else "medium" if r.level >= 6 else "low" for r in rows)
        chart = Chart(
            title="Risks by level", labels=("low", "medium", "high"),
            series={"risks": tuple(float(levels[name]) for name in ("low", "medium", "high"))},
        )  # fmt: skip
        text = (
            "Likelihood and loss are 1 to 5. Of several experts' scores the highest counts (PROcredit 22); "
            "the level is likelihood times the greatest loss (PROcredit 23): from 12 high, from 6 medium."
        )
        losses = self._losses(period) if book == "fraud" else []
        blocks = [
            Block(heading="Register", text=text, table=risks_table(rows), chart=chart if rows else None),
            *losses,
        ]
        title = "Register of fraud risks" if book == "fraud" else "Register of risks to information assets"
        return self._report(f"{book}-risks", title, period.name, blocks)

    def _losses(self, period: Period) -> list[Block]:
        last = period.labels[-1] + ("-99" if period.by_month else "")
        rows = effects.of_types(self.container.database, period.labels[0], last, _INDICATORS)
        table = tuple((r.action, str(r.n)) for r in rows)
        return [Block(heading="Early indicators", table=Table(columns=("Event type", "Events"), rows=table))]

    def coverage(self, period: Period) -> Report:
        """Every obligation with what serves it and its latest evidence."""
        rows = Coverage(self.container).rows()
        table = tuple(
            (row.obligation, row.clause, row.kinds, serving(row),
             f"{row.evidence}, {row.evidence_at[:10]}" if row.evidence_at else "none")
            for row in rows
        )  # fmt: skip
        found = totals(rows)
        text = (
            f"{found['served']} of {found['obligations']} obligations are served, "
            f"{found['with_evidence']} have evidence; {found['by_nothing']} are served by nothing here."
        )
        columns = ("Obligation", "Clause", "Kinds", "Served by", "Latest evidence")
        return self._report(
            "coverage", "Coverage of the obligations", period.name,
            [Block(heading="Obligations", text=text, table=Table(columns=columns, rows=table))],
        )  # fmt: skip

    def _when(self, at: datetime) -> str:
        return self.container.calendar.local(at).strftime("%Y-%m-%d %H:%M")
