"""What the gateway for clients says of the notices that it was given: taken, delivered or failed, in any order.

Taken is not told: only the status ``delivered`` says that a client has the notice. Reports may come twice, late, and in
another order than that of the events; the latest event holds, and what a person did by hand no gateway takes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from engine.kernel.facts import Fact, Record
from engine.notices.facts import DeliveryState, NoticeBounced, NoticeHandedOver, NoticeRefused, NoticeSent
from engine.notices.kinds import notice_kinds
from engine.notices.notice import Notice
from engine.notices.parts import Delivery

CHANNEL = "gateway"
SKEW = timedelta(minutes=5)
"""How far the gateway's clock may be from ours."""
UNSETTLED: tuple[DeliveryState, ...] = ("waiting", "handed-over", "unknown", "spooled")
Said = Literal["accepted", "delivered", "failed"]
Fate = Literal[
    "recorded", "known", "older", "no-such-notice", "no-such-attempt", "not-to-a-client", "not-approved",
    "not-handed-over", "wrong-instant",
]  # fmt: skip
"""What became of a report: recorded, known already, older than what is known, or set aside for one of the reasons."""
SET_ASIDE: tuple[Fate, ...] = (
    "no-such-notice", "no-such-attempt", "not-to-a-client", "not-approved", "not-handed-over", "wrong-instant",
)  # fmt: skip


class Status(Record):
    """One report of the gateway about one notice (docs/gateway.md)."""

    id: str = Field(max_length=100)
    status: Said
    at: AwareDatetime
    attempt: int = Field(default=1, ge=1, le=1000)
    channel: str = Field(default="", max_length=40, pattern="^[a-z0-9-]*$")
    """The way it went: ``sms``, ``push``, ``letter``, ``e-mail`` ..."""
    reference: str = Field(default="", max_length=200)
    detail: str = Field(default="", max_length=300)


def reported(
    notice: Notice, said: Status, *, at: datetime, actor: str, given: bool = True
) -> tuple[Fate, Sequence[Fact]]:
    """Return what became of a report, and the facts that follow; ``given`` says whether the gateway ever got it."""
    spec = notice_kinds().get(notice.kind)
    if not notice.id:
        return "no-such-notice", ()
    if spec is None or spec.per != "client":
        return "not-to-a-client", ()
    if notice.approved_at is None or notice.to_many:
        return "not-approved", ()
    if not given:
        return "not-handed-over", ()
    begun = [it.ordered_at or notice.approved_at for it in notice.deliveries.values() if it.attempt == said.attempt]
    if not notice.approved_at - SKEW <= said.at <= at + SKEW or (begun and said.at < min(begun) - SKEW):
        return "wrong-instant", ()
    attempts = [it.attempt for it in notice.deliveries.values()]
    if said.attempt not in attempts:
        return ("older" if said.attempt < max(attempts, default=0) else "no-such-attempt"), ()
    facts = [
        fact for it in notice.deliveries.values()
        if it.attempt == said.attempt and (fact := _fact(notice, it, said, at, actor))
    ]  # fmt: skip
    if facts:
        return "recorded", facts
    late = all(it.latest is not None and said.at < it.latest for it in notice.deliveries.values())
    return ("older" if late else "known"), ()


def waits(notice: Notice) -> bool:
    """Say whether an order lies for the gateway that it may not have got yet: then it can report nothing of it."""
    return any(it.state == "waiting" for it in notice.deliveries.values())


def _fact(notice: Notice, it: Delivery, said: Status, at: datetime, actor: str) -> Fact | None:
    """What a report changes at one delivery, None when nothing: by a person it is settled, by an older event never.

    Events are compared as the gateway says them; at the same instant the failure holds.
    """
    assert notice.approved_at is not None
    ours = it.state in UNSETTLED or it.channel.startswith(CHANNEL)
    before = it.latest is not None and (said.at, said.status == "failed") <= (it.latest, it.state != "sent")
    if not ours or (it.state in ("sent", "refused", "bounced") and before):
        return None
    channel = f"{CHANNEL}: {said.channel}" if said.channel else CHANNEL
    happened = min(max(said.at, notice.approved_at), at)
    match said.status:
        case "accepted" if it.state == "waiting":
            return NoticeHandedOver(
                at=at, actor=actor, notice_id=notice.id, channel=channel, reference=said.reference,
                recipient=it.recipient, handed_at=happened,
            )  # fmt: skip
        case "delivered":
            first = it.at if it.state == "sent" else None
            return NoticeSent(
                at=at, actor=actor, notice_id=notice.id, channel=channel, recipient=it.recipient,
                transport_ref=said.reference or it.reference, sent_at=first or happened,
                confirmed_at=said.at if first or said.at != happened else None,
            )  # fmt: skip
        case "failed" if it.state in ("sent", "bounced"):
            return NoticeBounced(
                at=at, actor=actor, notice_id=notice.id, recipient=it.recipient, status=channel, detail=said.detail,
                failed_at=said.at,
            )  # fmt: skip
        case "failed":
            return NoticeRefused(
                at=at, actor=actor, notice_id=notice.id, channel=channel, answer=said.detail or said.reference,
                recipient=it.recipient, failed_at=said.at,
            )  # fmt: skip
    return None
