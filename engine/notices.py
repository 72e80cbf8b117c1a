"""A notice: drafted by the engine, edited by people, approved by a second person, sent once.

The wording lives in ``reports``; here is who may do what, and the state a legal act depends on. ``unknown`` is a
state: a connection lost after the message was handed over proves neither sending nor failure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

import orjson
from pydantic import AwareDatetime

from engine.errors import DecisionRefused, NotAllowed, SecondPersonNeeded
from engine.facts import Fact, Person
from engine.ids import derive

NoticeKind = Literal["regulator", "client", "pd_authority"]
Content = Mapping[str, Mapping[str, str]]
CLOCK_OF_KIND: dict[str, str] = {
    "regulator": "regulator-notice",
    "client": "client-notice",
    "pd_authority": "personal-data-notice",
}


class NoticeDrafted(Fact):
    """A first text exists; ``content`` is language → field → text."""

    topic: ClassVar[str] = "notice.drafted.v1"
    notice_id: str
    kind: NoticeKind
    incident_id: str
    subject: str
    template_version: str
    content: dict[str, dict[str, str]]
    obligations: tuple[str, ...]
    recipient: str


class NoticeRedrafted(Fact):
    """The incident grew before anybody touched the text, so the engine wrote it anew."""

    topic: ClassVar[str] = "notice.redrafted.v1"
    notice_id: str
    content: dict[str, dict[str, str]]


class NoticeEdited(Fact):
    """A person changed the text of one language."""

    topic: ClassVar[str] = "notice.edited.v1"
    notice_id: str
    language: str
    fields: dict[str, str]


class NoticeApproved(Fact):
    """A second person froze the content under its hash; sending is ordered with it."""

    topic: ClassVar[str] = "notice.approved.v1"
    notice_id: str
    content_hash: str


class NoticeSent(Fact):
    """The notice was handed over: channel, reference, recipient."""

    topic: ClassVar[str] = "notice.sent.v1"
    notice_id: str
    channel: str
    transport_ref: str
    recipient: str
    sent_at: AwareDatetime


class NoticeRefused(Fact):
    """The other side refused the notice; a person must act, the clock goes on."""

    topic: ClassVar[str] = "notice.refused.v1"
    notice_id: str
    channel: str
    answer: str


class NoticeUnknown(Fact):
    """Nobody knows whether the notice was taken; a person must decide, the clock goes on."""

    topic: ClassVar[str] = "notice.unknown.v1"
    notice_id: str
    channel: str
    detail: str


class NoticeWithdrawn(Fact):
    """The draft is not needed any more (the incident was a false positive or merged)."""

    topic: ClassVar[str] = "notice.withdrawn.v1"
    notice_id: str


FACTS: tuple[type[Fact], ...] = (
    NoticeDrafted,
    NoticeRedrafted,
    NoticeEdited,
    NoticeApproved,
    NoticeSent,
    NoticeRefused,
    NoticeUnknown,
    NoticeWithdrawn,
)


@dataclass
class Notice:
    """The state of one notice, folded from its facts."""

    id: str = ""
    kind: NoticeKind = "regulator"
    incident_id: str = ""
    subject: str = ""
    template_version: str = ""
    recipient: str = ""
    obligations: tuple[str, ...] = ()
    content: dict[str, dict[str, str]] = field(default_factory=dict)
    editors: set[str] = field(default_factory=set)
    drafted_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    content_hash: str | None = None
    sent_at: datetime | None = None
    transport_ref: str | None = None
    state: str = "none"
    version: int = 0

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        match fact:
            case NoticeDrafted():
                self.id, self.kind, self.incident_id = fact.notice_id, fact.kind, fact.incident_id
                self.subject, self.template_version = fact.subject, fact.template_version
                self.recipient, self.obligations = fact.recipient, fact.obligations
                self.content, self.drafted_at, self.state = _copy(fact.content), fact.at, "draft"
            case NoticeRedrafted():
                self.content = _copy(fact.content)
            case NoticeEdited():
                self.content = {**self.content, fact.language: dict(fact.fields)}
                self.editors.add(fact.actor)
            case NoticeApproved():
                self.approved_by, self.approved_at = fact.actor, fact.at
                self.content_hash, self.state = fact.content_hash, "approved"
            case NoticeSent():
                self.sent_at, self.transport_ref, self.state = fact.sent_at, fact.transport_ref, "sent"
            case NoticeRefused():
                self.state = "refused"
            case NoticeUnknown():
                self.state = "unknown"
            case NoticeWithdrawn():
                self.state = "withdrawn"


def _copy(content: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {language: dict(fields) for language, fields in content.items()}


def notice_id(kind: str, incident_id: str, subject: str) -> str:
    """Give the id of the one notice of this kind for this incident and subject."""
    return str(derive("notice", kind, incident_id, subject))


def content_hash(content: Content) -> str:
    """Give the SHA-256 of the content in canonical form (sorted keys, UTF-8)."""
    plain = {language: dict(fields) for language, fields in content.items()}
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()


def edit(notice: Notice, language: str, fields: Mapping[str, str], *, by: Person, at: datetime) -> Sequence[Fact]:
    """Change the text of one language. Only fields the draft has can be written."""
    if notice.state != "draft":
        raise DecisionRefused(f"a notice that is {notice.state} cannot be edited")
    if not by.may("compliance_officer", "soc_analyst", "ciso"):
        raise NotAllowed("editing a notice needs compliance, an analyst or the CISO")
    present = notice.content.get(language)
    if present is None:
        raise DecisionRefused(f"the notice has no text in '{language}'")
    unknown = sorted(set(fields) - set(present))
    if unknown:
        raise DecisionRefused(f"the notice has no fields {unknown}")
    if any(len(text) > 20_000 for text in fields.values()):
        raise DecisionRefused("a field of a notice has at most 20000 characters")
    merged = {**present, **fields}
    if merged == present:
        return []
    return [NoticeEdited(at=at, actor=by.id, notice_id=notice.id, language=language, fields=merged)]


def approve(notice: Notice, assignee: str | None, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Approve for sending: a compliance officer who is neither an editor of the text nor the incident's assignee."""
    if not by.may("compliance_officer"):
        raise NotAllowed("approving a notice needs the role compliance_officer")
    if notice.state != "draft":
        raise DecisionRefused(f"a notice that is {notice.state} cannot be approved")
    if by.id == assignee:
        raise SecondPersonNeeded("the incident's assignee cannot approve its notice")
    if by.id in notice.editors:
        raise SecondPersonNeeded("who edited the notice cannot approve it; another compliance officer must")
    empty = sorted({name for fields in notice.content.values() for name, text in fields.items() if not text.strip()})
    if empty:
        raise DecisionRefused(f"the notice has empty fields: {', '.join(empty)}")
    return [NoticeApproved(at=at, actor=by.id, notice_id=notice.id, content_hash=content_hash(notice.content))]


def settle_unknown(notice: Notice, taken: bool, evidence: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """A person decides what became of a notice whose fate is unknown, with the evidence in words."""
    if notice.state != "unknown":
        raise DecisionRefused("only a notice in the state unknown can be settled")
    if not by.may("compliance_officer"):
        raise NotAllowed("settling a notice needs the role compliance_officer")
    if not evidence.strip():
        raise DecisionRefused("settling a notice needs evidence in words")
    common = {"at": at, "actor": by.id, "reason": evidence, "notice_id": notice.id}
    if taken:
        return [
            NoticeSent(
                **common,
                channel="confirmed-by-person",
                transport_ref=evidence[:200],
                recipient=notice.recipient,
                sent_at=at,
            )
        ]
    return [NoticeRefused(**common, channel="confirmed-by-person", answer=evidence[:200])]
