"""What went wrong in the engine itself and needs a person: one fact for each kind of trouble."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, assert_never, get_args

from engine.kernel.errors import n_
from engine.kernel.facts import Fact, Owner
from engine.kernel.timestamps import iso


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


class HistoryCut(Fact):
    """A witness signed more of a log than is here, or something else than is here: it was cut off or rewritten."""

    topic: ClassVar[str] = "log.history-cut.v1"
    log: str
    witness: str
    """The address of the witness."""
    seen: int
    """How many entries of the log the witness signed."""
    held: int
    """How many are here."""


class ClockJumped(Fact):
    """The clock of the machine made a step of a minute or more: what it shows is doubted until that is settled."""

    topic: ClassVar[str] = "time.clock-jumped.v1"
    shown: datetime
    expected: datetime
    """By the seconds that passed since it was believed last, or no earlier than what was recorded last."""


class TimeConfirmed(Fact):
    """The clock of the machine is right: a person says so, or time sources that have nothing to do with one another."""

    topic: ClassVar[str] = "time.confirmed.v1"
    instant: datetime
    """What it showed then."""
    sources: tuple[str, ...] = ()


class DutyNotCounted(Fact):
    """A duty is owed whose term cannot be counted from what a version before this one took for a day."""

    topic: ClassVar[str] = "duty.not-counted.v1"
    clock_id: str
    duty: str
    owner_kind: Owner
    owner_id: str
    detail: str


class StatusesSetAside(Fact):
    """The gateway for clients reported what cannot be; its reports were kept and changed nothing."""

    topic: ClassVar[str] = "gateway.statuses-set-aside.v1"
    source: str
    reports: tuple[str, ...]
    """Each as it came, with the reason."""
    count: int


class EffectFailed(Fact):
    """In stores of before: any of the above, told apart by words. Nothing records it any more."""

    topic: ClassVar[str] = "effect.failed.v1"
    key: str
    kind: str
    outcome: str
    detail: str
    since: datetime


Trouble = (
    MessageFailed | RuleFailed | MemoryFull | TemplateFailed | StageFailed | HistoryCut | DutyNotCounted
    | StatusesSetAside | EffectFailed | ClockJumped
)  # fmt: skip
TROUBLES: tuple[type[Fact], ...] = get_args(Trouble)


Told = tuple[str, str, dict[str, str]]


def told(fact: Trouble) -> Told:
    """Return what people are told of it: the message ids of a heading and of a sentence, and the values of both."""
    match fact:
        case MessageFailed():
            values = {"kind": fact.kind, "key": fact.key, "outcome": fact.outcome, "detail": fact.detail}
            return n_("A message needs a person: {kind}"), n_("{key}: {outcome}. {detail}"), values
        case RuleFailed():
            text = n_("Rule {rule} raised an error; it may have missed something.")
            return n_("A rule raised an error"), text, {"rule": fact.rule_id}
        case MemoryFull():
            text = n_("The memory of {memory} was full; the oldest keys were forgotten before their time.")
            return n_("A memory of detection was full"), text, {"memory": fact.memory}
        case TemplateFailed():
            text = n_("Wording {key}: {detail}; the product's own wording was used.")
            return n_("An own wording failed"), text, {"key": fact.key, "detail": fact.detail}
        case StageFailed():
            text = n_("{stage}: {error}; see the log. It is tried again and its work is kept.")
            return n_("A stage of the engine fails"), text, {"stage": fact.stage, "error": fact.error}
        case HistoryCut():
            text = n_(
                "The witness {witness} signed {seen} entries of the log {log}; the {held} that are here do not "
                "continue them. Stop the engine, keep everything as it is, and compare with a backup."
            )
            values = {"witness": fact.witness, "seen": str(fact.seen), "log": fact.log, "held": str(fact.held)}
            return n_("History was cut or rewritten"), text, values
        case ClockJumped():
            text = n_(
                "It shows {shown}, expected was {expected}. Until a person confirms the time no breach is recorded "
                "that is not certain; warnings go out by the later of both, and events are taken as before."
            )
            values = {"shown": iso(fact.shown), "expected": iso(fact.expected)}
            return n_("The clock of the machine jumped"), text, values
        case DutyNotCounted():
            text = n_("{duty} of {owner_kind} {owner_id}: {detail}")
            values = {"duty": fact.duty, "owner_kind": fact.owner_kind, "owner_id": fact.owner_id}
            return n_("A duty could not be counted"), text, {**values, "detail": fact.detail}
        case StatusesSetAside():
            text = n_("{source} reported {count} that cannot be; nothing was changed by them. The first: {first}")
            values = {"source": fact.source, "count": str(fact.count), "first": fact.reports[0][:300]}
            return n_("Reports of the gateway for clients were set aside"), text, values
        case EffectFailed():
            values = {"kind": fact.kind, "key": fact.key, "outcome": fact.outcome, "detail": fact.detail}
            return n_("An effect needs a person: {kind}"), n_("{key}: {outcome}. {detail}"), values
    assert_never(fact)
