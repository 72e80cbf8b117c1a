"""What starts, warns of, satisfies, cancels, moves and recounts a legal clock. The state machine: ``test_clocks``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.duties import clock as clocks
from engine.duties import decisions, firing
from engine.duties.clock import Clock, clock_id
from engine.duties.declared import clock_spec
from engine.duties.facts import (
    FACTS,
    LADDER,
    MARKS,
    ClockBreached,
    ClockCancellationProposed,
    ClockCancelled,
    ClockLaterAccepted,
    ClockMarkReached,
    ClockProofWithdrawn,
    ClockReanchored,
    ClockRecounted,
    ClockReminded,
    ClockResumed,
    ClockSatisfied,
    ClockStarted,
    ClockWentLate,
)
from engine.kernel.facts import Fact, Person
from engine.terms.calendar import BusinessCalendar, builtin_calendar, calendar_from_yaml
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, FRAUD, MONDAY

CALENDAR = builtin_calendar()
SPEC = clock_spec("regulator-notice")
STRICT_END = MONDAY + timedelta(days=1)
"""10:00 of Tuesday in Almaty."""
CIVIL_END = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
"""18:00 of Tuesday in Almaty."""
HOLIDAY = """
days:
  - {date: 2026-11-24, working: false, reason: mourning, source: order 1, entered_by: bolat,
     entered_at: 2026-11-01T10:00:00+05:00}
"""
SUNDAY = """
days:
  - {date: 2026-11-22, working: true, reason: moved, source: order 2, entered_by: bolat,
     entered_at: 2026-11-01T10:00:00+05:00}
