"""A notice: drafted by the engine, edited by people, reviewed, approved by a second person, sent once to everybody.

The wording lives in ``reports``; here is who may do what, and the state a legal act depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, cast, get_args

import orjson

from engine.kernel.errors import DecisionRefused, InputError, SecondPersonNeeded
from engine.kernel.facts import Fact, Person, Reasoned, foreign
from engine.kernel.ids import derive
from engine.notices.facts import (
    DeliveryState,
    FateFact,
    NoticeApproved,
    NoticeBounced,
    NoticeDrafted,
    NoticeEdited,
    NoticeKind,
    NoticeReceipted,
    NoticeRedrafted,
    NoticeRefused,
    NoticeResendOrdered,
    NoticeReturned,
    NoticeSent,
    NoticeStage,
    NoticeState,
    NoticeSubmitted,
    NoticeUnknown,
    NoticeWithdrawn,
    TextFact,
)
from engine.notices.kinds import notice_kind
from engine.permissions import require

Content = Mapping[str, Mapping[str, str]]
OPEN_TEXT: tuple[NoticeState, ...] = ("draft", "review")
WORST_FIRST: tuple[Literal["unknown", "bounced", "refused"], ...] = ("unknown", "bounced", "refused")
_TEXT = frozenset(get_args(TextFact))


@dataclass
class Delivery:
    """What became of a notice at one recipient: waiting, sent, refused, unknown or bounced."""

    recipient: str
    state: DeliveryState = "waiting"
    channel: str = ""
    reference: str = ""
    at: datetime | None = None
    attempt: int = 1
    repeat: bool = False
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class TextVersion:
    """One state of the text: who wrote it and when."""

    number: int
    at: datetime
    actor: str
    content: dict[str, dict[str, str]]


@dataclass
class Notice:
    """The state of one notice, folded from its facts."""

    id: str = ""
    kind: NoticeKind = "regulator"
    stage: NoticeStage = "initial"
    follows: str = ""
    incident_id: str = ""
    subject: str = ""
    template_version: str = ""
    recipient: str = ""
    obligations: tuple[str, ...] = ()
    content: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: list[TextVersion] = field(default_factory=list)
    editors: set[str] = field(default_factory=set)
    drafted_at: datetime | None = None
    submitted_by: str | None = None
    remark: tuple[str, str] | None = None
    """Who gave it back, and why."""
    approved_by: str | None = None
    approved_at: datetime | None = None
    content_hash: str | None = None
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    withdrawn: bool = False
    version: int = 0

    @property
    def state(self) -> NoticeState:
        """Name the state: none, draft, review, approved, sent, refused, unknown, bounced or withdrawn.

        With several recipients the worst counts: it is sent when every one of them took it.
        """
        if not self.id:
            return "none"
        if self.withdrawn:
            return "withdrawn"
        if self.approved_at is None:
            return "draft" if self.submitted_by is None else "review"
        states = {delivery.state for delivery in self.deliveries.values()}
        for state in WORST_FIRST:
            if state in states:
                return state
        return "sent" if states == {"sent"} else "approved"

    @property
    def sent_at(self) -> datetime | None:
        """The instant at which the last recipient took it, None until every one has."""
        if self.state != "sent":
            return None
        return max(delivery.at for delivery in self.deliveries.values() if delivery.at is not None)

    @property
    def transport_ref(self) -> str | None:
        """The references of the transports."""
        return "; ".join(d.reference for d in self.deliveries.values() if d.state == "sent" and d.reference) or None

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        (self._text if type(fact) in _TEXT else self._fate)(cast(Any, fact))

    def _text(self, fact: TextFact) -> None:
        """Take what makes the text."""
        match fact:
            case NoticeDrafted():
                self.id, self.kind, self.incident_id = fact.notice_id, fact.kind, fact.incident_id
                self.subject, self.template_version = fact.subject, fact.template_version
                self.recipient, self.obligations = fact.recipient, fact.obligations
                self.stage, self.follows = fact.stage, fact.follows
                self.drafted_at, self.withdrawn = fact.at, False
                self._write(fact, _copy(fact.content))
            case NoticeRedrafted():
                self.template_version = fact.template_version or self.template_version
                self._write(fact, _copy(fact.content))
            case NoticeEdited():
                self.editors.add(fact.actor)
                self._write(fact, {**self.content, fact.language: dict(fact.fields)})
            case NoticeSubmitted():
                self.submitted_by, self.remark = fact.actor, None
            case NoticeReturned():
                self.submitted_by, self.remark = None, (fact.actor, fact.reason)
            case NoticeApproved():
                self.approved_by, self.approved_at = fact.actor, fact.at
                self.content_hash = fact.content_hash
                self.deliveries = {to: Delivery(to) for to in recipients(self.recipient)}
            case NoticeWithdrawn():
                self.withdrawn = True
            case _:
                foreign(fact)

    def _fate(self, fact: FateFact) -> None:
        match fact:
            case NoticeSent():
                self._settle(fact.recipient, "sent", fact.channel, fact.transport_ref, fact.sent_at)
            case NoticeRefused():
                self._settle(fact.recipient, "refused", fact.channel, fact.answer, fact.at)
            case NoticeUnknown():
                self._settle(fact.recipient, "unknown", fact.channel, fact.detail, fact.at)
            case NoticeBounced():
                self._settle(fact.recipient, "bounced", "", f"{fact.status} {fact.detail}".strip(), fact.at)
            case NoticeResendOrdered():
                self.deliveries.pop(fact.instead_of, None)
                self.deliveries[fact.recipient] = Delivery(
                    fact.recipient, attempt=fact.attempt, repeat=fact.repeat, at=None
                )
            case NoticeReceipted():
                found = self._delivery(fact.recipient)
                found.receipt = f"{fact.reference}, {fact.received_on.isoformat()}"
            case _:
                foreign(fact)

    def _write(self, fact: Fact, content: dict[str, dict[str, str]]) -> None:
        self.content = content
        self.versions.append(TextVersion(len(self.versions) + 1, fact.at, fact.actor, content))

    def _delivery(self, recipient: str) -> Delivery:
        """The delivery to a recipient; facts of earlier versions name none and mean the only one."""
        if recipient not in self.deliveries and len(self.deliveries) == 1:
            return next(iter(self.deliveries.values()))
        return self.deliveries.setdefault(recipient or self.recipient, Delivery(recipient or self.recipient))

    def _settle(self, recipient: str, state: DeliveryState, channel: str, reference: str, at: datetime) -> None:
        found = self._delivery(recipient)
        found.state, found.channel, found.reference, found.at = state, channel or found.channel, reference, at


def _copy(content: Content) -> dict[str, dict[str, str]]:
    return {language: dict(fields) for language, fields in content.items()}


def recipients(text: str) -> tuple[str, ...]:
    """Take the recipients of a notice apart."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def notice_id(kind: str, incident_id: str, subject: str, stage: NoticeStage = "initial", number: int = 0) -> str:
    """Return the id of the one notice of this kind, stage and number for this incident and subject."""
    more = () if stage == "initial" and number == 0 else (stage, number)
    return str(derive("notice", kind, incident_id, subject, *more))


