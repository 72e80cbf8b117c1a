"""What the Anti-Fraud Centre says of our messages by events: accepted is done, rejected is owed again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from engine.events.envelope import SecurityEvent
from engine.governance.senders import Senders
from engine.kernel.facts import Fact
from engine.kernel.ports import Context
from engine.kernel.timestamps import SKEW
from engine.notices.facts import NoticeBounced, NoticeRefused, NoticeSent
from engine.notices.notice import Notice
from engine.notices.parts import Delivery
from engine.policies.centre_words import ACCEPTED, REJECTED, said_by_event

__all__ = ["ACCEPTED", "REJECTED", "CentrePolicy"]
_CLOCKS = timedelta(minutes=1)
"""By how much the clock of the Centre may be behind ours."""


class CentrePolicy:
    """Reads the answers of the Anti-Fraud Centre that come as events."""

    name: str = "centre"
    answers = frozenset({"afc.message.acknowledged"})

    def __init__(self, senders: Senders | None = None) -> None:
        self.senders = senders or Senders()

    def answer(self, context: Context, event: SecurityEvent) -> None:
        """Answer one event; one that was dated before the message, or after its receipt, does not speak of it."""
        notice = context.load(Notice, _key(event.fields.get("mfo.message.id")))
        if notice.kind != "afc" or notice.approved_at is None or not self.senders.may(event.action, event.source):
            return
        if event.at < notice.approved_at - _CLOCKS or event.at > context.at + SKEW:
            return
        said = said_by_event(event.fields)
        if said.word == "open":
            return
        for it in list(notice.deliveries.values()):
            accepted = said.word == "accepted"
            fact = _fact(context, notice, it, accepted, said.reference, f"source:{event.source}", said.why)
            if fact is not None:
                context.record(Notice, notice.id, [fact])


def _fact(
    context: Context, notice: Notice, it: Delivery, accepted: bool, reference: str, actor: str, said: str
) -> Fact | None:
    if accepted:
        if it.state not in ("waiting", "handed-over", "unknown", "spooled") or not reference:
            return None
        return NoticeSent(
            at=context.at, actor=actor, notice_id=notice.id, channel="afc", transport_ref=reference,
            recipient=it.recipient, sent_at=context.at,
        )  # fmt: skip
    if it.state == "sent":
        return NoticeBounced(
            at=context.at, actor=actor, notice_id=notice.id, recipient=it.recipient, status=said, detail=reference
        )
    if it.state in ("refused", "bounced"):
        return None
    return NoticeRefused(
        at=context.at, actor=actor, notice_id=notice.id, channel="afc", answer=f"{said} {reference}".strip(),
        recipient=it.recipient,
    )  # fmt: skip


def _key(text: object) -> str:
    """The id a message names, one that nothing has for what is none."""
    try:
        return str(UUID(str(text)))
    except ValueError:
        return str(UUID(int=0))
