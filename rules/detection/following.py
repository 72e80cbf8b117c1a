"""A correlation whose counted values are affected goes on naming them after it fired.

"Forty clients in an hour" says that something is wrong; who is affected is everybody that is touched, not only whole
multiples of forty. So each further value of a key that fired is said by itself, as ``Further``: it adds to the incident
that is open and opens none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules.detection.context import pieces
from rules.detection.correlate import (
    MAX_ENTRIES_PER_KEY,
    MAX_KEYS,
    Completed,
    Correlator,
    Key,
    SlidingCorrelator,
    correlator,
)
from rules.language.model import Rule

FOLLOWED_S = 90 * 86_400.0
"""How long a key is followed after its last value, in seconds of event time; incidents are rarely open for longer."""
MOST_FOLLOWED = 10_000
"""Keys that are followed; the one that fired longest ago goes first."""


class Further(Completed):
    """One more value of a key that fired before."""

    __slots__ = ()


class FollowingCorrelator(SlidingCorrelator):
    """Counts as the rule says, and follows the keys that fired."""

    def clear(self) -> None:
        """Forget every window, and whom is followed."""
        super().clear()
        self._followed: dict[Key, tuple[float, dict[Any, None]]] = {}

    def add(self, key: Key, t: float, position: int, value: Any) -> Completed | None:
        """Take one match; where the condition does not become true by it, a new value of a followed key is said."""
        completed = super().add(key, t, position, value)
        followed = self._followed.get(key)
        if completed is not None:
            until, seen = followed if followed is not None and t <= followed[0] else (0.0, {})
            seen.update(dict.fromkeys(entry[2] for entry in completed.entries))
            self._follow(key, max(until, t + FOLLOWED_S), seen)
            return completed
        if followed is None:
            return None
        until, seen = followed
        if t > until:
            del self._followed[key]
            return None
        if value in seen:
            return None
        seen[value] = None
        self._follow(key, max(until, t + FOLLOWED_S), seen)
        return Further(key, t, [(t, position, value)])

    def _follow(self, key: Key, until: float, seen: dict[Any, None]) -> None:
        while len(seen) > MAX_ENTRIES_PER_KEY:
            del seen[next(iter(seen))]
        self._followed.pop(key, None)
        self._followed[key] = until, seen
        if len(self._followed) > MOST_FOLLOWED:
            del self._followed[next(iter(self._followed))]

    def snapshot(self) -> Iterator[dict[str, Any]]:
        """Return the state as plain data, whom is followed last."""
        yield from super().snapshot()
        for piece in pieces(self._followed.items()):
            followed = [[key, until, [*seen]] for key, (until, seen) in piece]
            yield {"version": self.rule.version, "more": True, "windows": [], "followed": followed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a piece of a state back; a state of before there was following has nobody to follow."""
        super().restore(state)
        if state.get("version") == self.rule.version:
            for key, until, seen in state.get("followed", ()):
                self._followed[key if isinstance(key, str) else tuple(key)] = float(until), dict.fromkeys(seen)


def counter(rule: Rule, max_keys: int = MAX_KEYS) -> Correlator:
    """Make the state of a correlation rule, one that follows where what it counts is affected."""
    spec, meta = rule.correlation, rule.meta
    if spec is None or meta is None or spec.closing or not set(spec.fields) & set(meta.affects):
        return correlator(rule, max_keys)
    return FollowingCorrelator(rule, max_keys)
