"""Correlations over event time: what was seen per group key within the window, in bounded memory.

Semantics. A window is (t - span, t] where t is the newest event time seen for that key; an older event that still
lies inside is counted, one that does not is ignored, and so is an event without one of the group-by fields. When
the condition becomes true the correlation fires once at that event and the key starts empty again. The result
depends on the order of events only, never on how they were cut into batches.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from rules.matchers import norm, number_of
from rules.model import Correlation, Rule

Entry = tuple[float, int, Any, int]
"""(event time in s, position, value or None, index of the base rule)"""
MAX_ENTRIES_PER_KEY = 10_000


class Correlator:
    """The state of one correlation rule."""

    def __init__(self, rule: Rule, max_keys: int = 200_000) -> None:
        assert rule.correlation is not None
        self.rule = rule
        self.spec: Correlation = rule.correlation
        self.max_keys = max_keys
        self.evicted = 0
        self._windows: OrderedDict[tuple[str, ...], list[Entry]] = OrderedDict()

    def feed(
        self,
        base: str,
        base_names: Sequence[str],
        normalised: Mapping[str, Any],
        event: Mapping[str, Any],
        t: float,
        position: int,
    ) -> list[Entry] | None:
        """Take one match of a base rule; give the entries that count when the condition has become true."""
        spec = self.spec
        key = self._key(base_names, normalised)
        if key is None:
            return None
        value: Any = None
        if spec.field is not None:
            value = (
                _countable(spec.field, normalised, event)
                if spec.type == "value_count"
                else number_of(event.get(spec.field))
            )
            if value is None:
                return None
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = []
            if len(self._windows) > self.max_keys:
                self._windows.popitem(last=False)
                self.evicted += 1
        else:
            self._windows.move_to_end(key)
        index = next((i for i, ref in enumerate(spec.rules) if ref in base_names), 0)
        newest = max(t, window[-1][0]) if window else t
        if t <= newest - spec.window_s:
            return None
        insort(window, (t, position, value, index), key=lambda entry: (entry[0], entry[1]))
        self._trim(window, newest)
        if not self._holds(window):
            return None
        del self._windows[key]
        return window

    def _key(self, base_names: Sequence[str], normalised: Mapping[str, Any]) -> tuple[str, ...] | None:
        key = []
        for name in self.spec.group_by:
            alias = self.spec.aliases.get(name)
            field = name if alias is None else next((alias[b] for b in base_names if b in alias), name)
            value = normalised.get(field)
            if value is None or value == "":
                return None
            key.append(value if isinstance(value, str) else "\x1f".join(value))
        return tuple(key)

    def _trim(self, window: list[Entry], newest: float) -> None:
        limit = newest - self.spec.window_s
        drop = 0
        while drop < len(window) and window[drop][0] <= limit:
            drop += 1
        drop = max(drop, len(window) - MAX_ENTRIES_PER_KEY)
        if drop > 0:
            del window[:drop]

    def _holds(self, window: list[Entry]) -> bool:
        spec = self.spec
        match spec.type:
            case "event_count":
                measured: float = len(window)
            case "value_count":
                measured = len({norm(entry[2]) if isinstance(entry[2], str) else entry[2] for entry in window})
            case "temporal":
                return {entry[3] for entry in window} >= set(range(len(spec.rules)))
            case "temporal_ordered":
                wanted = 0
                for entry in window:
                    if entry[3] == wanted:
                        wanted += 1
                    if wanted == len(spec.rules):
                        return True
                return False
            case _:
                measured = _statistic(spec, sorted(entry[2] for entry in window))
        if spec.op == "gte":
            return measured >= spec.count
        return measured > spec.count if spec.op == "gt" else measured == spec.count

    def clear(self) -> None:
        """Forget every window."""
        self._windows.clear()

    def snapshot(self) -> dict[str, Any]:
        """Give the state as plain data."""
        return {"version": self.rule.version, "windows": [[list(key), window] for key, window in self._windows.items()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a state back, if it belongs to this version of the rule."""
        if state.get("version") != self.rule.version:
            return
        self._windows = OrderedDict(
            (
                tuple(key),
                [(float(e[0]), int(e[1]), tuple(e[2]) if isinstance(e[2], list) else e[2], int(e[3])) for e in window],
            )
            for key, window in state["windows"]
        )


def _countable(field: str, normalised: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """A value to be counted: as it came where it is plain text, so that it can be shown; compared case-blind."""
    value = event.get(field)
    return value if isinstance(value, str) and value else normalised.get(field)


def _statistic(spec: Correlation, values: list[float]) -> float:
    if spec.type == "value_sum":
        return sum(values)
    if spec.type == "value_avg":
        return sum(values) / len(values)
    share = 0.5 if spec.type == "value_median" else (spec.percentile or 50) / 100
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)
