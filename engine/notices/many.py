"""Notices to many: one text for the clients of an incident, each of whom gets a notice of his own when it is approved.

A text goes to those whom no other text was approved for, and who have no notice by itself, as an earlier version of
the product drafted for each client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, get_args

from engine.kernel.ids import derive
from engine.notices.facts import NoticeStage
from engine.notices.kinds import NoticeKindSpec
from engine.notices.notice import Notice, notice_id

CLIENT = "[[client]]"
"""Stands in a text for many where the client's identifier goes."""
SINCE = "[[since]]"
"""Stands in a text for many where the instant goes since which something of the client's is blocked, or free."""
OfBlock = Literal["blocked", "ways", "held"]
OF_BLOCKS: tuple[OfBlock, ...] = get_args(OfBlock)
"""The fields of a text for clients on what is blocked: the access; sessions, devices and addresses; payouts. Each goes
only to whom it is true of."""
LISTED_TOGETHER = 500
"""Clients in one fact of the list."""
_NEVER = datetime.max.replace(tzinfo=UTC)


def texts_of(notices: Iterable[Notice], kind: str, stage: NoticeStage) -> list[Notice]:
    """Return the texts for many of a kind and stage, in the order in which they were drafted."""
    found = [it for it in notices if it.to_many and it.kind == kind and it.stage == stage]
    return sorted(found, key=lambda it: (it.drafted_at or _NEVER, it.id))


def open_text(texts: Sequence[Notice]) -> Notice | None:
    """Return the text that is not approved yet (it may have been withdrawn), None when each was approved."""
    return next((it for it in texts if it.approved_at is None), None)


def is_being_addressed(text: Notice) -> bool:
    """Say whether a text was approved and its list is not complete yet."""
    return text.to_many and text.approved_at is not None and len(text.listed) < text.addressees


def left_to_tell(clients: Sequence[str], notices: Iterable[Notice], kind: str, but: str = "") -> tuple[str, ...]:
    """Return the clients whom no approved text (but that with one id) goes to and who have no notice by itself."""
    told: set[str] = set()
    for it in notices:
        if it.kind == kind and it.stage == "initial" and it.id != but:
            told.update(it.listed if it.to_many else (it.subject,))
    return tuple(client for client in clients if client not in told)


def addressees(text: Notice, clients: Sequence[str], notices: Iterable[Notice], first: Notice | None) -> Sequence[str]:
    """Return whom an open text goes to: those it names, the clients left to tell, or those of the first notice."""
    if text.named:
        return text.named
    if first is not None:
        return tuple(first.listed)
    return left_to_tell(clients, notices, text.kind, text.id)


def client_notice_id(text: Notice, client: str) -> str:
    """Return the id of the notice that carries a text to a client: of the first kind there is one for each client."""
    if text.stage == "initial":
        return notice_id(text.kind, text.incident_id, client)
    return str(derive("notice", text.id, client))


def is_to_one(spec: NoticeKindSpec, clients: Sequence[str]) -> bool:
    """Say whether a text for clients goes to one only: it may then say what concerns this one."""
    return spec.per == "client" and len(clients) == 1


def told_to(spec: NoticeKindSpec, subject: str, clients: Sequence[str]) -> str:
    """Return the one client whom a text may be about, empty for a text to many or to an authority."""
    return subject or (clients[0] if is_to_one(spec, clients) else "")


def for_client(text: str, client: str) -> str:
    """Return a text with the client's identifier in its place."""
    return text.replace(CLIENT, client)


def fields_for(fields: Mapping[str, str], client: str, since: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a text as one client reads them; ``since`` has the words for the instant of each field on
    blocks that is for him."""
    return {
        name: for_client(text, client).replace(SINCE, since.get(name, ""))
        for name, text in fields.items()
        if name not in OF_BLOCKS or name in since
    }
