"""The tables that reports are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.governance.governance import duty_specs
from infra.read.coverage import CoverageRow
from infra.read.rows.clocks import TermsRow
from infra.store.models.governance import ActionRow, DutyRow, RiskRow
from infra.store.models.incidents import IncidentRow
from reports.labels import word
from reports.report import Table


def serving(row: CoverageRow) -> str:
    """Say what serves an obligation; NOTHING where nothing does."""
    parts = [
        *(f"rule {name}" for name in row.rules[:4]), *(f"clock {name}" for name in row.clocks),
        *row.actions, *(f"report: {name}" for name in row.reports), *(f"duty {name}" for name in row.duties),
        *(["evidence handed in"] if row.by_hand else []),
    ]  # fmt: skip
    return "; ".join(parts) or "NOTHING"


def counted(counts: Counter[str], name: str) -> Table:
    """Return counts as a table, the greatest first."""
    return Table(columns=(name, "Incidents"), rows=tuple((key, str(n)) for key, n in counts.most_common()))


def terms_table(rows: list[TermsRow]) -> Table:
    """Return how the terms of each duty ended."""
    return Table(
        columns=("Duty", "Due", "In time", "Late", "Still owed", "Running", "Cancelled", "Kept"),
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
        columns=("Action", "Owner", "Until", "State", "Evidence"),
        rows=tuple(
            (r.text, r.owner, r.due_on.isoformat(), "done" if r.closed_at else "open", r.evidence or "—") for r in rows
        ),
    )


def risks_table(rows: list[RiskRow]) -> Table:
    """Return risks with likelihood, the three losses and the level."""
    return Table(
        columns=(
            "Risk", "Concerns", "Threat", "Source", "Vulnerability", "Controls", "Experts", "L", "C", "I", "A", "Level",
            "Treatment",
        ),
        rows=tuple(
            (r.name, r.asset, r.threat, r.source, r.vulnerability, r.controls, str(r.experts),
             str(r.likelihood), str(r.confidentiality), str(r.integrity), str(r.availability),
             str(r.level), r.treatment or "none yet") for r in rows
        ),
    )  # fmt: skip


def duties_table(duties: dict[str, DutyRow]) -> Table:
    """Return the returning duties and when each was done last."""
    rows = []
    for key, spec in duty_specs().items():
        row = duties.get(key)
        rows.append((spec.title, _last_on(row), row.latest if row else "—"))
    return Table(columns=("Duty", "Last done", "Evidence"), rows=tuple(rows))


def _last_on(row: DutyRow | None) -> str:
    if row is None:
        return "never recorded"
    return row.last_on.isoformat() if row.last_on else "never"


def recommendations(
    rows: Sequence[IncidentRow], terms: list[TermsRow], risks: list[RiskRow], actions: list[ActionRow]
) -> list[str]:
    """What the figures themselves suggest; people add theirs."""
    found = []
    worst = max(terms, key=lambda r: r.late + r.owed, default=None)
    if worst is not None and worst.late + worst.owed:
        found.append(f"The duty missed most often is '{word(worst.kind)}'.")
    noisy = Counter(row.rule_name for row in rows if row.disposition == "false_positive").most_common(1)
    if noisy and noisy[0][1] > 2:
        found.append(f"The rule with most false positives is {noisy[0][0]}; tune it.")
    if any(not risk.treatment for risk in risks):
        found.append("There are scored risks without a treatment.")
    if any(not action.closed_at for action in actions):
        found.append("Close the open corrective actions.")
    return found
