"""Measures: what follows from an event alone but needs counting, put on it as a field before rules see it.

Sigma compares values; it cannot subtract two instants, count the check digits of a machine-readable zone or make one
key of two fields. A measure does one of these and nothing else; rules and contexts read its field like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, timezone
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from engine.events.identifiers import IIN, Mrz
from engine.kernel.errors import IdentifierError, InputError
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339

Kind = Literal[
    "seconds_to",  # from the event to the instant a field names; a plain day ends with its last second
    "seconds_since",  # from the instant a field names to the event
    "mrz_fault",  # the code of the first check digit of an MRZ that is wrong; 'none' where all are right
    "mrz_other_iin",  # the MRZ carries another IIN than the second field; needs both
    "iin_fault",  # the code of what is wrong with an IIN; 'none' where nothing is
    "joined",  # the values of all fields as one key; needs all of them
    "percent",  # 100 where the field holds one of the values, else 0: what a share is the average of
    "count_of",  # how many different values a field holds
]


LOCAL = timezone(timedelta(hours=5))
"""Where a day without an hour begins and ends (Kazakhstan has one zone since 2024)."""


class Measure(BaseModel):
    """One measure: its field, on which event types, of which fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    on: tuple[str, ...]
    kind: Kind
    of: tuple[str, ...]
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Measure:
        wanted = {"mrz_other_iin": 2}.get(self.kind, 1)
        if len(self.of) < wanted or (self.kind != "joined" and len(self.of) > wanted):
            raise ValueError(f"'{self.name}': {self.kind} is of {wanted} field(s)")
        if bool(self.values) is not (self.kind == "percent"):
            raise ValueError(f"'{self.name}': values are for a percent, and it needs them")
        return self

    def value(self, event: Mapping[str, Any], t: float) -> str | float | bool | None:
        """Return what is measured, None where the event does not say enough."""
        held = event.get(self.of[0])
        if held is None or held == "" or held == []:
            return None
        match self.kind:
            case "seconds_to":
                end = _instant(held, latest=True)
                return None if end is None else end - t
            case "seconds_since":
                begin = _instant(held, latest=False)
                return None if begin is None else t - begin
            case "mrz_fault":
                return _fault(Mrz, held)
            case "iin_fault":
                return _fault(IIN, held)
            case "mrz_other_iin":
                return _other_iin(held, event.get(self.of[1]))
            case "percent":
                return 100.0 if str(held).lower() in self.values else 0.0
            case "count_of":
                return float(len(set(map(str, held))) if isinstance(held, list | tuple) else 1)
        parts = [event.get(name) for name in self.of]
        if any(part is None or part == "" or isinstance(part, list | tuple | dict) for part in parts):
            return None
        return "\x1f".join(str(part).lower() for part in parts)


def _instant(value: Any, *, latest: bool) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        if len(value) == 10:
            day = datetime.fromisoformat(value).date()
            return datetime.combine(day, time.max if latest else time.min, LOCAL).timestamp()
        return parse_rfc3339(value).timestamp()
    except (ValueError, InputError, NotAnInstant):
        return None


def _fault(kind: type[Mrz] | type[IIN], value: Any) -> str:
    try:
        kind.parse(value)
    except IdentifierError as error:
        return error.code
    return "none"


def _other_iin(lines: Any, iin: Any) -> bool | None:
    """An IIN stands in the optional data of the documents of Kazakhstan; one without digits there says nothing."""
    try:
        held = "".join(ch for ch in Mrz.parse(lines).optional if ch.isdigit())
    except IdentifierError:
        return None
    if len(held) < 12 or not isinstance(iin, str) or not iin:
        return None
    return held[:12] != iin.strip()
