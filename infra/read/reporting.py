"""The reports of the organisation: every figure is counted from facts and events, with what stands behind it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.governance.governance import duty_specs
from engine.kernel.errors import InputError, n_
from engine.kernel.timestamps import iso
from infra.read.coverage import Coverage, totals
from infra.read.metrics import STEPS, summary
from infra.read.metrics import say as say_length
from infra.read.notices.documents import log_head
from infra.read.reading import Reading
from infra.read.report_tables import (
    actions_table,
    approved_alone,
    controls_table,
    counted,
    duties_table,
    obligations_table,
    recommendations,
    risks_table,
    shown_day,
    terms_table,
)
from infra.read.rows import clocks, effects, governance, incidents, notices, protections
from infra.read.rows.clocks import BreachRow, TermsRow
from infra.read.rows.incidents import MeasuredRow
from reports.messages import moment, ngettext, number, say, speak, spoken, word
from reports.phrases import chart_label, term, titled
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
    """Builds the reports of one organisation, in the language given, else in the one spoken here."""

    def __init__(self, container: Reading, language: str | None = None) -> None:
        self.container = container
        self.language = language

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
        with speak(self.language or spoken()):
            return makers[name](period_of(self.container, period))

    def _report(self, name: str, title: str, period: str, blocks: list[Block], *, state: bool = False) -> Report:
        """Put a report together; ``state`` says that it shows what holds now, whatever the period."""
        now = self.container.clock.now()
        return Report(
            name=name, title=say(title), organisation=self.container.settings.sender.name(spoken()), period=period,
            as_of=self._when(now) if state else "", made_at=self._when(now),
            made_at_iso=self.container.calendar.local(now).isoformat(timespec="seconds"), language=spoken(),
            log_head=log_head(self.container.decisions, now) or "", blocks=tuple(blocks),
        )  # fmt: skip

    def security(self, period: Period) -> Report:
        """The security report of a month or a year: events, incidents, handling, duties, notices (KMG 5.2)."""
        rows = incidents.detected_between(self.container.database, period.start, period.end)
        rules = Counter(self._rule(row.rule_name) for row in rows)
        classes = Counter(word(row.incident_class) for row in rows)
        title = n_("Yearly security report") if period.by_month else n_("Monthly security report")
        blocks = [
            self._headline(period, rows),
            self._incident_chart(period, rows),
            Block(heading=say("Incidents by class"), table=counted(classes, say("Class"))),
            Block(heading=say("Incidents by rule"), table=counted(rules, say("Rule"))),
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
            (say("Security events"), number(events)),
            (say("Incidents"), str(len(rows))),
            (say("of them notifiable"), str(sum(row.notifiable for row in rows))),
            (say("of them open"), str(sum(row.is_open for row in rows))),
            (say("False positives"), str(closed["false_positive"])),
            (say("Acts of law enforcement"), str(acts)),
            (say("Terms breached"), str(breached)),
            (say("of them because the triage took longer than the term"), self._late_by_triage(period, breached)),
        ]
        return Block(heading=say("At a glance"), table=Table(columns=("", ""), rows=tuple(facts)))

    def _late_by_triage(self, period: Period, breached: int) -> str:
        """How many terms had passed before people found that they hold, and their share."""
        late = clocks.late_by_triage(self.container.database, period.start, period.end)
        return f"{late} ({late * 100 // breached} %)" if breached else str(late)

    def _incident_chart(self, period: Period, rows: list[MeasuredRow]) -> Block:
        length = 7 if period.by_month else 10
        found: dict[str, Counter[str]] = {"notifiable": Counter(), "other": Counter()}
        for row in rows:
            day = self.container.calendar.local(row.detected_at).date().isoformat()
            found["notifiable" if row.notifiable else "other"][day[:length]] += 1
        names = {"notifiable": say("notifiable"), "other": say("other")}
        series = {names[name]: tuple(float(counts[it]) for it in period.labels) for name, counts in found.items()}
        labels = tuple(map(chart_label, period.labels))
        chart = Chart(title=say("Incidents by day of detection"), labels=labels, series=series)
        return Block(heading=say("Incidents over time"), chart=chart)

    def _handling(self, rows: list[MeasuredRow]) -> Block:
        found = summary(rows)
        table = tuple(
            (word(step), str(it.count), say_length(it.median_s, say), say_length(it.longest_s, say), it.longest or "—")
            for step, it in ((step, found[step]) for step in STEPS)
        )
        return Block(
            heading=say("How long handling took"),
            text=say("Detect: from the first event to the detection. The others: from the detection."),
            table=Table(
                columns=(say("Step"), say("Incidents"), say("Median"), say("Longest"), say("Longest in")), rows=table
            ),
        )

    def _terms(self, period: Period) -> Block:
        return Block(
            heading=say("Terms of the law"), text=self._later(period), table=terms_table(self._terms_of(period))
        )

    def _later(self, period: Period) -> str:
        """Say which terms are counted, and how many are not because they end later."""
        later = clocks.running_from(self.container.database, period.end)
        return ngettext(
            "Counted are the terms that end in the period; {n} more runs with a later term.",
            "Counted are the terms that end in the period; {n} more run with a later term.", later,
        )  # fmt: skip

    def _terms_of(self, period: Period) -> list[TermsRow]:
        """Count the clocks that were due in a period, by kind and how they ended."""
        return clocks.terms(self.container.database, period.start, period.end)

    def _notices(self, period: Period) -> Block:
        rows = notices.drafted_between(self.container.database, period.start, period.end)
        table = tuple((word(r.kind), word(r.stage), word(r.state), str(r.n)) for r in rows)
        return Block(
            heading=say("Notices"),
            text=approved_alone(self.container.decisions, period.start, period.end),
            table=_table(table, say("Notice"), say("Stage"), say("State"), say("Notices counted")),
        )

    def _event_types(self, period: Period) -> Block:
        last = period.labels[-1] + ("-99" if period.by_month else "")
        rows = effects.most_frequent(self.container.database, period.labels[0], last)
        table = tuple((r.action, number(r.n), self._seen(r.at)) for r in rows)
        return Block(
            heading=say("Most frequent event types"), table=_table(table, say("Type"), say("Events"), say("Last"))
        )

    def _lessons(self, rows: list[MeasuredRow]) -> Block:
        closed = [row for row in rows if row.closed_at]
        without = [row.number for row in closed if not row.lessons and row.disposition == "true_positive"]
        told = sum(row.lessons for row in closed)
        text = say("{part} of {whole} closed incidents have recorded lessons.", part=told, whole=len(closed))
        if without:
            text += " " + say("True positives without: {numbers}.", numbers=", ".join(without[:20]))
        return Block(heading=say("Lessons"), text=text)

    def sla(self, period: Period) -> Report:
        """How each term of the law was kept, with every breach by name."""
        rows = self._terms_of(period)
        breaches = clocks.breaches(self.container.database, period.start, period.end)
        listed = tuple(
            (word(r.kind) + (f" ({number(r.terms)})" if r.terms > 1 else ""), r.number or r.act_number or "—",
             self._when(r.due_at), self._done(r))
            for r in breaches
        )  # fmt: skip
        series = {
            say("in time"): tuple(float(r.in_time) for r in rows),
            say("satisfied late"): tuple(float(r.late) for r in rows),
            say("still owed"): tuple(float(r.owed) for r in rows),
        }
        chart = Chart(title=say("Terms by how they ended"), labels=tuple(word(r.kind) for r in rows), series=series)
        specs = self.container.settings.clock_policy
        clauses = tuple(
            (word(kind), term(spec.n, spec.unit), word(specs.reading_of(kind)), ", ".join(spec.obligations))
            for kind, spec in specs.specs.items()
            if spec.owner != "none"
        )
        columns = (say("Duty"), say("Term"), say("Reading of the term"), say("Obligations"))
        blocks = [
            Block(heading=say("Terms"), text=self._later(period), table=terms_table(rows),
                  chart=chart if rows else None),
            Block(heading=say("Breaches"), text="" if listed else say("There was none."),
                  table=_table(listed, say("Duty"), say("Of"), say("Due"), say("Done")) if listed else None),
            Block(heading=say("What is counted"), table=Table(columns=columns, rows=clauses)),
        ]  # fmt: skip
        return self._report("sla", n_("Compliance with the terms of the law"), period.name, blocks)

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
            Block(heading=say("1. Follow-up actions from earlier reviews"), table=actions_table(actions)),
            Block(
                heading=say("2. Vulnerabilities and threats not adequately addressed"),
                text="" if risks else self._without_risks(),
                table=risks_table(risks) if risks else None,
            ),
            Block(heading=say("3. Results of audits and reviews"), table=duties_table(duties)),
            Block(
                heading=say("4. Nonconformities and corrective actions"),
                text=say(
                    "{missed} terms of the law were missed; {actions} corrective actions are open.",
                    missed=sum(r.late + r.owed for r in terms), actions=sum(1 for a in actions if not a.closed_at),
                ) + " " + self._later(period),
                table=terms_table(terms),
            ),
            Block(heading=say("5. Possible improvements"), text="\n".join(lessons) or say("No lesson was recorded.")),
            Block(
                heading=say("6. Effectiveness measurements and recommendations"),
                text=" ".join([say("{part} of {whole} terms were kept.", part=kept[0], whole=kept[1]), *advice]),
                table=self._handling(rows).table,
            ),
        ]  # fmt: skip
        return self._report("management-review", n_("Input of the management review"), period.name, blocks)

    def _without_risks(self) -> str:
        """Say why no risk is listed: an empty register is no good news."""
        if not any(governance.risks(self.container.database, book) for book in ("asset", "fraud")):
            return say("The risk register is empty: risks were not assessed.")
        return say("No risk stands without treatment or at a high level.")

    def _lessons_of(self, rows: list[MeasuredRow]) -> list[str]:
        found = []
        for row in rows:
            if row.lessons:
                for it in self.container.decisions.of_topic([row.id], "incident.lessons-recorded.v1"):
                    text = f"{getattr(it.fact, 'lessons', '')} — {getattr(it.fact, 'actions', '')}"
                    found.append(f"{row.number}: {text}")
        return found

    def review_outputs(self, period: Period) -> Report:
        """Record of the outputs of reviews and audits (KMG 7.3): decisions with owners and days."""
        since, until = iso(period.start), iso(period.end)
        held = []
        for row in governance.duties_done(self.container.database):
            for it in self.container.decisions.of_topic([row.id], "duty.done.v1"):
                if since <= iso(it.fact.at) < until:
                    title = say(duty_specs()[row.key].title)
                    held.append(
                        (
                            title,
                            shown_day(getattr(it.fact, "done_on", None)),
                            it.fact.actor,
                            str(getattr(it.fact, "evidence", "")),
                        )
                    )
        actions = governance.actions_by_day(self.container.database)
        table = _table(tuple(held), say("What"), say("On"), say("Recorded by"), say("Evidence"))
        blocks = [
            Block(heading=say("Held"), text="" if held else say("None was recorded."), table=table if held else None),
            Block(heading=say("Decisions, with owners and days"), table=actions_table(actions)),
        ]  # fmt: skip
        return self._report("review-outputs", n_("Record of review outputs"), period.name, blocks)

    def soa(self, period: Period) -> Report:
        """Statement of applicability (KMG 4.2.1): every control of Annex A with live evidence."""
        stated = governance.controls(self.container.database)
        table = controls_table(stated, {row.obligation: row for row in Coverage(self.container).rows()})
        text = say("{part} of {whole} controls are stated.", part=len(stated), whole=len(table.rows))
        return self._report(
            "soa", n_("Statement of applicability, ISO/IEC 27001:2022 Annex A"), period.name,
            [Block(heading=say("Controls"), text=text, table=table)], state=True,
        )  # fmt: skip

    def risks(self, period: Period, book: str) -> Report:
        """A risk register: of several expert scores the highest counts (PROcredit 22)."""
        rows = governance.risks(self.container.database, book)
        levels = Counter("high" if r.level >= 12 else "medium" if r.level >= 6 else "low" for r in rows)
        chart = Chart(
            title=say("Risks by level"), labels=(say("low risk"), say("medium risk"), say("high risk")),
            series={say("risks"): tuple(float(levels[name]) for name in ("low", "medium", "high"))},
        )  # fmt: skip
        text = say(
            "Likelihood and loss are 1 to 5. Of several experts' scores the highest counts (PROcredit 22); "
            "the level is likelihood times the greatest loss (PROcredit 23): from 12 high, from 6 medium."
        )
        losses = self._losses(period) if book == "fraud" else []
        blocks = [
            Block(heading=say("Register"), text=text, table=risks_table(rows), chart=chart if rows else None),
            *losses,
        ]
        title = n_("Register of fraud risks") if book == "fraud" else n_("Register of risks to information assets")
        return self._report(f"{book}-risks", title, period.name, blocks)

    def _losses(self, period: Period) -> list[Block]:
        last = period.labels[-1] + ("-99" if period.by_month else "")
        rows = effects.of_types(self.container.database, period.labels[0], last, _INDICATORS)
        table = tuple((r.action, str(r.n)) for r in rows)
        return [Block(heading=say("Early indicators"), table=_table(table, say("Event type"), say("Events")))]

    def coverage(self, period: Period) -> Report:
        """Every obligation with what serves it and its latest evidence."""
        rows = Coverage(self.container).rows()
        found = totals(rows)
        text = say(
            "{served} of {obligations} obligations are served, {with_evidence} have evidence; of {violated} a "
            "violation was found; {by_nothing} are served by nothing here.", **found,
        )  # fmt: skip
        return self._report(
            "coverage", n_("Coverage of the obligations"), period.name,
            [Block(heading=say("Obligations"), text=text, table=obligations_table(rows))], state=True,
        )  # fmt: skip

    def _done(self, row: BreachRow) -> str:
        """Say when the last of the terms of a kind was done after all, or how many are still owed."""
        if not row.owed and row.satisfied_at:
            return self._when(row.satisfied_at)
        if row.terms == 1:
            return say("still owed")
        return say("still owed: {n} of {all}", n=number(row.owed), all=number(row.terms))

    def _when(self, at: datetime) -> str:
        return moment(at, self.container.calendar.zone, seconds=False)

    def _seen(self, at: str) -> str:
        return at[:16] if spoken() == "en" else self._when(datetime.fromisoformat(at))

    def _rule(self, name: str) -> str:
        """Name a rule as people know it; in English by its own name, as it stands in the files."""
        if not name:
            return say("told by people")
        rule = self.container.rules.by_reference.get(name)
        return titled(rule.title, self.container.rules.titles) if rule and spoken() != "en" else name


def _table(rows: tuple[tuple[str, ...], ...], *columns: str) -> Table:
    return Table(columns=columns, rows=rows)
