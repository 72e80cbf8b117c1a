"""What the Anti-Fraud Centre says of our messages by events: accepted is done, rejected is owed again."""

from __future__ import annotations

from uuid import UUID

from engine.events.envelope import SecurityEvent
from engine.kernel.facts import Fact
from engine.kernel.ports import Context
from engine.notices.facts import NoticeBounced, NoticeRefused, NoticeSent
from engine.notices.notice import Delivery, Notice

ACCEPTED = frozenset({"accepted", "registered", "processed", "done", "ok"})
REJECTED = frozenset({"rejected", "refused", "error", "failed", "invalid", "declined"})
"""The words of a status; any other word says nothing yet."""


class CentrePolicy:
    """Reads the answers of the Anti-Fraud Centre that come as events."""

    name: str = "centre"
    answers = frozenset({"afc.message.acknowledged"})

    def answer(self, context: Context, event: SecurityEvent) -> None:
        """Answer one event."""
        notice = context.load(Notice, _key(event.fields.get("mfo.message.id")))
        said = str(event.fields.get("mfo.message.status") or event.fields.get("mfo.outcome") or "").strip().lower()
        if notice.kind != "afc" or notice.approved_at is None or said not in ACCEPTED | REJECTED:
            return
        reference = str(event.fields.get("mfo.afc.reference") or "")[:200]
        for it in list(notice.deliveries.values()):
            fact = _fact(context, notice, it, said in ACCEPTED, reference, f"source:{event.source}", said)
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
