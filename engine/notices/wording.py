"""The organisation's own wording of a notice: proposed by one person, put in force by another, rolled back at once.

A template is Jinja text for each field of one kind of notice in one language. What it may do is the renderer's matter;
here is who may change it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, cast, get_args

import orjson

from engine.kernel.errors import Conflict, DecisionRefused, SecondPersonNeeded
from engine.kernel.facts import Fact, Person, foreign
from engine.kernel.ids import derive
from engine.permissions import require

LANGUAGES = ("kk", "ru", "en")
LONGEST = 20_000


class TemplateProposed(Fact):
    """A wording was written; it was tried on an example and waits for a second person."""

    topic: ClassVar[str] = "template.proposed.v1"
    template_id: str
    kind: str
    language: str
    template_version: str
    fields: dict[str, str]


class TemplateActivated(Fact):
    """A second person put a wording in force: the next draft is made with it."""

    topic: ClassVar[str] = "template.activated.v1"
    template_id: str
    template_version: str


class TemplateRejected(Fact):
    """A second person refused a proposed wording."""

    topic: ClassVar[str] = "template.rejected.v1"
    template_id: str
    template_version: str


class TemplateRolledBack(Fact):
    """The wording in force before counts again; empty is the product's own."""

    topic: ClassVar[str] = "template.rolled-back.v1"
    template_id: str
    template_version: str


TemplateFact = TemplateProposed | TemplateActivated | TemplateRejected | TemplateRolledBack
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[TemplateFact], ...] = get_args(TemplateFact)


@dataclass
class TemplateLife:
    """The wordings of one kind of notice in one language."""

    id: str = ""
    kind: str = ""
    language: str = ""
    versions: dict[str, TemplateProposed] = field(default_factory=dict)
    waiting: str = ""
    in_force: str = ""
    before: list[str] = field(default_factory=list)
    version: int = 0

    @property
    def fields(self) -> Mapping[str, str]:
        """The wording in force; empty when the product's own is."""
        return self.versions[self.in_force].fields if self.in_force else {}

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(TemplateFact, fact))

    def _take(self, fact: TemplateFact) -> None:
        match fact:
            case TemplateProposed():
                self.id, self.kind, self.language = fact.template_id, fact.kind, fact.language
                self.versions[fact.template_version] = fact
                self.waiting = fact.template_version
            case TemplateActivated():
                self.before.append(self.in_force)
                self.in_force, self.waiting = fact.template_version, ""
            case TemplateRejected():
                self.waiting = ""
            case TemplateRolledBack():
                self.in_force = fact.template_version
                if self.before:
                    self.before.pop()
            case _:
                foreign(fact)


def template_id(kind: str, language: str) -> str:
    """Return the id of the wording of one kind of notice in one language."""
    return str(derive("template", kind, language))


def version_of(fields: Mapping[str, str]) -> str:
    """Name a wording by its content: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def propose(
    life: TemplateLife, kind: str, language: str, fields: Mapping[str, str], reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Propose a wording. That it can be rendered was tried before."""
    require("propose-wording", by)
    if language not in LANGUAGES:
        raise DecisionRefused("a language is one of {languages}", languages=LANGUAGES)
    if not fields or any(not text.strip() or len(text) > LONGEST for text in fields.values()):
        raise DecisionRefused("every field of a template has 1 to {longest} characters", longest=LONGEST)
    if not reason.strip():
        raise DecisionRefused("a change of wording needs a reason")
    version = version_of(fields)
    if version in (life.in_force, life.waiting):
        return []
    return [
        TemplateProposed(
            at=at, actor=by.id, reason=reason, template_id=template_id(kind, language), kind=kind, language=language,
            template_version=version, fields=dict(fields),
        )
    ]  # fmt: skip


def decide(
    life: TemplateLife, agreed: bool, reason: str, *, by: Person, at: datetime, seen: str = ""
) -> Sequence[Fact]:
    """Put the waiting wording in force as a second person, or refuse it. Raise Conflict when another one waits than the
    person has ``seen``."""
    require("decide-wording", by)
    if not life.waiting:
        raise DecisionRefused("no wording waits for a decision")
    if seen and seen != life.waiting:
        raise Conflict("another wording waits meanwhile; look at it again and decide anew")
    if life.versions[life.waiting].actor == by.id:
        raise SecondPersonNeeded("who wrote the wording cannot also put it in force")
    if not agreed and not reason.strip():
        raise DecisionRefused("refusing a wording needs a reason")
    kind = TemplateActivated if agreed else TemplateRejected
    return [kind(at=at, actor=by.id, reason=reason, template_id=life.id, template_version=life.waiting)]


def roll_back(life: TemplateLife, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Go back to the wording before: one person is enough, at once."""
    require("roll-back-wording", by)
    if not life.in_force:
        raise DecisionRefused("the product's own wording is in force")
    if not reason.strip():
        raise DecisionRefused("rolling back needs a reason")
    earlier = life.before[-1] if life.before else ""
    return [TemplateRolledBack(at=at, actor=by.id, reason=reason, template_id=life.id, template_version=earlier)]
