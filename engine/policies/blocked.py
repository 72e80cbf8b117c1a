"""Whom of the clients an incident really blocks, what of theirs and since when; and whose is free again.

What counts is that a system confirmed it, or a person says that it was done. A session, a device, an address or a loan
is that of a client where everything in the incident that shows it shows this client and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from engine.containment.containment import Containment
from engine.containment.facts import ContainmentOrder
from engine.incidents.incident import Incident
from engine.kernel.ports import Context
from engine.notices.many import OfBlock

Blocks = dict[str, dict[OfBlock, datetime]]
"""Client → what is blocked, or free again → since when."""
_WAYS: tuple[Literal["sessions", "devices", "addresses"], ...] = ("sessions", "devices", "addresses")


def blocks_of(context: Context, incident: Incident) -> Blocks:
    """Return what of the clients of an incident is blocked, as it stood at the fact that is answered."""
    held = containments(context, incident)
    return _of_clients(incident, ((it.order, name, at) for it in held for name, at in it.blocking.items()))


def freed_of(context: Context, incident: Incident, only: str = "") -> Blocks:
    """Return what of clients was blocked by an incident and is free again, by ``only`` one containment if it is given.

    What something else in the incident still blocks is not free.
    """
    held = containments(context, incident)
    freed = _of_clients(
        incident, ((it.order, name, at) for it in held if only in ("", it.id) for name, at in it.freed.items())
    )
    blocks = blocks_of(context, incident) if freed else {}
    left = {
        client: {what: at for what, at in of.items() if what not in blocks.get(client, {})}
        for client, of in freed.items()
    }
    return {client: of for client, of in left.items() if of}


def containments(context: Context, incident: Incident) -> list[Containment]:
    """Return what an incident blocks, and what those block that were merged into it."""
    family, left = {incident.id}, list(incident.absorbed)
    while left:
        it = left.pop()
        family.add(it)
        left += [other for other in context.past(Incident, it).absorbed if other not in family]
    keys = sorted(key for it in family for key in context.find(Containment, incident_id=it))
    return [it for it in (context.past(Containment, key) for key in keys) if it.id]


def surviving(context: Context, incident_id: str) -> Incident:
    """Return the incident that one is part of, as it stood at the fact that is answered."""
    incident = context.past(Incident, incident_id)
    while incident.merged_into is not None:
        incident = context.past(Incident, incident.merged_into)
    return incident


def _of_clients(incident: Incident, subjects: Iterable[tuple[ContainmentOrder | None, str, datetime]]) -> Blocks:
    found: Blocks = {}
    owners: Mapping[str, str] | None = None
    for order, name, at in subjects:
        kind, _, value = name.partition(":")
        if kind != "client" and owners is None:
            owners = _owners(incident)
        client = value if kind == "client" else (owners or {}).get(name, "")
        if not client:
            continue
        what: OfBlock = "held" if order == "payout-hold" else "blocked" if kind == "client" else "ways"
        of = found.setdefault(client, {})
        of[what] = min(at, of.get(what, at))
    return found


def _owners(incident: Incident) -> dict[str, str]:
    """Return the one client of each session, device, address and loan: empty where there are several."""
    found: dict[str, str] = {}
    for part in incident.parts.values():
        clients = part.entities.clients
        whose = clients[0] if len(clients) == 1 else ""
        for kind in ("loans", *_WAYS):
            for value in getattr(part.entities, kind) if clients else ():
                name = f"{_SINGULAR[kind]}:{value}"
                found[name] = whose if found.get(name, whose) == whose else ""
    everybody = incident.entities.clients
    if len(everybody) == 1:
        for loan in incident.entities.loans:
            found.setdefault(f"loan:{loan}", everybody[0])
    return found


_SINGULAR = {"loans": "loan", "sessions": "session", "devices": "device", "addresses": "address"}
