"""From an event that a base rule matched to the correlations that count it: by which keys, with which value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules.detection.correlate import Completed, Correlator, Key
from rules.language.matchers import norm, number_of
from rules.language.model import Correlation, Rule

MAX_GROUPS_PER_EVENT = 64


class Feed:
    """Brings the matches of one base rule to one correlation: from which fields its key and value come."""

    __slots__ = ("constant", "correlator", "countable", "fields", "index", "plain", "single", "value_fields")

    def __init__(self, to: Correlator, base: Rule) -> None:
        spec = to.spec
        names = (base.id, base.name)
        self.correlator = to
        self.index = next((i for i, ref in enumerate(spec.rules) if ref in names), 0)
        self.fields = tuple(_aliased(spec, name, names) for name in spec.group_by)
        self.single = self.fields[0] if len(self.fields) == 1 else None
        self.value_fields = tuple(_aliased(spec, name, names) for name in spec.fields)
        self.countable = spec.type == "value_count"
        self.plain = self.countable and len(self.value_fields) == 1
        self.constant = self.index if to.by_rule else None

    def __call__(self, event: Mapping[str, Any], t: float, position: int) -> Sequence[Completed] | None:
        """Feed one event; return what was completed by it, if anything."""
        to = self.correlator
        single = self.single
        if single is None:
            return self._groups(self.keys(event), event, t, position)
        key = event.get(single)
        if key.__class__ is not str:
            if key is None:
                to.keyless += 1
                return None
            return self._groups(self.keys(event), event, t, position)
        if not key:
            to.keyless += 1
            return None
        value: Any = self.constant
        if self.value_fields:
            value = event.get(self.value_fields[0])
            if value.__class__ is not str or not self.plain:
                value = self._value(event)
            if value is None or value == "":
                to.keyless += 1
                return None
        completed = to.add(key.lower(), t, position, value)
        return None if completed is None else (completed,)

    def _groups(self, keys: list[Key], event: Mapping[str, Any], t: float, position: int) -> Sequence[Completed]:
        """Feed an event that belongs to several groups, or to one with several keys."""
        value = self._value(event) if self.value_fields else self.constant
        if not keys or (self.value_fields and value is None):
            self.correlator.keyless += 1
            return ()
        found = [self.correlator.add(key, t, position, value) for key in keys]
        return [completed for completed in found if completed is not None]

    def keys(self, event: Mapping[str, Any]) -> list[Key]:
        """Return the groups an event belongs to."""
        keys: list[tuple[str, ...]] = [()]
        for field in self.fields:
            value = norm(event.get(field))
            parts = value if value.__class__ is tuple else (value,)
            texts = [part for part in dict.fromkeys(parts) if part]
            keys = [(*key, text) for key in keys for text in texts][:MAX_GROUPS_PER_EVENT]
        return [key[0] for key in keys] if len(self.fields) == 1 else list(keys)

    def _value(self, event: Mapping[str, Any]) -> Any:
        value = event.get(self.value_fields[0])
        if not self.countable:
            return number_of(value)
        if len(self.value_fields) == 1:
            return value if value.__class__ is str and value else _countable(value)
        values = tuple(_countable(event.get(field)) for field in self.value_fields)
        return None if None in values else "\x1f".join(map(str, values))


def _aliased(spec: Correlation, name: str, base_names: Sequence[str]) -> str:
    alias = spec.aliases.get(name)
    return name if alias is None else next((alias[base] for base in base_names if base in alias), name)


def _countable(value: Any) -> Any:
    """A value to be counted: as it came where it is plain text, so that it can be shown."""
    if value.__class__ is str:
        return value or None
    value = norm(value)
    return "\x1f".join(value) or None if value.__class__ is tuple else value
