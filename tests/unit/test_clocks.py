"""A legal clock as a state machine: whatever happens, it never lies about its deadline."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.duties import clock as clocks
from engine.duties import firing
from engine.duties.clock import Clock
from engine.duties.declared import clock_spec
from engine.kernel.errors import DecisionRefused, SecondPersonNeeded
from engine.kernel.facts import Fact
from engine.terms.calendar import builtin_calendar
from tests.support import MONDAY

CALENDAR = builtin_calendar()


def started(reading: str = "strict") -> Clock:
    clock = Clock()
    clock.apply(
        clocks.start(
            clock_spec("regulator-notice"), owner_kind="incident", owner_id="i", subject="",
            anchor_at=MONDAY, at=MONDAY,
            calendar=CALENDAR, reading=reading,  # type: ignore[arg-type]
        )
    )  # fmt: skip
    return clock


class ClockMachine(RuleBasedStateMachine):
    """Time passes, the sweep runs now and then, the duty is done at some moment or never."""

    @initialize(reading=st.sampled_from(["strict", "civil"]))
    def begin(self, reading: str) -> None:
        self.clock = started(reading)
        self.now = MONDAY
        self.facts: list[Fact] = []
        self.done: datetime | None = None

    def take(self, facts: list[Fact]) -> None:
        for fact in facts:
            self.clock.apply(fact)
        self.facts += facts

    @rule(hours=st.integers(0, 40))
    def pass_time(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def sweep(self) -> None:
        self.take(list(firing.sweep(self.clock, now=self.now)))
        assert firing.sweep(self.clock, now=self.now) == []
        due = self.clock.next_instant()
        assert due is None or due > self.now

    @rule()
    def satisfy(self) -> None:
        if self.clock.running:
            self.done = self.now
        self.take(list(clocks.satisfy(self.clock, proof="p", done_at=self.now, at=self.now, actor="a")))

    @invariant()
    def every_kind_of_fact_comes_once(self) -> None:
        kinds = [(f.topic, getattr(f, "percent", getattr(f, "after_days", 0))) for f in getattr(self, "facts", [])]
        assert len(kinds) == len(set(kinds))

    @invariant()
    def a_passed_deadline_is_never_in_time(self) -> None:
        if getattr(self, "done", None) is not None:
            late = self.done > self.clock.breach_instant
            assert self.clock.state == ("satisfied-late" if late else "satisfied")


TestClockMachine = ClockMachine.TestCase


def test_marks_come_in_order_before_the_breach() -> None:
    facts = firing.sweep(started(), now=MONDAY + timedelta(days=30))
    assert [getattr(fact, "percent", 100) for fact in facts] == [50, 75, 90, 100]


def test_under_the_civil_reading_the_strict_instant_is_late_and_not_breached() -> None:
    clock = started("civil")
    for fact in firing.sweep(clock, now=MONDAY + timedelta(days=1, hours=1)):
        clock.apply(fact)
    assert clock.state == "late"
    for fact in firing.sweep(clock, now=MONDAY + timedelta(days=2)):
        clock.apply(fact)
    assert clock.state == "breached"


@given(st.integers(1, 500))
def test_an_anchor_only_moves_to_the_past(hours: int) -> None:
    clock = started()
    spec = clock_spec("regulator-notice")
    later = MONDAY + timedelta(hours=hours)
    assert clocks.reanchor(clock, spec, later, at=MONDAY, reason="x", calendar=CALENDAR) == []
    before = clock.due_at
    earlier = MONDAY - timedelta(hours=hours)
    for fact in clocks.reanchor(clock, spec, earlier, at=MONDAY, reason="x", calendar=CALENDAR):
        clock.apply(fact)
    assert clock.due_at is not None
    assert before is not None
    assert clock.due_at <= before


def test_cancelling_takes_two() -> None:
    with pytest.raises(SecondPersonNeeded):
        clocks.cancel(started(), "no duty", actor="bolat", second_person="bolat", at=MONDAY)
    with pytest.raises(DecisionRefused):
        clocks.cancel(started(), " ", actor="bolat", second_person="dana", at=MONDAY)
    assert clocks.cancel(started(), "no duty", actor="bolat", second_person="dana", at=MONDAY)
