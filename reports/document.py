"""A notice as a document: plain frozen data for the templates, and what the outside needs to render it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from engine.kernel.facts import Record
from reports.messages import say, speak
from reports.wording import (
    JSON_TIMES,
    JSON_VALUES,
    JSON_WORDED,
    LANGUAGES,
    heading,
    recipient,
    said_heading,
    title,
    wording,
)


class Section(Record):
    """One heading with its text."""

    heading: str
    text: str


class Part(Record):
    """The document in one language."""

    language: str
    title: str
    recipient: str
    draft_mark: str
    meta: tuple[Section, ...]
    sections: tuple[Section, ...]


class Document(Record):
    """A notice ready for a template; everything in it is text."""

    kind: str
    notice_id: str
    is_draft: bool
    made_at: str
    """The instant that stands for the document's own time, RFC 3339: the same document is the same bytes."""
    parts: tuple[Part, ...]
    seal: str = ""
    """What the QR code of the PDF says: size and root of the ledger, and the hash of the text; empty without."""


class Facts(Record):
    """What stands in the head of a document beside its text."""

    number: str
    drafted_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    signed: tuple[str, str] | None = None
    """Who signed it digitally and with which certificate."""
    signed_by_hand: str | None = None
    """Who says that the paper is signed by hand."""
    content_hash: str | None = None
    due_at: datetime | None = None
    log_head: str | None = None
    """The head of the ledger as it stood then: who keeps the paper can prove a later rewriting."""
    log_root: str | None = None
    """The same in full: entries of the ledger and its root in hexadecimal digits, for the QR code."""
    recipient: str | None = None
    repeat: bool = False
    draft: bool = True
    language: str = "en"
    """The house's language: what frames a message that is data itself, such as that to the Anti-Fraud Centre."""
    utc_offset_minutes: int = 300


def document(*, kind: str, notice_id: str, content: Mapping[str, Mapping[str, str]], facts: Facts) -> Document:
    """Bring content and state of a notice into the form the templates take. ``kind`` may name a stage too."""
    parts = []
    ordered = [language for language in LANGUAGES if language in content]
    for language in [*ordered, *(other for other in content if other not in LANGUAGES)]:
        fields = dict(content[language])
        frame = language if language in LANGUAGES else facts.language
        parts.append(
            Part(
                language=frame,
                title=fields.pop("title", "") or title(kind, frame),
                recipient=facts.recipient or recipient(kind, frame),
                draft_mark=wording(frame)["meta"]["draft"],
                meta=_meta(kind, notice_id, frame, facts),
                sections=tuple(_section(kind, language, field, text, facts) for field, text in fields.items()),
            )
        )
    made = facts.approved_at or facts.drafted_at
    return Document(
        kind=kind, notice_id=notice_id, is_draft=facts.draft, made_at=made.isoformat() if made else "",
        parts=tuple(parts), seal=_seal(kind, facts),
    )  # fmt: skip


def _seal(kind: str, facts: Facts) -> str:
    """Return what lets whoever holds the paper find it in the log: of approved texts, but not of those to clients."""
    if facts.draft or not facts.log_root or not facts.content_hash or kind.partition(".")[0] == "client":
        return ""
    return f"qorgau ledger {facts.log_root} notice sha256 {facts.content_hash}"


def _section(kind: str, language: str, field: str, text: str, facts: Facts) -> Section:
    if language in LANGUAGES:
        return Section(heading=heading(kind, language, field), text=text)
    with speak(facts.language):
        name = said_heading(kind, language, field)
        if field in JSON_WORDED and text in JSON_VALUES and facts.language != "en":
            text = f"{say(JSON_VALUES[text])} ({text})"
    return Section(heading=name, text=_local(text, facts) if field in JSON_TIMES else text)


def _local(text: str, facts: Facts) -> str:
    """Return an instant of a message as the house's clocks show it; what is none stays as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return _when(at, facts) if at.tzinfo is not None else text


def local(at: datetime, utc_offset_minutes: int = 300) -> str:
    """Return an instant as the texts of notices write it."""
    return at.astimezone(timezone(timedelta(minutes=utc_offset_minutes))).strftime("%d.%m.%Y %H:%M")


def _when(at: datetime, facts: Facts) -> str:
    return at.astimezone(timezone(timedelta(minutes=facts.utc_offset_minutes))).strftime("%d.%m.%Y %H:%M")


def _meta(kind: str, notice_id: str, language: str, facts: Facts) -> tuple[Section, ...]:
    if kind.partition(".")[0] == "client":
        return ()  # what concerns our work is nothing for whom we tell of an incident
    words = wording(language)["meta"]

    def when(at: datetime | None) -> str:
        return _when(at, facts) if at else "—"

    rows = [
        (words["to"], facts.recipient or recipient(kind, language)),
        (words["reference"], f"{facts.number} / {notice_id}"),
        (words["drafted"], when(facts.drafted_at)),
        (words["due"], when(facts.due_at) if facts.due_at else None),
        (words["approved"], f"{facts.approved_by}, {when(facts.approved_at)}" if facts.approved_by else None),
        (words["signed"], ", ".join(facts.signed) if facts.signed else None),
        (words["signed_by_hand"], facts.signed_by_hand),
        (words["hash"], facts.content_hash),
        (words["log"], facts.log_head),
        (words["repeat"], "×2" if facts.repeat else None),
    ]
    return tuple(Section(heading=name, text=text) for name, text in rows if text is not None)
