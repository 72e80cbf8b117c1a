"""Correlations over event time: what was seen per group key within the window, in bounded memory.

Semantics (docs/detection.md tells the same to users):

- *Window.* (t - span, t], where t is the time of an event of the key. The condition is judged when an event comes;
  ``lt``, ``lte``, ``neq`` and conditions with ``not`` are judged when a window [t, t + span) that the key's first
  event opened has ended, because before that nothing can be said (``ClosingCorrelator``).
- *Late events.* An event older than the newest of its key by no more than the span and the allowed lateness still
  counts, for every window it lies in. Older ones are left out and counted in ``late``.
- *Missing keys.* An event without one of the group-by fields, or without the counted field, is left out and counted
  in ``keyless``. A group-by field with several values puts the event into a group for each.
- *Firing.* The correlation fires once when its condition becomes true; the events that counted, and older ones, are
  used up then. With ``suppress_s`` the same key is silent for so long afterwards.
- *Memory.* Keys live in two generations; one that was not touched for a whole span and lateness is gone with the
  older one. Above ``max_keys`` the older generation goes early: that is counted in ``evicted`` and told to people.

The result depends on the order of events only, never on how they were cut into batches.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.detection.context import pieces
from rules.language.model import Correlation, Rule
from rules.quality.measure import fewest, holds, judge, surely_over

Entry = tuple[float, int, Any]
"""(event time in s, position, value or index of the base rule or None)"""
Key = str | tuple[str, ...]
Held = Entry | list[Entry]
MAX_ENTRIES_PER_KEY = 10_000
MAX_KEYS = 2_000_000
INFINITE = float("inf")


class Completed:
    """A condition that became true: for which key, when, and the entries that count."""

    __slots__ = ("entries", "key", "t")

    def __init__(self, key: Key, t: float, entries: list[Entry]) -> None:
        self.key, self.t, self.entries = key, t, entries


class _Generations:
    """Keys with their entries, in two generations."""

    def __init__(self, life_s: float, max_keys: int) -> None:
        self.life_s = life_s
        self.most = max(max_keys // 2, 1)
        self.young: dict[Key, Any] = {}
        self.old: dict[Key, Any] = {}
        self.turn_at = -INFINITE
        self.evicted = 0

    def turn(self, t: float) -> None:
        """Let the older generation go: nothing in it was touched since the last turn, a life ago."""
        far = t >= self.turn_at + self.life_s
        self.old = {} if far else self.young
        self.young = {}
        self.turn_at = t + self.life_s

    def crowd(self, t: float) -> None:
        """Make room before the time: what still lived in the older generation is evicted."""
        limit = t - self.life_s
        self.evicted += sum(1 for held in self.old.values() if _newest(held) > limit)
        self.old, self.young = self.young, {}

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def items(self) -> Iterator[tuple[Key, Any, int]]:
        """Return (key, entries, generation)."""
        for part, number in ((self.old, 1), (self.young, 0)):
            for key, held in part.items():
                yield key, held, number


def _newest(held: Any) -> float:
    return float(held[0] if held.__class__ is tuple else held[-1][0])


class Correlator(ABC):
    """The state of one correlation rule."""

    def __init__(self, rule: Rule, max_keys: int = MAX_KEYS) -> None:
        assert rule.correlation is not None
        self.rule = rule
        self.spec: Correlation = rule.correlation
        self.by_rule = self.spec.by_rule
        self.window_s = self.spec.window_s
        self.compact_above = self.spec.compact_above
        self.max_keys = max_keys
        self.late = 0
        self.keyless = 0
        self.clear()

    @abstractmethod
    def clear(self) -> None:
        """Forget every window."""

    @abstractmethod
    def add(self, key: Key, t: float, position: int, value: Any) -> Completed | None:
        """Take one match of a base rule for one key; says when the condition became true by it."""

    @abstractmethod
    def entries(self, key: Key) -> int:
        """Return how many entries a key holds."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of keys held."""

    @property
    @abstractmethod
    def evicted(self) -> int:
        """Keys that had to go before their time."""

    @abstractmethod
    def snapshot(self) -> Iterator[dict[str, Any]]:
        """Return the state as plain data, in pieces of so many keys."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a piece of a state back, if it belongs to this version of the rule."""


