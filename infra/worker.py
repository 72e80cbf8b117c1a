"""The worker: runs the stages until there is nothing to do, waits to be woken, and holds the lock that makes it one.

APScheduler only calls the sweep. It keeps no duty: its jobs live in memory and everything due stands in the store.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from engine.errors import QorgauError
from infra.bootstrap import House, stages_of
from infra.faults import Faults
from infra.stages.base import Stage

log = logging.getLogger("qorgau.worker")
IDLE_S = 0.5
PAUSE_AFTER_FAULT_S = 5.0


class WorkerLock:
    """A lock on the data directory: the stages run in one process only."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "worker.lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock; raises QorgauError when another process holds it."""
        file = self.path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise QorgauError(
                f"another qorgau works on {self.path.parent}; stop it or set QORGAU_DATA to another directory"
            ) from None
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def drain(stages: Sequence[Stage]) -> None:
    """Run the stages until none has anything to do."""
    busy = True
    while busy:
        busy = False
        for stage in stages:
            while stage.step():
                busy = True


class Worker:
    """A thread that runs the stages; a fault of one stage is logged and does not stop the others."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stages = stages_of(house)
        self.faults = Faults(house.decisions, house.clock)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._scheduler = BackgroundScheduler(timezone="UTC", jobstores={"default": MemoryJobStore()})

    def start(self) -> None:
        """Fire what came due while nobody was here, then run."""
        self.house.sweep.run()
        self._scheduler.add_job(
            self._sweep, "interval", seconds=1, misfire_grace_time=None, coalesce=True, max_instances=1
        )
        self._scheduler.start()
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    def join(self) -> None:
        """Wait until the worker ends."""
        while self._thread.is_alive():
            self._thread.join(timeout=0.5)

    def stop(self) -> None:
        """Finish the work at hand and end."""
        self._stop.set()
        self._wake.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        if self._thread.is_alive():
            self._thread.join(timeout=60)

    def _sweep(self) -> None:
        try:
            fired = self.house.sweep.run()
        except Exception as error:
            log.exception("the sweep of due clocks failed and will be tried again")
            self._note("sweep", error)
            return
        self.faults.gone("sweep")
        if fired:
            self.wake()

    def _run(self) -> None:
        while not self._stop.is_set():
            busy = False
            for stage in self.stages:
                busy = self._step(stage) or busy
            if not busy:
                self._wake.wait(IDLE_S)
                self._wake.clear()

    def _step(self, stage: Stage) -> bool:
        try:
            worked = stage.step()
        except Exception as error:
            # The position was not moved, so nothing is lost; the stage tries again after a pause.
            log.exception("stage %s failed and will be tried again", stage.name)
            self._note(stage.name, error)
            self._stop.wait(PAUSE_AFTER_FAULT_S)
            return False
        self.faults.gone(stage.name)
        return worked

    def _note(self, name: str, error: Exception) -> None:
        try:
            self.faults.raised(name, error)
        except Exception:
            log.exception("the fault of %s could not even be noted", name)
