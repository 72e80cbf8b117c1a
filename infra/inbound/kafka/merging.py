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
HELD_BYTES = 64 * 1024 * 1024
"""What may be held; a partition that holds its share is not asked for more. Beyond twice as much order gives way."""
MESSAGE_BYTES = 500
"""What a message weighs beside its value."""


class InOrder(SchedulingStrategyT):
    """Holds what came early. Inside a partition the order is never changed.

    ``more`` says whether a partition may have messages that were not given to ``iterate``; ``now`` gives seconds.
    (Offsets alone do not tell: the marks of transactions have offsets too, and never come.)
    """

    def __init__(self, more: Callable[[TP], bool], now: Callable[[], float]) -> None:
        self.more = more
        self.now = now
        self._held: dict[TP, deque[Any]] = {}
        self._weight: dict[TP, int] = {}
        self._since: float | None = None
        self.given: dict[TP, int] = {}
        """The offset after the last message that was let go, by partition."""

    def begin(self, starts: Mapping[TP, int]) -> None:
        """Forget what is held: these partitions are read from these offsets."""
        self._held, self._weight, self._since = {}, {}, None
        self.given = dict(starts)

    def again(self, tp: TP, offset: int) -> None:
        """Forget what is held of one partition: it is read again from this offset."""
        self._held.pop(tp, None)
        self._weight.pop(tp, None)
        self.given[tp] = offset

    def holds(self) -> bool:
        """Say whether anything waits for its turn."""
        return any(self._held.values())

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Return what may go, with what is new among it."""
        for tp, messages in records.items():
            self._held.setdefault(tp, deque()).extend(messages)
            self._weight[tp] = self._weight.get(tp, 0) + sum(map(_weight, messages))
        horizon = self._horizon()
        heads = [(queue[0].timestamp, tp, queue) for tp, queue in self._held.items() if queue]
        heapq.heapify(heads)
        while heads and (horizon is None or heads[0][0] <= horizon):
            _, tp, queue = heads[0]
            message = queue.popleft()
            self._weight[tp] -= _weight(message)
            self._since = None
            self.given[tp] = message.offset + 1
            if queue:
                heapq.heapreplace(heads, (queue[0].timestamp, tp, queue))
            else:
                heapq.heappop(heads)
            yield tp, message
        if self._since is None and self.holds():
            self._since = self.now()

    def full(self) -> set[TP]:
        """Return the partitions that hold enough and need not be asked."""
        share = HELD_BYTES // max(len(self.given), 1)
        return {tp for tp, weight in self._weight.items() if weight > share}

    def _horizon(self) -> float | None:
        """Return the time up to which nothing earlier can come; None when there is nothing to wait for any longer."""
        if sum(self._weight.values()) > 2 * HELD_BYTES or (
            self._since is not None and self.now() - self._since > PATIENCE_S
        ):
            return None
        latest: list[float] = []
        for tp in self.given:
            queue = self._held.get(tp)
            if self.more(tp):
                latest.append(queue[-1].timestamp if queue else float("-inf"))
        return min(latest) if latest else None


def _weight(message: Any) -> int:
    return MESSAGE_BYTES + len(message.value or b"")
