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
from engine.kernel.facts import Fact
from engine.kernel.ids import derive
from engine.kernel.ports import Clock, Delivery, Effector, Intent
from engine.kernel.timestamps import iso
from engine.kernel.trouble import EffectFailed
from engine.notices import facts as n
from engine.notices.notice import Notice
from engine.policies.acts import acknowledge
from engine.protection.facts import OrderHandedOver, OrderOverdue
from engine.protection.protection import Protection
from infra.processes.base import Stage
from infra.store.log.decisions import Decisions
from infra.store.log.unit import Unit
from playbooks import run as runs
from playbooks.run import Run

OVERDUE_AFTER = timedelta(hours=1)
COMMAND_TRIES = 5
ALARM_TRIES = 5
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
            intent = Intent(key=row["key"], kind=row["kind"], payload=orjson.loads(row["payload"]))
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
            final = self._answer(unit, row, delivery, attempts)
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

    def _answer(self, unit: Unit, row: Mapping[str, Any], delivery: Delivery, attempts: int) -> bool:
        """Write the facts; says whether the effect is settled."""
        payload = orjson.loads(row["payload"])
        match row["kind"]:
            case "mail" | "afc":
                return self._mail(unit, payload, delivery, attempts, row)
            case "order":
                return self._order(unit, payload, delivery, attempts, row)
            case "command":
                return self._command(unit, payload, delivery, attempts)
        if delivery.outcome == "refused":
            _failed(unit, row, delivery)
        return delivery.outcome != "retry"

    def _mail(
        self, unit: Unit, payload: Mapping[str, Any], delivery: Delivery, attempts: int, row: Mapping[str, Any]
    ) -> bool:
        key = str(payload["notice_id"])
        notice = unit.load(Notice, key)
        recipient = str(payload.get("recipient") or notice.recipient)
        held = notice.deliveries.get(recipient)
        if held is None or held.state != "waiting":
            return True
        match delivery.outcome:
            case "done":
                channel = "http" if row["kind"] == "afc" and delivery.done_at is not None else self.channel
                fact: Fact = n.NoticeSent(
                    at=unit.at,
                    notice_id=key,
                    channel=channel,
                    transport_ref=delivery.reference,
                    recipient=recipient,
                    sent_at=unit.at,
                )
            case "refused":
                fact = n.NoticeRefused(
                    at=unit.at, notice_id=key, channel=self.channel, answer=delivery.detail, recipient=recipient
                )
            case "unknown":
                fact = n.NoticeUnknown(
                    at=unit.at, notice_id=key, channel=self.channel, detail=delivery.detail, recipient=recipient
                )
            case _:
                if attempts == ALARM_TRIES:
                    _failed(unit, row, delivery)
                return False
        unit.record(Notice, key, [fact])
        return True

    def _order(
        self, unit: Unit, payload: Mapping[str, Any], delivery: Delivery, attempts: int, row: Mapping[str, Any]
    ) -> bool:
        protection_id, order_id = str(payload["protection_id"]), str(payload["order_id"])
        order = unit.load(Protection, protection_id).orders[order_id]
        if order.acknowledged_at is not None or order.revoked:
            return True
        if delivery.outcome == "handed-over":
            handed = OrderHandedOver(
                at=unit.at, protection_id=protection_id, order_id=order_id, channel=self.channel,
                reference=delivery.reference,
            )  # fmt: skip
            unit.record(Protection, protection_id, [handed])
            return True
        if delivery.outcome == "done":
            acknowledge(
                unit,
                protection_id,
                order_id,
                reference=delivery.reference,
                done_at=max(delivery.done_at or unit.at, order.issued_at),
                actor=f"system:{payload['system']}",
            )
            return True
        late = unit.at - datetime.fromisoformat(row["created_at"]) >= OVERDUE_AFTER
        hopeless = delivery.outcome == "refused" or delivery.detail.startswith("no address")
        if (late or hopeless) and not order.overdue:
            overdue = OrderOverdue(
                at=unit.at,
                protection_id=protection_id,
                order_id=order_id,
                attempts=attempts,
                last_answer=delivery.detail[:300],
            )
            unit.record(Protection, protection_id, [overdue])
        return False

    def _command(self, unit: Unit, payload: Mapping[str, Any], delivery: Delivery, attempts: int) -> bool:
        if delivery.outcome == "retry" and attempts < COMMAND_TRIES:
            return False
        done = delivery.outcome == "done"
        evidence = delivery.reference if done else delivery.detail
        run = unit.load(Run, str(payload["run_id"]))
        facts = runs.command_result(
            run, str(payload["step_id"]), done, f"{payload['order']}: {evidence}", payload.get("measure"), at=unit.at
        )
        unit.record(Run, run.id, facts)
        return True


def _failed(unit: Unit, row: Mapping[str, Any], delivery: Delivery) -> None:
    fact = EffectFailed(
        at=unit.at,
        key=row["key"],
        kind=row["kind"],
        outcome=delivery.outcome,
        detail=delivery.detail[:300],
        since=datetime.fromisoformat(row["created_at"]),
    )
    unit.record_single(str(derive("effect-failed", row["key"])), fact)
