"""A year in virtual time keeps its invariants; each planted fault breaks one, so the checks can fail."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from engine.duties import clock as clocks
from engine.incidents import triage
from engine.notices import notice as notices
from engine.notices.notice import Notice
from infra.app.container import Container
from infra.lab.simulate.invariants import Violated
from infra.lab.simulate.outside import Mails
from infra.lab.simulate.year import simulate
from infra.processes.base import Stage
from infra.processes.outbox import Outbox
from infra.read.rows.clocks import fire_at

Prepare = Callable[[Container, list[Stage]], None]


def test_a_season_without_faults_of_ours_keeps_every_invariant() -> None:
    result = simulate(11, days=150)
    assert result.counts["crashes"] > 0
    assert result.counts["incidents"] > 20
    assert result.counts["breached"] > 0, "absent staff misses terms, and that is said"
    assert result.counts["refusals"] > 0, "the staff tries what it must not"


def test_the_same_seed_gives_the_same_trace() -> None:
    assert simulate(5, days=60) == simulate(5, days=60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 206))
def test_whole_years_keep_every_invariant(seed: int) -> None:
    simulate(seed)


def no_sweep(container: Container, stages: list[Stage]) -> None:
    """The sweep forgets every third clock."""
    real, count = clocks.sweep, [0]

    def sweep(clock: Any, *, now: Any) -> Any:
        count[0] += 1
        return [] if count[0] % 3 == 0 else real(clock, now=now)

    container.sweep.run = _limited(container, sweep)  # type: ignore[method-assign]


def _limited(container: Container, sweep: Any) -> Callable[[], int]:
    """A sweep with another function inside, that gives up after one round instead of looping for ever."""

    def run() -> int:
        now = container.clock.now()
        due = fire_at(container.database, now, 10_000)
        fired = 0
        with container.decisions.unit(now) as unit:
            for key in due:
                facts = sweep(unit.load(clocks.Clock, key), now=now)
                unit.record(clocks.Clock, key, facts)
                fired += bool(facts)
        return fired

    return run


def weekends_only(container: Container, stages: list[Stage]) -> None:
    """Business days are Monday to Friday, whatever the government orders."""
    type(container.calendar).is_business_day = lambda self, day: day.weekday() < 5  # type: ignore[method-assign]


def lost_effects(container: Container, stages: list[Stage]) -> None:
    """Every seventh effect is forgotten when it is ordered."""
    from infra.store.log.unit import UnitOfWork

    real, count = UnitOfWork.intend, [0]

    def intend(self: UnitOfWork, intent: Any) -> None:
        count[0] += 1
        if intent.kind != "mail" or count[0] % 7:
            real(self, intent)

    UnitOfWork.intend = intend  # type: ignore[method-assign]


def lost_joins(container: Container, stages: list[Stage]) -> None:
    """A finding that belongs to an open incident is dropped."""
    triage.join = lambda incident, finding, *, at: []  # type: ignore[assignment]


def doubt_is_success(container: Container, stages: list[Stage]) -> None:
    """A connection lost after the data counts as sent."""
    from engine.kernel.ports import Delivery

    real = Mails.deliver

    def deliver(self: Mails, key: str, mail: Any) -> Delivery:
        answer = real(self, key, mail)
        return Delivery(outcome="done", reference="?") if answer.outcome == "unknown" else answer

    Mails.deliver = deliver  # type: ignore[method-assign]


def doubt_is_tried_again(container: Container, stages: list[Stage]) -> None:
    """What is in doubt is sent again without asking anybody."""
    from engine.kernel.ports import Delivery

    real = Mails.deliver

    def deliver(self: Mails, key: str, mail: Any) -> Delivery:
        answer = real(self, key, mail)
        return Delivery(outcome="retry", detail="?") if answer.outcome == "unknown" else answer

    Mails.deliver = deliver  # type: ignore[method-assign]


def one_person(container: Container, stages: list[Stage]) -> None:
    """Whoever edits a notice may approve it."""
    real = notices.approve

    def approve(notice: Any, assignee: Any, *, by: Any, at: Any, clients: Any = ()) -> Any:
        notice.editors, notice.submitted_by = set(), None
        return real(notice, None, by=by, at=at, clients=clients)

    notices.approve = approve  # type: ignore[assignment]


def late_is_in_time(container: Container, stages: list[Stage]) -> None:
    """The breach is recorded at the moment it is noticed, plus an hour's courtesy."""
    from datetime import datetime

    real = clocks.Clock.breach_instant.fget  # type: ignore[attr-defined]

    def instant(self: Any) -> datetime:
        return real(self) + timedelta(hours=1)

    clocks.Clock.breach_instant = property(instant)  # type: ignore[assignment]


