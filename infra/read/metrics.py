"""How long handling took: every figure comes from recorded facts, with the incidents behind it.

Detect: first event → detection. Acknowledge, contain, recover, notify, close: from detection. Seconds; None while open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from engine.incidents.incident import Incident
from engine.incidents.phases import FUNCTIONS, STAGES
from engine.kernel.errors import n_
from infra.read.reading import Reading
from infra.read.rows import incidents
from infra.read.rows.incidents import MeasuredRow
from reports.messages import in_english, spoken

STEPS = ("detect", "acknowledge", "contain", "notify", "recover", "close")


@dataclass(frozen=True, slots=True)
class Metrics:
    """How long the steps of an incident took, and its phase as ISO/IEC 27035 (stage) and NIST (function) call it."""

    spans: dict[str, float | None]
    stage: str
    function: str


@dataclass(frozen=True, slots=True)
class StepSummary:
    """How many incidents have a step, the median and the longest, and the number of the incident of the longest."""

    count: int
    median_s: float | None
    longest_s: float | None
    longest: str | None


def spans(row: MeasuredRow) -> dict[str, float | None]:
    """Return the length of each step of one incident in seconds, by the step."""
    ends = {
        "acknowledge": row.acknowledged_at, "contain": row.contained_at, "notify": row.notified_at,
        "recover": row.recovered_at, "close": row.closed_at,
    }  # fmt: skip
    found: dict[str, float | None] = {"detect": _between(row.first_event_at, row.detected_at)}
    return found | {step: _between(row.detected_at, end) for step, end in ends.items()}


def metrics_of(container: Reading, incident: Incident) -> Metrics:
    """Return the steps of one incident with its phase."""
    row = incidents.measured(container.database, incident.id)
    return Metrics(spans(row), STAGES[incident.phase], FUNCTIONS[incident.phase])


def summary(rows: Iterable[MeasuredRow]) -> dict[str, StepSummary]:
    """Return for each step how long it took over all incidents."""
    found: dict[str, StepSummary] = {}
    measured = [(row.number, spans(row)) for row in rows]
    for step in STEPS:
        values = [(span, number) for number, all_spans in measured if (span := all_spans[step]) is not None]
        lengths = [span for span, _ in values]
        found[step] = StepSummary(
            count=len(values),
            median_s=median(lengths) if lengths else None,
            longest_s=max(lengths) if lengths else None,
            longest=max(values)[1] if values else None,
        )
    return found


def _between(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.0, (end - start).total_seconds())


def say(seconds: float | None, said: Callable[..., str] = in_english) -> str:
    """Say a length in words: 42 s, 7 min, 3.5 h, 2.1 d."""
    if seconds is None:
        return "—"
    for limit, size, unit in ((120, 1, n_("{n} s")), (7200, 60, "{n} min"), (172_800, 3600, "{n} h")):
        if seconds < limit:
            return said(unit, n=f"{seconds / size:.0f}" if unit != "{n} h" else _one_place(seconds / size, said))
    return said("{n} d", n=_one_place(seconds / 86_400, said))


def _one_place(value: float, said: Callable[..., str]) -> str:
    """Write one decimal place after the mark of the language: a comma in Russian and Kazakh."""
    text = f"{value:.1f}"
    return text if said is in_english or spoken() == "en" else text.replace(".", ",")
