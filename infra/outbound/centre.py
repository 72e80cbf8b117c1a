"""The Anti-Fraud Centre: what a message to it says of whom, and how its answer is judged.

Identifiers that the rules on the exchange allow (resolution No. 43 of 16.07.2024) are read from the events that the
findings of the incident stand on, when the message goes out; the log keeps none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from engine.incidents.incident import Incident
from engine.kernel.facts import FindingRaised
from engine.kernel.ports import Delivery
from engine.notices.notice import Notice
from engine.policies.centre_words import Said, said_by_body
from infra.outbound.orders import Answer, json_of
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger

_WHOLE = frozenset({200, 201})
"""The statuses whose body is the answer."""
MOST_EVENTS = 1_000
"""Events that are looked at, the newest findings first; the message counts those whom it names."""
_OF_ONE = {
    "client": ("mfo.client.id",), "loan": ("mfo.loan.id",), "iin": ("mfo.client.iin",),
    "phone": ("mfo.client.phone",), "account": ("mfo.payout.account",), "account_hash": ("mfo.payout.account_hash",),
}  # fmt: skip
"""What the message calls it → the fields of an event that hold it."""
Identified = dict[str, str]


class Identifiers:
    """Whom a message names, as the events know them."""

    def __init__(self, decisions: Decisions, ledger: Ledger) -> None:
        self.decisions = decisions
        self.ledger = ledger

    def of(self, notice: Notice) -> list[Identified]:
        """Return who and what a message names, one entry for each client and loan, in the order they were seen.

        Each has what is known of ``client``, ``loan``, ``iin``, ``phone``, ``account``, ``account_hash``. Of a person
        whose data were destroyed nothing is known.
        """
        incident = self.decisions.load(Incident, notice.incident_id)
        found: dict[tuple[str, str], Identified] = {}
        for position in self._positions(incident):
            event = self.ledger.get(position)
            named = _identified(event.fields) if event is not None else {}
            if named.keys() & {"iin", "phone", "account", "account_hash"}:
                entry = found.setdefault((named.get("client", ""), named.get("loan", "")), {})
                entry.update(named)
        return list(found.values())

    def _positions(self, incident: Incident) -> Sequence[int]:
        positions: dict[int, None] = {}
        for finding in reversed(incident.findings):
            for it in self.decisions.timeline(finding):
                if isinstance(it.fact, FindingRaised):
                    positions |= dict.fromkeys(it.fact.positions)
            if len(positions) >= MOST_EVENTS:
                break
        return sorted(list(positions)[:MOST_EVENTS])


def _identified(fields: Mapping[str, Any]) -> Identified:
    values = {name: next((fields[it] for it in keys if fields.get(it)), None) for name, keys in _OF_ONE.items()}
    return {name: str(value)[:200] for name, value in values.items() if isinstance(value, str | int)}


def afc_json(notice: Notice, identifiers: Sequence[Identified] = ()) -> bytes:
    """Return a message to the Anti-Fraud Centre as JSON; lists are lists there."""
    fields: dict[str, Any] = dict(notice.content.get("json", {}))
    for name in ("clients", "loans", "devices", "addresses", "amounts", "rules"):
        text = str(fields.get(name, "-"))
        fields[name] = [] if text == "-" else [part.strip() for part in text.split(",")]
    if identifiers:
        fields["identifiers"] = list(identifiers)
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2)


def centre_says(answer: Answer, message_id: str = "", now: datetime | None = None) -> Delivery:
    """Judge an answer of the Anti-Fraud Centre: only what says that it was accepted, with a reference, is a delivery;
    a rejection is one, unless the Centre is only away; any other 2xx is handed over until the Centre says more."""
    if answer.error:
        return Delivery(outcome="retry", detail=f"{answer.error} from the Anti-Fraud Centre")
    said = _said(answer.body, message_id, now)
    good = 200 <= answer.status < 300
    passing = answer.status >= 500 or answer.status in (408, 425, 429)
    if said.word == "refused" and not passing:
        return Delivery(outcome="refused", reference=said.reference, detail=f"the Anti-Fraud Centre: {said.why}"[:300])
    if not good:
        return Delivery(outcome="retry" if passing else "refused", detail=f"HTTP {answer.status} from afc")
    if answer.status in _WHOLE and said.word == "accepted" and said.reference:
        return Delivery(outcome="done", reference=said.reference, done_at=None)
    return Delivery(outcome="handed-over", reference=said.reference or f"HTTP {answer.status}")


def _said(body: bytes, message_id: str, now: datetime | None) -> Said:
    """What the body of an answer says; what is no JSON object says nothing."""
    document, fault = json_of(body)
    if fault or not isinstance(document, dict):
        return Said("open", "", fault)
    return said_by_body(document, message_id, now)
