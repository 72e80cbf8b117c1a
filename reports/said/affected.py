"""What a text for clients says of them: which of their data are concerned, what of theirs is blocked, what joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.incidents.incident import Incident
from engine.kernel.facts import FindingRaised
from engine.kernel.ports import Context
from engine.notices.facts import NoticeStage
from engine.notices.many import OF_BLOCKS, OfBlock
from engine.policies.blocked import blocks_of, freed_of

_OF_CHANGE = {"iin": "iin", "phone": "phone", "bank_account": "account"}
"""What was changed → the category of data, as ``values.data`` of the wordings names it."""
_OF_TABLE = {"clients": "profile", "loans": "loan"}
_OF_TYPE = {"portal.record.accessed": "profile", "loan.account_ownership_verified": "account"}
_OF_FIRST = {
    "pkb": "credit-history", "bureau": "credit-history", "veridoc": "document", "verilive": "face", "veriface": "face",
    "coid": "face", "eds": "signature", "loan": "loan",
}  # fmt: skip
"""The first part of an event's type → the category."""


class OfClients(NamedTuple):
    """What a text says of those whom it goes to."""

    data: tuple[str, ...]
    blocks: Mapping[OfBlock, datetime | None]
    """Field → since when, None where that differs from client to client."""
    joined: tuple[tuple[str, datetime], ...]
    """Class and detection of the incidents that were merged in and touch every one of them."""


def of_clients(
    context: Context, incident: Incident, stage: NoticeStage, client: str, clients: Sequence[str],
    found: Sequence[FindingRaised],
) -> OfClients:  # fmt: skip
    """Return what may be said to one client, or to all of ``clients``."""
    whom = (client,) if client else tuple(clients) or incident.entities.clients
    others = [context.load(Incident, it) for it in incident.absorbed] if stage == "supplement" else []
    joined = tuple(
        (it.incident_class, it.detected_at)
        for it in others
        if it.detected_at is not None and all(it.touches("clients", one) for one in whom)
    )
    return OfClients(_data(found, client), _blocks(context, incident, stage, client, whom), joined)


def _blocks(
    context: Context, incident: Incident, stage: NoticeStage, client: str, whom: Sequence[str]
) -> dict[OfBlock, datetime | None]:
    if stage not in ("initial", "block", "unblock"):
        return {}
    blocks = freed_of(context, incident) if stage == "unblock" else blocks_of(context, incident)
    held = [blocks[it] for it in whom if it in blocks] if blocks else []
    return {
        what: next(of[what] for of in held if what in of) if client else None
        for what in OF_BLOCKS
        if any(what in of for of in held)
    }


def data_of(found: Sequence[FindingRaised]) -> tuple[str, ...]:
    """Return every category of data that findings show, of whomever."""
    return tuple(dict.fromkeys(it for fact in found for it in _categories(fact)))


def _data(found: Sequence[FindingRaised], client: str) -> tuple[str, ...]:
    """The categories of data that the findings on a client show; on many, those that each finding shows alike."""
    about = [fact for fact in found if not client or client in fact.entities.clients]
    if client:
        return data_of(about)
    sets = {_categories(fact) for fact in about}
    return next(iter(sets)) if len(sets) == 1 else ()


def _categories(fact: FindingRaised) -> tuple[str, ...]:
    action = fact.matched.get("event.action", "")
    named = (
        _OF_CHANGE.get(fact.matched.get("mfo.change.field", "")),
        _OF_TABLE.get(fact.matched.get("mfo.db.table", "")),
        _OF_TYPE.get(action) or _OF_FIRST.get(action.partition(".")[0]),
    )
    return tuple(sorted({it for it in named if it}))
