"""Running the consumer: one process that works, and one that starts it again when it ends or stands still."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

import faust

from infra.app.container import Container
from infra.inbound.kafka.arrivals import Arrivals
from infra.inbound.kafka.consumer import Landing, stream_app
from infra.observe.gc_tuning import tune
from infra.observe.stage_health import Faults

log = logging.getLogger("qorgau.stream")
AGAIN = 75
"""Exit status of a worker that should be started again (EX_TEMPFAIL): it stood still, or no broker answered."""
PAUSES_S = (1.0, 2.0, 5.0, 15.0)
STOP_S = 30.0


def arrivals_of(container: Container) -> Arrivals:
    """Build the way into a house's ledger."""
    settings = container.settings
    unknown = settings.keep_unknown_types
    return Arrivals(
        container.ledger, container.catalogue, container.clock, settings.kafka_prefix, keep_unknown_types=unknown,
        tracing=container.tracing,
    )  # fmt: skip


class Stall:
    """Notes a consumer that has messages to take and takes none; a failing store is not a stall, it is retried."""

    def __init__(self, landing: Landing, behind: Callable[[], bool], limit_s: float, now: Callable[[], float]) -> None:
        self.landing = landing
        self.behind = behind
        self.limit_s = limit_s
        self.now = now
        self._seen = (-1, now())

    def stands_still(self) -> bool:
        """Look once."""
        progress, since = self._seen
        if self.landing.progress != progress or self.landing.fault or not self.behind():
            self._seen = (self.landing.progress, self.now())
            return False
        return self.now() - since > self.limit_s


def work(container: Container, *, stall_s: float = 60.0) -> None:
    """Take messages until the process is told to stop. Does not come back."""
    settings = container.settings
    arrivals = arrivals_of(container)
    group = f"{settings.kafka_prefix}-ledger"
    app, landing = stream_app(arrivals, settings, group)
    faults = Faults(container.decisions, container.clock)
    landing.on_success = lambda places: ended(faults, places)
    landing.on_fault = lambda error: _tell(faults, error)
    watch = Stall(
        landing,
        lambda: app.consumer.behind(),  # type: ignore[attr-defined]
        stall_s,
        time.monotonic,
    )

    def look() -> None:
        while True:
            time.sleep(min(stall_s / 4, 5.0))
            try:
                still = watch.stands_still()
            except Exception as error:
                log.debug("the consumer cannot be looked at yet: %s", type(error).__name__)
                continue
            if still:
                log.error("the consumer stood still for %s s; it is started again", stall_s)
                os._exit(AGAIN)

    threading.Thread(target=look, name="stall", daemon=True).start()
    tune()
    worker = faust.Worker(app, quiet=True, redirect_stdouts=False, override_logging=False, loglevel="WARNING")
    worker.execute_from_commandline()


def ended(faults: Faults, places: set[str]) -> None:
    """End the fault of the stream when messages of a partition that it names were stored, whoever noted it."""
    fault = faults.noted("stream")
    named = str(fault).partition(" at ")[2]
    if fault is not None and (not named or any(f"{place} from" in named for place in places)):
        faults.gone("stream")


def _tell(faults: Faults, error: Exception) -> None:
    try:
        faults.raised("stream", error)
    except Exception as deaf:  # the store itself is away; the log has it, and it is told when the store is back
        log.debug("the fault cannot be kept now: %s", type(deaf).__name__)


def supervise(
    command: Sequence[str], program: Sequence[str] = (sys.executable, "-P", "-m", "infra"), patience_s: float = STOP_S
) -> int:
    """Keep one worker running; SIGTERM and SIGINT end it and this process. Gives the worker's last exit status.

    A worker that does not end in time is killed: without a broker Faust waits for one for ever. It costs nothing, for
    what was not stored comes again.
    """
    stopping = threading.Event()
    child: list[subprocess.Popen[bytes]] = []

    def stop(*_: object) -> None:
        stopping.set()
        for process in child:
            process.terminate()
            last = threading.Timer(patience_s, process.kill)
            last.daemon = True
            last.start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    failures = 0
    while True:
        child[:] = [subprocess.Popen([*program, *command])]  # noqa: S603 - our own words
        if stopping.is_set():
            stop()  # the signal came while this one was started
        began = time.monotonic()
        status = child[0].wait()
        if stopping.is_set():
            return 0
        if status == 2:
            return status
        failures = 0 if time.monotonic() - began > 60 else failures + 1
        pause = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
        log.error("the consumer ended with status %s; it is started again in %s s", status, pause)
        if stopping.wait(pause):
            return 0
