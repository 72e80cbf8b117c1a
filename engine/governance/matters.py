"""Matters: what another system told and somebody must answer within a term: a leaver, a request, a vulnerability.

What opens and what settles a matter is data (``matters.yml``); its clock is a declared duty like any other. A matter is
settled only by an event that names the same thing and is no refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any, ClassVar, cast, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict

from engine.governance.signs import Sign
from engine.kernel.facts import Fact, foreign
from engine.kernel.ids import derive
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.kernel.yaml_text import read_yaml


class Opening(Sign):
    """What opens a matter: from which instant its term runs, until when where the event says so itself."""

    at: str = ""
    due: str = ""


class Settling(Sign):
    """What settles one; ``all`` says that it answers every open matter of its kind, because it names none."""

    at: str = ""
    all: bool = False


class MatterSpec(BaseModel):
    """One kind of matter. ``key`` are the fields that name it, the same in what opens and what settles it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    key: tuple[str, ...]
    opens: tuple[Opening, ...]
    settles: tuple[Settling, ...] = ()
    rolling: bool = False
    """Whether what opens the next settles the one before: a backup is due a day after the last."""
    early: bool = False
    """Whether it may have been settled before it arose: rights withdrawn before the last day."""

    @property
    def events(self) -> tuple[str, ...]:
        """The event types it has to do with."""
        return tuple(dict.fromkeys(sign.event for sign in (*self.opens, *self.settles)))

    def subject_of(self, fields: Mapping[str, Any]) -> str:
        """Return what the matter is about; empty where the event does not name it. What opens one that it does not
        name opens it all the same, under the id of the event: nobody knows what would answer it but a person."""
        parts = [fields.get(name) for name in self.key]
        named = [part for part in parts if part not in (None, "", []) and not isinstance(part, list | tuple | dict)]
        if named and named[0] == parts[0]:
            return " ".join(str(part) if part in named else "-" for part in parts)
        opens = not self.rolling and any(sign.meets(fields) for sign in self.opens)
        return f"unnamed {fields.get('event.id')}" if opens else ""


class MatterArose(Fact):
    """Another system told of something that must be answered; ``until`` where it named the day itself."""

    topic: ClassVar[str] = "matter.arose.v1"
    matter_id: str
    kind: str
    about: str
    subject: str
    arose_at: AwareDatetime
    until: AwareDatetime | None = None
    event_position: int = 0


class MatterSettled(Fact):
    """Another system told that it was answered, and with what; ``subject`` is empty where it came before."""

    topic: ClassVar[str] = "matter.settled.v1"
    matter_id: str
    kind: str
    about: str
    subject: str
    settled_at: AwareDatetime
    evidence: str
    event_position: int = 0


MatterFact = MatterArose | MatterSettled
"""The closed set: what folds it leaves none out."""
MATTER_FACTS: tuple[type[MatterFact], ...] = get_args(MatterFact)


@dataclass
class Matter:
    """What is open of one kind about one thing."""

    id: str = ""
    kind: str = ""
    about: str = ""
    open: dict[str, datetime] = field(default_factory=dict)
    """Subject of the clock → since when."""
    settled_at: datetime | None = None
    version: int = 0

    @property
    def is_open(self) -> bool:
        """Whether anything of it waits for an answer."""
        return bool(self.open)

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(MatterFact, fact))

    def _take(self, fact: MatterFact) -> None:
        match fact:
            case MatterArose():
                self.id, self.kind, self.about = fact.matter_id, fact.kind, fact.about
                self.open[fact.subject] = fact.arose_at
            case MatterSettled():
                self.id, self.kind, self.about = fact.matter_id, fact.kind, fact.about
                self.open.pop(fact.subject, None)
                self.settled_at = max(self.settled_at or fact.settled_at, fact.settled_at)
            case _:
                foreign(fact)


@lru_cache(maxsize=1)
def matter_specs() -> dict[str, MatterSpec]:
    """Read the kinds of matters that ship with the product, by name."""
    text = (resources.files("engine") / "data" / "kz" / "matters.yml").read_text(encoding="utf8")
    return {name: MatterSpec(name=name, **entry) for name, entry in read_yaml(text)["matters"].items()}


def matter_id(kind: str, about: str) -> str:
    """Return the id of a matter: the same kind about the same thing is the same."""
    return str(derive("matter", kind, about))


@dataclass(frozen=True, slots=True)
class Told:
    """An event of another system, as the matters read it."""

    fields: Mapping[str, Any]
    at: datetime
    position: int


def opened(matter: Matter, spec: MatterSpec, told: Told, *, at: datetime) -> Sequence[Fact]:
    """Record what an event opens; one that is open already goes on as it is."""
    sign = next((sign for sign in spec.opens if sign.meets(told.fields)), None)
    about = spec.subject_of(told.fields)
    if sign is None or not about:
        return []
    arose = _instant(told.fields, sign.at) if sign.at else told.at
    if arose is None or (matter.open and not spec.rolling):
        return []
    subject = f"{about} {arose.isoformat(timespec='seconds')}"
    if subject in matter.open or (spec.rolling and matter.open and arose <= max(matter.open.values())):
        return []
    key, until = matter_id(spec.name, about), _instant(told.fields, sign.due) if sign.due else None
    facts: list[Fact] = []
    if spec.rolling:
        facts += [_settled(spec, key, about, held, arose, told, at) for held in matter.open]
    facts.append(
        MatterArose(
            at=at, matter_id=key, kind=spec.name, about=about, subject=subject, arose_at=arose, until=until,
            event_position=told.position,
        )
    )  # fmt: skip
    if spec.early and matter.settled_at is not None and matter.settled_at <= arose and not matter.open:
        facts.append(_settled(spec, key, about, subject, arose, told, at))
    return facts


def settled(matter: Matter, spec: MatterSpec, told: Told, *, at: datetime) -> Sequence[Fact]:
    """Record what an event settles. One that comes first is remembered where that may be."""
    sign = next((sign for sign in spec.settles if sign.meets(told.fields)), None)
    if sign is None:
        return []
    about = matter.about or spec.subject_of(told.fields)
    if not about or (not sign.all and about != spec.subject_of(told.fields)):
        return []
    done = (_instant(told.fields, sign.at) if sign.at else None) or told.at
    key = matter_id(spec.name, about)
    subjects = [held for held, since in matter.open.items() if sign.at or spec.early or since <= done or since > at]
    if not matter.open and spec.early:
        subjects = [""]
    return [_settled(spec, key, about, held, done, told, at) for held in subjects]


def _settled(
    spec: MatterSpec, key: str, about: str, subject: str, done: datetime, told: Told, at: datetime
) -> MatterSettled:
    return MatterSettled(
        at=at, matter_id=key, kind=spec.name, about=about, subject=subject, settled_at=done,
        evidence=f"event {told.fields.get('event.action')} #{told.position}", event_position=told.position,
    )  # fmt: skip


def _instant(fields: Mapping[str, Any], name: str) -> datetime | None:
    value = fields.get(name)
    if not isinstance(value, str):
        return None
    try:
        return parse_rfc3339(value if len(value) > 10 else f"{value}T00:00:00+05:00")
    except NotAnInstant:
        return None
