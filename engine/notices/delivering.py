"""What people and the other side say of a notice that went out: taken, refused, come back, sent again, receipted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from engine.kernel.addresses import is_local
from engine.kernel.errors import Conflict, DecisionRefused, InputError, n_
from engine.kernel.facts import Fact, Person, Reasoned
from engine.kernel.words import is_reference, need_done_words, need_own_words
from engine.notices.facts import (
    DeliveryState,
    NoticeAddressProposed,
    NoticeAddressRefused,
    NoticeArrivalClaimed,
    NoticeBounced,
    NoticeFailuresResent,
    NoticeReceipted,
    NoticeRefused,
    NoticeResendOrdered,
    NoticeSent,
)
from engine.notices.notice import Notice, recipients
from engine.notices.parts import Delivery
from engine.permissions import require
from engine.permissions.eyes import require_other, require_two

CONFIRMED = "confirmed-by-person"
"""The channel of what people said of a doubtful delivery."""
FAILED: tuple[DeliveryState, ...] = ("refused", "bounced", "spooled")
"""The states after which a person may order another try; what is unknown is settled first."""


class _Settled(Reasoned):
    notice_id: str
    recipient: str


def settle_unknown(
    notice: Notice, taken: bool, evidence: str, *, by: Person, at: datetime, recipient: str | None = None
) -> Sequence[Fact]:
    """Decide what became of a notice whose fate is unknown, with the evidence in words. That it arrived ends a duty, so
    two persons say it."""
    require("settle-notice", by)
    doubtful = [d.recipient for d in notice.deliveries.values() if d.state == "unknown"]
    if not doubtful or (recipient is not None and recipient not in doubtful):
        raise DecisionRefused("only a notice in the state unknown can be settled")
    to = recipient or doubtful[0]
    if taken:
        need_done_words(evidence)
        claim = notice.deliveries[to].claim
        if claim is not None and claim.channel == CONFIRMED:
            return _agreed(notice, claim, "settle-notice", sent_at=claim.handed_at, by=by, at=at)
        return [_claim(notice, to, CONFIRMED, evidence[:200], at, by=by, at=at, reason=evidence)]
    need_own_words(evidence)
    common: _Settled = {"at": at, "actor": by.id, "reason": evidence, "notice_id": notice.id, "recipient": to}
    return [NoticeRefused(**common, channel=CONFIRMED, answer=evidence[:200])]


def hand_over(
    notice: Notice, channel: str, reference: str, handed_at: datetime, *, by: Person, at: datetime,
    recipient: str | None = None,
) -> Sequence[Fact]:  # fmt: skip
    """Record that an approved notice was handed over another way: a portal, a courier, a registered letter.

    The first person says so, a second one says the same with the same reference. Another reference is another claim,
    and waits for a second person itself.
    """
    require("hand-over-notice", by)
    if notice.approved_at is None or notice.withdrawn:
        raise DecisionRefused("only an approved notice can be handed over")
    open_ones = [d.recipient for d in notice.deliveries.values() if d.state != "sent"]
    if not open_ones or (recipient is not None and recipient not in open_ones):
        raise DecisionRefused("the notice was handed over already")
    if not channel.strip() or not is_reference(reference) or len(channel) > 100 or len(reference) > 200:
        raise DecisionRefused("name the channel and the reference that proves it")
    need_done_words(channel)
    if handed_at > at or handed_at < notice.approved_at.replace(second=0, microsecond=0):  # a form gives minutes
        raise InputError("it was handed over between its approval and now", field="handed_at")
    to = recipient or _claimed(notice, open_ones)
    claim = notice.deliveries[to].claim
    if claim is not None and _says_the_same(claim, f"by hand: {channel.strip()}", reference.strip(), handed_at):
        sent_at = max(claim.handed_at, notice.approved_at)
        return _agreed(notice, claim, "hand-over-notice", sent_at=sent_at, by=by, at=at)
    return [_claim(notice, to, f"by hand: {channel.strip()}", reference.strip(), handed_at, by=by, at=at)]


def _says_the_same(claim: NoticeArrivalClaimed, channel: str, reference: str, handed_at: datetime) -> bool:
    """Say whether a second person says what the first one said: the way, the reference and the day."""
    apart = abs(claim.handed_at - handed_at)
    return claim.channel.casefold() == channel.casefold() and claim.reference == reference and apart < timedelta(days=1)


def _claimed(notice: Notice, open_ones: Sequence[str]) -> str:
    """The recipient of whom one person said already that he has it; else the first."""
    return next((it for it in open_ones if notice.deliveries[it].claim is not None), open_ones[0])


def _claim(
    notice: Notice, recipient: str, channel: str, reference: str, handed_at: datetime, *, by: Person, at: datetime,
    reason: str = "",
) -> NoticeArrivalClaimed:  # fmt: skip
    return NoticeArrivalClaimed(
        at=at, actor=by.id, reason=reason, notice_id=notice.id, recipient=recipient, channel=channel,
        reference=reference, handed_at=handed_at, roles=by.held_roles,
    )  # fmt: skip


def _agreed(
    notice: Notice, claim: NoticeArrivalClaimed, command: str, *, sent_at: datetime, by: Person, at: datetime
) -> Sequence[Fact]:
    refusal = n_("who said that it arrived cannot also agree; another person must say so")
    require_two(command, claim.actor, claim.roles, by, refusal)
    return [
        NoticeSent(
            at=at, actor=by.id, reason=claim.reason, notice_id=notice.id, channel=claim.channel,
            transport_ref=claim.reference, recipient=claim.recipient, sent_at=sent_at, claimed_by=claim.actor,
        )
    ]  # fmt: skip


def resend(
    notice: Notice, recipient: str, instead_of: str, reason: str, *, by: Person, at: datetime, set_to: str = ""
) -> Sequence[Fact]:
    """Order another try after a refusal or a bounce. To another address than the one that failed it only proposes: a
    second person approves the address (``decide_address``). ``set_to`` is the address that is set for the kind: to it
    goes at once what lay on this machine for want of one, for nobody chose it."""
    require("resend-notice", by)
    failed = _failed(notice, instead_of)
    if not reason.strip():
        raise DecisionRefused("sending a notice again needs a reason")
    to = recipient.strip()
    if to == failed.recipient or (is_local(failed.recipient) and to in recipients(set_to)):
        return [another_try(notice, failed, to, reason, actor=by.id, at=at)]
    return [
        NoticeAddressProposed(
            at=at, actor=by.id, reason=reason, notice_id=notice.id, recipient=to, instead_of=instead_of,
            roles=by.held_roles,
        )
    ]  # fmt: skip


def decide_address(
    notice: Notice, instead_of: str, agreed: bool, reason: str, *, by: Person, at: datetime, seen: str = ""
) -> Sequence[Fact]:
    """Approve the address that waits, as somebody who never named one for this notice, or refuse it with a reason.
    Raise Conflict when another one waits than the person has ``seen``."""
    require("approve-address", by)
    delivery = notice.deliveries.get(instead_of)
    if delivery is None or delivery.other is None:
        raise DecisionRefused("no changed address of this notice waits")
    other = delivery.other
    if seen and seen != other.recipient:
        raise Conflict("another address is proposed meanwhile; look at it again and decide anew")
    if not agreed:
        if not reason.strip():
            raise DecisionRefused("refusing an address needs a reason")
        return [
            NoticeAddressRefused(
                at=at, actor=by.id, reason=reason, notice_id=notice.id, recipient=other.recipient,
                instead_of=instead_of,
            )
        ]  # fmt: skip
    failed = _failed(notice, instead_of)
    refusal = n_("who named an address of this notice cannot approve it; another person must")
    require_other("resend-notice", by, notice.authors, refusal)
    require_two("resend-notice", other.actor, other.roles, by, refusal)
    again = another_try(notice, failed, other.recipient, other.reason, actor=by.id, at=at)
    return [again.model_copy(update={"named_by": other.actor})]


def _failed(notice: Notice, instead_of: str) -> Delivery:
    failed = notice.deliveries.get(instead_of)
    if failed is None or failed.state not in FAILED:
        raise DecisionRefused(
            "only what was refused or came back, or lies in the spool, is sent again; settle what is unknown first"
        )
    return failed


def another_try(
    notice: Notice, failed: Delivery, recipient: str, reason: str, *, actor: str, at: datetime
) -> NoticeResendOrdered:
    """Return the fact that what failed is tried again."""
    repeat = failed.repeat or failed.channel == CONFIRMED
    return NoticeResendOrdered(
        at=at, actor=actor, reason=reason, notice_id=notice.id, recipient=recipient, instead_of=failed.recipient,
        attempt=failed.attempt + 1, repeat=repeat,
    )  # fmt: skip


def resend_failures(
    text: Notice, state: DeliveryState, reason: str, *, failed: int, by: Person, at: datetime
) -> Sequence[Fact]:
    """Order another try at every client of an approved text at whom it failed; ``failed`` is how many those are."""
    require("resend-failures", by)
    if not text.to_many or text.approved_at is None:
        raise DecisionRefused("only an approved text to many has clients at whom it failed")
    if state not in FAILED:
        raise InputError("what failed is one of {states}", field="state", states=FAILED)
    if not failed:
        raise DecisionRefused("there is no client at whom this text is {state}", state=state)
    if not reason.strip():
        raise DecisionRefused("sending a notice again needs a reason")
    return [NoticeFailuresResent(at=at, actor=by.id, reason=reason, notice_id=text.id, state=state)]


def bounce(notice: Notice, recipient: str, status: str, detail: str, *, at: datetime, actor: str) -> Sequence[Fact]:
    """Record that a notice came back; a second report of the same changes nothing."""
    found = notice.deliveries.get(recipient)
    if found is None and len(notice.deliveries) == 1:
        found = next(iter(notice.deliveries.values()))
    if found is None or found.state == "bounced":
        return []
    return [
        NoticeBounced(
            at=at, actor=actor, notice_id=notice.id, recipient=found.recipient, status=status[:40], detail=detail[:300]
        )
    ]


def receipt(
    notice: Notice, reference: str, received_on: date, document_id: str, *, by: Person, at: datetime,
    recipient: str | None = None,
) -> Sequence[Fact]:  # fmt: skip
    """Record that the recipient says it has the notice."""
    require("record-receipt", by)
    sent = [d for d in notice.deliveries.values() if d.state == "sent"]
    found = next((d for d in sent if recipient in (None, d.recipient)), None)
    if found is None:
        raise DecisionRefused("only a notice that was handed over can be receipted")
    if not is_reference(reference) or len(reference) > 200:
        raise DecisionRefused("a receipt has the recipient's reference, of at most 200 characters")
    if received_on > at.date():
        raise InputError("a receipt cannot be of the future", field="received_on")
    if found.at is not None and received_on < found.at.date():
        raise InputError("it cannot have been received before it was sent", field="received_on")
    if found.receipt == f"{reference.strip()}, {received_on.isoformat()}":
        return []
    return [
        NoticeReceipted(
            at=at, actor=by.id, notice_id=notice.id, recipient=found.recipient, reference=reference.strip(),
            received_on=received_on, document_id=document_id,
        )
    ]  # fmt: skip