def content_hash(content: Content) -> str:
    """Return the SHA-256 of the content in canonical form (sorted keys, UTF-8)."""
    plain = {language: dict(fields) for language, fields in content.items()}
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()


def edit(notice: Notice, language: str, fields: Mapping[str, str], *, by: Person, at: datetime) -> Sequence[Fact]:
    """Change the text of one language. Only fields the draft has can be written; a text under review goes back."""
    _is_text(notice, "edited")
    require("edit-notice", by)
    present = notice.content.get(language)
    if present is None:
        raise DecisionRefused("the notice has no text in '{language}'", language=language)
    unknown = sorted(set(fields) - set(present))
    if unknown:
        raise DecisionRefused("the notice has no fields {unknown}", unknown=str(unknown))
    if any(len(text) > 20_000 for text in fields.values()):
        raise DecisionRefused("a field of a notice has at most 20000 characters")
    merged = {**present, **fields}
    if merged == present:
        return []
    facts: list[Fact] = []
    if notice.submitted_by is not None:
        facts.append(NoticeReturned(at=at, actor=by.id, reason="the text was changed", notice_id=notice.id))
    return [*facts, NoticeEdited(at=at, actor=by.id, notice_id=notice.id, language=language, fields=merged)]


def submit(notice: Notice, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Ask for a review."""
    require("submit-notice", by)
    if notice.state != "draft":
        raise DecisionRefused("a notice that is {state} cannot be submitted", state=notice.state)
    _no_empty_field(notice)
    return [NoticeSubmitted(at=at, actor=by.id, notice_id=notice.id)]


def give_back(notice: Notice, remark: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Give a text under review back with a remark."""
    require("return-notice", by)
    if notice.state != "review":
        raise DecisionRefused("a notice that is {state} is not under review", state=notice.state)
    if by.id == notice.submitted_by:
        raise SecondPersonNeeded("who submitted the notice cannot review it")
    if not remark.strip() or len(remark) > 2_000:
        raise DecisionRefused("say in 1 to 2000 characters what must change")
    return [NoticeReturned(at=at, actor=by.id, reason=remark, notice_id=notice.id)]


def approve(notice: Notice, assignee: str | None, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Approve for sending: a compliance officer who neither edited nor submitted the text, nor works the incident."""
    require("approve-notice", by)
    _is_text(notice, "approved")
    if by.id == assignee:
        raise SecondPersonNeeded("the incident's assignee cannot approve its notice")
    if by.id in notice.editors:
        raise SecondPersonNeeded("who edited the notice cannot approve it; another compliance officer must")
    if by.id == notice.submitted_by:
        raise SecondPersonNeeded("who submitted the notice cannot approve it; another compliance officer must")
    _no_empty_field(notice)
    if not recipients(notice.recipient):
        raise DecisionRefused("the notice has no recipient")
    return [NoticeApproved(at=at, actor=by.id, notice_id=notice.id, content_hash=content_hash(notice.content))]


def withdraw(notice: Notice, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Take a draft back that no clock waits for."""
    require("withdraw-notice", by)
    _is_text(notice, "withdrawn")
    if notice.stage == "initial" and notice_kind(notice.kind).clock is not None:
        raise DecisionRefused("the law asks for this notice; it goes when the incident is closed as not genuine")
    if not reason.strip():
        raise DecisionRefused("withdrawing a notice needs a reason")
    return [NoticeWithdrawn(at=at, actor=by.id, reason=reason, notice_id=notice.id)]


def _is_text(notice: Notice, verb: str) -> None:
    if notice.state not in OPEN_TEXT:
        raise DecisionRefused("a notice that is {state} cannot be {verb}", state=notice.state, verb=verb)


def _no_empty_field(notice: Notice) -> None:
    empty = sorted({name for fields in notice.content.values() for name, text in fields.items() if not text.strip()})
    if empty:
        raise DecisionRefused("the notice has empty fields: {empty}", empty=tuple(empty))


class _Settled(Reasoned):
    notice_id: str
    recipient: str


def settle_unknown(
    notice: Notice, taken: bool, evidence: str, *, by: Person, at: datetime, recipient: str | None = None
) -> Sequence[Fact]:
    """A person decides what became of a notice whose fate is unknown, with the evidence in words."""
    doubtful = [d.recipient for d in notice.deliveries.values() if d.state == "unknown"]
    if not doubtful or (recipient is not None and recipient not in doubtful):
        raise DecisionRefused("only a notice in the state unknown can be settled")
    require("settle-notice", by)
    if not evidence.strip():
        raise DecisionRefused("settling a notice needs evidence in words")
    to = recipient or doubtful[0]
    common: _Settled = {"at": at, "actor": by.id, "reason": evidence, "notice_id": notice.id, "recipient": to}
    if taken:
        return [NoticeSent(**common, channel="confirmed-by-person", transport_ref=evidence[:200], sent_at=at)]
    return [NoticeRefused(**common, channel="confirmed-by-person", answer=evidence[:200])]


def hand_over(
    notice: Notice, channel: str, reference: str, handed_at: datetime, *, by: Person, at: datetime,
    recipient: str | None = None,
) -> Sequence[Fact]:  # fmt: skip
    """Record that a person handed an approved notice over another way: a portal, a courier, a registered letter."""
    require("hand-over-notice", by)
    if notice.approved_at is None or notice.withdrawn:
        raise DecisionRefused("only an approved notice can be handed over")
    open_ones = [d.recipient for d in notice.deliveries.values() if d.state != "sent"]
    if not open_ones or (recipient is not None and recipient not in open_ones):
        raise DecisionRefused("the notice was handed over already")
    if not channel.strip() or not reference.strip() or len(channel) > 100 or len(reference) > 200:
        raise DecisionRefused("name the channel and the reference that proves it")
    if handed_at > at or handed_at < notice.approved_at.replace(second=0, microsecond=0):  # a form gives minutes
        raise InputError("it was handed over between its approval and now", field="handed_at")
    return [
        NoticeSent(
            at=at, actor=by.id, notice_id=notice.id, channel=f"by hand: {channel.strip()}",
            transport_ref=reference.strip(), recipient=recipient or open_ones[0],
            sent_at=max(handed_at, notice.approved_at),
        )
    ]  # fmt: skip


def resend(notice: Notice, recipient: str, instead_of: str, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Order another try after a refusal or a bounce; ``recipient`` may be another address than the one that failed."""
    require("resend-notice", by)
    failed = notice.deliveries.get(instead_of)
    if failed is None or failed.state not in ("refused", "bounced"):
        raise DecisionRefused("only what was refused or came back is sent again; settle what is unknown first")
    if not reason.strip():
        raise DecisionRefused("sending a notice again needs a reason")
    repeat = failed.repeat or failed.channel == "confirmed-by-person"
    return [
        NoticeResendOrdered(
            at=at, actor=by.id, reason=reason, notice_id=notice.id, recipient=recipient.strip(),
            instead_of=instead_of, attempt=failed.attempt + 1, repeat=repeat,
        )
    ]  # fmt: skip


def bounce(notice: Notice, recipient: str, status: str, detail: str, *, at: datetime, actor: str) -> Sequence[Fact]:
    """Record that a notice came back; a second report of the same changes nothing."""
    found = notice.deliveries.get(recipient)
    if found is None and len(notice.deliveries) == 1:
        found = next(iter(notice.deliveries.values()))
    if found is None or found.state == "bounced":
        return []
    return [
        NoticeBounced(
            at=at, actor=actor, notice_id=notice.id, recipient=found.recipient, status=status[:40], detail=detail[:300]
        )
    ]


def receipt(
    notice: Notice, reference: str, received_on: date, document_id: str, *, by: Person, at: datetime,
    recipient: str | None = None,
) -> Sequence[Fact]:  # fmt: skip
    """Record that the recipient says it has the notice."""
    require("record-receipt", by)
    sent = [d for d in notice.deliveries.values() if d.state == "sent"]
    found = next((d for d in sent if recipient in (None, d.recipient)), None)
    if found is None:
        raise DecisionRefused("only a notice that was handed over can be receipted")
    if not reference.strip() or len(reference) > 200:
        raise DecisionRefused("a receipt has the recipient's reference, of at most 200 characters")
    if received_on > at.date():
        raise InputError("a receipt cannot be of the future", field="received_on")
    if found.receipt == f"{reference.strip()}, {received_on.isoformat()}":
        return []
    return [
        NoticeReceipted(
            at=at, actor=by.id, notice_id=notice.id, recipient=found.recipient, reference=reference.strip(),
            received_on=received_on, document_id=document_id,
        )
    ]  # fmt: skip
