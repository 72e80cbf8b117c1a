"""Reading instants that strangers wrote, and refusing to guess.

Only RFC 3339 with an offset is an instant. Anything else is kept as text, flagged, and never computed with.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
MAX_AGE = timedelta(days=3653)
MAX_AHEAD = timedelta(hours=24)
SKEW = timedelta(minutes=5)
_LENGTH_OF_DAY = 10
_KAZAKHSTAN = timezone(timedelta(hours=5))


class NotAnInstant(ValueError):
    """The text names no single instant; ``flag`` says why."""

    def __init__(self, flag: str) -> None:
        super().__init__(flag)
        self.flag = flag


def parse_rfc3339(text: object) -> datetime:
    """Read an RFC 3339 instant and give it in UTC; digits beyond the microsecond are cut.

    Raises NotAnInstant with flag ``time-missing``, ``time-no-zone``, ``time-invalid`` or ``time-out-of-range``.
    """
    if text is None or text == "":
        raise NotAnInstant("time-missing")
    if not isinstance(text, str):
        raise NotAnInstant("time-invalid")
    if not RFC3339.fullmatch(text):
        bare = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?", text)
        raise NotAnInstant("time-no-zone" if bare else "time-invalid")
    try:
        at = datetime.fromisoformat(text.upper())
        return at if at.tzinfo is UTC else at.astimezone(UTC)
    except OverflowError as error:
        raise NotAnInstant("time-out-of-range") from error
    except ValueError as error:
        raise NotAnInstant("time-invalid") from error


class Window:
    """The span around a moment of receipt in which a source's own time is believed."""

    __slots__ = ("earliest", "latest", "received_at", "soon")

    def __init__(self, received_at: datetime) -> None:
        self.received_at = received_at
        self.earliest = received_at - MAX_AGE
        self.latest = received_at + MAX_AHEAD
        self.soon = received_at + SKEW

    def place(self, text: object) -> tuple[datetime, str | None]:
        """Return the instant to compute with and the flag of its source text.

        A text that is no instant, or lies outside [received - 10 years, received + 24 h], is flagged and the
        moment of receipt is used instead; up to 24 h ahead is used as it stands and flagged ``time-ahead``.
        """
        try:
            at = parse_rfc3339(text)
        except NotAnInstant as error:
            return self.received_at, error.flag
        if at <= self.soon and at >= self.earliest:
            return at, None
        if at < self.earliest or at > self.latest:
            return self.received_at, "time-out-of-range"
        return at, "time-ahead"


@lru_cache(maxsize=4_096)
def iso(at: datetime) -> str:
    """Write an instant in UTC as RFC 3339 with a trailing Z and a fixed width, so that texts sort like instants.

    The same few are written again and again: one answer gives thousands of clocks the same terms.
    """
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant_or_day(value: object) -> datetime | None:
    """Read an instant, or a day as its end in Kazakhstan: when it was at the latest. None for what is neither."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return parse_rfc3339(text)
    except NotAnInstant:
        pass
    day = day_of(text) if len(text) == _LENGTH_OF_DAY else None
    return datetime.combine(day, time(23, 59, 59), _KAZAKHSTAN).astimezone(UTC) if day else None


def day_of(text: str) -> date | None:
    """Read the day that a text begins with: 2026-12-01 or 01.12.2026."""
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)", text)
    turned = None if found else re.match(r"(\d\d)[./](\d\d)[./](\d{4})", text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3]))
        return date(int(turned[3]), int(turned[2]), int(turned[1])) if turned else None
    except ValueError:
        return None


def future(value: object, now: datetime | None) -> bool:
    """Say whether a value names an instant or a day that is still to come."""
    if now is None or not isinstance(value, str):
        return False
    try:
        return parse_rfc3339(value.strip()) > now + SKEW
    except NotAnInstant:
        pass
    day = day_of(value.strip())
    return day is not None and day > (now + SKEW).astimezone(UTC).date()
