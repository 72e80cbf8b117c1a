"""Messages of many partitions in the order of their time.

What happens to one client is spread over topics, one for each source. While the consumer catches up, a quiet topic
would run hours ahead of a busy one, and rules that ask what came before would find it missing. So a message waits until
every partition that has more to come has given one that is later.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from faust.types import TP
from faust.types.transports import SchedulingStrategyT

PATIENCE_S = 5.0
"""How long a message waits for a partition that gives nothing, though it has more to come."""
HELD = 50_000
"""Messages held at most; beyond it order gives way to memory."""


class InOrder(SchedulingStrategyT):
    """Holds what came early. Inside a partition the order is never changed.

    ``end`` gives the offset at which a partition ends, None while that is not known; ``now`` seconds.
    """

    def __init__(self, end: Callable[[TP], int | None], now: Callable[[], float]) -> None:
        self.end = end
        self.now = now
        self._held: dict[TP, deque[Any]] = {}
        self._count = 0
        self._since: float | None = None
        self._next: dict[TP, int] = {}

    def begin(self, starts: Mapping[TP, int]) -> None:
        """Forget what is held: these partitions are read from these offsets."""
        self._held, self._count, self._since = {}, 0, None
        self._next = dict(starts)

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Give what may go, with what is new among it."""
        for tp, messages in records.items():
            self._held.setdefault(tp, deque()).extend(messages)
            self._count += len(messages)
        horizon = self._horizon()
        heads = [(queue[0].timestamp, tp, queue) for tp, queue in self._held.items() if queue]
        heapq.heapify(heads)
        while heads and (horizon is None or heads[0][0] <= horizon):
            _, tp, queue = heads[0]
            message = queue.popleft()
            self._count -= 1
            self._since = None
            self._next[tp] = message.offset + 1
            if queue:
                heapq.heapreplace(heads, (queue[0].timestamp, tp, queue))
            else:
                heapq.heappop(heads)
            yield tp, message
        if self._count and self._since is None:
            self._since = self.now()

    def _horizon(self) -> float | None:
        """Give the time up to which nothing earlier can come; None when there is nothing to wait for any longer."""
        if self._count > HELD or (self._since is not None and self.now() - self._since > PATIENCE_S):
            return None
        latest: list[float] = []
        for tp, begins in self._next.items():
            queue = self._held.get(tp)
            read_to = queue[-1].offset + 1 if queue else begins
            end = self.end(tp)
            if end is None or end > read_to:
                latest.append(queue[-1].timestamp if queue else float("-inf"))
        return min(latest) if latest else None
