"""Days and instants as spans of microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from engine.kernel.timestamps import NotAnInstant, parse_rfc3339

EARLIEST, LATEST = 0, 253_402_300_799_999_999
"""From 1970 to the end of the year 9999."""


def micros(at: datetime) -> int:
    """Return an instant in microseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def span(text: str, zone: tzinfo) -> tuple[int, int]:
    """Return the first and last microsecond of a day of ``zone``, or of an RFC 3339 instant. Raise ValueError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        try:
            at = micros(parse_rfc3339(text))
        except NotAnInstant:
            raise ValueError(text) from None
        return at, at
    begin = datetime.combine(day, time(), zone)
    return micros(begin), micros(datetime.combine(day + timedelta(days=1), time(), zone)) - 1
