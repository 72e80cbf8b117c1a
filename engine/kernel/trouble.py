"""What went wrong in the engine itself and needs a person: one fact for each kind of trouble."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, assert_never, get_args

from engine.kernel.facts import Fact, Owner


class MessageFailed(Fact):
    """A message of the outbox was refused for good, or was tried so often that people must look."""

    topic: ClassVar[str] = "message.failed.v1"
    key: str
    kind: str
    """The kind of message, ``engine.kernel.messages``."""
    outcome: Literal["refused", "retry"]
    detail: str
    since: datetime


class RuleFailed(Fact):
    """A rule of detection raised an error; it may have missed something."""

    topic: ClassVar[str] = "detection.rule-failed.v1"
    rule_id: str


class MemoryFull(Fact):
    """A memory of detection was full; its oldest keys were forgotten before their time."""

    topic: ClassVar[str] = "detection.memory-full.v1"
    memory: str


class TemplateFailed(Fact):
    """The organisation's own wording of a notice could not be filled in; the product's own was used."""

    topic: ClassVar[str] = "template.failed.v1"
    key: str
    detail: str


class StageFailed(Fact):
    """A stage of the engine cannot go on; it is tried again and its work is kept."""

    topic: ClassVar[str] = "stage.failed.v1"
    stage: str
    error: str
    """The class of the error; what it says may be personal and stands in the log only."""


class DutyNotCounted(Fact):
    """A duty is owed whose term cannot be counted from what a version before this one took for a day."""

    topic: ClassVar[str] = "duty.not-counted.v1"
    clock_id: str
    duty: str
    owner_kind: Owner
    owner_id: str
    detail: str


class EffectFailed(Fact):
    """In stores of before: any of the above, told apart by words. Nothing records it any more."""

    topic: ClassVar[str] = "effect.failed.v1"
    key: str
    kind: str
    outcome: str
    detail: str
    since: datetime


Trouble = MessageFailed | RuleFailed | MemoryFull | TemplateFailed | StageFailed | DutyNotCounted | EffectFailed
TROUBLES: tuple[type[Fact], ...] = get_args(Trouble)


def told(fact: Trouble) -> tuple[str, str]:
    """Return what people are told of it: a heading and a sentence."""
    match fact:
        case MessageFailed():
            return f"A message needs a person: {fact.kind}", f"{fact.key}: {fact.outcome}. {fact.detail}"
        case RuleFailed():
            return "A rule raised an error", f"Rule {fact.rule_id} raised an error; it may have missed something."
        case MemoryFull():
            text = f"The memory of {fact.memory} was full; the oldest keys were forgotten before their time."
            return "A memory of detection was full", text
        case TemplateFailed():
            text = f"Wording {fact.key}: {fact.detail}; the product's own wording was used."
            return "An own wording failed", text
        case StageFailed():
            text = f"{fact.stage}: {fact.error}; see the log. It is tried again and its work is kept."
            return "A stage of the engine fails", text
        case DutyNotCounted():
            text = f"{fact.duty} of {fact.owner_kind} {fact.owner_id}: {fact.detail}"
            return "A duty could not be counted", text
        case EffectFailed():
            return f"An effect needs a person: {fact.kind}", f"{fact.key}: {fact.outcome}. {fact.detail}"
    assert_never(fact)
