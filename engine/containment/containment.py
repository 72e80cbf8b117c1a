"""What an incident blocks or holds: the subjects, what was confirmed of each, and how it is released."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from engine.containment.facts import (
    ContainmentAnswered,
    ContainmentConfirmed,
    ContainmentFact,
    ContainmentOrder,
    ContainmentOrdered,
    ReleaseAnswered,
    ReleaseConfirmed,
    ReleaseOrdered,
    ReleaseProposed,
)
from engine.kernel.answers import Judged, Subject, SubjectOutcome, subjects_of
from engine.kernel.errors import SecondPersonNeeded
from engine.kernel.facts import Entities, Fact, Person, foreign
from engine.kernel.ids import derive
from engine.kernel.words import need_done_words, need_own_words
from engine.permissions import require


@dataclass
class Containment:
    """The state of one containment, folded from its facts."""

    id: str = ""
    incident_id: str = ""
    order: ContainmentOrder | None = None
    subjects: tuple[Subject, ...] = ()
    ordered_at: datetime | None = None
    done: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    since: dict[str, datetime] = field(default_factory=dict)
    """Subject → since when it is really blocked or held."""
    told: tuple[str, str] = ("", "")
    confirmed_at: datetime | None = None
    proposed_by: str = ""
    release_id: str = ""
    release: tuple[Subject, ...] = ()
    release_ordered_at: datetime | None = None
    free: set[str] = field(default_factory=set)
    released_at: datetime | None = None
    version: int = 0

    @property
    def holding(self) -> tuple[Subject, ...]:
        """What may be blocked because of it: everything ordered and not refused, until its release is ordered."""
        if self.release_ordered_at is not None:
            return ()
        return tuple(it for it in self.subjects if it.name not in self.refused)

    @property
    def blocking(self) -> dict[str, datetime]:
        """What really is blocked or held, until its release is confirmed: subject → since when."""
        free = {it.name for it in self.release} if self.released_at is not None else set()
        return {name: at for name, at in self.since.items() if name not in free}

    @property
    def freed(self) -> dict[str, datetime]:
        """What really was blocked or held and is not any more: subject → since when it is free."""
        at = self.released_at
        return {it.name: at for it in self.release if it.name in self.since} if at is not None else {}

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(ContainmentFact, fact))

    def _take(self, fact: ContainmentFact) -> None:
        match fact:
            case ContainmentOrdered():
                self.id, self.incident_id, self.order = fact.containment_id, fact.incident_id, fact.order
                self.subjects, self.ordered_at = fact.subjects, fact.at
            case ContainmentAnswered():
                self.refused = {it.subject for it in fact.outcomes if it.outcome == "refused"}
                self.done = _done(self.done, fact.outcomes)
                self.since = {name: self.since.get(name, fact.at) for name in self.done}
                self.told = (fact.verdict, fact.detail)
            case ContainmentConfirmed():
                self.done, self.refused = {it.name for it in self.subjects}, set()
                self.since = {name: self.since.get(name, fact.done_at) for name in sorted(self.done)}
                self.confirmed_at = fact.done_at
            case ReleaseProposed():
                self.proposed_by = fact.actor
            case ReleaseOrdered():
                self.release_id, self.release, self.release_ordered_at = fact.release_id, fact.subjects, fact.at
                self.released_at = None if fact.subjects else fact.at
                self.told = ("", "")
            case ReleaseAnswered():
                self.free = _done(self.free, fact.outcomes)
                self.told = (fact.verdict, fact.detail)
            case ReleaseConfirmed():
                self.released_at = fact.done_at
            case _:
                foreign(fact)


def _done(before: Collection[str], outcomes: Sequence[SubjectOutcome]) -> set[str]:
    """Return the subjects that are done after an answer: a refusal takes back what was said before."""
    refused = {it.subject for it in outcomes if it.outcome == "refused"}
    return {it for it in before if it not in refused} | {it.subject for it in outcomes if it.outcome == "done"}


def containment_id(incident_id: str, order: str, subjects: Sequence[Subject]) -> str:
    """Return the id of an order to contain: the same subjects of an incident are ordered once."""
    return str(derive("containment", incident_id, order, *sorted(it.name for it in subjects)))


def subjects_for(order: str, entities: Entities) -> tuple[Subject, ...]:
    """Return whom and what an order to contain names: all of them.

    Where staff did it, staff are blocked and not the clients whom they harmed; a payout is held by its loan.
    """
    if order == "payout-hold":
        return subjects_of("loan", entities.loans) or subjects_of("client", entities.clients)
    people = subjects_of("user", entities.users)
    ways = subjects_of("session", entities.sessions) + subjects_of("workstation", entities.workstations)
    if people:
        return people + ways
    outside = subjects_of("device", entities.devices) + subjects_of("address", entities.addresses)
    return subjects_of("client", entities.clients) + ways + outside


def answered(it: Containment, judged: Judged, *, done_at: datetime, at: datetime, actor: str) -> Sequence[Fact]:
    """Take an answer to the order, or to its release: done when all subjects are; else kept once for each change."""
    if it.release_ordered_at is not None:
        return _release_answered(it, judged, done_at=done_at, at=at, actor=actor)
    if it.confirmed_at is not None:
        return []
    if {it.name for it in it.subjects} <= _done(it.done, judged.outcomes):
        return [
            ContainmentConfirmed(at=at, actor=actor, containment_id=it.id, reference=judged.reference, done_at=done_at)
        ]
    if it.told == (judged.verdict, judged.detail):
        return []
    return [
        ContainmentAnswered(
            at=at, actor=actor, containment_id=it.id, verdict=judged.verdict, outcomes=judged.outcomes,
            detail=judged.detail,
        )
    ]  # fmt: skip


def _release_answered(
    it: Containment, judged: Judged, *, done_at: datetime, at: datetime, actor: str
) -> Sequence[Fact]:
    if it.released_at is not None:
        return []
    if {it.name for it in it.release} <= _done(it.free, judged.outcomes):
        return [ReleaseConfirmed(at=at, actor=actor, containment_id=it.id, reference=judged.reference, done_at=done_at)]
    if it.told == (judged.verdict, judged.detail):
        return []
    return [
        ReleaseAnswered(
            at=at, actor=actor, containment_id=it.id, verdict=judged.verdict, outcomes=judged.outcomes,
            detail=judged.detail,
        )
    ]  # fmt: skip


def order_release(
    it: Containment, held: Collection[str], reason: str, *, at: datetime, actor: str, proposed_by: str = ""
) -> Sequence[Fact]:
    """Order that what is blocked be released, of what nothing else holds."""
    holding = it.holding
    if not holding:
        return []
    free = tuple(subject for subject in holding if subject.name not in held)
    return [
        ReleaseOrdered(
            at=at, actor=actor, reason=reason, containment_id=it.id, release_id=str(derive("release", it.id)),
            subjects=free, kept=tuple(subject for subject in holding if subject.name in held),
            proposed_by=proposed_by,
        )
    ]  # fmt: skip


def release(it: Containment, held: Collection[str], reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Release before the incident ends: one person proposes, another one decides."""
    require("release-containment", by)
    need_own_words(reason)
    if not it.holding:
        return []
    if not it.proposed_by:
        return [ReleaseProposed(at=at, actor=by.id, reason=reason, containment_id=it.id)]
    if it.proposed_by == by.id:
        raise SecondPersonNeeded("who proposed the release cannot also decide it")
    return order_release(it, held, reason, at=at, actor=by.id, proposed_by=it.proposed_by)


def confirm_release(it: Containment, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Say, in own words, that what was blocked is released: the system cannot be asked."""
    require("confirm-release", by)
    need_done_words(reason)
    if it.release_ordered_at is None or it.released_at is not None:
        return []
    return [ReleaseConfirmed(at=at, actor=by.id, reason=reason, containment_id=it.id, reference="", done_at=at)]
