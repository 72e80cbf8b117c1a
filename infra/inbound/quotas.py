"""What one source may send in a minute: lines, and lines that nobody can read.

Each source has an account that fills steadily up to the quota of a minute. What it sends is taken off it, also beyond
nothing: a body that was taken is taken whole, and the next one waits until the account is no longer empty.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

MINUTE_S = 60.0


class Quotas:
    """The accounts of the sources of one process."""

    def __init__(self, lines: int, bad: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._quotas = {"lines": lines, "bad": bad}
        self._held: dict[tuple[str, str], tuple[float, float]] = {}
        """(source, account) → what was left, and when."""

    def wait(self, source: str) -> int:
        """Return the seconds until a source may send again, 0 for now."""
        with self._lock:
            return max(self._owed_s(source, account) for account in self._quotas)

    def lines(self, source: str, number: int) -> None:
        """Take lines that came off the account of a source."""
        self._take("lines", source, number)

    def bad(self, source: str, number: int) -> None:
        """Take lines that were set aside off the account of a source."""
        self._take("bad", source, number)

    def _take(self, account: str, source: str, number: int) -> None:
        with self._lock:
            self._held[source, account] = (self._left(source, account) - number, self._seconds())

    def _left(self, source: str, account: str) -> float:
        most = self._quotas[account]
        left, at = self._held.get((source, account), (float(most), 0.0))
        return min(most, left + (self._seconds() - at) * most / MINUTE_S)

    def _owed_s(self, source: str, account: str) -> int:
        left = self._left(source, account)
        return 0 if left > 0 else max(1, math.ceil(-left * MINUTE_S / self._quotas[account]))
