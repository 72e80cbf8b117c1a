"""The business calendar and the terms counted in it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.duties.declared import clock_spec, clock_specs
from engine.kernel.errors import DataError, InputError, NotFound
from engine.terms.calendar import builtin_calendar, calendar_from_yaml
from engine.terms.counting import count_term

CALENDAR = builtin_calendar()
instants = st.integers(0, 10 * 365 * 86_400).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
terms = st.sampled_from(["regulator-notice", "remediation", "collection-stop", "triage", "suspicious-hold"])


@given(terms, instants)
def test_strict_is_never_later_than_civil_and_never_before_the_start(kind: str, start: datetime) -> None:
    term = count_term(clock_spec(kind), start, CALENDAR)
    assert start <= term.due_at <= term.latest_at


@given(terms, instants, st.timedeltas(timedelta(0), timedelta(days=30)))
def test_a_later_start_is_never_due_earlier(kind: str, start: datetime, later: timedelta) -> None:
    spec = clock_spec(kind)
    first, second = count_term(spec, start, CALENDAR), count_term(spec, start + later, CALENDAR)
    assert first.due_at <= second.due_at
    assert first.latest_at <= second.latest_at


@given(st.sampled_from(["regulator-notice", "remediation"]), instants)
def test_a_business_term_ends_in_office_hours_of_a_business_day(kind: str, start: datetime) -> None:
    term = count_term(clock_spec(kind), start, CALENDAR)
    for at in (term.due_at, term.latest_at):
        local = CALENDAR.local(at)
        assert CALENDAR.is_business_day(local.date())
        assert CALENDAR.open_at(local.date()) <= at <= CALENDAR.close_at(local.date())


def test_three_calendar_days_do_not_wait_for_the_holiday_to_end() -> None:
    start = datetime(2026, 3, 20, 10, 0, tzinfo=UTC)
    assert count_term(clock_spec("collection-stop"), start, CALENDAR).due_at == start + timedelta(hours=72)


def test_an_order_of_the_government_moves_a_day() -> None:
    text = """
days:
  - {date: 2026-11-24, working: false, reason: transferred, source: order 1, entered_by: bolat,
     entered_at: 2026-11-01T10:00:00+05:00}
"""
    moved = calendar_from_yaml(text)
    assert not moved.is_business_day(date(2026, 11, 24))
    assert moved.version != CALENDAR.version
    start = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert count_term(clock_spec("regulator-notice"), start, moved).due_at == start + timedelta(days=2)


@pytest.mark.parametrize(
    "text", ["days: [{date: 2026-13-01}]", "days: nothing", "[1, 2", "days: [{date: 2026-11-24}]", "overrides: []"]
)
def test_a_faulty_override_file_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        calendar_from_yaml(text)


def test_an_instant_without_offset_is_refused() -> None:
    with pytest.raises(InputError, match="offset"):
        count_term(clock_spec("triage"), datetime(2026, 11, 23, 10, 0), CALENDAR)  # noqa: DTZ001


def test_an_unknown_clock_names_the_known_ones() -> None:
    with pytest.raises(NotFound, match="regulator-notice"):
        clock_spec("nope")


def test_every_clock_can_be_counted() -> None:
    start = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    for spec in clock_specs().values():
        assert count_term(spec, start, CALENDAR).due_at is not None
