"""The worker: runs the stages until there is nothing to do, waits to be woken, and holds the lock that makes it one.

APScheduler only calls the sweep. It keeps no duty: its jobs live in memory and everything due stands in the store.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from engine.governance.facts import ServiceBegan
from engine.kernel.errors import QorgauError
from engine.kernel.ids import derive
from infra.app.container import Container, stages_of
from infra.app.time_source import SystemClock
from infra.observe.stage_health import Faults
from infra.observe.steps import Steps
from infra.outbound.sntp import SntpServer
from infra.processes.base import Stage
from infra.processes.integrity.inspecting import inspect
from infra.processes.timekeeping import Timekeeper, passed
from infra.store.integrity.settings_seen import see_settings

log = logging.getLogger("qorgau.worker")
IDLE_S = 0.5
GATHER_S = 0.1
ASIDE_S = 0.3
"""How long what works beside the others looks away after it found nothing: each look takes time from them."""
CATCH_UP_S = 0.3
"""How long a stage may go on in one round: the others wait for it."""
PAUSE_AFTER_FAULT_S = 5.0
PULSE_S = 2.0
SET_BACK = timedelta(seconds=5)
"""So much later than its interval a job is planned only when the clock was set back."""
HELD_S = 2.0
"""How often a worker that is held looks whether the gap was accepted."""
SLICE_S = 0.02
"""The pause between slices of the daily look at the store: others want the machine too."""


class WorkedElsewhere(QorgauError):
    """Another process does the work."""

    code = "worker.elsewhere"


class WorkerLock:
    """A lock on the data directory: the stages run in one process only."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "worker.lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock; raises WorkedElsewhere when another process holds it."""
        file = self.path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise WorkedElsewhere(
                f"another qorgau works on {self.path.parent}; stop it or set QORGAU_DATA to another directory"
            ) from None
        self._file = file

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


def begin_service(container: Container) -> None:
    """Record once that the organisation works with this installation: duties never done are due from here."""
    key = str(derive("service", "began"))
    if not container.decisions.of(key):
        now = container.clock.now()
        with container.decisions.unit(now) as unit:
            unit.record_single(key, ServiceBegan(at=now))


def drain(stages: Sequence[Stage]) -> None:
    """Run the stages until none has anything to do."""
    busy = True
    while busy:
        busy = False
        for stage in stages:
            while stage.step():
                busy = True


class Worker:
    """Threads that run the stages; a fault of one stage is told to people and does not stop the others."""

    def __init__(self, container: Container, term: int | None = None) -> None:
        self.container = container
        self.term = term
        self.stages = stages_of(container)
        self.faults = Faults(container.decisions, container.clock)
        self.steps = Steps(container.database, container.clock)
        servers = [SntpServer(address) for address in container.settings.time_servers]
        clock = container.clock
        # The time of a simulation passes when it is told to.
        seconds = passed if isinstance(clock, SystemClock) else lambda: clock.now().timestamp()
        self.timekeeper = Timekeeper(container.decisions, clock, self.faults, servers, seconds=seconds)
        self.stopping = threading.Event()
        together = [stage for stage in self.stages if not stage.waits_for_others]
        alone = [[stage] for stage in self.stages if stage.waits_for_others]
        self._loops = [_Loop(self, stages) for stages in (together, *alone)]
        self._scheduler = BackgroundScheduler(timezone="UTC", jobstores={"default": MemoryJobStore()})

    def start(self) -> None:
        """Fire what came due while nobody was here, then run."""
        with self.as_leader():
            self._inspect(at_start=True)
            if not self.held():
                begin_service(self.container)
                self._see_settings()
                self.container.sweep.run(self.timekeeper.look())
            self.steps.note()
        self._scheduler.add_job(
            self._inspect, "interval", hours=24, misfire_grace_time=None, coalesce=True, max_instances=1
        )
        self._scheduler.add_job(
            self._sweep, "interval", seconds=1, misfire_grace_time=None, coalesce=True, max_instances=1
        )
        if self.container.settings.segment_events:
            self._scheduler.add_job(
                self._close_segments, "interval", minutes=10, misfire_grace_time=None, coalesce=True, max_instances=1
            )
        self._scheduler.start()
        if self.container.database.announces:
            threading.Thread(target=self._listen, name="worker-listen", daemon=True).start()
        threading.Thread(target=self._pulse, name="worker-pulse", daemon=True).start()
        for loop in self._loops:
            loop.start()

    def _pulse(self) -> None:
        """Bring what is scheduled forward when the clock of the machine was set back: the scheduler goes by it, and
        would wait until it shows the old time again."""
        while not self.stopping.wait(PULSE_S):
            now = SystemClock().now()
            for job in self._scheduler.get_jobs():
                if job.next_run_time is not None and job.next_run_time > now + job.trigger.interval + SET_BACK:
                    job.modify(next_run_time=now)

    def _listen(self) -> None:
        """Wake when another process commits; a notification missed costs half a second, for the loops ask anyway."""
        while not self.stopping.is_set():
            if self.container.database.wait(1.0):
                self.wake()

    def wake(self) -> None:
        """Say that there is something to do."""
        for loop in self._loops:
            loop.woken.set()

    def join(self) -> None:
        """Wait until the worker ends."""
        while any(loop.is_alive() for loop in self._loops):
            for loop in self._loops:
                loop.join(timeout=0.5)

    def is_alive(self) -> bool:
        """Say whether every thread of a worker that was started still runs."""
        return all(loop.is_alive() for loop in self._loops)

    def stop(self, patience_s: float = 60.0) -> None:
        """Finish the work at hand and end; what does not end in time is left to end by itself."""
        self.stopping.set()
        self.wake()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=self.term is None)  # a sweep of a term that is over may wait for the store
        until = time.monotonic() + patience_s
        for loop in self._loops:
            if loop.is_alive():
                loop.join(timeout=max(until - time.monotonic(), 0.0))

    @contextmanager
    def as_leader(self) -> Iterator[None]:
        """Mark the thread as one of the worker's: what it writes after its term is refused by the store."""
        own = getattr(self.container.database, "own_term", None)
        if own is None or self.term is None:
            yield
            return
        before, own.number = own.number, self.term
        try:
            yield
        finally:
            own.number = before

    def _sweep(self) -> None:
        with self.as_leader():
            self._sweep_now()

    def _see_settings(self) -> None:
        it = self.container
        for changed in see_settings(it.decisions, it.settings, it.store.guard.marks.key, it.clock.now()):
            log.warning("setting %s is not as at the last start: %r, now %r", *changed.model_dump().values())

    def held(self) -> bool:
        """Say whether nothing may be done: the store is an older copy, and nobody has accepted that yet."""
        heads = self.container.store.guard.heads
        return bool(heads.gaps and heads.look())

    def _inspect(self, *, at_start: bool = False) -> None:
        with self.as_leader():
            try:
                found = inspect(self.container.store.guard, self.faults, at_start=at_start, pause=self._pause)
            except Exception as error:
                log.exception("the look at the store failed and will be tried again")
                self._note("integrity", error)
                return
        for text in found:
            log.error("the store is not as it was left: %s", text)

    def _pause(self) -> None:
        self.stopping.wait(SLICE_S)

    def _sweep_now(self) -> None:
        if self.held():
            return
        try:
            fired = self.container.sweep.run(self.timekeeper.look())
        except Exception as error:
            log.exception("the sweep of due clocks failed and will be tried again")
            self._note("sweep", error)
            return
        self.faults.gone("sweep")
        if fired:
            self.wake()

    def _close_segments(self) -> None:
        try:
            self.container.close_segments(self.container.settings.segment_events)
        except Exception as error:
            log.exception("the segments could not be written and will be tried again")
            self._note("segments", error)
            return
        self.faults.gone("segments")

    def run(self, stage: Stage) -> bool:
        """Let a stage work in its turn; say whether there was any work."""
        until, worked = time.monotonic() + CATCH_UP_S, False
        while self.run_once(stage):
            worked = True
            if not stage.catches_up or time.monotonic() >= until or self.stopping.is_set():
                break
        return worked

    def run_once(self, stage: Stage) -> bool:
        try:
            worked = stage.step()
        except Exception as error:
            # The position was not moved, so nothing is lost; the stage tries again after a pause.
            if isinstance(error, QorgauError):  # it says itself what is the matter
                log.error("stage %s failed and will be tried again: %s", stage.name, error.message)
            else:
                log.exception("stage %s failed and will be tried again", stage.name)
            self._note(stage.name, error)
            self.stopping.wait(PAUSE_AFTER_FAULT_S)
            return False
        self.faults.gone(stage.name)
        return worked

    def noted(self) -> None:
        """Keep that the worker works, so that every process sees when nobody does."""
        try:
            self.steps.note()
        except Exception as error:  # the store is away; so long nobody works
            log.debug("the step cannot be kept now: %s", type(error).__name__)

    def _note(self, name: str, error: Exception) -> None:
        try:
            self.faults.raised(name, error)
        except Exception:
            log.exception("the fault of %s could not even be noted", name)


class _Loop(threading.Thread):
    """Runs some stages in turn until there is nothing to do, then waits to be woken."""

    def __init__(self, worker: Worker, stages: Sequence[Stage]) -> None:
        super().__init__(name=f"worker-{stages[0].name}", daemon=True)
        self.worker = worker
        self.stages = stages
        self.woken = threading.Event()

    def run(self) -> None:
        """Work until the worker stops."""
        with self.worker.as_leader():
            self._work()

    def _work(self) -> None:
        while not self.worker.stopping.is_set():
            if self.worker.held():
                self.worker.noted()
                self.worker.stopping.wait(HELD_S)
                continue
            began, busy = time.monotonic(), False
            for stage in self.stages:
                busy = self.worker.run(stage) or busy
                if self.worker.stopping.is_set():
                    return
                if not stage.waits_for_others:
                    self.worker.noted()
            if not busy:
                self.woken.wait(IDLE_S)
                if self.stages[0].waits_for_others:
                    self.worker.stopping.wait(ASIDE_S)  # every commit wakes it, and few bring it work
                self.woken.clear()
            else:
                # Little work at a time costs much: every stage asks the store. More comes together in a moment.
                self.worker.stopping.wait(max(began + GATHER_S - time.monotonic(), 0))
