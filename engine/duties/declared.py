"""The duties a jurisdiction declares, as dated data: what starts, satisfies and cancels each clock, and its term.

One file a jurisdiction (``engine/data/JURISDICTION/duties.yml``), every entry beside its clause. A change of the law is
a new entry with the same ``id`` and a later ``valid_from``: a clock is started by the entry in force on the local day
of its anchor, and keeps that entry. The vocabulary is closed, so an entry with a word the engine does not know, or
with nothing that starts or satisfies it, does not load.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property, lru_cache
from importlib import resources
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.kernel.errors import DataError, NotFound
from engine.kernel.facts import Owner
from engine.kernel.yaml_text import read_declared
from engine.terms.counting import ClockSpec, Reading, TermUnit

HOME = "kz"
"""The jurisdiction of the product itself."""
Owned = Owner | Literal["none"]
"""Whose duty it is; one without an owner is only counted."""
Per = Literal["incident", "client", "protection", "duty", "action", "containment", "matter"]
Occasion = Literal[
    "incident-opened",  # an incident was opened, whatever it is
    "incident-owes",  # an incident was opened or grew, was merged into, or was found notifiable; with ``when``
    "incident-grew",  # another incident was merged in after the notice of the kind named after it was approved
    "act-registered",  # an act of law enforcement or a court was entered, or loans were added to one
    "act-unread",  # an act came in that could not be read; the clock is the incident's that asks a person
    "court-decision-registered",  # the act that was entered is a decision of a court
    "debt-void-ruled",  # a court ruled under a protection that the debt is void, wholly or in part
    "court-decision-unread",  # a decision came in that could not be read, or does not say clearly what it decides
    "duty-done",  # the returning duty named after it was done
    "action-planned",  # a corrective action got its owner and day
    "release-confirmed",  # what an incident blocked of a client's is free again
    "release-ordered",  # what an incident blocked or held is to be released
    "matter-arose",  # another system told of the matter named after it
    "matter-set",  # the same, and named the day itself
    "service-began",  # the worker ran for the first time, and the returning duty was never done
    "report-submitted",  # the clock named after it, of the same owner, was satisfied
]
Anchor = Literal[
    "detected",  # the earliest detection of the incident (when the organisation became aware)
    "client-shown",  # the detection that showed the client
    "joined",  # the detection of what was merged in; the merge itself where that owed nothing
    "classified",  # when the incident was found notifiable: at its detection by a rule, or by people later
    "received",  # when the act or the court's decision was received
    "done-on",  # the start of the day on which the duty was done
    "arose",  # the instant the matter names: when it arose, or the meeting it is about
    "began",  # when the worker ran for the first time
    "planned",  # when the action was planned
    "released",  # when the release was confirmed
    "ordered",  # when the release was ordered
    "submitted",  # when the report before it was submitted
]
Evidence = Literal[
    "incident-acknowledged", "incident-closed", "containment-started", "recovery-confirmed",
    "notice-sent",  # the first notice of the kind named after it was taken by all its recipients; or its STAGE
    "orders-acknowledged",  # every subject of every order of the kind named after it is done
    "release-confirmed",  # everything that was to be released is
    "duty-done", "action-closed",
    "matter-settled",  # another system told that the matter named after it was answered
]  # fmt: skip
Cancelled = Literal[
    "incident-closed-without-duty", "incident-not-notifiable", "incident-merged", "client-moved", "act-not-genuine",
    "protection-released", "act-joined", "loans-removed",
]  # fmt: skip
Condition = Literal["notifiable", "personal-data", "fraud"]


class Phrase(BaseModel):
    """A word of the vocabulary, and what it is about: ``notice-sent regulator``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    word: str
    about: str = ""
    stage: str = ""

    @classmethod
    def parse(cls, text: str) -> Phrase:
        """Read ``WORD [ABOUT [STAGE]]``."""
        word, _, rest = text.partition(" ")
        about, _, stage = rest.partition(" ")
        return cls(word=word, about=about, stage=stage)


