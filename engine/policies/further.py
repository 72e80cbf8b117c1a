"""Whom of the clients a further text is owed to: to whom more happened by a merge, whose access was blocked after he
had been told, whose is free again."""

from __future__ import annotations

from collections.abc import Sequence

from engine.incidents.incident import Incident
from engine.kernel.ports import Context
from engine.notices import many
from engine.notices.kinds import NoticeKindSpec
from engine.notices.notice import OPEN_TEXT, Notice, notice_id
from engine.policies.blocked import Blocks


def told_of_one_only(context: Context, kind: str, survivor: Incident, other: Incident) -> tuple[str, ...]:
    """Return the clients whom a merge concerns who were told of the incident that goes on, and not of the other one."""
    before = clients_before(survivor, other)
    told = _told(context, kind, survivor.id, before)
    if not told:
        return ()
    told_of_other = _told(context, kind, other.id, set(other.entities.clients))
    return tuple(it for it in other.entities.clients if it in told and it not in told_of_other)


def clients_before(survivor: Incident, other: Incident) -> set[str]:
    """Return whom an incident touched before another one was merged into it."""
    theirs = {*other.parts, f"merged:{other.id}"}
    found = {it for key, part in survivor.parts.items() if key not in theirs for it in part.entities.clients}
    return found | set(survivor.named.clients)


def _told(context: Context, kind: str, incident_id: str, clients: set[str]) -> set[str]:
    """Whom an approved first text went to, as it stood at the fact that is answered; ``clients`` while its list is not
    complete yet."""
    found: set[str] = set()
    rest = False
    for key in context.find(Notice, incident_id=incident_id, text_of=""):
        it = context.past(Notice, key)
        if it.kind != kind or it.stage != "initial" or it.approved_at is None or it.withdrawn:
            continue
        rest = rest or many.is_being_addressed(it)
        found.update(it.listed if it.to_many else (it.subject,))
    return found | clients if rest else found


def unsaid(
    context: Context, spec: NoticeKindSpec, incident: Incident, blocks: Blocks, held: Sequence[Notice]
) -> tuple[str, ...]:
    """Return the clients who were told of the incident, and not of what of theirs is blocked now."""
    texts = [it for it in held if it.kind == spec.kind and it.stage == "block"]
    named = {client for it in texts if it.state in OPEN_TEXT for client in it.named}
    waiting = {client for it in texts if many.is_being_addressed(it) for client in it.named}
    found = []
    context.prepare(Notice, [notice_id(spec.kind, incident.id, client) for client in blocks])
    for client, of in blocks.items():
        if client in named or client in waiting:
            continue
        first = context.load(Notice, notice_id(spec.kind, incident.id, client))
        if first.approved_at is None:
            continue
        said = set(first.says)
        for text in texts:
            said |= set(context.load(Notice, many.client_notice_id(text, client)).says)
        if not set(of) <= said:
            found.append(client)
    return tuple(found)


def first_of(held: Sequence[Notice], kind: str, clients: Sequence[str]) -> Notice | None:
    """Return the first text that went to all of some clients, None where there was no such one."""
    for text in many.texts_of(held, kind, "initial"):
        if text.approved_at is not None and all(it in text.listed for it in clients):
            return text
    return None
