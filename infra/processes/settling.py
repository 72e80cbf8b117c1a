"""What follows from the fate of a message: one function for each kind, which records it and says whether it is settled.

A message that is not settled is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, assert_never

from engine.kernel.facts import Fact
from engine.kernel.ids import derive
from engine.kernel.messages import (
    AlertMessage,
    AnyMessage,
    CommandMessage,
    NoticeMessage,
    OrderMessage,
    OwnEvent,
    WebhookMessage,
)
from engine.kernel.ports import Context, Delivery
from engine.kernel.trouble import MessageFailed
from engine.notices import facts as n
from engine.notices.notice import Notice
from engine.policies.acts import acknowledge
from engine.protection.facts import OrderHandedOver, OrderOverdue
from engine.protection.protection import Protection
from playbooks import run as runs
from playbooks.run import Run

OVERDUE_AFTER = timedelta(hours=1)
COMMAND_TRIES = 5
ALARM_TRIES = 5


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which try it was, of what, and by which way."""

    key: str
    kind: str
    created_at: datetime
    number: int
    channel: str


def settle(context: Context, message: AnyMessage, delivery: Delivery, attempt: Attempt) -> bool:
    """Record what became of a message; return whether it is settled."""
    match message:
        case NoticeMessage():
            return _notice(context, message, delivery, attempt)
        case OrderMessage():
            return _order(context, message, delivery, attempt)
        case CommandMessage():
            return _command(context, message, delivery, attempt)
        case AlertMessage() | OwnEvent() | WebhookMessage():
            return _telling(context, delivery, attempt)
    assert_never(message)


def _telling(context: Context, delivery: Delivery, attempt: Attempt) -> bool:
    """What only tells somebody changes nothing when it was told."""
    if delivery.outcome == "refused":
        _failed(context, delivery.outcome, delivery.detail, attempt)
    return delivery.outcome != "retry"


def _notice(context: Context, message: NoticeMessage, delivery: Delivery, attempt: Attempt) -> bool:
    key = message.notice_id
    notice = context.load(Notice, key)
    recipient = message.recipient or notice.recipient
    held = notice.deliveries.get(recipient)
    if held is None or held.state not in ("waiting", "handed-over"):
        return True
    match delivery.outcome:
        case "done":
            channel = attempt.channel
            fact: Fact = n.NoticeSent(
                at=context.at, notice_id=key, channel=channel, transport_ref=delivery.reference, recipient=recipient,
                sent_at=context.at,
            )  # fmt: skip
        case "spooled":
            fact = n.NoticeSpooled(
                at=context.at, notice_id=key, channel=attempt.channel, recipient=recipient,
                reference=delivery.reference, detail=delivery.detail,
            )  # fmt: skip
        case "refused":
            fact = n.NoticeRefused(
                at=context.at, notice_id=key, channel=attempt.channel, answer=delivery.detail, recipient=recipient
            )
        case "unknown":
            fact = n.NoticeUnknown(
                at=context.at, notice_id=key, channel=attempt.channel, detail=delivery.detail, recipient=recipient
            )
        case "handed-over" if held.state == "handed-over":
            return True  # its status came before this answer
        case "handed-over":
            fact = n.NoticeHandedOver(
                at=context.at, notice_id=key, channel=attempt.channel, reference=delivery.reference,
                recipient=recipient, handed_at=context.at,
            )  # fmt: skip
        case "retry":
            if attempt.number == ALARM_TRIES or (notice.text_of and attempt.number > ALARM_TRIES):
                _failed(context, "retry", delivery.detail, attempt, notice.text_of)
            return False
        case _:
            assert_never(delivery.outcome)
    context.record(Notice, key, [fact])
    return True


def _order(context: Context, message: OrderMessage, delivery: Delivery, attempt: Attempt) -> bool:
    protection_id, order_id = message.protection_id, message.order_id
    order = context.load(Protection, protection_id).orders[order_id]
    if order.acknowledged_at is not None or order.revoked:
        return True
    if delivery.outcome == "handed-over":
        handed = OrderHandedOver(
            at=context.at, protection_id=protection_id, order_id=order_id, channel=attempt.channel,
            reference=delivery.reference,
        )  # fmt: skip
        context.record(Protection, protection_id, [handed])
        return True
    if delivery.outcome == "done":
        acknowledge(
            context,
            protection_id,
            order_id,
            reference=delivery.reference,
            done_at=max(delivery.done_at or context.at, order.issued_at),
            actor=f"system:{message.system}",
        )
        return True
    late = context.at - attempt.created_at >= OVERDUE_AFTER
    hopeless = delivery.outcome == "refused" or delivery.detail.startswith("no address")
    if (late or hopeless) and not order.overdue:
        overdue = OrderOverdue(
            at=context.at,
            protection_id=protection_id,
            order_id=order_id,
            attempts=attempt.number,
            last_answer=delivery.detail[:300],
        )
        context.record(Protection, protection_id, [overdue])
    return False


def _command(context: Context, message: CommandMessage, delivery: Delivery, attempt: Attempt) -> bool:
    if delivery.outcome == "retry" and attempt.number < COMMAND_TRIES:
        return False
    done = delivery.outcome == "done"
    evidence = delivery.reference if done else delivery.detail
    run = context.load(Run, message.run_id)
    facts = runs.command_result(
        run, message.step_id, done, f"{message.order}: {evidence}", message.measure, at=context.at
    )
    context.record(Run, run.id, facts)
    return True


def _failed(
    context: Context, outcome: Literal["refused", "retry"], detail: str, attempt: Attempt, text: str = ""
) -> None:
    """Say that people must look: once for each message, and once a day for all that carry one text to many."""
    key = str(
        derive("effect-failed", text, context.at.date().isoformat()) if text else derive("effect-failed", attempt.key)
    )
    if text and context.facts(key):
        return
    fact = MessageFailed(
        at=context.at,
        key=attempt.key,
        kind=attempt.kind,
        outcome=outcome,
        detail=detail[:300],
        since=attempt.created_at,
    )
    context.record_single(key, fact)
