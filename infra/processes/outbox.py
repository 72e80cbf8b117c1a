"""The outboxes: effects ordered in a commit are performed afterwards, and what became of them is recorded.

A crash between performing and recording is answered by the kind of effect: one that may be asked again is asked
again; one that may not (mail over SMTP) is marked before it starts and, found marked at the next start, is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import ClassVar, NamedTuple, cast

import orjson

from engine.kernel.errors import QorgauError
from engine.kernel.messages import NoticeMessage, read_message
from engine.kernel.ports import Delivery, Intent, Sender, SenderToMany, TimeSource
from engine.notices.notice import Notice
from infra.processes.base import Stage
from infra.processes.settling import Attempt, settle
from infra.read.rows import effects
from infra.store.integrity.marks import RowAltered
from infra.store.log.decisions import Decisions
from infra.store.models import outbox
from infra.store.models.effects import EffectRow

LONGEST_WAIT_S = 300
BATCH = 20
SETTLED_TOGETHER = 50
"""Effects whose fate is recorded in one unit of work: others want to write too."""


class Outbox(Stage):
    """Performs what is due, one effect after the other, or many in one call where the sender takes many."""

    name = "outbox"
    waits_for_others: ClassVar[bool] = True

    def __init__(
        self, decisions: Decisions, clock: TimeSource, senders: Mapping[str, Sender | SenderToMany], channel: str,
        name: str, system: str = "",
    ) -> None:  # fmt: skip
        self.name = name
        self.system = system
        """The one system whose effects it performs, so that one that hangs delays no other; empty for all."""
        self.decisions = decisions
        self.clock = clock
        self.senders = senders
        self.channel = channel
        self._most = max(BATCH, *(getattr(it, "most", 0) for it in senders.values()))
        self._unsettled: list[_Performed] = []
        """What was performed, may not be performed again, and could not be recorded yet."""

    def recover(self) -> None:
        """At the start of the worker: effects that were under way are asked again, or are unknown."""
        for row in effects.under_way(self.decisions.database, self.senders):
            if not self.senders[row.kind].repeatable:
                delivery = Delivery(outcome="unknown", detail="the engine stopped while the message was being sent")
                self._settle([_Performed(row, _intent(row), delivery)])
        with self.decisions.database.write() as cursor:
            outbox.resume(cursor, self.senders)

    def step(self) -> bool:
        """Perform what is due now, after recording what became of what was performed before."""
        while self._unsettled:
            self._settle(self._unsettled[:1])
            self._unsettled.pop(0)
        due = effects.due(self.decisions.database, self.clock.now(), self.senders, self._most, self.system)
        due, altered = self._honest(due)
        for kind, rows in groupby(due, lambda row: row.kind):
            sender = self.senders[kind]
            if hasattr(sender, "perform_many"):
                self._together(cast(SenderToMany, sender), [*rows])
            else:
                for row in rows:
                    self._one(sender, row)
        if altered:
            raise RowAltered(f"outbox: {altered[0]} was changed or put in beside the product, and is not sent")
        return bool(due)

    def _honest(self, rows: Sequence[EffectRow]) -> tuple[list[EffectRow], list[str]]:
        """Tell the effects that are as they were ordered from the keys of those that were changed or put in."""
        database = self.decisions.database
        if database.marks is None or not rows:
            return [*rows], []
        bad = database.marks.altered_of(database, "outbox", [row.key for row in rows])
        return [row for row in rows if row.key not in bad], sorted(bad)

    def _one(self, sender: Sender, row: EffectRow) -> None:
        """Perform one effect and record what became of it."""
        if not sender.repeatable:
            with self.decisions.database.write() as cursor:
                outbox.begin(cursor, [row.key])
        intent = _intent(row)
        try:
            delivery = sender.perform(intent)
        except QorgauError as error:
            delivery = Delivery(outcome="retry", detail=error.message[:300])
        performed = _Performed(row, intent, delivery)
        try:
            self._settle([performed])
        except Exception:
            if not sender.repeatable:
                self._unsettled.append(performed)
            raise

    def _together(self, sender: SenderToMany, rows: Sequence[EffectRow]) -> None:
        """Perform many effects, each of which may be asked again after a crash, by one call for so many as it takes."""
        for start in range(0, len(rows), sender.most):
            part = rows[start : start + sender.most]
            intents = [_intent(row) for row in part]
            with self.decisions.database.write() as cursor:  # what comes back may be reported before it is recorded
                outbox.begin(cursor, [row.key for row in part])
            try:
                deliveries = sender.perform_many(intents)
            except QorgauError as error:
                deliveries = [Delivery(outcome="retry", detail=error.message[:300])] * len(part)
            except Exception:
                with self.decisions.database.write() as cursor:
                    outbox.resume(cursor, self.senders)
                raise
            performed = [_Performed(*it) for it in zip(part, intents, deliveries, strict=True)]
            for at in range(0, len(performed), SETTLED_TOGETHER):
                self._settle(performed[at : at + SETTLED_TOGETHER])

    def _settle(self, performed: Sequence[_Performed]) -> None:
        """Record what became of effects, together with the facts that follow."""
        now = self.clock.now()
        tries: list[outbox.Tried] = []
        with self.decisions.unit(now) as unit:
            if len(performed) > 1:
                messages = [it.intent.message for it in performed]
                unit.prepare(Notice, [it.notice_id for it in messages if isinstance(it, NoticeMessage)])
            for row, intent, delivery in performed:
                attempts = row.attempts + 1
                attempt = Attempt(row.key, row.kind, row.created_at, attempts, self.channel)
                final = settle(unit, intent.message, delivery, attempt)
                again = now + timedelta(seconds=min(2**attempts, LONGEST_WAIT_S))
                answer = (delivery.detail or delivery.reference)[:300]
                tries.append(outbox.Tried(delivery.outcome if final else "waiting", attempts, again, answer, row.key))
            outbox.tried(unit.cursor, tries)


class _Performed(NamedTuple):
    """An effect and what became of it."""

    row: EffectRow
    intent: Intent
    delivery: Delivery


def _intent(row: EffectRow) -> Intent:
    return Intent(row.key, read_message(row.kind, orjson.loads(row.payload)))
