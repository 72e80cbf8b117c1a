"""Folded aggregates with many facts, kept in memory: the next load reads only what came since.

A snapshot is made of committed facts alone (who loads an aggregate in a unit of work does so before recording to it),
so a transaction that is undone leaves nothing wrong behind. The library's own snapshots are rows of the log; these
would have to be erased, backed up and verified with it, and save no more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

WORTH = 50
"""Facts from which on a snapshot is worth its memory, and by which a newer one replaces an older."""
KEPT = 32
"""Aggregates with snapshots."""
OF_EACH = 3
"""Snapshots of one aggregate at different positions: followers read it as it stood at different times."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An aggregate as it stood after the fact at a position of the log."""

    position: int
    aggregate: Any


class Snapshots:
    """The latest snapshots; an aggregate can be kept when it has a ``copy`` that goes its own way."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: OrderedDict[str, list[Snapshot]] = OrderedDict()

    def before(self, key: str, position: int | None) -> tuple[int, Any] | None:
        """Return the latest snapshot up to a position (None: of all) as its position and a copy."""
        with self._guard:
            found = [it for it in self._held.get(key, ()) if position is None or it.position <= position]
            if not found:
                return None
            self._held.move_to_end(key)
            best = max(found, key=lambda it: it.position)
        return best.position, best.aggregate.copy()

    def keep(self, key: str, position: int, aggregate: Any, base: int) -> None:
        """Keep an aggregate that was folded up to a position; ``base`` is the version from which it was folded."""
        if aggregate.version - base < WORTH or not hasattr(aggregate, "copy"):
            return
        with self._guard:
            held = self._held.setdefault(key, [])
            held.append(Snapshot(position, aggregate.copy()))
            held.sort(key=lambda it: it.position)
            del held[: max(len(held) - OF_EACH, 0)]
            self._held.move_to_end(key)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
