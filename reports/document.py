"""A notice as a document: plain frozen data for the templates, and what the outside needs to render it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from engine.facts import Record
from reports.wording import LANGUAGES, heading, recipient, title, wording


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
    parts: tuple[Part, ...]


def document(
    *,
    kind: str,
    notice_id: str,
    number: str,
    content: Mapping[str, Mapping[str, str]],
    drafted_at: datetime | None,
    approved_by: str | None = None,
    approved_at: datetime | None = None,
    content_hash: str | None = None,
    due_at: datetime | None = None,
    log_head: str | None = None,
    utc_offset_minutes: int = 300,
) -> Document:
    """Bring content and state of a notice into the form the templates take.

    ``log_head`` is the head of the ledger as it stood then: who keeps the paper can prove a later rewriting.
    """
    zone = timezone(timedelta(minutes=utc_offset_minutes))

    def when(at: datetime | None) -> str:
        return at.astimezone(zone).strftime("%d.%m.%Y %H:%M") if at else "—"

    parts = []
    for language in LANGUAGES:
        if language not in content:
            continue
        words = wording()["meta"][language]
        meta = [
            Section(heading=words["to"], text=recipient(kind, language)),
            Section(heading=words["reference"], text=f"{number} / {notice_id}"),
            Section(heading=words["drafted"], text=when(drafted_at)),
        ]
        if due_at is not None:
            meta.append(Section(heading=words["due"], text=when(due_at)))
        if approved_by is not None:
            meta.append(Section(heading=words["approved"], text=f"{approved_by}, {when(approved_at)}"))
        if content_hash is not None:
            meta.append(Section(heading=words["hash"], text=content_hash))
        if log_head is not None:
            meta.append(Section(heading=words["log"], text=log_head))
        parts.append(
            Part(
                language=language,
                title=title(kind, language),
                recipient=recipient(kind, language),
                draft_mark=words["draft"],
                meta=tuple(meta),
                sections=tuple(
                    Section(heading=heading(kind, language, name), text=text)
                    for name, text in content[language].items()
                ),
            )
        )
    return Document(kind=kind, notice_id=notice_id, is_draft=approved_by is None, parts=tuple(parts))