class SlidingCorrelator(Correlator):
    """A condition that an event makes true: ``gte``, ``gt``, ``eq``, and rules seen together or in order."""

    def clear(self) -> None:
        self._kept_s = self.spec.window_s + self.spec.lateness_s
        self._windows = _Generations(self._kept_s, self.max_keys)
        self._muted: dict[Key, float] = {}
        alone = self.spec.type in ("event_count", "value_count", "temporal", "temporal_ordered")
        self._ask_alone = not alone or self.spec.expression is not None or holds(self.spec, [(0.0, 0, 0)])
        """Whether one entry could make the condition true; mostly it cannot, so nobody asks."""
        self._fewest = fewest(self.spec)
        self._new_values_only = self.spec.type == "value_count" and self.spec.op in ("gte", "gt")

    @property
    def evicted(self) -> int:
        return self._windows.evicted

    def __len__(self) -> int:
        return len(self._windows)

    def entries(self, key: Key) -> int:
        held = self._windows.young.get(key) or self._windows.old.get(key)
        return 0 if held is None else 1 if held.__class__ is tuple else len(held)

    def add(self, key: Key, t: float, position: int, value: Any) -> Completed | None:
        windows = self._windows
        if t >= windows.turn_at:
            windows.turn(t)
        young = windows.young
        held = young.get(key)
        if held is None:
            if windows.old:
                held = windows.old.pop(key, None)
            if held is None:
                return self._first(key, (t, position, value))
            young[key] = held
        entry = (t, position, value)
        if held.__class__ is tuple:
            if t >= held[0] > t - self._kept_s:  # a list of two takes less room than one that grew to two
                young[key] = held = [held, entry]
                return None if self._fewest > 2 else self._judge(key, held, 2)
            held = young[key] = [held]
        newest, _, last = held[-1]
        if t >= newest:
            held.append(entry)
            if held[0][0] <= t - self._kept_s or len(held) > MAX_ENTRIES_PER_KEY:
                self._trim(held, t)
            if len(held) < self._fewest or (
                self._new_values_only and value == last and len(held) <= self.compact_above
            ):
                return None  # the same value again makes no more of them
            return self._judge(key, held, len(held))
        if t <= newest - self._kept_s:
            self.late += 1
            return None
        insort(held, entry, key=_order)
        return self._late(key, held, held.index(entry))

    def _first(self, key: Key, entry: Entry) -> Completed | None:
        """Begin a window; one entry is kept as it is."""
        windows = self._windows
        if self._ask_alone and holds(self.spec, [entry]):
            return self._fire(key, entry[0], [entry])
        windows.young[key] = entry
        if len(windows.young) > windows.most:
            windows.crowd(entry[0])
        return None

    def _judge(self, key: Key, held: list[Entry], end: int) -> Completed | None:
        """Judge the window that ends with entry ``end - 1``."""
        t = held[end - 1][0]
        limit = t - self.window_s
        start = 0
        while held[start][0] <= limit:
            start += 1
        window = held[start:end] if start or end != len(held) else held
        if not holds(self.spec, window):
            if len(held) > self.compact_above:
                self._compact(held)
            return None
        window = list(window)
        del held[:end]
        if not held:
            del self._windows.young[key]
        return self._fire(key, t, window)

    def _late(self, key: Key, held: list[Entry], index: int) -> Completed | None:
        """A late event may complete its own window or a later one that it lies in; the first counts."""
        reach = held[index][0] + self.spec.window_s
        count = len(held)
        for end in range(index + 1, count + 1):
            if held[end - 1][0] >= reach:
                break
            completed = self._judge(key, held, end)
            if completed is not None or len(held) != count:
                return completed
        return None

    def _fire(self, key: Key, t: float, window: list[Entry]) -> Completed | None:
        if self.spec.suppress_s:
            if t < self._muted.get(key, -INFINITE):
                return None
            if len(self._muted) > 10_000:
                self._muted = {k: until for k, until in self._muted.items() if until > t}
            self._muted[key] = t + self.spec.suppress_s
        return Completed(key, t, window)

    def _trim(self, held: list[Entry], t: float) -> None:
        limit = t - self._kept_s
        drop = 0
        while held[drop][0] <= limit:
            drop += 1
        del held[: max(drop, len(held) - MAX_ENTRIES_PER_KEY)]

    def _compact(self, held: list[Entry]) -> None:
        """Where one value comes again and again, keep its newest sighting: more do not change what is counted."""
        newest: dict[Any, Entry] = {}
        for entry in held:
            newest.pop(entry[2], None)
            newest[entry[2]] = entry
        held[:] = sorted(newest.values(), key=_order)

    def snapshot(self) -> Iterator[dict[str, Any]]:
        windows, version = self._windows, self.rule.version
        yield {
            "version": version,
            "turn_at": None if windows.turn_at == -INFINITE else windows.turn_at,
            "muted": list(self._muted.items()),
            "counts": [self.late, self.keyless, windows.evicted],
        }
        for piece in pieces(windows.items()):
            saved = [[key, held if held.__class__ is list else [held], age] for key, held, age in piece]
            yield {"version": version, "more": True, "windows": saved}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state.get("version") != self.rule.version:
            return
        if not state.get("more"):
            self.clear()
            turn_at = state["turn_at"]
            self._windows.turn_at = -INFINITE if turn_at is None else float(turn_at)
            self._muted = {_key(key): float(until) for key, until in state["muted"]}
            self.late, self.keyless, self._windows.evicted = state["counts"]
        windows = self._windows
        for key, entries, age in state.get("windows", ()):
            held = [_entry(entry) for entry in entries]
            (windows.old if age else windows.young)[_key(key)] = held[0] if len(held) == 1 else held


