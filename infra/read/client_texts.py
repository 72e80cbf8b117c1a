"""The text of a notice that carries one of many to a client: rendered when it is looked at or sent, never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.incidents.incident import Incident
from engine.notices.many import addressees, for_client
from engine.notices.notice import Content, Notice
from infra.read.rows import notices
from infra.store.log.decisions import Decisions

KEPT = 64


def whom(decisions: Decisions, text: Notice) -> Sequence[str]:
    """Return the clients that an open text for many would go to now."""
    incident = decisions.load(Incident, text.incident_id)
    held = [decisions.load(Notice, key) for key in notices.with_texts(decisions.database, text.incident_id)]
    first = decisions.load(Notice, text.follows) if text.follows else None
    return addressees(text, incident.entities.clients, held, first)


def as_read_by(notice: Notice, client: str) -> Notice:
    """Return a notice with its text as one client would read it."""
    content = {
        language: {name: for_client(text, client) for name, text in fields.items()}
        for language, fields in notice.content.items()
    }
    return replace(notice, content=content)


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
                language: {name: for_client(text, notice.subject) for name, text in fields.items()}
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
