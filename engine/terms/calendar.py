"""The business calendar of a country, Kazakhstan without another: which instants count towards a legal clock.

Base is the ``holidays`` package (public holidays, substituted days off, transferred working days); a versioned
override file adds orders published later. Monday to Friday is not the rule: 4 May 2024 was a working Saturday
and 5 January 2025 a working Sunday.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import metadata, resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.kernel.errors import DataError
from engine.kernel.yaml_text import read_yaml

HORIZON_DAYS = 400
COUNTRY = "KZ"
"""The country whose holidays count without another being named (ISO 3166-1)."""
ZONE = "Asia/Almaty"
OPENS = time(9)
CLOSES = time(18)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Override(BaseModel):
    """One day whose kind an order changed: who entered it, when, and from which source."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    date: date
    working: bool
    reason: str
    source: str
    entered_by: str
    entered_at: datetime


@dataclass(frozen=True)
class BusinessCalendar:
    """Working days and office hours of one organisation; ``version`` names all its inputs."""

    zone: ZoneInfo
    opens: time
    closes: time
    version: str
    confirmed_through: int
    overrides: dict[date, Override] = field(default_factory=dict)
    _library: holidays.HolidayBase = field(default_factory=lambda: holidays.country_holidays(COUNTRY, language="en_US"))

    def is_business_day(self, day: date) -> bool:
        """Say whether offices work on this local day."""
        override = self.overrides.get(day)
        return override.working if override is not None else bool(self._library.is_working_day(day))

    def reason(self, day: date) -> str:
        """Say in words why a day counts or does not."""
        override = self.overrides.get(day)
        if override is not None:
            return f"{'working' if override.working else 'day off'} by order: {override.reason}"
        name = self._library.get(day)
        if name:
            return str(name)
        if self.is_business_day(day):
            return "transferred working day" if day.weekday() >= 5 else "business day"
        return "weekend"

    def is_estimated(self, day: date) -> bool:
        """Say whether the kind of this day may still change: an estimated holiday or a year not yet confirmed."""
        return day.year > self.confirmed_through or "estimated" in str(self._library.get(day) or "")

    def aware(self, local: datetime) -> datetime:
        """Return the instant of a local time without offset, as people write it into forms."""
        return local.replace(tzinfo=self.zone)

    def local(self, at: datetime) -> datetime:
        """Return an aware instant in the organisation's local time."""
        return at.astimezone(self.zone)

    def _at(self, day: date, local: time) -> datetime:
        """Return a local time of a day in UTC; at the ends of the calendar its own first or last instant."""
        try:
            return datetime.combine(day, local, self.zone).astimezone(UTC)
        except OverflowError:
            return FIRST if day.year == 1 else LAST

    def open_at(self, day: date) -> datetime:
        """Return the opening of a day in UTC."""
        return self._at(day, self.opens)

    def close_at(self, day: date) -> datetime:
        """Return the close of a day in UTC."""
        return self._at(day, self.closes)

    def end_of_day(self, day: date) -> datetime:
        """Return 23:59:59 of a local day in UTC."""
        return self._at(day, time(23, 59, 59))

    def start_of_day(self, day: date) -> datetime:
        """Return midnight at the start of a local day in UTC."""
        return self._at(day, time(0))

    def business_days_after(self, day: date) -> Iterator[date]:
        """Walk the business days strictly after ``day``; raises DataError after 400 days without one."""
        idle = 0
        while idle < HORIZON_DAYS:
            day += timedelta(days=1)
            idle += 1
            if self.is_business_day(day):
                idle = 0
                yield day
        raise DataError(f"the calendar has no business day in the {HORIZON_DAYS} days before {day}")

    def business_day_length(self) -> timedelta:
        """Return the length of one business day, from opening to close."""
        today = date(2026, 1, 5)
        return datetime.combine(today, self.closes) - datetime.combine(today, self.opens)


def calendar_from_yaml(
    text: str, *, country: str = COUNTRY, zone: str = ZONE, opens: time = OPENS, closes: time = CLOSES
) -> BusinessCalendar:
    """Build the calendar from an override file; raises DataError that names the faulty entry."""
    try:
        document = read_yaml(text) or {}
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"the calendar override file is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(document, dict) or set(document) - {"days", "confirmed_through"}:
        raise DataError("the calendar override file holds 'confirmed_through' and 'days' and nothing else")
    entries = _entries(document.get("days") or [])
    overrides = {entry.date: entry for entry in entries}
    if len(overrides) != len(entries):
        raise DataError("the calendar override file names a day twice")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    version = f"holidays-{metadata.version('holidays')}+{digest}"
    if (zone, opens, closes) != (ZONE, OPENS, CLOSES):
        version += f" {zone} {opens:%H:%M}-{closes:%H:%M}"
    if country != COUNTRY:
        version += f" {country}"
    if opens >= closes:
        raise DataError("offices open before they close", field="opens")
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError("there is no such time zone; an example is Asia/Almaty", field="time_zone") from None
    confirmed = int(document.get("confirmed_through", 2026))
    try:
        library = holidays.country_holidays(country, language="en_US")
    except NotImplementedError:
        raise DataError(f"the holidays of '{country[:10]}' are not known", field="country") from None
    return BusinessCalendar(place, opens, closes, version, confirmed, overrides, library)


def _entries(days: object) -> list[Override]:
    entries = []
    for number, entry in enumerate(days if isinstance(days, list) else [days], 1):
        try:
            entries.append(Override.model_validate(entry))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "entry"
            raise DataError(f"day {number}: {first['msg']}", field=where) from None
    return entries


@lru_cache(maxsize=1)
def builtin_calendar() -> BusinessCalendar:
    """Return the calendar that ships with the product."""
    return calendar_from_yaml(builtin_overrides())


def builtin_overrides() -> str:
    """Return the text of the override file that ships with the product."""
    return (resources.files("engine") / "data" / "kz" / "calendar_overrides.yml").read_text(encoding="utf8")
