"""A notice: drafted by the engine, edited by people, reviewed, approved by a second person, sent once to everybody.

The wording lives in ``reports``; here is who may do what, and the state a legal act depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast, get_args

import orjson

from engine.kernel.errors import DecisionRefused, n_
from engine.kernel.facts import ENGINE, Fact, Person, foreign
from engine.kernel.ids import derive
from engine.notices.facts import (
    DeliveryState,
    FateFact,
    NoticeAddressed,
    NoticeAddressProposed,
    NoticeAddressRefused,
    NoticeApproved,
    NoticeArrivalClaimed,
    NoticeBounced,
    NoticeDrafted,
    NoticeEdited,
    NoticeFailuresResent,
    NoticeHandedOver,
    NoticeKind,
    NoticeListed,
    NoticeReceipted,
    NoticeRedrafted,
    NoticeRefused,
    NoticeResendOrdered,
    NoticeReturned,
    NoticeSent,
    NoticeSigned,
    NoticeSignedByHand,
    NoticeSpooled,
    NoticeStage,
    NoticeState,
    NoticeSubmitted,
    NoticeUnknown,
    NoticeWithdrawn,
    TextFact,
)
from engine.notices.kinds import notice_kind
from engine.notices.parts import Delivery, TextVersion
from engine.permissions import require
from engine.permissions.eyes import require_other
from engine.permissions.permission import Side

Content = Mapping[str, Mapping[str, str]]
OPEN_TEXT: tuple[NoticeState, ...] = ("draft", "review")
WORST_FIRST: tuple[Literal["unknown", "bounced", "refused", "spooled"], ...] = (
    "unknown", "bounced", "refused", "spooled",
)  # fmt: skip
_TEXT = frozenset(get_args(TextFact))


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
    authors: dict[Side, set[str]] = field(default_factory=dict)
    """Who ever drafted it by hand, wrote in it, submitted it or named an address for it; nothing takes that back."""
    drafted_at: datetime | None = None
    submitted_by: str | None = None
    remark: tuple[str, str] | None = None
    """Who gave it back, and why."""
    approved_by: str | None = None
    approved_at: datetime | None = None
    as_last: str = ""
    """Why the head of the house approved it, where nobody else was left."""
    content_hash: str | None = None
    signed: NoticeSigned | None = None
    signed_by_hand: NoticeSignedByHand | None = None
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    to_many: bool = False
    addressees: int = 0
    list_sha256: str = ""
    subjects: int = 0
    """How many people the list names that goes with it."""
    listed: dict[str, None] = field(default_factory=dict)
    """The clients that an approved text for many goes to."""
    named: tuple[str, ...] = ()
    """The clients whom an open text for many is for, where it is for some."""
    says: dict[str, datetime] = field(default_factory=dict)
    """Of a notice that carries one of many: the fields on blocks that are for its client, with since when."""
    text_of: str = ""
    """The notice whose approved text this one carries to one client."""
    withdrawn: bool = False
    version: int = 0

    @property
    def state(self) -> NoticeState:
        """Name the state: none, draft, review, approved, handed over, sent, refused, unknown, bounced, spooled or
        withdrawn.

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
        if "waiting" in states or not states:
            return "approved"
        return "sent" if states == {"sent"} else "handed-over"

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
                self.drafted_at, self.withdrawn, self.to_many = fact.at, False, fact.to_many
                self.editors, self.submitted_by, self.named = set(), None, fact.clients
                self._stood(fact, Side.AUTHOR)
                self._write(fact, _copy(fact.content))
            case NoticeRedrafted():
                self.template_version = fact.template_version or self.template_version
                self.named = fact.clients or self.named
                self._stood(fact, Side.AUTHOR)
                self._write(fact, _copy(fact.content))
            case NoticeEdited():
                self.editors.add(fact.actor)
                self._stood(fact, Side.EDITOR)
                self._write(fact, {**self.content, fact.language: dict(fact.fields)})
            case NoticeSubmitted():
                self.submitted_by, self.remark = fact.actor, None
                self._stood(fact, Side.SUBMITTER)
            case NoticeReturned():
                self.submitted_by, self.remark = None, (fact.actor, fact.reason)
            case NoticeApproved():
                self.approved_by, self.approved_at = fact.actor, fact.at
                self.content_hash, self.recipient = fact.content_hash, fact.recipient or self.recipient
                self.addressees, self.list_sha256 = fact.addressees, fact.list_sha256
                self.subjects = fact.subjects
                self.as_last = fact.reason if fact.as_last else ""
                if not self.to_many:
                    self.deliveries = {to: Delivery(to) for to in recipients(self.recipient)}
            case NoticeSigned():
                self.signed = fact
            case NoticeSignedByHand():
                self.signed_by_hand = fact
            case NoticeListed():
                self.listed.update(dict.fromkeys(fact.clients))
            case NoticeAddressed():
                self._address(fact)
            case NoticeWithdrawn():
                self.withdrawn = True
            case NoticeFailuresResent():
                pass  # the notices of the clients say what became of it
            case _:
                foreign(fact)

    def _address(self, fact: NoticeAddressed) -> None:
        self.id, self.kind, self.incident_id, self.subject = fact.notice_id, fact.kind, fact.incident_id, fact.subject
        self.stage, self.follows, self.text_of = fact.stage, fact.follows, fact.text_id
        self.template_version, self.obligations = fact.template_version, fact.obligations
        self.recipient, self.content_hash = fact.recipient, fact.content_hash
        self.drafted_at, self.approved_by, self.approved_at = fact.at, fact.approved_by, fact.approved_at
        self.says = dict(fact.says)
        self.deliveries = {to: Delivery(to) for to in recipients(self.recipient)}

    def _fate(self, fact: FateFact) -> None:
        match fact:
            case NoticeHandedOver():
                self._settle(fact.recipient, "handed-over", fact.channel, fact.reference, fact.handed_at)
            case NoticeSpooled():
                self._settle(fact.recipient, "spooled", fact.channel, fact.detail or fact.reference, fact.at)
            case NoticeSent():
                self._settle(fact.recipient, "sent", fact.channel, fact.transport_ref, fact.sent_at)
                if fact.confirmed_at is not None:
                    self._delivery(fact.recipient).latest = fact.confirmed_at
            case NoticeRefused():
                self._settle(fact.recipient, "refused", fact.channel, fact.answer, fact.failed_at or fact.at)
            case NoticeUnknown():
                self._settle(fact.recipient, "unknown", fact.channel, fact.detail, fact.at)
            case NoticeBounced():
                answer = f"{fact.status} {fact.detail}".strip()
                self._settle(fact.recipient, "bounced", "", answer, fact.failed_at or fact.at)
            case NoticeResendOrdered():
                self.deliveries.pop(fact.instead_of, None)
                self.deliveries[fact.recipient] = Delivery(
                    fact.recipient, attempt=fact.attempt, repeat=fact.repeat, ordered_at=fact.at
                )
            case NoticeArrivalClaimed():
                self._delivery(fact.recipient).claim = fact
            case NoticeAddressProposed():
                self._delivery(fact.instead_of).other = fact
                self._stood(fact, Side.ADDRESS_NAMER)
            case NoticeAddressRefused():
                self._delivery(fact.instead_of).other = None
            case NoticeReceipted():
                found = self._delivery(fact.recipient)
                found.receipt = f"{fact.reference}, {fact.received_on.isoformat()}"
            case _:
                foreign(fact)

    def _stood(self, fact: Fact, side: Side) -> None:
        if fact.actor != ENGINE:
            self.authors.setdefault(side, set()).add(fact.actor)

    def _write(self, fact: Fact, content: dict[str, dict[str, str]]) -> None:
        self.content = content
        number, composed = len(self.versions) + 1, type(fact) is not NoticeEdited
        self.versions.append(TextVersion(number, fact.at, fact.actor, content, composed))

    def _delivery(self, recipient: str) -> Delivery:
        """The delivery to a recipient; facts of earlier versions name none and mean the only one."""
        if recipient not in self.deliveries and len(self.deliveries) == 1:
            return next(iter(self.deliveries.values()))
        return self.deliveries.setdefault(recipient or self.recipient, Delivery(recipient or self.recipient))

    def _settle(self, recipient: str, state: DeliveryState, channel: str, reference: str, at: datetime) -> None:
        found = self._delivery(recipient)
        found.state, found.channel, found.reference = state, channel or found.channel, reference
        if state == "sent":
            found.claim = found.other = None
        found.at = found.latest = at


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


