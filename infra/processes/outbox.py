"""The outboxes: effects ordered in a commit are performed afterwards, and what became of them is recorded.

A crash between performing and recording is answered by the kind of effect: one that may be asked again is asked
again; one that may not (mail over SMTP) is marked before it starts and, found marked at the next start, is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import orjson

from engine.kernel.errors import QorgauError
from engine.kernel.messages import read_message
from engine.kernel.ports import Delivery, Intent, Sender, TimeSource
from infra.processes.base import Stage
from infra.processes.settling import Attempt, settle
from infra.read.rows import effects
from infra.store.log.decisions import Decisions
from infra.store.models import outbox
from infra.store.models.effects import EffectRow

LONGEST_WAIT_S = 300
BATCH = 20


class Outbox(Stage):
    """Performs what is due, one effect after the other."""

    name = "outbox"
    waits_for_others: ClassVar[bool] = True

    def __init__(
        self, decisions: Decisions, clock: TimeSource, senders: Mapping[str, Sender], channel: str, name: str
    ) -> None:
        self.name = name
        self.decisions = decisions
        self.clock = clock
        self.senders = senders
        self.channel = channel
        self._unsettled: list[tuple[EffectRow, Delivery]] = []
        """What was performed, may not be performed again, and could not be recorded yet."""

    def recover(self) -> None:
        """At the start of the worker: effects that were under way are asked again, or are unknown."""
        for row in effects.under_way(self.decisions.database, self.senders):
            if not self.senders[row.kind].repeatable:
                delivery = Delivery(outcome="unknown", detail="the engine stopped while the message was being sent")
                self._settle(row, delivery)
        with self.decisions.database.write() as cursor:
            outbox.resume(cursor, self.senders)

    def step(self) -> bool:
        """Perform what is due now, after recording what became of what was performed before."""
        while self._unsettled:
            self._settle(*self._unsettled[0])
            self._unsettled.pop(0)
        due = effects.due(self.decisions.database, self.clock.now(), self.senders, BATCH)
        for row in due:
            performer = self.senders[row.kind]
            if not performer.repeatable:
                with self.decisions.database.write() as cursor:
                    outbox.begin(cursor, row.key)
            intent = Intent(row.key, read_message(row.kind, orjson.loads(row.payload)))
            try:
                delivery = performer.perform(intent)
            except QorgauError as error:
                delivery = Delivery(outcome="retry", detail=error.message[:300])
            try:
                self._settle(row, delivery)
            except Exception:
                if not performer.repeatable:
                    self._unsettled.append((row, delivery))
                raise
        return bool(due)

    def _settle(self, row: EffectRow, delivery: Delivery) -> None:
        """Record what became of an effect, together with the facts that follow."""
        now = self.clock.now()
        attempts = row.attempts + 1
        with self.decisions.unit(now) as unit:
            attempt = Attempt(row.key, row.kind, row.created_at, attempts, self.channel)
            message = read_message(row.kind, orjson.loads(row.payload))
            final = settle(unit, message, delivery, attempt)
            state = delivery.outcome if final else "waiting"
            again = now + timedelta(seconds=min(2**attempts, LONGEST_WAIT_S))
            answer = (delivery.detail or delivery.reference)[:300]
            outbox.tried(unit.cursor, row.key, state, attempts, again, answer)
