"""How one organisation runs its clocks: readings, stricter terms, its own early aim, who is told when.

A parameter may make a legal duty stricter, never weaker; numbers that are the product's own (marked ``product`` in
clocks.yml, because the text has none) may be set either way.
"""

from __future__ import annotations

from functools import cached_property

from pydantic import Field

from engine.duties.facts import LADDER, MARKS, Ladder
from engine.kernel.errors import DataError
from engine.kernel.facts import Record
from engine.permissions import PEOPLE
from engine.terms.counting import ClockSpec, Reading, clock_specs


class ClockPolicy(Record):
    """The parameters of one organisation. ``terms`` are numbers in the unit of the clock."""

    reading: Reading = "strict"
    readings: dict[str, Reading] = Field(default_factory=dict)
    terms: dict[str, int] = Field(default_factory=dict)
    target_percent: int = Field(default=50, ge=1, le=100)
    ladder: Ladder = Field(default_factory=lambda: dict(LADDER))

    @cached_property
    def specs(self) -> dict[str, ClockSpec]:
        """The clocks with this organisation's terms. Raises DataError for a parameter that is wrong or too weak."""
        specs = dict(clock_specs())
        for name in (*self.terms, *self.readings):
            if name not in specs:
                raise DataError(f"there is no clock '{name}'; known: {', '.join(sorted(specs))}", field="clocks")
        for name, n in self.terms.items():
            specs[name] = specs[name].model_copy(update={"n": _allowed(specs[name], n)})
        self._check_ladder()
        return specs

    def reading_of(self, kind: str) -> Reading:
        """Give the reading whose instant is the breach."""
        return self.readings.get(kind, self.reading)

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
    weaker = n > spec.n if spec.direction == "by" and spec.unit != "business_day_before" else n < spec.n
    if weaker and not spec.product:
        raise DataError(f"'{spec.kind}' is {spec.n} {spec.unit} by law or policy; {n} would be weaker", field="clocks")
    return n
