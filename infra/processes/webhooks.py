"""What happens to incidents, clocks, notices and orders is told to the receivers that asked for it.

The message is made with the fact and kept in the outbox, so every try of it is the same message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from engine.duties import facts as c
from engine.duties.clock import Clock as LegalClock
from engine.incidents import facts as i
from engine.incidents.incident import Incident
from engine.kernel.facts import Fact, StoredFact
from engine.kernel.messages import WebhookMessage
from engine.kernel.ports import Intent, TimeSource
from engine.kernel.timestamps import iso
from engine.notices import facts as n
from engine.notices.notice import Notice
from engine.protection import facts as p
from engine.protection.protection import Protection
from infra.processes.base import DecisionFollower
from infra.settings.webhooks import TOLD, WebhookSettings
from infra.store.log.decisions import Decisions
from infra.store.log.unit import UnitOfWork

KIND = "webhook"


class Webhooks(DecisionFollower):
    """Orders one message for each told fact and each receiver that asked; its key is the fact's position."""

    name = "webhooks"
    wants = (*i.FACTS, *c.FACTS, *n.FACTS, *p.FACTS)

    def __init__(
        self, decisions: Decisions, clock: TimeSource, receivers: Mapping[str, WebhookSettings],
        record: Callable[[Incident], dict[str, Any]],
    ) -> None:  # fmt: skip
        super().__init__(decisions, clock)
        self.receivers = receivers
        self.record = record

    def begin(self) -> None:
        """At the start of the worker: when webhooks are newly set, begin with what is new; nobody asked for the years
        before."""
        if self.decisions.tracked(self.name) == 0 and (head := self.decisions.head()):
            with self.decisions.unit(self.clock.now()) as unit:
                unit.track(self.name, head)

    def take(self, unit: UnitOfWork, recorded: StoredFact) -> None:
        """Answer one fact."""
        name = recorded.fact.topic.rpartition(".")[0]
        if name not in TOLD:
            return
        asked = [key for key, it in self.receivers.items() if any(fnmatchcase(name, e) for e in it.events)]
        if not asked:
            return
        body = {"type": name, "timestamp": iso(recorded.fact.at), "data": self._data(unit, recorded.fact)}
        for receiver in asked:
            key = f"{KIND}:{receiver}:{recorded.position}"
            unit.intend(Intent(key, WebhookMessage(receiver=receiver, body=body)))

    def _data(self, unit: UnitOfWork, fact: Fact) -> dict[str, Any]:
        if isinstance(fact, i.FACTS):
            return self.record(unit.load(Incident, str(getattr(fact, "incident_id", ""))))
        if isinstance(fact, c.FACTS):
            return _clock(unit.load(LegalClock, str(getattr(fact, "clock_id", ""))))
        if isinstance(fact, n.FACTS):
            notice = unit.load(Notice, str(getattr(fact, "notice_id", "")))
            return {"id": notice.id, "kind": notice.kind, "stage": notice.stage, "incident_id": notice.incident_id,
                    "state": notice.state}  # fmt: skip
        return _order(unit, fact)


def _clock(clock: LegalClock) -> dict[str, Any]:
    return {
        "id": clock.id, "kind": clock.kind, "owner_kind": clock.owner_kind, "owner_id": clock.owner_id,
        "due_at": iso(clock.due_at) if clock.due_at else None,
    }  # fmt: skip


def _order(unit: UnitOfWork, fact: Fact) -> dict[str, Any]:
    key = str(getattr(fact, "protection_id", ""))
    found: dict[str, Any] = {"protection_id": key}
    order = unit.load(Protection, key).orders.get(str(getattr(fact, "order_id", "")))
    if order is not None:
        found |= {"order_id": order.id, "kind": order.kind, "target": order.target}
    return found
