"""The marks of a term, and terms that are counted once for all who share them."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from engine.duties.facts import MARKS, Mark
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import ClockSpec, Term, add_business_time, count_term

Counted = tuple[Term, tuple[Mark, ...], datetime]
_before: OrderedDict[tuple[object, ...], tuple[BusinessCalendar, Counted]] = OrderedDict()
"""What was counted of late, by calendar: the clients of one detection share it."""
_KEPT = 1024


def counted(
    spec: ClockSpec, anchor_at: datetime, calendar: BusinessCalendar, target_percent: int, outer: datetime | None
) -> Counted:
    """Count a term with its marks and the own aim."""
    key = spec, anchor_at, id(calendar), target_percent, outer
    held = _before.get(key)
    if held is not None:
        return held[1]
    term = count_term(spec, anchor_at, calendar, outer=outer)
    marks = marks_of(spec, anchor_at, term.due_at, calendar)
    found = term, marks, share_of(spec, anchor_at, term.due_at, calendar, target_percent)
    _before[key] = calendar, found  # the calendar is kept with it, so no other one can have its id
    if len(_before) > _KEPT:
        _before.popitem(last=False)
    return found


def marks_of(spec: ClockSpec, anchor: datetime, due: datetime, calendar: BusinessCalendar) -> tuple[Mark, ...]:
    return tuple(Mark(percent=p, at=share_of(spec, anchor, due, calendar, p)) for p in MARKS)


def share_of(spec: ClockSpec, anchor: datetime, due: datetime, calendar: BusinessCalendar, percent: int) -> datetime:
    """Return the instant at which a share of the term is used up: of office time for terms counted in it."""
    if spec.unit == "business_day":
        return add_business_time(calendar, anchor, spec.n * calendar.business_day_length() * percent / 100)
    return anchor + (due - anchor) * percent / 100
