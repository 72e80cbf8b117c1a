"""Matters: what another system told and somebody must answer within a term: a leaver, a request, a vulnerability.

What opens and what settles a matter is data (``matters.yml``); its clock is a declared duty like any other. What events
do to a matter is decided in ``matters_told``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Any, ClassVar, Literal, cast, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from engine.governance.signs import Sign
from engine.governance.words import names, word
from engine.kernel.facts import Fact, foreign
from engine.kernel.ids import derive
from engine.kernel.yaml_text import read_yaml

EVERY = "*"
"""The part that stands for all parts."""


class Opening(Sign):
    """What opens a matter: from which instant its term runs, until when where the event says so itself."""

    at: str = ""
    """The field with the instant; where it cannot be read the term runs from the receipt."""
    strict: bool = False
    """Whether an instant that cannot be read opens nothing: a term that is counted back has nothing to count from."""
    due: str = ""


class Settling(Sign):
    """What settles one; it must say that it was done, or state it by its type and say nothing else."""

    outcome: Literal["done", "failed", "not_failed", "any"] = "done"
    at: str = ""
    """The field with the instant at which it was done."""

    @model_validator(mode="after")
    def _says_how_it_ended(self) -> Settling:
        if self.outcome not in ("done", "not_failed"):
            raise ValueError(f"'{self.event}' settles only by what was done")
        return self


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
    early_days: int = 0
    """For how many days before it arose it may have been settled: rights withdrawn before the last day."""
    parts: str = ""
    """The field that names the parts which are answered one by one: the systems of a leaver."""
    has: tuple[Sign, ...] = ()
    """What tells that it has a part."""

    @property
    def events(self) -> tuple[str, ...]:
        """The event types it has to do with."""
        return tuple(dict.fromkeys(sign.event for sign in (*self.opens, *self.settles, *self.has)))

    @property
    def early(self) -> timedelta:
        """How long before it arose it may have been settled."""
        return timedelta(days=self.early_days)

    def subject_of(self, fields: Mapping[str, Any]) -> str:
        """Return what the matter is about; empty where the event does not name it. What opens one that it does not
        name opens it all the same, under the id of the event: nobody knows what would answer it but a person."""
        parts = [fields.get(name) for name in self.key]
        named = [part for part in parts if names(part) and not isinstance(part, list | tuple | dict)]
        if named and named[0] == parts[0]:
            return " ".join(str(part) if part in named else "-" for part in parts)
        opens = not self.rolling and any(sign.meets(fields) for sign in self.opens)
        return f"unnamed {fields.get('event.id')}" if opens else ""

    def parts_of(self, fields: Mapping[str, Any]) -> list[str]:
        """Return the parts an event names."""
        value = fields.get(self.parts)
        return [str(it).strip() for it in (value if isinstance(value, list | tuple) else (value,)) if names(it)]


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


class MatterReopened(Fact):
    """The answer was taken back, or was none: the matter is open again since it arose."""

    topic: ClassVar[str] = "matter.reopened.v1"
    matter_id: str
    kind: str
    about: str
    subject: str
    settled_at: AwareDatetime
    """When it had been settled, as that was told."""
    evidence: str
    event_position: int = 0


class MatterPartTold(Fact):
    """Another system told of one part of a matter: that it is there (``has``), or that it was answered."""

    topic: ClassVar[str] = "matter.part-told.v1"
    matter_id: str
    kind: str
    about: str
    part: str
    has: bool
    told_at: AwareDatetime
    event_position: int = 0


MatterFact = MatterArose | MatterSettled | MatterReopened | MatterPartTold
"""The closed set: what folds it leaves none out."""
MATTER_FACTS: tuple[type[MatterFact], ...] = get_args(MatterFact)


@dataclass(frozen=True, slots=True)
class Part:
    """What was last told of one part, and when."""

    has: bool
    at: datetime
    position: int = 0


@dataclass
class Matter:
    """What is open of one kind about one thing, and what was answered."""

    id: str = ""
    kind: str = ""
    about: str = ""
    open: dict[str, datetime] = field(default_factory=dict)
    """Subject of the clock → since when."""
    answered: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    """Subject of the clock → since when, and when it was settled."""
    before: datetime | None = None
    """When something came that would have settled it, had it been open."""
    before_by: str = ""
    parts: dict[str, Part] = field(default_factory=dict)
    version: int = 0

    @property
    def is_open(self) -> bool:
        """Whether anything of it waits for an answer."""
        return bool(self.open)

    @property
    def settled_at(self) -> datetime | None:
        """When it was settled last."""
        done = [at for _, at in self.answered.values()]
        return max([*done, *([self.before] if self.before else [])], default=None)

    @property
    def held(self) -> list[str]:
        """The parts that are not answered. What answered all of them leaves only those told of later."""
        every = self.parts.get(EVERY)
        return [
            name for name, part in self.parts.items()
            if part.has and (name == EVERY or every is None or every.has or part.at > every.at)
        ]  # fmt: skip

    @property
    def withdrawn(self) -> Part | None:
        """The part that was answered last."""
        return max((part for part in self.parts.values() if not part.has), key=lambda part: part.at, default=None)

    @property
    def withdrawn_at(self) -> datetime | None:
        """When a part was answered last."""
        return self.withdrawn.at if self.withdrawn is not None else None

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(MatterFact, fact))

    def _take(self, fact: MatterFact) -> None:
        match fact:
            case MatterArose():
                self.open[fact.subject] = fact.arose_at
            case MatterSettled() if fact.subject in self.open:
                self.answered[fact.subject] = self.open.pop(fact.subject), fact.settled_at
            case MatterSettled():
                self.before, self.before_by = max(self.before or fact.settled_at, fact.settled_at), fact.evidence
            case MatterReopened() if fact.subject in self.answered:
                self.open[fact.subject] = self.answered.pop(fact.subject)[0]
            case MatterReopened():
                self.before = None
            case MatterPartTold():
                self.parts[fact.part] = Part(fact.has, fact.told_at, fact.event_position)
            case _:
                foreign(fact)
                return
        self.id, self.kind, self.about = fact.matter_id, fact.kind, fact.about


@lru_cache(maxsize=1)
def matter_specs() -> dict[str, MatterSpec]:
    """Read the kinds of matters that ship with the product, by name."""
    text = (resources.files("engine") / "data" / "kz" / "matters.yml").read_text(encoding="utf8")
    return {name: MatterSpec(name=name, **entry) for name, entry in read_yaml(text)["matters"].items()}


def matter_id(kind: str, about: str) -> str:
    """Return the id of a matter: the same kind about the same thing is the same."""
    return str(derive("matter", kind, about))


def part_of(name: str, everything: frozenset[str]) -> str:
    """Return the name a part is kept under: systems are spelt in several ways."""
    known = word(name)
    return EVERY if known in everything else known
