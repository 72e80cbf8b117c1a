"""The business calendar and the terms counted in it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

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


def entry(day: str, working: bool, reason: str = "moved") -> str:
    rest = "source: order 1, entered_by: bolat, entered_at: 2026-11-01T10:00:00Z"
    return f"  - {{date: {day}, working: {str(working).lower()}, reason: {reason}, {rest}}}\n"


@pytest.mark.parametrize(
    ("day", "works", "reason"),
    [
        ("2026-11-23", True, "business day"),
        ("2026-11-28", False, "weekend"),
        ("2024-05-04", True, "transferred working day"),
        ("2026-12-16", False, "Independence Day"),
        ("2026-11-24", False, "day off by order: mourning"),
        ("2026-11-29", True, "working by order: moved"),
    ],
)
def test_a_day_says_why_it_counts_or_does_not(day: str, works: bool, reason: str) -> None:
    orders = calendar_from_yaml("days:\n" + entry("2026-11-24", False, "mourning") + entry("2026-11-29", True))
    at = date.fromisoformat(day)
    assert (orders.is_business_day(at), orders.reason(at)) == (works, reason)


@pytest.mark.parametrize(
    ("text", "said", "why"),
    [
        ("days:\n" + entry("2026-11-24", False) * 2, {}, "names a day twice"),
        ("", {"opens": time(18), "closes": time(9)}, "open before they close"),
        ("", {"opens": time(9), "closes": time(9)}, "open before they close"),
        ("", {"zone": "Asia/Nowhere"}, "no such time zone"),
        ("", {"zone": "../etc"}, "no such time zone"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(text: str, said: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why):
        calendar_from_yaml(text, **said)


def test_the_version_names_every_input() -> None:
    made = [
        calendar_from_yaml("").version, calendar_from_yaml("days: []").version,
        calendar_from_yaml("", opens=time(8)).version, calendar_from_yaml("", zone="Asia/Aqtau").version,
    ]  # fmt: skip
    assert len(set(made)) == len(made)
    assert calendar_from_yaml("").version == made[0]


def test_a_year_is_confirmed_through_the_one_that_is_named() -> None:
    later = calendar_from_yaml("confirmed_through: 2027")
    assert (CALENDAR.is_estimated(date(2027, 2, 2)), later.is_estimated(date(2027, 2, 2))) == (True, False)


def test_a_day_has_its_four_instants_in_utc() -> None:
    day = date(2026, 11, 23)
    found = [CALENDAR.start_of_day(day), CALENDAR.open_at(day), CALENDAR.close_at(day), CALENDAR.end_of_day(day)]
    assert [f"{CALENDAR.local(at):%H:%M:%S}" for at in found] == ["00:00:00", "09:00:00", "18:00:00", "23:59:59"]
    assert all(at.tzinfo is UTC for at in found)
    assert CALENDAR.aware(datetime(2026, 11, 23, 9)) == CALENDAR.open_at(day)  # noqa: DTZ001
