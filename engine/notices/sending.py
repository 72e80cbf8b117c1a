"""Ordering that an approved notice be sent to one of its recipients."""

from __future__ import annotations

from engine.kernel.messages import AfcMessage, ClientMessage, NoticeMessage
from engine.kernel.ports import Context, Intent
from engine.notices.kinds import notice_kind
from engine.notices.notice import Notice


def order_sending(context: Context, notice: Notice, recipient: str, number: int | None) -> None:
    """Order the sending of an approved notice to one recipient; ``number`` is None for another try."""
    delivery = notice.deliveries[recipient]
    key = f"mail:{notice.id}" if number == 0 else f"mail:{notice.id}:{number}"
    if number is None:
        key = f"mail:{notice.id}:try-{delivery.attempt}:{recipient}"
    context.intend(Intent(key, message_of(notice.kind)(notice_id=notice.id, recipient=recipient)))


def message_of(kind: str) -> type[NoticeMessage]:
    """Return the class of the messages that carry notices of a kind."""
    spec = notice_kind(kind)
    if spec.form == "message":
        return AfcMessage
    return ClientMessage if spec.per == "client" else NoticeMessage
