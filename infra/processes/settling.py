"""What follows from the fate of a message: one function for each kind, which records it and says whether it is settled.

A message that is not settled is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, assert_never

from engine.containment.containment import Containment
from engine.containment.facts import COUNTERPART
from engine.kernel.facts import Fact
from engine.kernel.ids import derive
from engine.kernel.messages import (
    AlertMessage,
    AnyMessage,
    CommandMessage,
    ContainmentMessage,
    NoticeMessage,
    OrderMessage,
    OwnEvent,
    WebhookMessage,
)
from engine.kernel.ports import Context, Delivery
from engine.kernel.trouble import MessageFailed
from engine.notices import facts as n
from engine.notices.notice import Notice
from engine.policies.acts import take_answer
from engine.policies.containment import take_answer as contained
from engine.protection.facts import OrderHandedOver, OrderOverdue
from engine.protection.protection import Protection
from playbooks import run as runs
from playbooks.run import Run

OVERDUE_AFTER = timedelta(hours=1)
COMMAND_TRIES = 5
PENDING_TRIES = 10
"""Tries of a step that the system has taken and not yet done: a quarter of an hour."""
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
        case ContainmentMessage():
            return _containment(context, message, delivery, attempt)
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
    """Take an answer to an order; it is settled when it is done, or was handed over where nobody can be asked again."""
    key, order_id = message.protection_id, message.order_id
    order = context.load(Protection, key).orders[order_id]
    if not order.open:
        return True
    if delivery.outcome == "handed-over":
        handed = OrderHandedOver(
            at=context.at, protection_id=key, order_id=order_id, channel=attempt.channel, reference=delivery.reference
        )
        context.record(Protection, key, [handed])
        return True
    if delivery.judged is not None:
        actor = f"system:{message.system}"
        take_answer(context, key, order_id, delivery.judged, done_at=delivery.done_at or context.at, actor=actor)
        if context.load(Protection, key).orders[order_id].acknowledged_at is not None:
            return True
    late = context.at - attempt.created_at >= OVERDUE_AFTER
    unheard = delivery.outcome == "refused" and delivery.judged is None  # what an answer refuses is told with it
    if (late or unheard or delivery.detail.startswith("no address")) and not order.overdue:
        overdue = OrderOverdue(
            at=context.at, protection_id=key, order_id=order_id, attempts=attempt.number,
            last_answer=delivery.detail[:300],
        )  # fmt: skip
        context.record(Protection, key, [overdue])
    return False


def _command(context: Context, message: CommandMessage, delivery: Delivery, attempt: Attempt) -> bool:
    """Take an answer to a step: done only when it confirms every subject; what is not becomes a person's task."""
    judged = delivery.judged
    if judged is not None and message.containment_id:
        contained(
            context, message.containment_id, judged, release=False, done_at=delivery.done_at or context.at,
            actor=f"system:{message.system}",
        )  # fmt: skip
    patience = PENDING_TRIES if judged is not None and judged.verdict == "pending" else COMMAND_TRIES
    if delivery.outcome == "retry" and attempt.number < patience:
        return False
    done = delivery.outcome == "done" and judged is not None
    said = ", ".join(judged.of("done")) if judged is not None else ""
    evidence = f"{said}; reference {delivery.reference}" if done else delivery.detail
    run = context.load(Run, message.run_id)
    facts = runs.command_result(
        run, message.step_id, done, f"{message.order}: {evidence}", message.measure, at=context.at
    )
    context.record(Run, run.id, facts)
    return True


def _containment(context: Context, message: ContainmentMessage, delivery: Delivery, attempt: Attempt) -> bool:
    """Take an answer to an order for further subjects, or to a release; tried on until it is done."""
    key, release = message.containment_id, message.order in COUNTERPART.values()
    if delivery.judged is not None:
        contained(
            context, key, delivery.judged, release=release, done_at=delivery.done_at or context.at,
            actor=f"system:{message.system}",
        )  # fmt: skip
    it = context.load(Containment, key)
    if (it.released_at if release else it.confirmed_at or it.release_ordered_at) is not None:
        return True
    if attempt.number == ALARM_TRIES:
        _failed(context, "retry", delivery.detail, attempt)
    return False


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