class Length(BaseModel):
    """How long a term is; ``anchor`` says from where, without one from the anchor of the duty."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(strict=True, ge=1, le=100_000)
    unit: TermUnit
    anchor: Anchor | None = None


class DeclaredDuty(BaseModel):
    """One entry: a duty as the law had it from ``valid_from`` until before ``valid_to``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    clause: str
    obligations: tuple[str, ...]
    valid_from: date
    valid_to: date | None = None
    owner: Owned
    per: Per | None = None
    starts_on: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    anchor: Anchor | None = None
    term: Length | Literal["the day that was set"]
    within: Length | None = None
    """An outer limit that counts too, the earlier of both; one that had passed when the term began does not count."""
    rolls: Literal["noon of the next working day"] | None = None
    """Where the end goes that falls on a day on which offices do not work."""
    product: bool = False
    direction: Literal["by", "not_before"] = "by"
    reading: Reading | None = None
    """The reading that counts as the breach; without one it is the organisation's."""
    satisfied_by: tuple[str, ...] = ()
    cancelled_by: tuple[Cancelled, ...] = ()
    escalation: Literal["ladder"] = "ladder"
    counted_only: str | None = None
    jurisdiction: str = HOME
    verified: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Self:
        starts, satisfied = self.starts, self.satisfactions
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to: it ends before it begins")
        if self.counted_only is not None:
            if self.starts_on or self.satisfied_by:
                raise ValueError("counted_only: nothing else starts or satisfies it")
            if self.counted_only not in ("by hand", "by retention") and not self.counted_only.startswith("rule "):
                raise ValueError("counted_only is 'rule NAME', 'by hand' or 'by retention'")
            return self
        if not starts or not satisfied or self.anchor is None or self.per is None:
            raise ValueError("it says what starts and what satisfies it (per, anchor), or counted_only")
        _known(starts, Occasion, "starts_on")
        _known(satisfied, Evidence, "satisfied_by")
        return self

    @cached_property
    def starts(self) -> tuple[Phrase, ...]:
        """What starts it."""
        return tuple(Phrase.parse(text) for text in self.starts_on)

    @cached_property
    def satisfactions(self) -> tuple[Phrase, ...]:
        """What satisfies it."""
        return tuple(Phrase.parse(text) for text in self.satisfied_by)

    @cached_property
    def spec(self) -> ClockSpec | None:
        """Return how its term is counted, None where people set the day themselves."""
        if isinstance(self.term, str):
            return None
        within = self.within
        return ClockSpec(
            kind=self.id,
            n=self.term.n,
            unit=self.term.unit,
            direction=self.direction,
            product=self.product,
            owner=self.owner,
            obligations=self.obligations,
            rolls=self.rolls is not None,
            valid_from=self.valid_from,
            jurisdiction=self.jurisdiction,
            within=(within.n, within.unit) if within is not None else None,
        )

    def in_force(self, day: date) -> bool:
        """Say whether the entry is the law of a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class Jurisdiction(BaseModel):
    """One country's or union's duties. ``country`` (ISO 3166-1) is the one whose holidays count."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    jurisdiction: str
    title: str
    country: str
    zone: str | None = None
    verified: bool
    """Whether the text was at hand when the entries were written."""
    duties: tuple[DeclaredDuty, ...]

    def newest(self) -> dict[str, DeclaredDuty]:
        """Return the newest entry of each duty, by id."""
        return {duty.id: duty for duty in sorted(self.duties, key=lambda duty: duty.valid_from)}


def _known(phrases: tuple[Phrase, ...], words: object, field: str) -> None:
    known = words.__args__  # type: ignore[attr-defined]
    for phrase in phrases:
        if phrase.word not in known:
            raise ValueError(f"{field}: '{phrase.word}' is none of {', '.join(known)}")


def read_jurisdiction(text: str, file: str) -> Jurisdiction:
    """Read the duties of a jurisdiction. Raise DataError naming file, entry and field."""
    document = read_declared(text, file)
    if not isinstance(document, dict) or not isinstance(document.get("duties"), list):
        raise DataError("it holds jurisdiction, title, country, verified and duties", file=file)
    shared = {"jurisdiction": document.get("jurisdiction", ""), "verified": document.get("verified", False)}
    duties = []
    for number, entry in enumerate(document["duties"], 1):
        name = entry.get("id", f"entry {number}") if isinstance(entry, dict) else f"entry {number}"
        try:
            duties.append(DeclaredDuty.model_validate({**shared, **entry}))
        except (ValidationError, TypeError) as error:
            raise DataError(f"{name}: {_first(error)}", file=file) from None
    _check_dates(duties, file)
    try:
        return Jurisdiction.model_validate({**document, "duties": duties})
    except ValidationError as error:
        raise DataError(_first(error), file=file) from None


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "it is no mapping of fields"
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _check_dates(duties: list[DeclaredDuty], file: str) -> None:
    """Two entries of one duty never hold on the same day."""
    for duty in duties:
        for other in duties:
            if duty is not other and duty.id == other.id and other.in_force(duty.valid_from):
                raise DataError(f"{duty.id}: two entries hold on {duty.valid_from}", file=file)


def builtin_names() -> tuple[str, ...]:
    """Return the jurisdictions that ship with the product."""
    folders = (resources.files("engine") / "data").iterdir()
    return tuple(sorted(entry.name for entry in folders if entry.is_dir() and (entry / "duties.yml").is_file()))


@lru_cache(maxsize=8)
def jurisdiction(name: str = HOME) -> Jurisdiction:
    """Return a jurisdiction that ships with the product. Raise DataError if there is none of this name."""
    if name not in builtin_names():
        raise DataError(f"there is no jurisdiction '{name[:40]}'; known: {', '.join(builtin_names())}")
    file = resources.files("engine") / "data" / name / "duties.yml"
    found = read_jurisdiction(file.read_text(encoding="utf8"), f"{name}/duties.yml")
    if found.jurisdiction != name:
        raise DataError(f"it says that it is '{found.jurisdiction}'", file=f"{name}/duties.yml", field="jurisdiction")
    return found


@lru_cache(maxsize=8)
def clock_specs(name: str = HOME) -> dict[str, ClockSpec]:
    """Return how the newest entry of every duty is counted, by id; without those whose day people set."""
    found = {key: duty.spec for key, duty in jurisdiction(name).newest().items()}
    return {key: spec for key, spec in found.items() if spec is not None}


def clock_spec(kind: str, day: date | None = None) -> ClockSpec:
    """Return how one duty is counted, of any jurisdiction: by the entry in force on a day, without one by the newest.

    Raise NotFound naming the duties there are, or for a day on which it was no law.
    """
    specs: dict[str, ClockSpec] = {}
    for name in sorted(builtin_names(), key=lambda name: name == HOME):
        specs |= clock_specs(name)
    if kind not in specs:
        raise NotFound("there is no clock '{kind}'; known: {known}", kind=kind, known=sorted(specs))
    if day is None:
        return specs[kind]
    entries = [duty for duty in jurisdiction(specs[kind].jurisdiction).duties if duty.id == kind]
    found = next((duty.spec for duty in entries if duty.in_force(day)), None)
    if found is None:
        first = min(duty.valid_from for duty in entries)
        raise NotFound(
            "no entry of '{kind}' is the law of {day}; the first holds from {first}", kind=kind, day=day, first=first
        )
    return found
