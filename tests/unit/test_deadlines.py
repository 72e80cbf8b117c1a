"""How each unit of a term is counted, to the second, against dates counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.duties.declared import clock_specs
from engine.governance.register import builtin_register
from engine.kernel.errors import DataError, InputError
from engine.terms.calendar import builtin_calendar, calendar_from_yaml
from engine.terms.counting import EARLIEST, LATEST, ClockSpec, Term, TermUnit, add_business_time, count_term

CALENDAR = builtin_calendar()


def local(text: str) -> datetime:
    """An instant as clocks in Almaty show it."""
    return CALENDAR.aware(datetime.fromisoformat(text)).astimezone(UTC)


def counted(n: int, unit: TermUnit, start: str) -> Term:
    return count_term(ClockSpec(kind="x", n=n, unit=unit), local(start), CALENDAR)


@pytest.mark.parametrize(
    ("n", "unit", "start", "strict", "civil"),
    [
        (1, "business_day", "2026-11-23T10:00:00", "2026-11-24T10:00:00", "2026-11-24T18:00:00"),
        (1, "business_day", "2026-11-23T09:00:00", "2026-11-23T18:00:00", "2026-11-24T18:00:00"),
        (1, "business_day", "2026-11-23T03:00:00", "2026-11-23T18:00:00", "2026-11-24T18:00:00"),
        (1, "business_day", "2026-11-23T18:00:00", "2026-11-24T18:00:00", "2026-11-24T18:00:00"),
        (1, "business_day", "2026-11-27T17:00:00", "2026-11-30T17:00:00", "2026-11-30T18:00:00"),
        (1, "business_day", "2026-11-28T12:00:00", "2026-11-30T18:00:00", "2026-11-30T18:00:00"),
        (2, "business_day", "2026-11-23T10:00:00", "2026-11-25T10:00:00", "2026-11-25T18:00:00"),
        (4, "business_hour", "2026-11-23T10:00:00", "2026-11-23T14:00:00", "2026-11-23T14:00:00"),
        (4, "business_hour", "2026-11-23T16:00:00", "2026-11-24T11:00:00", "2026-11-24T11:00:00"),
        (20, "business_hour", "2026-11-23T16:00:00", "2026-11-25T18:00:00", "2026-11-25T18:00:00"),
        (3, "calendar_day", "2026-11-23T10:00:00", "2026-11-26T10:00:00", "2026-11-26T23:59:59"),
        (3, "calendar_day", "2026-11-25T10:00:00", "2026-11-28T10:00:00", "2026-11-30T23:59:59"),
        (24, "hour", "2026-11-28T10:30:00", "2026-11-29T10:30:00", "2026-11-29T10:30:00"),
        (15, "minute", "2026-11-28T23:50:00", "2026-11-29T00:05:00", "2026-11-29T00:05:00"),
        (5, "year", "2026-11-23T10:00:00", "2031-11-24T00:00:00", "2031-11-24T00:00:00"),
        (5, "year", "2024-02-29T10:00:00", "2029-03-01T00:00:00", "2029-03-01T00:00:00"),
        (4, "year", "2024-02-29T10:00:00", "2028-03-01T00:00:00", "2028-03-01T00:00:00"),
        (1, "year_close", "2026-11-23T10:00:00", "2027-11-23T18:00:00", "2027-11-23T18:00:00"),
        (2, "business_day_before", "2026-11-27T10:00:00", "2026-11-24T18:00:00", "2026-11-24T18:00:00"),
        (2, "business_day_before", "2026-11-30T10:00:00", "2026-11-25T18:00:00", "2026-11-25T18:00:00"),
    ],
)
def test_a_term_counted_by_hand(n: int, unit: TermUnit, start: str, strict: str, civil: str) -> None:
    term = counted(n, unit, start)
    assert (term.due_at, term.latest_at) == (local(strict), local(civil))
    assert (term.reading("strict"), term.reading("civil")) == (term.due_at, term.latest_at)


def test_the_days_skipped_on_the_way_are_named() -> None:
    assert counted(1, "business_day", "2026-11-27T17:00:00").skipped == ("2026-11-28 weekend", "2026-11-29 weekend")
    assert counted(30, "hour", "2026-11-27T17:00:00").skipped == ()


def test_a_public_holiday_is_skipped_with_its_name() -> None:
    term = counted(1, "business_day", "2026-12-15T12:00:00")
    assert term.due_at == local("2026-12-17T12:00:00")
    assert term.skipped == ("2026-12-16 Independence Day",)


def test_days_of_a_year_nobody_has_confirmed_are_told() -> None:
    term = counted(1, "business_day", "2026-12-31T12:00:00")
    assert {day.year for day in term.unconfirmed} == {2027}
    assert counted(1, "business_day", "2026-11-23T12:00:00").unconfirmed == ()


def test_an_elapsed_day_has_twenty_four_hours_when_the_zone_moves() -> None:
    """Almaty went from UTC+6 to UTC+5 at the start of the 1st of March 2024."""
    term = counted(3, "calendar_day", "2024-02-28T10:00:00")
    assert term.due_at == local("2024-03-02T09:00:00")
    assert term.due_at - local("2024-02-28T10:00:00") == timedelta(hours=72)


@pytest.mark.parametrize("start", [EARLIEST - timedelta(seconds=1), LATEST + timedelta(seconds=1)])
def test_a_start_in_another_century_is_refused(start: datetime) -> None:
    with pytest.raises(InputError, match="between 1992 and 2200"):
        count_term(ClockSpec(kind="x", n=1, unit="hour"), start, CALENDAR)


def test_the_first_and_last_instant_can_be_counted() -> None:
    spec = ClockSpec(kind="x", n=1, unit="hour")
    assert count_term(spec, EARLIEST, CALENDAR).due_at == EARLIEST + timedelta(hours=1)
    assert count_term(spec, LATEST, CALENDAR).due_at == LATEST + timedelta(hours=1)


@given(
    st.integers(0, 3 * 365 * 24 * 60).map(lambda m: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=m)),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_office_time_adds_up(start: datetime, first: int, second: int) -> None:
    one, other = timedelta(hours=first), timedelta(hours=second)
    in_two = add_business_time(CALENDAR, add_business_time(CALENDAR, start, one), other)
    assert in_two == add_business_time(CALENDAR, start, one + other)


def test_a_calendar_without_a_working_day_is_a_fault_and_no_endless_walk() -> None:
    first = date(2026, 11, 23)
    days = "\n".join(
        f"  - {{date: {first + timedelta(days=i)}, working: false, reason: x, source: x, entered_by: x,"
        " entered_at: 2026-11-01T10:00:00Z}"
        for i in range(402)
    )
    idle = calendar_from_yaml(f"days:\n{days}")
    with pytest.raises(DataError, match="no business day in the 400 days"):
        count_term(ClockSpec(kind="x", n=1, unit="business_day"), local("2026-11-23T10:00:00"), idle)


def test_offices_with_other_hours_have_other_terms() -> None:
    short = calendar_from_yaml("", opens=time(10), closes=time(14))
    assert short.business_day_length() == timedelta(hours=4)
    term = count_term(ClockSpec(kind="x", n=1, unit="business_day"), local("2026-11-23T12:00:00"), short)
    assert (term.due_at, term.latest_at) == (local("2026-11-24T12:00:00"), local("2026-11-24T14:00:00"))


@pytest.mark.parametrize("kind", sorted(clock_specs()))
def test_every_clock_stands_for_obligations_of_the_register(kind: str) -> None:
    spec = clock_specs()[kind]
    assert all(name in builtin_register() for name in spec.obligations)
    assert spec.obligations or spec.product