def no_client_clocks(container: Container, stages: list[Stage]) -> None:
    """The duties to single clients are forgotten."""
    policy: Any = next(stage for stage in stages if stage.name == "clocks").policy  # type: ignore[attr-defined]
    real = policy._start
    policy._start = lambda context, duty, *rest: None if duty.per == "client" else real(context, duty, *rest)


def violations_pass(container: Container, stages: list[Stage]) -> None:
    """Nobody notes that a protected borrower was called."""
    policy: Any = next(stage for stage in stages if stage.name == "orders").policy  # type: ignore[attr-defined]
    assert policy._violations
    policy._violations = lambda *args: None


def stale_views(container: Container, stages: list[Stage]) -> None:
    """The read model of notices misses what happens to them after approval."""
    from infra.store import views

    real = views.show

    def show(cursor: Any, key: str, aggregate: Any, at: Any, facts: Any) -> None:
        if isinstance(aggregate, Notice) and aggregate.approved_at is not None and aggregate.version % 2:
            return
        real(cursor, key, aggregate, at, facts)

    views.show = show


def half_commits(container: Container, stages: list[Stage]) -> None:
    """The mail is sent in one transaction and recorded in another that may be lost."""
    real = Outbox._settle

    def settle(self: Any, row: Any, delivery: Any) -> None:
        if row.kind == "mail" and row.attempts == 0 and delivery.outcome == "done":
            with self.decisions.database.write() as cursor:
                cursor.execute("UPDATE outbox SET attempts = 1, state = 'waiting' WHERE key = ?", (row.key,))
            return
        real(self, row, delivery)

    Outbox._settle = settle  # type: ignore[method-assign]


FAULTS = [
    no_sweep, weekends_only, lost_effects, lost_joins, doubt_is_success, doubt_is_tried_again, one_person,
    late_is_in_time, no_client_clocks, violations_pass, stale_views, half_commits,
]  # fmt: skip


@contextmanager
def untouched() -> Any:
    """Put back whatever a planted fault replaced."""
    from engine.terms.calendar import BusinessCalendar
    from infra.store import views
    from infra.store.log.unit import UnitOfWork

    places = [
        (BusinessCalendar, "is_business_day"), (UnitOfWork, "intend"), (triage, "join"),
        (Mails, "deliver"), (notices, "approve"), (clocks.Clock, "breach_instant"), (views, "show"),
        (Outbox, "_settle"),
    ]  # fmt: skip
    held = [(place, name, place.__dict__[name]) for place, name in places]
    try:
        yield
    finally:
        for place, name, value in held:
            setattr(place, name, value)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(fault: Prepare) -> None:
    once: list[bool] = []

    def prepare(container: Container, stages: list[Stage]) -> None:
        per_house = fault in (no_sweep, no_client_clocks, violations_pass)
        if per_house or not once:
            once.append(True)
            fault(container, stages)

    with untouched(), pytest.raises((Violated, AssertionError)):
        for seed in range(40, 46):
            once.clear()
            with untouched():
                simulate(seed, days=200, prepare=prepare)
