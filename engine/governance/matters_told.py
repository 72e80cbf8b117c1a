"""What events of other systems do to a matter: open it, answer it or a part of it, take the answer back.

A matter is settled only by what came later than it, is about the same thing, and says that it was done. A refusal that
comes afterwards, or a part that turns out to be unanswered, takes the settlement back: the clock runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from re import fullmatch
from typing import Any

from engine.governance.matters import (
    Matter,
    MatterArose,
    MatterPartTold,
    MatterReopened,
    MatterSettled,
    MatterSpec,
    Settling,
    matter_id,
    part_of,
)
from engine.governance.words import EVERYTHING, FAILED, said, words
from engine.kernel.facts import Fact
from engine.kernel.timestamps import SKEW, NotAnInstant, parse_rfc3339


@dataclass(frozen=True, slots=True)
class Told:
    """An event of another system, as the matters read it."""

    fields: Mapping[str, Any]
    at: datetime
    position: int

    @property
    def evidence(self) -> str:
        """Name the event."""
        return f"event {self.fields.get('event.action')} #{self.position}"


def parts_told(matter: Matter, spec: MatterSpec, told: Told, *, at: datetime) -> Sequence[Fact]:
    """Record what an event says of the parts of a matter; what came earlier than the last word of it says nothing."""
    about = _about(matter, spec, told)
    if not about or not spec.parts:
        return []
    has = _has_part(spec, told.fields)
    if has is None:
        return []
    when = min(told.at, at)
    facts: list[Fact] = []
    for part in dict.fromkeys(part_of(it, EVERYTHING) for it in spec.parts_of(told.fields)):
        held = matter.parts.get(part)
        if held is None or when > held.at or (when == held.at and has and not held.has):
            facts.append(
                MatterPartTold(
                    at=at, matter_id=matter_id(spec.name, about), kind=spec.name, about=about, part=part, has=has,
                    told_at=when, event_position=told.position,
                )
            )  # fmt: skip
    return facts


def _has_part(spec: MatterSpec, fields: Mapping[str, Any]) -> bool | None:
    """Say whether an event tells that parts are there (or were not answered), that they were answered, or neither."""
    if any(sign.meets(fields) for sign in spec.settles):
        return False
    if any(sign.refuses(fields) for sign in spec.settles):
        return True
    granted = any(sign.meets(fields) for sign in spec.has)
    return True if granted and not any(it in FAILED for it in words(fields.get("mfo.outcome"))) else None


def opened(matter: Matter, spec: MatterSpec, told: Told, *, at: datetime) -> Sequence[Fact]:
    """Record what an event opens; one that is open already goes on as it is."""
    sign = next((sign for sign in spec.opens if sign.meets(told.fields)), None)
    about = _about(matter, spec, told)
    if sign is None or not about:
        return []
    named = instant(told.fields, sign.at) if sign.at else None
    if named is None and sign.strict:
        return []
    arose = named or told.at
    subject = f"{about} {arose.isoformat(timespec='seconds')}"
    if (matter.open and not spec.rolling) or subject in matter.open or subject in matter.answered:
        return []
    if spec.rolling and matter.open and arose <= max(matter.open.values()):
        return []
    until = instant(told.fields, sign.due) if sign.due else None
    facts: list[Fact] = []
    if spec.rolling:
        facts += [_settled(spec, about, held, arose, told, at) for held in matter.open]
    facts.append(
        MatterArose(
            at=at, matter_id=matter_id(spec.name, about), kind=spec.name, about=about, subject=subject, arose_at=arose,
            until=until, event_position=told.position,
        )
    )  # fmt: skip
    done, by = _done_before(matter, spec)
    if spec.early_days and done is not None and arose - spec.early <= done <= arose and not matter.open:
        facts.append(
            _settled(spec, about, subject, done, told, at).model_copy(update={"evidence": by or told.evidence})
        )
    return facts


def _done_before(matter: Matter, spec: MatterSpec) -> tuple[datetime | None, str]:
    """Return when, and by what, a matter was answered before it arose."""
    if not spec.parts or not matter.parts:
        return matter.before, matter.before_by
    last = None if matter.held else matter.withdrawn
    return (last.at, f"event #{last.position}") if last is not None else (None, "")


def settled(matter: Matter, spec: MatterSpec, told: Told, *, at: datetime) -> Sequence[Fact]:
    """Record what an event settles. One that comes first is remembered where that may be."""
    about = _about(matter, spec, told)
    dates = [_done_at(sign, told, at) for sign in spec.settles if sign.meets(told.fields)]
    done = next((it for it in dates if it is not None), None)
    if done is None or not about:
        return []
    if spec.parts:
        if matter.held or matter.withdrawn_at is None:
            return []
        done = matter.withdrawn_at
    elif spec.early_days and not matter.open:
        return [_settled(spec, about, "", done, told, at)]
    subjects = [held for held, since in matter.open.items() if done >= since - spec.early]
    return [_settled(spec, about, held, done, told, at) for held in subjects]


def taken_back(matter: Matter, spec: MatterSpec, told: Told, *, at: datetime) -> Sequence[Fact]:
    """Record that an event takes an answer back: it refuses what was settled, or a part was never answered."""
    about, when = _about(matter, spec, told), min(told.at, at)
    if not about or spec.rolling or not matter.id:
        return []
    refused = any(sign.refuses(told.fields) for sign in spec.settles)
    granted = bool(matter.held) and _has_part(spec, told.fields) is True
    facts = [
        _reopened(spec, about, subject, done, told, at)
        for subject, (since, done) in list(matter.answered.items())[-1:]
        if (refused and when >= done) or (granted and not refused and when <= max(since, done))
    ]
    if refused and matter.before is not None and when >= matter.before:
        facts.append(_reopened(spec, about, "", matter.before, told, at))
    return facts


Decider = Callable[..., Sequence[Fact]]
DECIDERS: tuple[Decider, ...] = (parts_told, opened, settled, taken_back)
"""What an event may do to a matter, in this order; each sees what the one before it recorded."""


def _about(matter: Matter, spec: MatterSpec, told: Told) -> str:
    """Return what an event is about, empty where that is not this matter."""
    about = spec.subject_of(told.fields)
    return about if not matter.about or about == matter.about else ""


def _done_at(sign: Settling, told: Told, at: datetime) -> datetime | None:
    """Return when an answer was given; None for a day that is still to come, or that cannot be read: a promise."""
    if not sign.at or not said(told.fields.get(sign.at)):
        return min(told.at, at)
    named = instant(told.fields, sign.at)
    return None if named is None or named > at + SKEW else min(named, at)


def _settled(spec: MatterSpec, about: str, subject: str, done: datetime, told: Told, at: datetime) -> MatterSettled:
    return MatterSettled(
        at=at, matter_id=matter_id(spec.name, about), kind=spec.name, about=about, subject=subject, settled_at=done,
        evidence=told.evidence, event_position=told.position,
    )  # fmt: skip


def _reopened(spec: MatterSpec, about: str, subject: str, done: datetime, told: Told, at: datetime) -> MatterReopened:
    return MatterReopened(
        at=at, matter_id=matter_id(spec.name, about), kind=spec.name, about=about, subject=subject, settled_at=done,
        evidence=told.evidence, event_position=told.position,
    )  # fmt: skip


def instant(fields: Mapping[str, Any], name: str) -> datetime | None:
    """Read the instant, or the day, that a field names; None for what is neither."""
    value = fields.get(name)
    if not isinstance(value, str):
        return None
    text = value.strip()
    local = fullmatch(r"([0-3]?[0-9])\.([01]?[0-9])\.([0-9]{4})", text)
    try:
        if local is not None:
            text = date(int(local[3]), int(local[2]), int(local[1])).isoformat()
        return parse_rfc3339(text if len(text) > 10 else f"{text}T00:00:00+05:00")
    except (NotAnInstant, ValueError):
        return None
