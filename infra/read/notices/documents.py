"""Bringing stored notices together with what their documents show: number, due instant, hash, log head; the text of one
that carries one of many to a client is rendered when it is looked at or sent, never stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.duties.clock import clock_id
from engine.incidents.incident import Incident
from engine.kernel.timestamps import iso
from engine.notices.kinds import notice_kinds
from engine.notices.many import addressees, client_notice_id, fields_for
from engine.notices.notice import Content, Notice
from engine.policies.blocked import blocks_of, freed_of
from infra.read.notices.looking import looking
from infra.read.rows import notices
from infra.read.rows.clocks import clock
from infra.read.rows.incidents import number_of
from infra.store.log.decisions import Decisions
from reports.document import Document, Facts, document, local
from reports.wording import kind_key


def notice_document(
    decisions: Decisions, notice: Notice, language: str, recipient: str | None = None
) -> tuple[Document, str]:
    """Return the document of a notice and the number of its incident; ``language`` is that of the house."""
    number = number_of(decisions.database, notice.incident_id) or notice.incident_id
    delivery = notice.deliveries.get(recipient or "")
    facts = Facts(
        number=number,
        drafted_at=notice.drafted_at,
        approved_by=_person(decisions, notice.approved_by),
        approved_at=notice.approved_at,
        signed=_signed(notice),
        signed_by_hand=notice.signed_by_hand.actor if notice.signed_by_hand is not None else None,
        content_hash=notice.content_hash,
        log_head=log_head(decisions, notice.approved_at or notice.drafted_at),
        log_root=log_root(decisions, notice.approved_at or notice.drafted_at),
        due_at=_due(decisions, notice),
        repeat=delivery is not None and delivery.repeat,
        draft=notice.approved_by is None,
        language=language,
    )
    kind = kind_key(notice.kind, notice.stage)
    return document(kind=kind, notice_id=notice.id, content=notice.content, facts=facts), number


def _person(decisions: Decisions, user: str | None) -> str | None:
    """Name who approved as people outside read it: not by the account alone."""
    row = decisions.database.row("SELECT name FROM users WHERE id = ?", user) if user is not None else None
    name = str(row["name"]) if row is not None else ""
    return f"{name} ({user})" if name and name != user else user


def _signed(notice: Notice) -> tuple[str, str] | None:
    it = notice.signed
    return (f"{it.signer} ({it.signer_iin})", it.certificate) if it is not None else None


def _due(decisions: Decisions, notice: Notice) -> datetime | None:
    spec = notice_kinds().get(notice.kind)
    kind = spec.clock if spec is not None else None
    if kind is None or notice.stage != "initial":
        return None
    key = clock_id(kind, notice.incident_id, notice.subject)
    row = clock(decisions.database, key)
    return row.due_at if row is not None else None


def log_head(decisions: Decisions, at: datetime | None) -> str | None:
    """Return the head of the ledger as it stood at a moment: entries and the first 16 hex digits of the root."""
    row = _checkpoint(decisions, at)
    return f"{row['size']} / {bytes(row['root']).hex()[:16]}" if row else None


def log_root(decisions: Decisions, at: datetime | None) -> str | None:
    """Return the head of the ledger as it stood at a moment: entries and the whole root in hexadecimal digits."""
    row = _checkpoint(decisions, at)
    return f"{row['size']} {bytes(row['root']).hex()}" if row else None


def _checkpoint(decisions: Decisions, at: datetime | None) -> Any:
    if at is None:
        return None
    return decisions.database.row(
        "SELECT size, root FROM checkpoints WHERE log = 'ledger' AND at <= ? ORDER BY size DESC LIMIT 1", iso(at)
    )


KEPT = 64


def whom(decisions: Decisions, text: Notice) -> Sequence[str]:
    """Return the clients that an open text for many would go to now."""
    incident = decisions.load(Incident, text.incident_id)
    held = [decisions.load(Notice, key) for key in notices.with_texts(decisions.database, text.incident_id)]
    first = decisions.load(Notice, text.follows) if text.follows else None
    return addressees(text, incident.entities.clients, held, first)


def as_read_by(decisions: Decisions, notice: Notice, client: str, at: datetime) -> Notice:
    """Return a text for many as one of its clients would read it, or does."""
    says = decisions.load(Notice, client_notice_id(notice, client)).says
    if notice.approved_at is None:
        incident, context = decisions.load(Incident, notice.incident_id), looking(decisions, at)
        found = freed_of(context, incident) if notice.stage == "unblock" else blocks_of(context, incident)
        says = {str(name): since for name, since in found.get(client, {}).items()}
    content = {language: fields_for(fields, client, _said(says)) for language, fields in notice.content.items()}
    return replace(notice, content=content)


def _said(says: Mapping[Any, datetime]) -> dict[str, str]:
    return {str(name): local(at) for name, at in says.items()}


class ClientTexts:
    """Fills in texts; the approved ones are frozen, so the latest are kept."""

    def __init__(self, decisions: Decisions) -> None:
        self.decisions = decisions
        self._held: dict[tuple[str, str], Content] = {}

    def load(self, key: str) -> Notice:
        """Return a notice with its text, empty when there is none."""
        return self.filled(self.decisions.load(Notice, key))

    def filled(self, notice: Notice) -> Notice:
        """Give a notice the text it carries, with its client in the places for it."""
        if notice.text_of:
            notice.content = {
                language: fields_for(fields, notice.subject, _said(notice.says))
                for language, fields in self._content(notice).items()
            }
        return notice

    def _content(self, notice: Notice) -> Content:
        key = notice.text_of, notice.content_hash or ""
        held = self._held.get(key)
        if held is None:
            if len(self._held) >= KEPT:
                self._held.clear()
            held = self._held[key] = self.decisions.load(Notice, notice.text_of).content
        return held
