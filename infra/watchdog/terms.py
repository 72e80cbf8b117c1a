"""Terms counted another way than the engine counts them.

The engine walks from day to day. Here business time is a straight line: the seconds of office time since a fixed day,
by prefix sums over the working days; a term is an addition on that line and a search back. Elapsed terms are seconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import yaml

FIRST_YEAR, LAST_YEAR = 1991, 2202
CIVIL = "civil"


class Line:
    """The working days of Kazakhstan as a line of office seconds."""

    def __init__(
        self, overrides: str = "", zone: str = "Asia/Almaty", opens: time = time(9), closes: time = time(18)
    ) -> None:
        self.digest = sha256(overrides.encode()).hexdigest()[:8]
        """Names the override file, as the calendar versions in the facts do."""
        self.zone = ZoneInfo(zone)
        self.opens, self.closes = opens, closes
        midnight = date(2000, 1, 1)
        self.length = int((datetime.combine(midnight, closes) - datetime.combine(midnight, opens)).total_seconds())
        self._library = holidays.country_holidays("KZ")
        document = yaml.safe_load(overrides) or {}
        self._ordered = {_day(entry["date"]): bool(entry["working"]) for entry in document.get("days") or []}
        self._years: dict[int, list[date]] = {}
        self._days: list[date] = []
        self._from = self._to = 0

    def works(self, day: date) -> bool:
        """Say whether offices work on a day."""
        ordered = self._ordered.get(day)
        return bool(self._library.is_working_day(day)) if ordered is None else ordered

    def _span(self, year: int) -> None:
        """Have the working days of the years around one at hand."""
        low, high = max(year - 1, FIRST_YEAR), min(year + 2, LAST_YEAR)
        if self._from <= low and high <= self._to:
            return
        self._from, self._to = (min(self._from, low), max(self._to, high)) if self._days else (low, high)
        self._days = [day for y in range(self._from, self._to + 1) for day in self._of(y)]

    def _of(self, year: int) -> list[date]:
        if year not in self._years:
            first = date(year, 1, 1)
            days = [first + timedelta(days=n) for n in range(366)]
            self._years[year] = [day for day in days if day.year == year and self.works(day)]
        return self._years[year]

    def at(self, day: date, clock: time) -> datetime:
        """Return a local time of a day in UTC."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def forward(self, start: datetime, seconds: float) -> datetime:
        """Return the instant when so much office time has passed since ``start``; at a closing it is the closing."""
        local = start.astimezone(self.zone).date()
        self._span(local.year)
        index = bisect_left(self._days, local)
        if index < len(self._days) and self._days[index] == local:
            done = (start - self.at(local, self.opens)).total_seconds()
            within = min(max(done, 0.0), float(self.length))
        else:
            within = 0.0
        total = index * self.length + within + seconds
        place = int(total // self.length)
        rest = total - place * self.length
        if rest == 0:
            return self.at(self._days[place - 1], self.closes)
        return self.at(self._days[place], self.opens) + timedelta(seconds=rest)

    def nth_after(self, day: date, n: int) -> date:
        """Return the n-th working day after a day."""
        self._span(day.year)
        return self._days[bisect_right(self._days, day) + n - 1]

    def clear_before(self, day: date, n: int) -> date:
        """Return the working day before ``n`` whole working days before a day."""
        self._span(day.year)
        return self._days[bisect_left(self._days, day) - n - 1]


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def count(line: Line, n: int, unit: str, start: datetime) -> tuple[datetime, datetime]:
    """Return both readings of a term of ``n`` ``unit`` from an instant: (strict, civil), in UTC."""
    start = start.astimezone(UTC)
    day = start.astimezone(line.zone).date()
    match unit:
        case "business_day":
            return line.forward(start, n * line.length), line.at(line.nth_after(day, n), line.closes)
        case "business_hour":
            at = line.forward(start, n * 3600)
            return at, at
        case "calendar_day":
            last = day + timedelta(days=n)
            if not line.works(last):
                last = line.nth_after(last, 1)
            return start + timedelta(days=n), line.at(last, time(23, 59, 59))
        case "hour" | "minute":
            at = start + timedelta(seconds=n * (3600 if unit == "hour" else 60))
            return at, at
        case "month_close":
            at = line.at(_months_on(day, n), line.closes)
            return at, at
        case "year":
            at = line.at(_years_on(day, n) + timedelta(days=1), time(0))
            return at, at
        case "year_close":
            at = line.at(_years_on(day, n), line.closes)
            return at, at
        case "business_day_before":
            at = line.at(line.clear_before(day, n), line.closes)
            return at, at
    raise ValueError(f"no such unit: {unit}")


def _months_on(day: date, months: int) -> date:
    year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
    after = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day.day - 1), after - timedelta(days=1))


def _years_on(day: date, years: int) -> date:
    if (day.month, day.day) == (2, 29):
        whole = (day.year + years) % 4 == 0 and ((day.year + years) % 100 != 0 or (day.year + years) % 400 == 0)
        return date(day.year + years, 2, 29 if whole else 28)
    return date(day.year + years, day.month, day.day)