class ClosingCorrelator(Correlator):
    """A condition that can only be judged when a window has ended: ``lt``, ``lte``, ``neq``, and ``not``."""

    def clear(self) -> None:
        self._windows: dict[Key, list[tuple[float, list[Entry]]]] = {}
        self._due: list[tuple[float, int, Key, float]] = []
        self._order = 0
        self._evicted = 0

    @property
    def evicted(self) -> int:
        return self._evicted

    def __len__(self) -> int:
        return len(self._windows)

    def entries(self, key: Key) -> int:
        return sum(len(entries) for _, entries in self._windows.get(key, ()))

    @property
    def next_due(self) -> float:
        """When the next window can be judged, in event time."""
        return self._due[0][0] if self._due else INFINITE

    def add(self, key: Key, t: float, position: int, value: Any) -> Completed | None:
        span = self.spec.window_s
        held = self._windows.get(key)
        if held is None:
            if len(self._windows) >= self.max_keys:
                self._evict()
            held = self._windows[key] = []
        for start, entries in reversed(held):
            if t >= start + span:
                break
            if t >= start or t > start - self.spec.lateness_s:
                return self._counted(key, t, entries, (t, position, value))
        else:
            if held:
                self.late += 1
                return None
        held.append((t, [(t, position, value)]))
        self._order += 1
        heapq.heappush(self._due, (t + span + self.spec.lateness_s, self._order, key, t))
        return None

    def _counted(self, key: Key, t: float, entries: list[Entry], entry: Entry) -> Completed | None:
        """Count an entry of a window. A share that chance cannot explain is told at once, and the window is done then:
        one without entries was answered."""
        if entries and len(entries) < MAX_ENTRIES_PER_KEY:
            insort(entries, entry, key=_order)
            if self.spec.share and surely_over(self.spec, entries):
                found = Completed(key, t, list(entries))
                entries.clear()
                return found
        return None

    def _evict(self) -> None:
        _, _, key, start = heapq.heappop(self._due)
        self._take(key, start)
        self._evicted += 1

    def _take(self, key: Key, start: float) -> list[Entry]:
        held = self._windows[key]
        entries = next(entries for begun, entries in held if begun == start)
        held[:] = [window for window in held if window[0] != start]
        if not held:
            del self._windows[key]
        return entries

    def close(self, watermark: float) -> list[Completed]:
        """Judge every window that has ended by this event time."""
        found = []
        while self._due and self._due[0][0] <= watermark:
            due, _, key, start = heapq.heappop(self._due)
            entries = self._take(key, start)
            if entries and judge(self.spec, entries):
                found.append(Completed(key, due - self.spec.lateness_s, entries))
        return found

    def snapshot(self) -> Iterator[dict[str, Any]]:
        version = self.rule.version
        yield {
            "version": version,
            "due": sorted(self._due),
            "order": self._order,
            "counts": [self.late, self.keyless, self._evicted],
        }
        for piece in pieces(self._windows.items()):
            yield {"version": version, "more": True, "windows": piece}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state.get("version") != self.rule.version:
            return
        if not state.get("more"):
            self.clear()
            self._due = [(float(due), int(order), _key(key), float(start)) for due, order, key, start in state["due"]]
            self._order = state["order"]
            self.late, self.keyless, self._evicted = state["counts"]
        for key, held in state.get("windows", ()):
            self._windows[_key(key)] = [(float(start), [_entry(entry) for entry in entries]) for start, entries in held]


def correlator(rule: Rule, max_keys: int = MAX_KEYS) -> Correlator:
    """Make the state of a correlation rule."""
    assert rule.correlation is not None
    return (ClosingCorrelator if rule.correlation.closing else SlidingCorrelator)(rule, max_keys)


def _order(entry: Entry) -> tuple[float, int]:
    return entry[0], entry[1]


def _entry(entry: Sequence[Any]) -> Entry:
    return float(entry[0]), int(entry[1]), entry[2]


def _key(key: Any) -> Key:
    return key if isinstance(key, str) else tuple(key)
