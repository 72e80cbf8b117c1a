"""The writers' turns: whoever came first writes first, and how long each waited is counted.

One process has one writer at a time. A plain lock lets whoever asks at the right moment overtake those who wait, so a
busy follower could keep a person waiting for seconds; here the turns are in the order of asking.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BOUNDS_S = tuple(
    round(10.0**power * step, 6)
    for power in range(-3, 2)
    for step in (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5)
    if 10.0**power * step <= 30.0
)
"""Upper bounds of the buckets of a histogram of waits, in seconds, at most a third apart: a quantile is read from them.
"""


@dataclass
class Waits:
    """A histogram of durations in seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    count: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.count += 1
        self.total_s += seconds
        self.longest_s = max(self.longest_s, seconds)

    def quantile(self, share: float) -> float:
        """Return the upper bound of the bucket in which the share lies, at most the longest; 0 when nothing was
        counted."""
        wanted, seen = share * self.count, 0
        for bound, n in zip((*BOUNDS_S, self.longest_s), self.buckets, strict=True):
            seen += n
            if n and seen >= wanted:
                return min(bound, self.longest_s)
        return 0.0


class WriterTurns:
    """A lock that is given in the order of asking; the thread that holds it may take it again."""

    def __init__(self) -> None:
        self.waits = Waits()
        """From asking to the first statement of the transaction, other processes included."""
        self.held = Waits()
        """From there to the end of the commit."""
        self._guard = threading.Lock()
        self._queue: deque[_Turn] = deque()
        self._owner: int | None = None
        self._depth = 0

    @contextmanager
    def turn(self) -> Iterator[_Measured]:
        """Wait for one's turn and hold it; ``begun`` is called when the store gave its own lock too."""
        asked = time.monotonic()
        self._acquire()
        measured = _Measured(self, asked)
        try:
            yield measured
        finally:
            measured.ended()
            self._release()

    @property
    def held_by_me(self) -> bool:
        """Say whether this thread holds the turn."""
        return self._owner == threading.get_ident()

    def _acquire(self) -> None:
        me = threading.get_ident()
        with self._guard:
            if self._owner in (None, me):
                self._owner = me
                self._depth += 1
                return
            mine = _Turn(me)
            self._queue.append(mine)
        try:
            mine.given.wait()
        except BaseException:  # interrupted while waiting: the turn must not be given to nobody
            with self._guard:
                waiting = mine in self._queue
                if waiting:
                    self._queue.remove(mine)
            if not waiting:
                self._release()
            raise

    def _release(self) -> None:
        with self._guard:
            self._depth -= 1
            if self._depth:
                return
            self._owner = None
            if self._queue:
                following = self._queue.popleft()
                self._owner, self._depth = following.thread, 1
                following.given.set()


class _Turn:
    """A place in the queue."""

    __slots__ = ("given", "thread")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.given = threading.Event()


class _Measured:
    """The times of one turn."""

    __slots__ = ("asked", "begun_at", "turns")

    def __init__(self, turns: WriterTurns, asked: float) -> None:
        self.turns = turns
        self.asked = asked
        self.begun_at: float | None = None

    def begun(self) -> None:
        """Note that the transaction has begun: the wait is over."""
        self.begun_at = time.monotonic()
        self.turns.waits.add(self.begun_at - self.asked)

    def ended(self) -> None:
        """Note that the transaction is over."""
        if self.begun_at is not None:
            self.turns.held.add(time.monotonic() - self.begun_at)
