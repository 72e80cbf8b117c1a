"""What an answer to an order comes to: an outcome for every subject of the order, and what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from engine.kernel.answer_words import Said
from engine.kernel.facts import Record

SubjectType = Literal[
    "client", "loan", "user", "session", "device", "address", "workstation", "account", "host", "message",
]  # fmt: skip
LONGEST = 300


class Subject(Record):
    """Whom or what an order is about."""

    type: SubjectType
    id: str

    @property
    def name(self) -> str:
        """Type and id in one word."""
        return f"{self.type}:{self.id}"


class SubjectOutcome(Record):
    """What an answer says of one subject (``type:id``)."""

    subject: str
    outcome: Said
    detail: str = ""


class Asked(Record):
    """The order that an answer is held against: what it names otherwise is not about this order."""

    order_id: str = ""
    order: str = ""
    client: str = ""
    target: str = ""
    issued_at: datetime | None = None
    now: datetime | None = None
    loans: tuple[str, ...] = ()
    """Other loans of the same act, which an event may name beside those of the order."""


class Judged(Record):
    """An answer, judged: one outcome for every subject of the order, and the reference it goes by."""

    outcomes: tuple[SubjectOutcome, ...] = ()
    reference: str = ""
    detail: str = ""
    foreign: bool = False
    """It does not speak of this order, or not of now: it proves nothing and takes nothing back."""
    told: tuple[str, ...] = ()
    """The subjects of which it says an outcome in a word of its own."""

    def of(self, outcome: Said) -> tuple[str, ...]:
        """Return the subjects with an outcome."""
        return tuple(it.subject for it in self.outcomes if it.outcome == outcome)

    @property
    def taken_back(self) -> tuple[str, ...]:
        """The subjects that are not done any more by this answer, if they were: refused, or told to be not done."""
        if self.foreign:
            return ()
        return tuple(
            it.subject for it in self.outcomes
            if it.outcome == "refused" or (it.outcome != "done" and it.subject in self.told)
        )  # fmt: skip

    @property
    def verdict(self) -> Said:
        """Say it in one word: done only where there are subjects and all are done; a refusal goes before a doubt."""
        said = {it.outcome for it in self.outcomes}
        if said == {"done"}:
            return "done"
        for outcome in ("refused", "unclear", "pending"):
            if outcome in said:
                return outcome
        return "unclear"


def subjects_of(kind: SubjectType, ids: Iterable[str]) -> tuple[Subject, ...]:
    """Return subjects of one type, each once; blank names are no subjects."""
    return tuple(Subject(type=kind, id=it) for it in dict.fromkeys(ids) if it.strip())


def all_of(
    subjects: Sequence[Subject], outcome: Said, detail: str, reference: str = "", *, foreign: bool = False
) -> Judged:
    """Say the same of every subject."""
    said = tuple(SubjectOutcome(subject=it.name, outcome=outcome, detail=detail[:LONGEST]) for it in subjects)
    return Judged(outcomes=said, reference=reference, detail=detail[:LONGEST], foreign=foreign)


def undoing(judged: Judged, happened: str) -> Judged:
    """Read what states the opposite of an order: what it was done for is refused; it says nothing of the rest."""
    outcomes = tuple(
        it.model_copy(
            update={"outcome": "refused", "detail": happened} if it.outcome == "done" else {"outcome": "unclear"}
        )
        for it in judged.outcomes
    )
    return judged.model_copy(update={"outcomes": outcomes, "detail": judged.detail or happened, "told": ()})
