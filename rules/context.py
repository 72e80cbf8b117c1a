"""Context: what the stream said earlier about the same thing, put on an event as fields before rules see it.

Sigma can count and order, but not say "the account was verified earlier" or "that key was invalidated". A context
remembers, per key, values of one kind of event and attaches them to later events; rules stay plain Sigma.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Context(BaseModel):
    """One thing to remember: on which events, by which field, which values, for how long, and where to show it.

    ``values`` and ``attach``: name → field. The value ``@timestamp`` remembers the event time in seconds;
    ``elapsed: <name>`` in ``attach`` gives the seconds since a remembered time; ``present`` gives true or false.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    on: tuple[str, ...]
    where: dict[str, Any] = {}
    key: str
    values: dict[str, str] = {}
    forget_on: tuple[str, ...] = ()
    forget_key: str | None = None
    ttl_s: float = 30 * 86400.0
    attach_to: tuple[str, ...]
    attach_key: str | None = None
    attach: dict[str, str] = Field(default={})
    max_keys: int = 500_000


class ContextMemory:
    """The state of all contexts, dispatched by event action."""

    def __init__(self, contexts: tuple[Context, ...]) -> None:
        self.contexts = contexts
        self.evicted = 0
        self._held: dict[str, OrderedDict[str, tuple[float, dict[str, Any]]]] = {
            c.name: OrderedDict() for c in contexts
        }
        self._writers: dict[str, list[Context]] = {}
        self._readers: dict[str, list[Context]] = {}
        self._forgetters: dict[str, list[Context]] = {}
        for context in contexts:
            for table, actions in (
                (self._writers, context.on),
                (self._readers, context.attach_to),
                (self._forgetters, context.forget_on),
            ):
                for action in actions:
                    table.setdefault(action, []).append(context)

    def pass_through(self, action: str, fields: Mapping[str, Any], t: float) -> dict[str, Any]:
        """Give the fields to add to this event, then remember what it says."""
        added: dict[str, Any] = {}
        for context in self._readers.get(action, ()):
            self._attach(context, fields, t, added)
        for context in self._forgetters.get(action, ()):
            for key in _keys(fields.get(context.forget_key or context.key)):
                self._held[context.name].pop(key, None)
        for context in self._writers.get(action, ()):
            if all(fields.get(name) == value for name, value in context.where.items()):
                self._remember(context, fields, t)
        return added

    def _attach(self, context: Context, fields: Mapping[str, Any], t: float, added: dict[str, Any]) -> None:
        held = self._held[context.name]
        keys = _keys(fields.get(context.attach_key or context.key))
        entry = next((held[key] for key in keys if key in held), None)
        if entry is not None and (t - entry[0] > context.ttl_s or t < entry[0]):
            entry = None
        for target, what in context.attach.items():
            if what == "present":
                added[target] = entry is not None
            elif entry is None:
                continue
            elif what.startswith("elapsed:"):
                since = entry[1].get(what[8:].strip())
                if isinstance(since, int | float):
                    added[target] = t - since
            else:
                value = entry[1].get(what)
                if value is not None:
                    added[target] = value

    def _remember(self, context: Context, fields: Mapping[str, Any], t: float) -> None:
        held = self._held[context.name]
        values = {name: (t if field == "@timestamp" else fields.get(field)) for name, field in context.values.items()}
        for key in _keys(fields.get(context.key)):
            held[key] = (t, values)
            held.move_to_end(key)
            if len(held) > context.max_keys:
                held.popitem(last=False)
                self.evicted += 1

    def snapshot(self) -> dict[str, Any]:
        """Give the state as plain data."""
        return {name: [[key, entry[0], entry[1]] for key, entry in held.items()] for name, held in self._held.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a state back; contexts that are not there any more are dropped."""
        for name, held in self._held.items():
            held.clear()
            for key, t, values in state.get(name, ()):
                held[key] = (float(t), dict(values))


def _keys(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)]


def load_contexts(text: str) -> tuple[Context, ...]:
    """Read a context file of a pack."""
    return tuple(Context.model_validate(entry) for entry in (yaml.safe_load(text) or {}).get("contexts", ()))
