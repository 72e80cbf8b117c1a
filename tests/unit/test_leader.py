"""Whatever goes wrong in a term of work, the lock is given back and somebody works again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.app import stream
from infra.app.leader import LeaderElection
from infra.app.worker import Worker
from infra.inbound.kafka.arrivals import Arrival
from infra.inbound.kafka.consumer import Waits
from infra.observe.stage_health import NOBODY_WORKS, Faults, all_standing
from infra.observe.steps import NOBODY, Steps
from infra.store.sql.database import StoreUnavailable
from tests.support import World


class Lock:
    """A lock that is always won, and counts how often it was given back."""

    class database:  # noqa: N801 - stands for an object
        where = "postgresql://here/store"

    def __init__(self) -> None:
        self.term = 0
        self.given_back = 0
        self.held = True

    def acquire(self) -> bool:
        self.term += 1
        self.held = True
        return True

    def still_held(self) -> bool:
        return self.held

    def give_up(self) -> None:
        self.given_back += 1


class Work:
    """A worker that fails where it is told to."""

    def __init__(self, fails: str = "", error: BaseException | None = None) -> None:
        self.fails = fails
        self.error = error or StoreUnavailable("it does not answer")
        self.done: list[str] = []
        self.alive = True

    def _do(self, what: str) -> None:
        self.done.append(what)
        if self.fails == what:
            raise self.error

    def start(self) -> None:
        self._do("start")

    def stop(self, patience_s: float) -> None:
        self._do("stop")

    def is_alive(self) -> bool:
        return self.alive


class Terms:
    """Gives one worker after another to an election."""

    def __init__(self, *works: Work | BaseException) -> None:
        self.left = list(works)
        self.lock = Lock()
        self.changes: list[Any] = []
        self.deaths = 0
        container: Any = None
        lock: Any = self.lock
        self.election = LeaderElection(container, lock, self.changes.append, self._make, self._dead)

    def _make(self, container: Any, term: int) -> Any:
        work = self.left.pop(0)
        if isinstance(work, BaseException):
            raise work
        return work

    def _dead(self) -> None:
        self.deaths += 1


@pytest.mark.parametrize(
    "fails",
    [StoreUnavailable("no connection"), KeyError("anything"), Work("start"), Work("start", RuntimeError("no thread"))],
    ids=["built", "built-other", "started", "started-other"],
)
def test_a_term_that_cannot_begin_is_given_up_and_the_next_one_works(fails: Work | BaseException) -> None:
    works = Work()
    terms = Terms(fails, works)
    terms.election.ask()
    assert (terms.election.worker, terms.lock.given_back) == (None, 1)
    terms.election.ask()
    assert terms.election.worker is works
    assert terms.changes[-1] is works


def test_a_worker_that_did_not_start_whole_is_stopped() -> None:
    half = Work("start")
    terms = Terms(half)
    terms.election.ask()
    assert half.done == ["start", "stop"]


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("a thread would not end")])
def test_the_lock_is_given_back_though_the_worker_does_not_stop_in_order(error: BaseException) -> None:
    terms = Terms(Work("stop", error), Work())
    terms.election.ask()
    terms.lock.held = False
    terms.election.ask()
    assert (terms.election.worker, terms.lock.given_back) == (None, 1)
    terms.election.ask()
    assert terms.election.worker is not None


def test_a_worker_with_a_dead_thread_resigns() -> None:
    first, second = Work(), Work()
    terms = Terms(first, second)
    terms.election.ask()
    first.alive = False
    terms.election.ask()
    terms.election.ask()
    assert terms.election.worker is second


def test_a_dead_election_ends_the_process() -> None:
    terms = Terms(SystemExit(3))
    terms.election.run()
    assert terms.deaths == 1


def test_an_election_that_is_stopped_ends_nothing() -> None:
    terms = Terms(Work())
    terms.election.ask()
    terms.election.stopping.set()
    terms.election.run()
    assert (terms.deaths, terms.lock.given_back) == (0, 1)


def faults(world: World) -> list[tuple[str, str]]:
    container = world.container
    standing = all_standing(container.database, container.disk.look(), world.clock)
    return [(it["stage"], it["error"]) for it in standing]


def test_when_nobody_works_every_process_sees_it(world: World) -> None:
    assert faults(world) == [], "nobody ever worked here"
    steps = Steps(world.container.database, world.clock)
    steps.note()
    world.clock.forward(seconds=NOBODY.total_seconds())
    assert faults(world) == []
    world.clock.forward(seconds=NOBODY.total_seconds())
    assert faults(world) == [("worker", NOBODY_WORKS)]
    steps.note()
    assert faults(world) == []


def test_a_worker_says_that_it_works(world: World, tmp_path: Path) -> None:
    worker = Worker(world.container)
    worker.start()
    try:
        assert worker.is_alive()
        assert world.container.database.scalar("SELECT COUNT(*) FROM meta WHERE key = 'worker:step'") == 1
    finally:
        worker.stop()


def test_a_fault_ends_with_the_first_success_whoever_noted_it(world: World) -> None:
    container = world.container
    ours, theirs = (Faults(container.decisions, world.clock) for _ in range(2))
    theirs.raised("sweep", RuntimeError("the fault"))
    world.clock.forward(seconds=10)
    ours.gone("sweep")
    assert faults(world) == []
    world.clock.forward(seconds=10)
    theirs.raised("sweep", RuntimeError("again"))
    theirs.gone("sweep")
    assert faults(world) == []


def test_the_fault_of_a_stream_ends_when_a_partition_that_it_names_goes_on(world: World) -> None:
    container = world.container
    Faults(container.decisions, world.clock).raised("stream", Waits(OSError(), [Arrival("q.portal", 3, 17, b"")]))
    assert faults(world) == [("stream", "OSError at q.portal/3 from offset 17")]
    other = Faults(container.decisions, world.clock)
    stream.ended(other, {"q.portal/1"})
    assert len(faults(world)) == 1
    stream.ended(other, {"q.portal/1", "q.portal/3"})
    assert faults(world) == []
