"""Context: what the stream said earlier about the same thing, put on an event as fields before rules see it.

Sigma can count and order, but not say "the account was verified earlier" or "that key was invalidated". A context
remembers, per key, values of one kind of event and attaches them to later events; rules stay plain Sigma. The code
that reads and writes contexts is written into the plans (``rules.language.plans``); here is what they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.kernel.yaml_text import read_yaml
from rules.detection.measures import Measure

T = TypeVar("T")
PIECE = 20_000
"""Keys that are saved together."""
TIME = "@timestamp"
COUNT = "@count"
PRESENT = "present"
ELAPSED = "elapsed:"
Entry = tuple[Any, ...] | float
"""(event time in s, the remembered values in the order of ``values``); the time alone where nothing else is remembered:
of a day's sessions and codes there are millions."""


class Context(BaseModel):
    """One thing to remember: on which events, by which field, which values, for how long, and where to show it.

    ``where``: field → value, or a list of which one is enough, compared without regard to case.
    Several keys: remembered under each, found under the first that has an entry.
    ``values`` and ``attach``: name → field. The value ``@timestamp`` remembers the event time in seconds,
    ``@count`` how many such events there were since the key was forgotten;
    ``elapsed: <name>`` in ``attach`` gives the seconds since a remembered time; ``present`` gives true or false.
    An event older than what is remembered sees nothing of it and does not replace it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    on: tuple[str, ...]
    where: dict[str, Any] = {}
    key: str | tuple[str, ...]
    values: dict[str, str] = {}
    forget_on: tuple[str, ...] = ()
    forget_key: str | tuple[str, ...] | None = None
    ttl_s: float = 30 * 86400.0
    attach_to: tuple[str, ...]
    attach_key: str | tuple[str, ...] | None = None
    attach: dict[str, str] = Field(default={})
    max_keys: int = Field(default=1_000_000, ge=2)

    @model_validator(mode="after")
    def _known(self) -> Context:
        for field, what in self.attach.items():
            name = what.removeprefix(ELAPSED).strip()
            if what != PRESENT and name not in self.values:
                raise ValueError(f"'{field}' shows '{name}', which is not remembered")
            if what.startswith(ELAPSED) and self.values[name] != TIME:
                raise ValueError(f"'{field}' is the time since '{name}', which is no time")
        return self

    @property
    def plain(self) -> bool:
        """Whether times are all it remembers: its entries are the times alone."""
        return all(field == TIME for field in self.values.values())

    @property
    def counts(self) -> bool:
        """Whether it counts the events of a key."""
        return COUNT in self.values.values()

    def meets(self, event: Mapping[str, Any]) -> bool:
        """Say whether an event is of the kind that is remembered."""
        return all(_among(event.get(name), wanted) for name, wanted in self.where.items())

    def time_of(self, entry: Any) -> float:
        """Return the event time of an entry."""
        return float(entry if self.plain else entry[0])

    def value_of(self, entry: Any, name: str) -> Any:
        """Return a remembered value of an entry."""
        return entry if self.plain else entry[self.place(name)]

    def place(self, name: str) -> int:
        """Return the place of a remembered value in an entry that is not plain."""
        return 1 + list(self.values).index(name)


Shown = Context | Measure
"""What puts fields on an event before rules see it."""


class ContextState:
    """The keys of one context in two generations: one not written to for a whole life is gone with the older.

    The two dictionaries are the same objects for good: plans hold them.
    """

    __slots__ = ("context", "evicted", "most", "old", "plain", "turn_at", "young")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.plain = context.plain
        self.most = max(context.max_keys // 2, 1)
        self.young: dict[str, Entry] = {}
        self.old: dict[str, Entry] = {}
        self.clear()

    def clear(self) -> None:
        """Forget every key."""
        self.young.clear()
        self.old.clear()
        self.turn_at = float("-inf")
        self.evicted = 0

    def find(self, key: Any) -> Entry | None:
        """Return the entry of the first of these keys that has one."""
        for part in keys_of(key):
            for part_of in (self.young, self.old):
                entry = part_of.get(part)
                if entry is not None:
                    return entry
        return None

    def remember(self, key: Any, entry: Entry) -> None:
        """Take an entry, unless a newer one is there."""
        t = self._time(entry)
        if t >= self.turn_at:
            if t >= self.turn_at + self.context.ttl_s:
                self.young.clear()
            self._age()
            self.turn_at = t + self.context.ttl_s
        for part in (key,) if key.__class__ is str else keys_of(key):
            held = self.young.get(part)
            if held is None or self._time(held) <= t:
                self.young[part] = entry
        if len(self.young) > self.most:
            limit = t - self.context.ttl_s
            self.evicted += sum(
                1 for part, held in self.old.items() if self._time(held) > limit and part not in self.young
            )
            self._age()

    def next(self, key: Any, t: float) -> int:
        """Return the number of this event among those of its key."""
        held = self.find(key)
        if held is None or not 0.0 <= t - self._time(held) <= self.context.ttl_s:
            return 1
        name = next(name for name, field in self.context.values.items() if field == COUNT)
        return int(self.context.value_of(held, name)) + 1

    def _time(self, entry: Any) -> float:
        return entry if self.plain else entry[0]  # type: ignore[no-any-return]

    def _age(self) -> None:
        self.old.clear()
        self.old.update(self.young)
        self.young.clear()

    def forget(self, key: Any) -> None:
        """Drop these keys."""
        for part in keys_of(key):
            self.young.pop(part, None)
            self.old.pop(part, None)

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def snapshot(self) -> Iterator[dict[str, Any]]:
        """Return the state as plain data, with what the context was when it was taken, in pieces of so many keys."""
        turn_at = None if self.turn_at == float("-inf") else self.turn_at
        context = self.context.model_dump(mode="json")
        yield {"context": context, "turn_at": turn_at, "evicted": self.evicted}
        for name, part in (("old", self.old), ("young", self.young)):
            for piece in pieces(part.items()):
                yield {"context": context, "more": True, name: dict(piece)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a piece of a state back."""
        if not state.get("more"):
            self.clear()
            self.turn_at = float("-inf") if state["turn_at"] is None else float(state["turn_at"])
            self.evicted = int(state["evicted"])
        for name, part in (("old", self.old), ("young", self.young)):
            held = state.get(name, {}).items()
            if self.plain:  # earlier versions saved a list of one time or more
                part.update((key, entry[0] if entry.__class__ is list else float(entry)) for key, entry in held)
            else:
                part.update((key, tuple(entry)) for key, entry in held)


