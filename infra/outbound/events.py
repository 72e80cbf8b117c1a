"""The engine's own events go into the ledger like everybody else's, through the same door."""

from __future__ import annotations

import orjson

from engine.events.catalogue import Catalogue
from engine.events.envelope import SecurityEvent
from engine.events.parser import EventParser
from engine.kernel.ports import Delivery, Intent, TimeSource
from infra.store.log.ledger import Ledger

SOURCE = "qorgau"


class OwnEvents:
    """Performs the intent ``ledger``; the event id makes it idempotent."""

    repeatable = True

    def __init__(self, ledger: Ledger, catalogue: Catalogue, clock: TimeSource) -> None:
        self.ledger = ledger
        self.catalogue = catalogue
        self.clock = clock

    def perform(self, intent: Intent) -> Delivery:
        """Append the event; a second time it is a duplicate and nothing happens."""
        now = self.clock.now()
        event = EventParser(self.catalogue, SOURCE, now, claims=None).read(orjson.dumps(intent.message.payload()))
        if not isinstance(event, SecurityEvent):
            return Delivery(outcome="refused", detail=event.reason)
        self.ledger.append([event], [], now)
        return Delivery(outcome="done", reference=event.event_id)
