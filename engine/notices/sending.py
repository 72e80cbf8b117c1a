"""Ordering that an approved notice be sent to one of its recipients."""

from __future__ import annotations

from engine.kernel.messages import AfcMessage, NoticeMessage
from engine.kernel.ports import Context, Intent
from engine.notices.kinds import notice_kind
from engine.notices.notice import Notice


def order_sending(context: Context, notice: Notice, recipient: str, number: int | None) -> None:
    """Order the sending of an approved notice to one recipient; ``number`` is None for another try."""
    delivery = notice.deliveries[recipient]
    key = f"mail:{notice.id}" if number == 0 else f"mail:{notice.id}:{number}"
    if number is None:
        key = f"mail:{notice.id}:try-{delivery.attempt}:{recipient}"
    kind = AfcMessage if notice_kind(notice.kind).form == "message" else NoticeMessage
    context.intend(Intent(key, kind(notice_id=notice.id, recipient=recipient)))
