"""The watchdog's own arithmetic: every shared vector, and agreement with the engine wherever one looks."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.duties.declared import clock_spec, clock_specs
from engine.terms.calendar import builtin_calendar, calendar_from_yaml
from engine.terms.counting import count_term
from infra.watchdog.terms import Line, count
from tests.support import DATA

with (DATA / "calendar" / "deadlines.csv").open(encoding="utf8") as file:
    VECTORS = list(csv.DictReader(file))
LINE = Line()
ORDERS = """
days:
  - {date: 2026-11-24, working: false, reason: r, source: s, entered_by: b, entered_at: 2026-11-01T10:00:00+05:00}
  - {date: 2026-11-28, working: true, reason: r, source: s, entered_by: b, entered_at: 2026-11-01T10:00:00+05:00}
"""
instants = st.integers(0, 40 * 365 * 86_400_000).map(
    lambda ms: datetime(1995, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['clock']}-{v['started_at']}")
def test_vector(vector: dict[str, str]) -> None:
    spec = clock_spec(vector["clock"])
    strict, civil = count(LINE, spec.n, spec.unit, datetime.fromisoformat(vector["started_at"]))
    assert strict == datetime.fromisoformat(vector["due_strict"])
    assert civil == datetime.fromisoformat(vector["due_civil"])


@settings(max_examples=2_000)
@given(st.sampled_from(sorted(clock_specs())), instants)
def test_engine_and_watchdog_agree(kind: str, start: datetime) -> None:
    spec, term = clock_spec(kind), count_term(clock_spec(kind), start, builtin_calendar())
    strict, civil = count(LINE, spec.n, spec.unit, start)
    assert abs(strict - term.due_at) < timedelta(milliseconds=1)
    assert abs(civil - term.latest_at) < timedelta(milliseconds=1)


def test_they_agree_on_every_hour_of_three_years_with_orders_of_the_government() -> None:
    calendar, line = calendar_from_yaml(ORDERS), Line(ORDERS)
    start = datetime(2024, 1, 1, 0, 20, tzinfo=UTC)
    for hours in range(0, 3 * 366 * 24, 3):
        at = start + timedelta(hours=hours)
        for kind in ("regulator-notice", "remediation", "collection-stop", "suspicious-hold"):
            spec = clock_spec(kind)
            term = count_term(spec, at, calendar)
            assert count(line, spec.n, spec.unit, at) == (term.due_at, term.latest_at), (kind, at)


def test_the_two_share_no_code() -> None:
    import infra.watchdog.state
    import infra.watchdog.terms

    for module in (infra.watchdog.terms, infra.watchdog.state):
        assert module.__file__ is not None
        with open(module.__file__, encoding="utf8") as source:
            assert "engine." not in source.read()