"""


def begun(reading: Any = "strict", kind: str = "regulator-notice", anchor: datetime = MONDAY, **more: Any) -> Any:
    owner = {"owner_kind": "incident", "owner_id": "i-1", "subject": "", "at": MONDAY, "calendar": CALENDAR}
    return clocks.start(clock_spec(kind), anchor_at=anchor, reading=reading, **{**owner, **more})


def satisfied(at: datetime = MONDAY) -> ClockSatisfied:
    return ClockSatisfied(at=at, actor="bolat", clock_id=begun().clock_id, satisfied_at=at, proof="n-1", late=False)


def breached(at: datetime = STRICT_END) -> ClockBreached:
    return ClockBreached(at=at, clock_id=begun().clock_id, breached_at=STRICT_END, escalated_to=())


def cancelled(by_people: bool = False) -> ClockCancelled:
    return ClockCancelled(
        at=MONDAY, actor="bolat", clock_id=begun().clock_id, second_person="aigul", by_people=by_people
    )


PROPOSED = ClockCancellationProposed(at=MONDAY, actor="aigul", reason="no duty", clock_id=begun().clock_id)


def test_a_clock_starts_with_both_readings_its_marks_and_its_aim() -> None:
    fact = begun()
    assert (fact.due_at, fact.latest_at) == (STRICT_END, CIVIL_END)
    assert [mark.percent for mark in fact.marks] == list(MARKS)
    assert fact.marks[0].at == fact.target_at == MONDAY + timedelta(hours=4, minutes=30)
    assert fact.calendar_version == CALENDAR.version
    assert (fact.policy, fact.actor, fact.by_hand) == ("1 business_day, strict", "qorgau", False)
    assert fact.obligations == SPEC.obligations != ()


def test_marks_of_office_time_lie_in_office_hours() -> None:
    friday = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)
    marks = [CALENDAR.local(mark.at) for mark in begun(anchor=friday).marks]
    assert [(at.day, at.hour, at.minute) for at in marks] == [(30, 11, 30), (30, 13, 45), (30, 15, 6)]


def test_marks_of_elapsed_time_are_shares_of_it() -> None:
    fact = begun(kind="collection-stop", owner_kind="protection")
    assert [mark.at - MONDAY for mark in fact.marks] == [timedelta(hours=72 * p / 100) for p in MARKS]


def test_the_early_aim_is_the_organisations() -> None:
    assert begun(kind="collection-stop", target_percent=25).target_at == MONDAY + timedelta(hours=18)


def test_a_clock_started_by_hand_names_who_and_why() -> None:
    fact = begun(actor="bolat", reason="a call")
    assert (fact.actor, fact.by_hand, fact.reason) == ("bolat", True, "a call")


def test_a_duty_never_runs_twice() -> None:
    made = [clock_id("a", "i-1", ""), clock_id("a", "i-1", "c-1"), clock_id("a", "i-2", ""), clock_id("b", "i-1", "")]
    assert len(set(made)) == 4
    assert begun().clock_id == clock_id("regulator-notice", "i-1", "")


@pytest.mark.parametrize("days", [-1, 0, 10])
def test_a_day_that_people_set_is_kept_as_it_is(days: int) -> None:
    due = MONDAY + timedelta(days=days)
    fact = clocks.start_until(
        "corrective-action", due, owner_id="d-1", subject="a-1", anchor_at=MONDAY, at=MONDAY,
        calendar_version="v", obligations=("kmg-8",),
    )  # fmt: skip
    assert (fact.due_at, fact.latest_at, fact.owner_kind) == (due, due, "duty")
    assert [mark.at for mark in fact.marks] == [MONDAY + timedelta(days=max(days, 0)) * p / 100 for p in MARKS]


def test_a_mark_is_told_to_the_roles_of_its_step() -> None:
    given(Clock, begun()).when(firing.sweep, now=MONDAY + timedelta(hours=5)).then(
        Like(ClockMarkReached, percent=50, escalated_to=LADDER[50], mark_at=MONDAY + timedelta(hours=4.5))
    )


def test_nothing_is_told_before_its_time_or_twice() -> None:
    half = begun().marks[0]
    told = ClockMarkReached(at=half.at, clock_id=begun().clock_id, percent=50, mark_at=half.at, escalated_to=())
    given(Clock, begun()).when(firing.sweep, now=half.at - timedelta(microseconds=1)).nothing()
    given(Clock, begun(), told).when(firing.sweep, now=half.at).nothing()


def test_the_breach_has_its_true_instant_and_not_that_of_the_sweep() -> None:
    late = STRICT_END + timedelta(hours=9)
    after = given(Clock, begun()).when(firing.sweep, now=late).then(
        *(Like(ClockMarkReached, at=late) for _ in MARKS),
        Like(ClockBreached, at=late, breached_at=STRICT_END, escalated_to=LADDER[100]),
    )  # fmt: skip
    assert (after.state, after.breached_at) == ("breached", STRICT_END)


def test_the_instant_itself_is_the_breach() -> None:
    assert fold(Clock, begun(), *firing.sweep(fold(Clock, begun()), now=STRICT_END)).state == "breached"


def test_under_the_civil_reading_the_strict_instant_only_makes_it_late() -> None:
    after = given(Clock, begun("civil")).when(firing.sweep, now=STRICT_END).then(
        *(Like(ClockMarkReached) for _ in MARKS), Like(ClockWentLate, late_since=STRICT_END)
    )  # fmt: skip
    assert (after.state, after.breach_instant, after.next_instant()) == ("late", CIVIL_END, CIVIL_END)
    assert not firing.sweep(after, now=STRICT_END)


@pytest.mark.parametrize("end", [satisfied(), cancelled()], ids=["satisfied", "cancelled"])
def test_a_duty_that_ended_is_told_no_more(end: Fact) -> None:
    given(Clock, begun(), end).when(firing.sweep, now=MONDAY + timedelta(days=99)).nothing()
    assert fold(Clock, begun(), end).next_instant() is None


@pytest.mark.parametrize(
    ("days", "told"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 4), (9, 8), (40, 32), (64, 64), (100, 64), (130, 128)]
)
def test_a_breach_is_said_again_after_doubling_days(days: int, told: int) -> None:
    outcome = given(Clock, begun(), breached()).when(firing.sweep, now=STRICT_END + timedelta(days=days))
    if told == 0:
        outcome.nothing()
    else:
        after = outcome.then(Like(ClockReminded, after_days=told, escalated_to=LADDER[100]))
        assert after.next_reminder() > STRICT_END + timedelta(days=days)


@pytest.mark.parametrize(("done", "following"), [(0, 1), (1, 2), (32, 64), (64, 128), (128, 192)])
def test_reminders_double_until_sixty_four_days(done: int, following: int) -> None:
    said = ClockReminded(at=STRICT_END, clock_id="x", after_days=done, escalated_to=())
    state = fold(Clock, begun(), breached(), said)
    assert state.next_instant() == STRICT_END + timedelta(days=following)


def test_a_breach_found_after_days_stands_for_the_reminders_that_were_missed() -> None:
    state = fold(Clock, begun(), breached(at=STRICT_END + timedelta(days=5)))
    assert state.reminded_days == 4


WORDS: dict[str, Any] = {"proof": "n-1", "actor": "bolat"}


@pytest.mark.parametrize(
    ("reading", "hours", "late"),
    [("strict", 24, False), ("strict", 24.1, True), ("civil", 24.1, False), ("civil", 32, False), ("civil", 33, True)],
)
def test_a_duty_done_after_its_term_is_late_whatever_the_sweep_saw(reading: str, hours: float, late: bool) -> None:
    done = MONDAY + timedelta(hours=hours)
    outcome = given(Clock, begun(reading)).when(clocks.satisfy, done_at=done, at=done, **WORDS)
    kinds = [Like(ClockBreached)] if late else []
    after = outcome.then(*kinds, Like(ClockSatisfied, actor="bolat", satisfied_at=done, proof="n-1", late=late))
    assert after.state == ("satisfied-late" if late else "satisfied")


def test_a_breach_found_at_the_proof_has_its_true_instant() -> None:
    done = STRICT_END + timedelta(days=3)
    facts = clocks.satisfy(fold(Clock, begun()), done_at=done, at=done, **WORDS)
    assert [(type(it), getattr(it, "breached_at", None)) for it in facts] == [
        (ClockBreached, STRICT_END), (ClockSatisfied, None)
    ]  # fmt: skip


def test_what_was_done_in_time_and_is_recorded_after_the_breach_is_late_still() -> None:
    given(Clock, begun(), breached()).when(clocks.satisfy, done_at=MONDAY, at=CIVIL_END, **WORDS).then(
        Like(ClockSatisfied, late=True)
    )


def test_a_duty_is_satisfied_once() -> None:
    given(Clock, begun(), satisfied()).when(clocks.satisfy, done_at=MONDAY, at=MONDAY, **WORDS).nothing()


def test_a_withdrawn_proof_makes_the_duty_owed_again_with_its_term() -> None:
    after = given(Clock, begun(), satisfied()).when(
        clocks.withdraw_proof, "it came back", at=CIVIL_END, actor="bounces"
    ).then(Like(ClockProofWithdrawn, reason="it came back"))  # fmt: skip
    assert (after.state, after.running, after.due_at) == ("running", True, STRICT_END)
    assert fold(Clock, begun(), satisfied(), *firing.sweep(after, now=CIVIL_END)).breached_at == STRICT_END


@pytest.mark.parametrize("past", [(), (satisfied(), cancelled())], ids=["running", "cancelled"])
def test_only_a_proof_that_is_there_is_withdrawn(past: tuple[Fact, ...]) -> None:
    given(Clock, begun(), *past).when(clocks.withdraw_proof, "x", at=MONDAY, actor="b").nothing()


@for_all(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=12))
def test_however_often_proof_comes_and_goes_a_passed_term_stays_passed(steps: list[tuple[bool, int]]) -> None:
    facts: list[Fact] = [begun()]
    state, now, passed = fold(Clock, *facts), MONDAY, False
    for proves, hours in steps:
        now += timedelta(hours=hours)
        more = firing.sweep(state, now=now)
        for fact in more:
            state.apply(fact)
        facts += more
        passed = passed or (state.running and now >= STRICT_END)
        decided = (
            clocks.satisfy(state, done_at=now, at=now, **WORDS)
            if proves
            else clocks.withdraw_proof(state, "x", at=now, actor="b")
        )
        for fact in decided:
            state.apply(fact)
        facts += decided
        assert (state.breached_at is not None) == passed
        assert state.state in (("breached", "satisfied-late") if passed else ("running", "satisfied"))
    assert fold(Clock, *facts) == state


def test_a_clock_is_cancelled_by_two_and_both_are_named() -> None:
    after = given(Clock, begun()).when(
        clocks.cancel, "no duty", actor="bolat", second_person="aigul", at=MONDAY
    ).then(Like(ClockCancelled, second_person="aigul", reason="no duty", by_people=False))  # fmt: skip
    assert (after.state, after.running) == ("cancelled", False)


def test_a_clock_that_ended_is_not_cancelled() -> None:
    given(Clock, begun(), satisfied()).when(
        clocks.cancel, "x", actor="bolat", second_person="aigul", at=MONDAY
    ).nothing()


def test_a_clock_cancelled_with_its_incident_comes_back_with_it() -> None:
    after = given(Clock, begun(), cancelled()).when(clocks.resume, "reopened", actor="aigul", at=CIVIL_END).then(
        Like(ClockResumed, reason="reopened")
    )  # fmt: skip
    assert (after.state, after.anchor_at, after.due_at) == ("running", MONDAY, STRICT_END)


@pytest.mark.parametrize("past", [(), (cancelled(by_people=True),)], ids=["running", "by-people"])
def test_what_two_persons_cancelled_by_itself_stays_cancelled(past: tuple[Fact, ...]) -> None:
    given(Clock, begun(), *past).when(clocks.resume, "x", actor="aigul", at=MONDAY).nothing()


@pytest.mark.parametrize("by", [ANALYST, FRAUD, COMPLIANCE, CISO])
def test_a_cancellation_is_first_proposed_and_the_clock_runs_on(by: Person) -> None:
    after = given(Clock, begun()).when(decisions.propose_cancellation, "no duty", by=by, at=MONDAY).then(
        Like(ClockCancellationProposed, reason="no duty")
    )  # fmt: skip
    assert (after.running, after.proposed) == (True, (by.id, "no duty"))


@pytest.mark.parametrize(
    ("past", "reason", "by", "why"),
    [
        ((), "x", AUDITOR, "decision.not-allowed"),
        ((), " ", ANALYST, "needs a reason"),
        ((), ".", ANALYST, "in your own words"),
        ((PROPOSED,), "entered twice", COMPLIANCE, "aigul proposed it already"),
        ((satisfied(),), "x", ANALYST, "the clock is satisfied"),
        ((cancelled(),), "x", ANALYST, "the clock is cancelled"),
    ],
)
def test_a_cancellation_is_not_proposed_so(past: Any, reason: str, by: Person, why: str) -> None:
    given(Clock, begun(), *past).when(decisions.propose_cancellation, reason, by=by, at=MONDAY).refused(why)


def test_a_second_person_agrees_to_cancel_for_the_reason_of_the_first() -> None:
    after = given(Clock, begun(), PROPOSED).when(decisions.agree_to_cancel, by=COMPLIANCE, at=CIVIL_END).then(
        Like(ClockCancelled, actor="bolat", second_person="aigul", reason="no duty", by_people=True)
    )  # fmt: skip
    assert (after.cancelled_by_people, after.proposed) == (True, None)


@pytest.mark.parametrize(
    ("past", "by", "why"),
    [
        ((PROPOSED,), FRAUD, "decision.not-allowed"),
        ((PROPOSED,), Person(id="aigul", roles=frozenset({"ciso"})), "decision.second-person"),
        ((), CISO, "nobody proposed"),
        ((PROPOSED, satisfied()), CISO, "nobody proposed"),
    ],
)
def test_a_cancellation_is_not_agreed_so(past: Any, by: Person, why: str) -> None:
    given(Clock, begun(), *past).when(decisions.agree_to_cancel, by=by, at=MONDAY).refused(why)


EARLIER = MONDAY - timedelta(minutes=30)


def moved(anchor: datetime = EARLIER, **past: Any) -> dict[str, Any]:
    return {"at": CIVIL_END, "reason": "an older event", "calendar": CALENDAR, **past}


def test_an_earlier_detection_moves_every_instant_with_it() -> None:
    after = given(Clock, begun()).when(clocks.reanchor, SPEC, EARLIER, **moved()).then(
        Like(ClockReanchored, anchor_at=EARLIER, due_at=STRICT_END - timedelta(minutes=30), reason="an older event")
    )  # fmt: skip
    assert after.marks[0].at == after.target_at == EARLIER + timedelta(hours=4.5)


def test_a_breach_moves_to_its_earlier_true_instant() -> None:
    after = given(Clock, begun(), breached()).when(clocks.reanchor, SPEC, EARLIER, **moved()).then(
        Like(ClockReanchored), Like(ClockBreached, breached_at=STRICT_END - timedelta(minutes=30))
    )  # fmt: skip
    assert after.breached_at == STRICT_END - timedelta(minutes=30)


@pytest.mark.parametrize(
    ("past", "anchor"), [((), MONDAY), ((), MONDAY + timedelta(hours=1)), ((satisfied(),), EARLIER)]
)
def test_an_anchor_does_not_move_forward_nor_after_the_end(past: tuple[Fact, ...], anchor: datetime) -> None:
    given(Clock, begun(), *past).when(clocks.reanchor, SPEC, anchor, **moved()).nothing()


def other(text: str) -> BusinessCalendar:
    return calendar_from_yaml(text)


def test_a_new_day_off_offers_a_later_end_and_the_earlier_holds() -> None:
    after = given(Clock, begun()).when(clocks.recount, SPEC, calendar=other(HOLIDAY), at=CIVIL_END).then(
        Like(
            ClockRecounted, due_at=STRICT_END, latest_at=CIVIL_END, counted_due_at=STRICT_END + timedelta(days=1),
            counted_latest_at=CIVIL_END + timedelta(days=1), calendar_version=other(HOLIDAY).version,
            marks=begun().marks,
        )
    )  # fmt: skip
    assert after.due_at == STRICT_END
    assert after.offered is not None
    assert after.calendar_version == other(HOLIDAY).version


def test_a_new_working_day_shortens_the_term_at_once() -> None:
    friday = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    after = given(Clock, begun(anchor=friday)).when(clocks.recount, SPEC, calendar=other(SUNDAY), at=friday).then(
        Like(ClockRecounted, due_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    )  # fmt: skip
    assert after.offered is None
    assert after.marks != begun(anchor=friday).marks
    assert after.breach_instant == datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_day_that_people_set_stays_under_any_calendar() -> None:
    set_day = clocks.start_until(
        "corrective-action", STRICT_END, owner_id="d", subject="a", anchor_at=MONDAY, at=MONDAY,
        calendar_version="old", obligations=(),
    )  # fmt: skip
    after = given(Clock, set_day).when(clocks.recount, None, calendar=other(HOLIDAY), at=MONDAY).then(
        Like(ClockRecounted, due_at=STRICT_END, counted_due_at=STRICT_END)
    )  # fmt: skip
    assert after.offered is None


@pytest.mark.parametrize(
    ("past", "text"), [((), ""), ((breached(),), HOLIDAY), ((satisfied(),), HOLIDAY), ((cancelled(),), HOLIDAY)]
)
def test_a_calendar_changes_only_open_terms_and_only_once(past: tuple[Fact, ...], text: str) -> None:
    calendar = other(text) if text else CALENDAR
    given(Clock, begun(), *past).when(clocks.recount, SPEC, calendar=calendar, at=MONDAY).nothing()


def offer() -> Fact:
    (fact,) = clocks.recount(fold(Clock, begun()), SPEC, calendar=other(HOLIDAY), at=MONDAY)
    return fact


def test_a_person_accepts_the_later_end() -> None:
    after = given(Clock, begun(), offer()).when(decisions.accept_later, "order 1", by=COMPLIANCE_2, at=CIVIL_END).then(
        Like(ClockLaterAccepted, due_at=STRICT_END + timedelta(days=1), reason="order 1", actor="dana")
    )  # fmt: skip
    assert (after.due_at, after.offered) == (STRICT_END + timedelta(days=1), None)


@pytest.mark.parametrize(
    ("past", "reason", "by", "why"),
    [
        ((offer(),), "x", ANALYST, "decision.not-allowed"),
        ((offer(),), " ", CISO, "needs a reason"),
        ((offer(),), "no", CISO, "in your own words"),
        ((), "x", CISO, "offers no later deadline"),
        ((offer(), breached()), "x", CISO, "offers no later deadline"),
        ((offer(), satisfied()), "x", CISO, "offers no later deadline"),
    ],
)
def test_a_later_end_is_not_accepted_so(past: Any, reason: str, by: Person, why: str) -> None:
    given(Clock, begun(), *past).when(decisions.accept_later, reason, by=by, at=MONDAY).refused(why)


def test_an_earlier_anchor_takes_an_offer_back() -> None:
    (back,) = clocks.reanchor(fold(Clock, begun(), offer()), SPEC, EARLIER, **moved())
    assert fold(Clock, begun(), offer(), back).offered is None


@for_all(
    st.sampled_from(["strict", "civil"]),
    st.integers(0, 14 * 24),
    st.lists(st.dates(date(2026, 11, 20), date(2026, 12, 10)), unique=True, max_size=8),
)
def test_no_calendar_moves_a_deadline_later_by_itself(reading: str, hours: int, off: list[date]) -> None:
    entries = "\n".join(
        f"  - {{date: {day}, working: {str(day.weekday() > 4).lower()}, reason: x, source: x, entered_by: x,"
        " entered_at: 2026-11-01T10:00:00Z}"
        for day in off
    )
    calendar = other(f"days:\n{entries}\nconfirmed_through: 2027")
    first = begun(reading, anchor=MONDAY + timedelta(hours=hours))
    before = fold(Clock, first)
    after = fold(Clock, first, *clocks.recount(before, SPEC, calendar=calendar, at=MONDAY))
    assert after.breach_instant <= before.breach_instant
    assert after.due_at <= after.latest_at  # type: ignore[operator]


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    assert len({kind.topic for kind in FACTS}) == len(FACTS) == 15
    assert ClockStarted in FACTS
