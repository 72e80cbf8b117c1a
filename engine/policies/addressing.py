"""An approved text for many becomes a notice of his own for each client it goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.incidents.incident import Incident
from engine.kernel.ports import Context
from engine.notices import many
from engine.notices.facts import NoticeAddressed, NoticeApproved
from engine.notices.notice import Notice, recipients
from engine.notices.sending import order_sending
from engine.policies.blocked import Blocks, blocks_of, freed_of

_MAY_HAVE_HEARD = ("approved", "handed-over", "sent")
"""Whoever was told, or may still be, is told how it ended; nobody at whom the first notice failed."""


@dataclass(frozen=True, slots=True)
class Addressing:
    """An approved text, the first one that it follows, and the clients it goes to."""

    approved: NoticeApproved
    text: Notice
    first: Notice | None
    clients: Sequence[str]
    says: Blocks
    """What the text says of blocks that is true of each client."""


def addressing(context: Context, fact: NoticeApproved, held: Sequence[Notice]) -> Addressing:
    """Return whom an approved text goes to, and what it says to each."""
    text = context.past(Notice, fact.notice_id)
    first = context.load(Notice, text.follows) if text.follows else None
    incident = context.past(Incident, text.incident_id)
    clients = many.addressees(text, incident.entities.clients, held, first)
    said = {name for fields in text.content.values() for name in fields} & set(many.OF_BLOCKS)
    found = freed_of(context, incident) if text.stage == "unblock" else blocks_of(context, incident) if said else {}
    says = {client: {what: at for what, at in of.items() if what in said} for client, of in found.items()}
    return Addressing(fact, text, first, clients, says)


def is_for(
    context: Context, text: Notice, first: Notice | None, client: str, says: Mapping[many.OfBlock, datetime]
) -> bool:
    """Say whether a client gets a text: a later one only who may have heard the first, but where it names him; one on
    what is blocked only whose is blocked still."""
    if text.stage == "block":
        return bool(says)
    if first is None or text.named:
        return True
    return context.past(Notice, many.client_notice_id(first, client)).state in _MAY_HAVE_HEARD


def address_one(context: Context, text: Notice, client: str, says: Mapping[many.OfBlock, datetime]) -> None:
    """Give one client his notice, and order its sending to all its recipients."""
    key = many.client_notice_id(text, client)
    if context.load(Notice, key).id:
        return
    assert text.content_hash is not None and text.approved_by is not None and text.approved_at is not None
    addressed = NoticeAddressed(
        at=context.at, notice_id=key, text_id=text.id, kind=text.kind, incident_id=text.incident_id,
        subject=client, recipient=text.recipient, stage=text.stage, follows=text.follows,
        template_version=text.template_version, obligations=text.obligations, content_hash=text.content_hash,
        approved_by=text.approved_by, approved_at=text.approved_at, says={str(name): at for name, at in says.items()},
    )  # fmt: skip
    context.record(Notice, key, [addressed])
    notice = context.load(Notice, key)
    for number, recipient in enumerate(recipients(text.recipient)):
        order_sending(context, notice, recipient, number)
