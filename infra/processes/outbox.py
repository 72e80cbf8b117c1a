"""The outboxes: effects ordered in a commit are performed afterwards, and what became of them is recorded.

A crash between performing and recording is answered by the kind of effect: one that may be asked again is asked
again; one that may not (mail over SMTP) is marked before it starts and, found marked at the next start, is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson

from engine.kernel.errors import QorgauError
from engine.kernel.messages import read_message
from engine.kernel.ports import Clock, Delivery, Effector, Intent
from engine.kernel.timestamps import iso
from infra.processes.base import Stage
from infra.processes.settling import Attempt, settle
from infra.store.log.decisions import Decisions

LONGEST_WAIT_S = 300


class Outbox(Stage):
    """Performs what is due, one effect after the other."""

    name = "outbox"
    waits_for_others: ClassVar[bool] = True

    def __init__(
        self, decisions: Decisions, clock: Clock, performers: Mapping[str, Effector], channel: str, name: str
    ) -> None:
        self.name = name
        self._marks = ",".join("?" * len(performers))
        self.decisions = decisions
        self.clock = clock
        self.performers = performers
        self.channel = channel
        self._unsettled: list[tuple[Mapping[str, Any], Delivery]] = []
        """What was performed, may not be performed again, and could not be recorded yet."""

    def recover(self) -> None:
        """At the start of the worker: effects that were under way are asked again, or are unknown."""
        under_way = f"state = 'performing' AND kind IN ({self._marks})"
        kinds = tuple(self.performers)
        for row in self.decisions.database.rows(f"SELECT * FROM outbox WHERE {under_way}", *kinds):  # noqa: S608
            if not self.performers[row["kind"]].repeatable:
                delivery = Delivery(outcome="unknown", detail="the engine stopped while the message was being sent")
                self._settle(row, delivery)
        with self.decisions.database.write() as cursor:
            cursor.execute(f"UPDATE outbox SET state = 'waiting' WHERE {under_way}", kinds)  # noqa: S608

    def step(self) -> bool:
        """Perform what is due now, after recording what became of what was performed before."""
        while self._unsettled:
            self._settle(*self._unsettled[0])
            self._unsettled.pop(0)
        now = self.clock.now()
        due = self.decisions.database.rows(
            f"SELECT * FROM outbox WHERE state = 'waiting' AND next_at <= ? AND kind IN ({self._marks}) "  # noqa: S608
            "ORDER BY next_at, created_at, key LIMIT 20",
            iso(now),
            *self.performers,
        )
        for row in due:
            performer = self.performers[row["kind"]]
            if not performer.repeatable:
                with self.decisions.database.write() as cursor:
                    cursor.execute("UPDATE outbox SET state = 'performing' WHERE key = ?", (row["key"],))
            intent = Intent(row["key"], read_message(row["kind"], orjson.loads(row["payload"])))
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

    def _settle(self, row: Mapping[str, Any], delivery: Delivery) -> None:
        """Record what became of an effect, together with the facts that follow."""
        now = self.clock.now()
        attempts = row["attempts"] + 1
        with self.decisions.unit(now) as unit:
            created = datetime.fromisoformat(row["created_at"])
            attempt = Attempt(row["key"], row["kind"], created, attempts, self.channel)
            message = read_message(row["kind"], orjson.loads(row["payload"]))
            final = settle(unit, message, delivery, attempt)
            wait = timedelta(seconds=min(2**attempts, LONGEST_WAIT_S))
            unit.cursor.execute(
                "UPDATE outbox SET state = ?, attempts = ?, next_at = ?, last_answer = ? WHERE key = ?",
                (
                    delivery.outcome if final else "waiting",
                    attempts,
                    iso(now + wait),
                    (delivery.detail or delivery.reference)[:300],
                    row["key"],
                ),
            )