class ContextMemory:
    """The state of all contexts, by name."""

    def __init__(self, contexts: Iterable[Shown]) -> None:
        known = tuple(contexts)
        self.contexts = tuple(it for it in known if isinstance(it, Context))
        self.measures = tuple(it for it in known if isinstance(it, Measure))
        self.states = {context.name: ContextState(context) for context in self.contexts}

    def measured(self, action: str) -> list[Measure]:
        """Return the measures of events of this type."""
        return [measure for measure in self.measures if action in measure.on]

    @property
    def shown(self) -> set[str]:
        """The fields that are put on events."""
        return {name for context in self.contexts for name in context.attach} | {it.name for it in self.measures}

    def readers(self, action: str) -> list[ContextState]:
        """Return the contexts that put fields on events of this type."""
        return [state for state in self.states.values() if action in state.context.attach_to]

    def writers(self, action: str) -> list[ContextState]:
        """Return the contexts that remember events of this type."""
        return [state for state in self.states.values() if action in state.context.on]

    def forgetters(self, action: str) -> list[ContextState]:
        """Return the contexts that forget on events of this type."""
        return [state for state in self.states.values() if action in state.context.forget_on]

    def known(self, event: Mapping[str, Any], t: float) -> dict[str, Any]:
        """Return what contexts would put on this event now, and remember nothing."""
        found: dict[str, Any] = {it.name: it.value(event, t) for it in self.measured(str(event.get("event.action")))}
        for state in self.readers(str(event.get("event.action"))):
            context = state.context
            names = context.attach_key or context.key
            names = (names,) if isinstance(names, str) else names
            keys = [part for name in names for part in keys_of(found.get(name) if name in found else event.get(name))]
            entry = state.find(keys)
            if entry is not None and not 0.0 <= t - context.time_of(entry) <= context.ttl_s:
                entry = None
            for name, what in context.attach.items():
                if what == PRESENT:
                    found[name] = entry is not None
                elif entry is not None:
                    held = context.value_of(entry, what.removeprefix(ELAPSED).strip())
                    found[name] = t - held if what.startswith(ELAPSED) else held
        return {name: value for name, value in found.items() if value is not None}

    def actions(self) -> set[str]:
        """Return the event types that any context has to do with."""
        found = {
            action for context in self.contexts for action in (*context.on, *context.attach_to, *context.forget_on)
        }
        return found | {action for measure in self.measures for action in measure.on}

    def __len__(self) -> int:
        return sum(map(len, self.states.values()))

    def stats(self) -> dict[str, dict[str, int]]:
        """Return how many keys each context holds, and how many had to go before their time."""
        return {
            f"context {name}": {"keys": len(state), "evicted": state.evicted} for name, state in self.states.items()
        }

    @property
    def crowded(self) -> bool:
        """Whether any context had to let keys go before their time."""
        return any(state.evicted for state in self.states.values())

    def clear(self) -> None:
        """Forget everything."""
        for state in self.states.values():
            state.clear()

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the states of some contexts back; those that changed stay as they are."""
        for name, held in saved.items():
            state = self.states.get(name)
            if state is not None and held["context"] == state.context.model_dump(mode="json"):
                state.restore(held)


def pieces(entries: Iterable[T]) -> Iterator[list[T]]:
    """Cut what is to be saved, so that a copy of a piece of it is all that is needed at a time."""
    source = iter(entries)
    while piece := list(islice(source, PIECE)):
        yield piece


def keys_of(value: Any) -> list[str]:
    """Return the keys a field's value stands for."""
    if value is None or value == "":
        return []
    if not isinstance(value, list | tuple):
        return [str(value)]
    return [key for part in value for key in keys_of(part)]


def load_contexts(text: str) -> tuple[Shown, ...]:
    """Read a context file of a pack: what is measured, and what is remembered."""
    document = read_yaml(text) or {}
    contexts = tuple(Context.model_validate(entry) for entry in document.get("contexts", ()))
    return (*(Measure.model_validate(entry) for entry in document.get("measures", ())), *contexts)


def _among(value: Any, wanted: Any) -> bool:
    """Say whether a value, or one of several, is what is wanted."""
    held = value if isinstance(value, list | tuple) else (value,)
    asked = wanted if isinstance(wanted, list | tuple) else (wanted,)
    texts = {str(one).lower() for one in asked}
    return any(one is not None and str(one).lower() in texts for one in held)