def list_hash(clients: Sequence[str]) -> str:
    """Return the SHA-256 of a list of clients: sorted, one a line, in UTF-8."""
    return hashlib.sha256("\n".join(sorted(clients)).encode()).hexdigest()


def redraft(
    notice: Notice, content: Mapping[str, Mapping[str, str]], template_version: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Write a text again as it would be drafted now; the same once more changes nothing."""
    must_be_text(notice, "written again")
    require("redraft-notice", by)
    text = {language: dict(fields) for language, fields in content.items()}
    again = NoticeRedrafted(at=at, actor=by.id, notice_id=notice.id, content=text, template_version=template_version)
    return [] if text == notice.content else [again]


def edit(notice: Notice, language: str, fields: Mapping[str, str], *, by: Person, at: datetime) -> Sequence[Fact]:
    """Change the text of one language. Only fields the draft has can be written; a text under review goes back."""
    must_be_text(notice, "edited")
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
    must_have_no_empty_field(notice)
    return [NoticeSubmitted(at=at, actor=by.id, notice_id=notice.id)]


def give_back(notice: Notice, remark: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Give a text under review back with a remark."""
    require("return-notice", by)
    if notice.state != "review":
        raise DecisionRefused("a notice that is {state} is not under review", state=notice.state)
    refusal = n_("who submitted the notice cannot review it")
    require_other("submit-notice", by, {Side.SUBMITTER: (notice.submitted_by or "",)}, refusal)
    if not remark.strip() or len(remark) > 2_000:
        raise DecisionRefused("say in 1 to 2000 characters what must change")
    return [NoticeReturned(at=at, actor=by.id, reason=remark, notice_id=notice.id)]


def withdraw(notice: Notice, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Take a draft back that no clock waits for."""
    require("withdraw-notice", by)
    must_be_text(notice, "withdrawn")
    by_itself = bool(notice.versions) and notice.versions[0].actor == ENGINE
    if notice.stage == "initial" and by_itself and notice_kind(notice.kind).clock is not None:
        raise DecisionRefused("the law asks for this notice; it goes when the incident is closed as not genuine")
    if not reason.strip():
        raise DecisionRefused("withdrawing a notice needs a reason")
    return [NoticeWithdrawn(at=at, actor=by.id, reason=reason, notice_id=notice.id)]


def must_be_text(notice: Notice, verb: str) -> None:
    """Raise DecisionRefused for what is no open text any more."""
    if notice.state not in OPEN_TEXT:
        raise DecisionRefused("a notice that is {state} cannot be {verb}", state=notice.state, verb=verb)


def must_have_no_empty_field(notice: Notice) -> None:
    """Raise DecisionRefused naming the fields without a text."""
    empty = sorted({name for fields in notice.content.values() for name, text in fields.items() if not text.strip()})
    if empty == ["late"]:
        raise DecisionRefused("say first in the notice why it comes later than the term, in every language")
    if empty:
        raise DecisionRefused("the notice has empty fields: {empty}", empty=tuple(empty))
