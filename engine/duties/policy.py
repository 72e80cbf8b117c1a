"""How one organisation runs its clocks: readings, stricter terms, its own early aim, who is told when.

A parameter may make a legal duty stricter, never weaker; numbers that are the product's own (marked ``product`` in
clocks.yml, because the text has none) may be set either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Literal

from pydantic import Field

from engine.duties.checking import check
from engine.duties.clock import Clock
from engine.duties.declared import HOME, DeclaredDuty, builtin_names, clock_specs, jurisdiction
from engine.duties.facts import LADDER, MARKS, Ladder
from engine.governance.governance import duty_specs
from engine.governance.matters import matter_specs
from engine.governance.register import builtin_register
from engine.kernel.errors import DataError
from engine.kernel.facts import Record
from engine.permissions import PEOPLE
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import ClockSpec, Reading

CountsFrom = Literal["detection", "confirmation"]


class ClockPolicy(Record):
    """The parameters of one organisation. ``terms`` are numbers in the unit of the clock."""

    reading: Reading = "strict"
    readings: dict[str, Reading] = Field(default_factory=dict)
    terms: dict[str, int] = Field(default_factory=dict)
    jurisdictions: tuple[str, ...] = (HOME,)
    """Whose duties run, the home of the organisation first."""
    counts_from: CountsFrom = "detection"
    """From when the terms of duties run that were raised only by the confirmation of an incident."""
    target_percent: int = Field(default=50, ge=1, le=100)
    ladder: Ladder = Field(default_factory=lambda: dict(LADDER))

    @cached_property
    def declared(self) -> tuple[DeclaredDuty, ...]:
        """The entries whose duties start here: those of the organisation's jurisdictions."""
        return tuple(duty for duty in self.known if duty.jurisdiction in self.jurisdictions)

    @cached_property
    def known(self) -> tuple[DeclaredDuty, ...]:
        """Every entry that ships, those of the organisation first: a clock that runs keeps its law, also where the
        jurisdiction was switched off since. Raise DataError for one that the register contradicts."""
        names = tuple(dict.fromkeys((*self.jurisdictions, *builtin_names())))
        found = tuple(duty for name in names for duty in jurisdiction(name).duties)
        events_of = {f"duty-done {spec.key}": spec.events for spec in duty_specs().values()}
        for name, spec in matter_specs().items():
            opens = tuple(sign.event for sign in spec.opens)
            settles = tuple(sign.event for sign in spec.settles) + (opens if spec.rolling else ())
            events_of |= {f"matter-arose {name}": opens, f"matter-set {name}": opens, f"matter-settled {name}": settles}
        for duty in found:
            check(duty, builtin_register(), events_of, f"{duty.jurisdiction}/duties.yml")
        return found

    def entry_of(self, clock: Clock) -> DeclaredDuty | None:
        """Return the entry a clock was started by, None of a kind that no jurisdiction declares."""
        law = clock.jurisdiction or HOME  # before there was more than one
        found = [duty for duty in self.known if duty.id == clock.kind and duty.jurisdiction == law]
        if clock.law_from is not None:
            return next((duty for duty in found if duty.valid_from == clock.law_from), None)
        day = clock.anchor_at.date() if clock.anchor_at is not None else date.max
        return next((duty for duty in found if duty.in_force(day)), None)

    def entry_on(self, kind: str, day: date) -> DeclaredDuty | None:
        """Return the entry of a duty that is the law of a local day here, None when there is none."""
        return next((duty for duty in self.declared if duty.id == kind and duty.in_force(day)), None)

    def spec_of(self, duty: DeclaredDuty) -> ClockSpec | None:
        """Return how an entry is counted here: with the organisation's own term where that is not weaker. None where
        people set the day."""
        spec, own = duty.spec, self.terms.get(duty.id)
        if spec is None or own is None:
            return spec
        return spec.model_copy(update={"n": own if spec.product or not _weaker(spec, own) else spec.n})

    def home_calendar(self, calendars: Mapping[str, BusinessCalendar]) -> BusinessCalendar:
        """Return the calendar of the organisation itself."""
        return calendars[self.jurisdictions[0]]

    @cached_property
    def specs(self) -> dict[str, ClockSpec]:
        """The clocks with this organisation's terms. Raise DataError for a parameter that is wrong or too weak."""
        if len(set(self.jurisdictions)) != len(self.jurisdictions):
            raise DataError("a jurisdiction is named twice", field="jurisdictions")
        self._check_authorities()
        specs: dict[str, ClockSpec] = {}
        for name in self.jurisdictions:
            specs |= clock_specs(name)
        for name in (*self.terms, *self.readings):
            if name not in specs:
                raise DataError(f"there is no clock '{name}'; known: {', '.join(sorted(specs))}", field="clocks")
        for name, n in self.terms.items():
            specs[name] = specs[name].model_copy(update={"n": _allowed(specs[name], n)})
        self._check_ladder()
        return specs

    def reading_of(self, kind: str) -> Reading:
        """Return the reading whose instant is the breach."""
        return self.readings.get(kind, self.reading)

    def _check_authorities(self) -> None:
        """One notice tells one authority: jurisdictions whose duties are done by the same kind do not go together."""
        told: dict[str, str] = {}
        for duty in self.declared:
            for phrase in duty.satisfactions:
                if phrase.word != "notice-sent":
                    continue
                first = told.setdefault(phrase.about, duty.jurisdiction)
                if first != duty.jurisdiction:
                    both = f"'{first}' and '{duty.jurisdiction}' are both told by the notice '{phrase.about}'"
                    raise DataError(f"{both}; one notice cannot tell two authorities", field="jurisdictions")

    def _check_ladder(self) -> None:
        missing = {*MARKS, 100} - self.ladder.keys()
        if missing or set(self.ladder) - {*MARKS, 100}:
            raise DataError(f"the ladder has the steps {', '.join(map(str, (*MARKS, 100)))}", field="ladder")
        for percent, roles in self.ladder.items():
            if set(roles) - set(PEOPLE) or (percent == 100 and not roles):
                raise DataError(f"step {percent} of the ladder names roles out of {', '.join(sorted(PEOPLE))}")


def _allowed(spec: ClockSpec, n: int) -> int:
    if n < 1:
        raise DataError(f"the term of '{spec.kind}' is at least 1 {spec.unit}", field="clocks")
    if _weaker(spec, n) and not spec.product:
        raise DataError(f"'{spec.kind}' is {spec.n} {spec.unit} by law or policy; {n} would be weaker", field="clocks")
    return n


def _weaker(spec: ClockSpec, n: int) -> bool:
    return n > spec.n if spec.direction == "by" and spec.unit != "business_day_before" else n < spec.n
