"""Whether a measured value reaches its target, however the two are written; what cannot be compared says nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from engine.governance.words import FAILED, word
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339

_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_TIMES = re.compile(r"\d\s*(?:ms|s|sec\w*|m|min\w*|h|hours?|d|days?|сек\w*|мин\w*|ч|час\w*|дн\w*|день|күн|сағ\w*)\b")
_UNITS = {"ms": 0.001, "s": 1, "сек": 1, "m": 60, "мин": 60, "h": 3600, "ч": 3600, "сағ": 3600, "d": 86400,
          "д": 86400, "күн": 86400}  # fmt: skip
_LEAST = re.compile(r">=|≥|=>|>|\b(?:at least|minimum|not less|no less|не менее|не ниже|минимум|кемінде)\b")
_MOST = re.compile(
    r"<=|≤|=<|<|\b(?:at most|maximum|max|not more|no more|up to|within|below|under|не более|не выше|до|"
    r"аспайды|көп емес)\b"
)


def reaches(value: Any, target: Any, *, at_most: bool = False) -> bool:
    """Say whether a value is as good as its target. A target may say which side is good (``>= 95 %``, ``не более 5``);
    of times, of zero and ``at_most`` less is better, of anything else more is. Words are left to the outcome."""
    held, wanted = str(value).casefold().strip(), str(target).casefold().strip()
    if word(held) in FAILED and word(held) != word(wanted):
        return False
    found, asked = _read(held), _read(wanted)
    if found is None or asked is None:
        return held == wanted or (found is None and asked is None)
    if _LEAST.search(wanted):
        return found >= asked
    less = at_most or _MOST.search(wanted) is not None or asked == 0 or _TIMES.search(wanted) is not None
    return found <= asked if less else found >= asked


def passed(since: Any, until: Any, hours: float) -> bool:
    """Say whether so many hours lie between two instants; what cannot be read shows nothing."""
    try:
        return parse_rfc3339(until) - parse_rfc3339(since) >= timedelta(hours=hours)
    except NotAnInstant:
        return False


def _read(text: str) -> float | None:
    found = _NUMBER.search(text)
    if found is None:
        return None
    number = float(found[0].replace(",", "."))
    times = _TIMES.search(text)
    if times is None:
        return number
    unit = times[0].lstrip("0123456789.,- ")
    factor = next((_UNITS[it] for it in sorted(_UNITS, key=len, reverse=True) if unit.startswith(it)), 1)
    return number * factor
