"""When a duty is due: two readings of every term, and the trace of how each was counted.

``due_at`` is the strict reading (default), ``latest_at`` the civil one; strict is never later than civil.
Elapsed time is computed in UTC, because Almaty moved from UTC+6 to UTC+5 on 1 March 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.kernel.errors import DataError, InputError
from engine.kernel.facts import Owner
from engine.terms.calendar import BusinessCalendar

TermUnit = Literal[
    "business_day", "business_hour", "calendar_day", "hour", "minute", "month", "month_close", "year",
    "year_close",
    "business_day_before",
]  # fmt: skip
Reading = Literal["strict", "civil"]
EARLIEST = datetime(1992, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class ClockSpec(BaseModel):
    """One kind of clock: its term, its direction and the obligations of the register it stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str
    n: int
    unit: TermUnit
    direction: Literal["by", "not_before"] = "by"
    product: bool = False
    """Whether the number is the product's own, because the text gives none."""
    owner: Owner | Literal["none"] = "none"
    """What a clock of this kind may be started for."""
    obligations: tuple[str, ...] = ()
    rolls: bool = False
    """Whether an end on a day without offices goes to noon of the next working day."""
    within: tuple[int, TermUnit] | None = None
    """An outer limit that counts too, from an instant of its own."""
    jurisdiction: str = "kz"
    valid_from: date | None = None
    """With ``jurisdiction`` and ``kind`` it names the entry of the law."""


@dataclass(frozen=True, slots=True)
class Term:
    """A counted term: both readings in UTC, the days skipped on the way, and whether any day may still change."""

    due_at: datetime
    latest_at: datetime
    skipped: tuple[str, ...]
    unconfirmed: tuple[date, ...]

    def reading(self, reading: Reading) -> datetime:
        """Return the instant of one reading."""
        return self.due_at if reading == "strict" else self.latest_at


def count_term(
    spec: ClockSpec, started_at: datetime, calendar: BusinessCalendar, *, outer: datetime | None = None
) -> Term:
    """Count a term from an aware instant; ``outer`` is the start of the outer limit of a spec that has one.

    Raise InputError for an instant without offset or outside 1992-2200, where no such term can lie.
    """
    if started_at.tzinfo is None:
        raise InputError("the start of a clock needs an offset, e.g. 2026-11-23T10:00:00+05:00", field="started_at")
    if not EARLIEST.year - 1 <= started_at.year <= LATEST.year or not EARLIEST <= started_at <= LATEST:
        raise InputError("the start of a clock must lie between 1992 and 2200", field="started_at")
    start = started_at.astimezone(UTC)
    due_at, latest_at = _both_readings(spec, start, calendar)
    if spec.within is not None and outer is not None:
        limit = spec.model_copy(update={"n": spec.within[0], "unit": spec.within[1], "within": None})
        capped = _both_readings(limit, outer.astimezone(UTC), calendar)
        if capped[0] > start:
            due_at, latest_at = min(due_at, capped[0]), min(latest_at, capped[1])
    if spec.rolls:
        due_at, latest_at = _rolled(calendar, due_at), _rolled(calendar, latest_at)
    first, last = sorted((start, max(due_at, latest_at)))
    days = list(_days(calendar.local(first).date(), calendar.local(last).date()))
    counted = spec.unit in ("business_day", "business_hour", "calendar_day", "business_day_before")
    skipped = [day for day in days if not calendar.is_business_day(day)] if counted else []
    unconfirmed = [day for day in days if calendar.is_estimated(day)] if counted else []
    return Term(
        due_at, latest_at, tuple(f"{day.isoformat()} {calendar.reason(day)}" for day in skipped), tuple(unconfirmed)
    )


def _both_readings(spec: ClockSpec, start: datetime, calendar: BusinessCalendar) -> tuple[datetime, datetime]:
    day = calendar.local(start).date()
    match spec.unit:
        case "business_day":
            strict = add_business_time(calendar, start, spec.n * calendar.business_day_length())
            return strict, calendar.close_at(_nth_business_day(calendar, day, spec.n))
        case "business_hour":
            due = add_business_time(calendar, start, timedelta(hours=spec.n))
        case "calendar_day":
            last = day + timedelta(days=spec.n)
            if not calendar.is_business_day(last):
                last = next(calendar.business_days_after(last))
            return start + timedelta(hours=24 * spec.n), calendar.end_of_day(last)
        case "hour":
            due = start + timedelta(hours=spec.n)
        case "minute":
            due = start + timedelta(minutes=spec.n)
        case "month":
            last = _months_later(day, spec.n)
            at = calendar.aware(datetime.combine(last, calendar.local(start).time()))
            if not calendar.is_business_day(last):
                last = next(calendar.business_days_after(last))
            return at.astimezone(UTC), calendar.end_of_day(last)
        case "month_close":
            due = calendar.close_at(_months_later(day, spec.n))
        case "year":
            due = calendar.start_of_day(_anniversary(day, spec.n) + timedelta(days=1))
        case "year_close":
            due = calendar.close_at(_anniversary(day, spec.n))
        case "business_day_before":
            due = calendar.close_at(_clear_days_before(calendar, day, spec.n))
    return due, due


def add_business_time(calendar: BusinessCalendar, start: datetime, needed: timedelta) -> datetime:
    """Walk ``needed`` of office time from ``start``; a term that ends at closing ends at closing.

    The result is never before ``start`` and never outside office hours of a business day.
    """
    day = calendar.local(start).date()
    if calendar.is_business_day(day):
        begin = max(start, calendar.open_at(day))
        left = calendar.close_at(day) - begin
        if left >= needed and left > timedelta(0):
            return begin + needed
        needed -= max(left, timedelta(0))
    for following in calendar.business_days_after(day):
        opens, closes = calendar.open_at(following), calendar.close_at(following)
        if closes - opens >= needed:
            return opens + needed
        needed -= closes - opens
    raise DataError("the calendar ran out of business days")  # business_days_after raises first


def _nth_business_day(calendar: BusinessCalendar, day: date, n: int) -> date:
    for count, following in enumerate(calendar.business_days_after(day), 1):
        if count == n:
            return following
    raise DataError("the calendar ran out of business days")


def _clear_days_before(calendar: BusinessCalendar, day: date, n: int) -> date:
    clear = 0
    while True:
        day -= timedelta(days=1)
        if calendar.is_business_day(day):
            clear += 1
            if clear > n:
                return day


def _anniversary(day: date, years: int) -> date:
    """The same date ``years`` later; 29 February without a twin is kept through 28 February."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 2, 28)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last where it has no such day (Regulation 1182/71, Article 3(2)(c))."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def _rolled(calendar: BusinessCalendar, at: datetime) -> datetime:
    """Noon of the next working day where an end falls on a day on which offices do not work."""
    day = calendar.local(at).date()
    if calendar.is_business_day(day):
        return at
    following = next(calendar.business_days_after(day))
    return calendar.aware(datetime.combine(following, time(12))).astimezone(UTC)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=i) for i in range(min((last - first).days, 400) + 1)]
