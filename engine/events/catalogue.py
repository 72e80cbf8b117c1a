"""The catalogue: every event type and field known, as data; documentation and validation at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.kernel.errors import DataError
from engine.kernel.yaml_text import read_yaml

# ECS field sets (and the envelope's own) that may stand at the top of an event without being flagged.
_ROOT_NAMES = (
    "@timestamp agent as client cloud container data_stream destination device dns ecs email error event file geo "
    "group hash host http interface labels log message mfo network observer orchestrator organization os package "
    "process registry related rule server service session source span tags threat tls trace transaction url user "
    "user_agent vlan volume vulnerability winlog "
)
ROOTS = frozenset([*_ROOT_NAMES.split(), ""])
ENVELOPE = frozenset(
    [
        "@timestamp",
        "ecs.version",
        "event.action",
        "event.category",
        "event.created",
        "event.dataset",
        "event.id",
        "event.ingested",
        "event.kind",
        "event.module",
        "event.outcome",
        "event.provider",
        "event.type",
        "organization.id",
    ]
)
"""Names every event may carry beside those of its type; they say nothing of a person."""


class FieldSpec(BaseModel):
    """One field: its type, whether it is personal, the aliases sources may use, an example."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    type: str = Field(pattern="^(keyword|text|number|boolean|date|ip|iin|phone|account|mrz)$")
    personal: bool = False
    aliases: tuple[str, ...] = ()
    example: Any = None


class EventSpec(BaseModel):
    """One event type: who sends it, its ECS category, the fields it carries beyond the envelope."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    action: str = Field(pattern=r"^[a-z_]+(\.[a-z0-9_]+)+$")
    source: str
    category: str
    type: str
    fields: tuple[str, ...]
    values: dict[str, tuple[str, ...]] = {}
    report: bool = False
    ocsf: str | None = None
    note: str | None = None
    kept: str | None = None
    """Why nothing reads it: it is kept and found, and decides nothing."""


@dataclass(frozen=True)
class Catalogue:
    """All event types by action and all fields by name."""

    events: dict[str, EventSpec]
    fields: dict[str, FieldSpec]
    aliases: dict[str, str] = field(default_factory=dict)
    shapes: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What ``engine.events.values`` worked out about shapes of events; nothing but a memory."""

    @classmethod
    def from_yaml(cls, events: str, fields: str) -> Catalogue:
        """Build from the two documents; raises DataError naming the faulty entry."""
        field_specs = {n: FieldSpec.model_validate(v) for n, v in read_yaml(fields)["fields"].items()}
        event_specs: dict[str, EventSpec] = {}
        for entry in read_yaml(events)["events"]:
            spec = EventSpec.model_validate(entry)
            unknown = [name for name in spec.fields if name not in field_specs]
            if unknown:
                raise DataError(f"event '{spec.action}' names fields that are not described: {unknown}")
            if spec.action in event_specs:
                raise DataError(f"event '{spec.action}' is described twice")
            event_specs[spec.action] = spec
        aliases: dict[str, str] = {}
        for name, field_spec in field_specs.items():
            for alias in field_spec.aliases:
                aliases.setdefault(alias, name)
        return cls(event_specs, field_specs, aliases)

    def resolve_alias(self, action: str, key: str) -> str:
        """Return the catalogue's name of a key in a compact envelope; the event's own fields are asked first."""
        if key in self.fields or key.split(".", 1)[0] == "mfo":
            return key
        for name in self.events[action].fields if action in self.events else ():
            if key in self.fields[name].aliases:
                return name
        return self.aliases.get(key, f"mfo.{key}")

    def is_personal(self, name: str) -> bool:
        """Say whether a field tells who a living person is."""
        spec = self.fields.get(name)
        return spec is not None and spec.personal

    def may_be_personal(self, name: str) -> bool:
        """Say whether a field is personal, or not described here and so might be."""
        spec = self.fields.get(name)
        return spec.personal if spec is not None else name not in ENVELOPE

    def example(self, action: str) -> dict[str, Any]:
        """Return a complete, valid event of this type in flat ECS names."""
        spec = self.events[action]
        body: dict[str, Any] = {
            "@timestamp": "2026-11-20T10:00:00+05:00",
            "event.id": f"example-{action}",
            "event.action": action,
            "event.category": [spec.category],
            "event.type": [spec.type],
            "organization.id": "mfo-1",
        }
        for name in spec.fields:
            known = spec.values.get(name)
            body[name] = known[0] if known else self.fields[name].example
        return body


@lru_cache(maxsize=1)
def builtin_catalogue() -> Catalogue:
    """Read the catalogue that ships with the product."""
    data = resources.files("engine") / "data"
    return Catalogue.from_yaml(
        (data / "events.yml").read_text(encoding="utf8"), (data / "fields.yml").read_text(encoding="utf8")
    )
