"""The tables that reports are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from engine.governance.governance import controls, duty_specs
from engine.notices.facts import NoticeApproved
from engine.notices.notice import Notice
from infra.read.coverage import CoverageRow
from infra.read.rows.clocks import TermsRow
from infra.read.rows.incidents import number_of
from infra.store.log.decisions import Decisions
from infra.store.models.governance import ActionRow, ControlRow, DutyRow, RiskRow
from infra.store.models.incidents import IncidentRow
from reports.messages import day, listed, say, spoken, word
from reports.phrases import clause
from reports.report import Table


def serving(row: CoverageRow) -> str:
    """Say what serves an obligation; NOTHING where nothing does."""
    parts = [
        *(say("rule {name}", name=name) for name in row.rules[:4]),
        *(say("clock {name}", name=_named(name)) for name in row.clocks),
        *map(say, row.actions), *(say("report: {name}", name=say(name)) for name in row.reports),
        *(say("duty {name}", name=_named(name)) for name in row.duties),
        *([say("evidence handed in")] if row.by_hand else []),
    ]  # fmt: skip
    return "; ".join(parts) or say("NOTHING")


def _named(name: str) -> str:
    """Say a short name in words; English readers see the name itself, as it stands in the files."""
    return name if spoken() == "en" else word(name)


def controls_table(stated: dict[str, ControlRow], rows: dict[str, CoverageRow]) -> Table:
    """Return every control of Annex A with what is stated of it and its latest evidence."""
    table = []
    for control in controls().values():
        statement = stated.get(control.id)
        behind = [rows[o] for o in control.obligations]
        latest = max((row for row in behind if row.evidence_at), key=lambda r: r.evidence_at, default=None)
        says = say("not stated")
        if statement is not None:
            says = say("applicable") if statement.applicable else say("not applicable")
        table.append(
            (control.id, say(control.name), says, statement.justification if statement else "—",
             ", ".join(control.obligations) or "—", _evidence(latest))
        )  # fmt: skip
    columns = (
        say("Control"), say("Name of the control"), say("Statement"), say("Justification"),
        say("Obligations"), say("Latest evidence"),
    )  # fmt: skip
    return Table(columns=columns, rows=tuple(table))


def obligations_table(rows: Sequence[CoverageRow]) -> Table:
    """Return every obligation with what serves it and its latest evidence."""
    return Table(
        columns=(say("Obligation"), say("Clause"), say("Kinds"), say("Served by"), say("Latest evidence"),
                 say("Latest violation")),
        rows=tuple(
            (row.obligation, clause(row.clause), listed(row.kinds.split(", ")), serving(row),
             _evidence(row if row.evidence_at else None), _violation(row))
            for row in rows
        ),
    )  # fmt: skip


def _violation(row: CoverageRow) -> str:
    return f"{row.violation}, {day(row.violation_at[:10])}" if row.violation_at else say("none found")


def _evidence(row: CoverageRow | None) -> str:
    return f"{row.evidence}, {day(row.evidence_at[:10])}" if row is not None else say("none")


def counted(counts: Counter[str], name: str) -> Table:
    """Return counts as a table, the greatest first."""
    return Table(columns=(name, say("Incidents")), rows=tuple((key, str(n)) for key, n in counts.most_common()))


def terms_table(rows: list[TermsRow]) -> Table:
    """Return how the terms of each duty ended."""
    return Table(
        columns=(
            say("Duty"), say("Due in the period"), say("In time"), say("Late"), say("Still owed"), say("Running"),
            say("Cancelled"), say("Kept"),
        ),
        rows=tuple(
            (word(r.kind), str(r.due), str(r.in_time), str(r.late), str(r.owed), str(r.running),
             str(r.cancelled), _share(r.in_time, r.in_time + r.late + r.owed)) for r in rows
        ),
    )  # fmt: skip


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "—"


def actions_table(rows: list[ActionRow]) -> Table:
    """Return corrective actions."""
    return Table(
        columns=(say("Action"), say("Owner"), say("Until"), say("State"), say("Evidence")),
        rows=tuple(
            (r.text, r.owner, day(r.due_on), say("done") if r.closed_at else say("open"), r.evidence or "—")
            for r in rows
        ),
    )


def risks_table(rows: list[RiskRow]) -> Table:
    """Return risks with likelihood, the three losses and the level."""
    return Table(
        columns=(
            say("Risk"), say("Concerns"), say("Threat"), say("Source of the threat"), say("Vulnerability"),
            say("Controls"), say("Experts"), say("L"), say("C"), say("I"), say("A"), say("Level"), say("Treatment"),
        ),
        rows=tuple(
            (r.name, r.asset, r.threat, r.source, r.vulnerability, r.controls, str(r.experts),
             str(r.likelihood), str(r.confidentiality), str(r.integrity), str(r.availability),
             str(r.level), word(r.treatment) if r.treatment else say("none yet")) for r in rows
        ),
    )  # fmt: skip


def duties_table(duties: dict[str, DutyRow]) -> Table:
    """Return the returning duties and when each was done last."""
    rows = []
    for key, spec in duty_specs().items():
        row = duties.get(key)
        rows.append((say(spec.title), _last_on(row), row.latest if row else "—"))
    return Table(columns=(say("Duty"), say("Last done"), say("Evidence")), rows=tuple(rows))


def _last_on(row: DutyRow | None) -> str:
    if row is None:
        return say("never recorded")
    return day(row.last_on) if row.last_on else say("never")


def shown_day(on: object) -> str:
    """Return a day of a fact; empty where it has none."""
    return day(str(on)) if on else ""


def recommendations(
    rows: Sequence[IncidentRow], terms: list[TermsRow], risks: list[RiskRow], actions: list[ActionRow]
) -> list[str]:
    """What the figures themselves suggest; people add theirs."""
    found = []
    worst = max(terms, key=lambda r: r.late + r.owed, default=None)
    if worst is not None and worst.late + worst.owed:
        found.append(say("The duty missed most often is '{duty}'.", duty=word(worst.kind)))
    noisy = Counter(row.rule_name for row in rows if row.disposition == "false_positive").most_common(1)
    if noisy and noisy[0][1] > 2:
        found.append(say("The rule with most false positives is {rule}; tune it.", rule=noisy[0][0]))
    if any(not risk.treatment for risk in risks):
        found.append(say("There are scored risks without a treatment."))
    if any(not action.closed_at for action in actions):
        found.append(say("Close the open corrective actions."))
    return found


READ_TOGETHER = 5_000


def approved_alone(decisions: Decisions, start: datetime, end: datetime) -> str:
    """Say which notices the head of the house approved alone in a period, and why; nothing where there was none."""
    found, after = list[str](), 0
    while facts := decisions.read_topic(NoticeApproved.topic, after, READ_TOGETHER):
        after = facts[-1].position
        for it in (stored.fact for stored in facts):
            if isinstance(it, NoticeApproved) and it.as_last and start <= it.at < end:
                notice = decisions.load(Notice, it.notice_id)
                number = number_of(decisions.database, notice.incident_id) or notice.incident_id
                found.append(f"{number}, {word(notice.kind)}, {it.actor}: {it.reason}")
    if not found:
        return ""
    told = "; ".join(found)
    return say("Approved by the head of the house alone, for nobody else was left: {notices}.", notices=told)
