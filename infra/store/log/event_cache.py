"""The newest events that were read, kept read: several followers read the same ones, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.events.envelope import SecurityEvent

KEPT = 20_000


class Recent:
    """A run of events without gaps. It holds decrypted fields, so it is dropped when any key was destroyed."""

    def __init__(self) -> None:
        self._events: list[SecurityEvent] = []
        self._epoch = 0
        self._lock = threading.Lock()

    def read(
        self, after: int, limit: int, epoch: int, fetch: Callable[[int, int], list[SecurityEvent]]
    ) -> list[SecurityEvent]:
        """Return events above ``after``: of the run, and fetched beyond it. ``epoch`` is the state of the keys."""
        with self._lock:
            if epoch != self._epoch:
                self._events, self._epoch = [], epoch
            run = self._events
        found: list[SecurityEvent] = []
        if run and run[0].position <= after + 1 <= run[-1].position:
            begin = after + 1 - run[0].position
            found = run[begin : begin + limit]
        if len(found) < limit:
            fetched = fetch(after + len(found), limit - len(found))
            self._keep(fetched, epoch)
            found = found + fetched
        return found

    def _keep(self, fetched: list[SecurityEvent], epoch: int) -> None:
        if not fetched:
            return
        with self._lock:
            # Who is far behind reads for itself alone; what it read must not push out what the others share.
            newer = not self._events or fetched[-1].position > self._events[-1].position
            if epoch == self._epoch and newer:
                follows = self._events and self._events[-1].position + 1 == fetched[0].position
                self._events = (self._events + fetched if follows else fetched)[-KEPT:]
