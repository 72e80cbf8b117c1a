"""The orders of a protection: when each is given, what an answer makes of it, what two persons may vouch for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from engine.kernel.answers import Judged
from engine.kernel.errors import DecisionRefused, SecondPersonNeeded
from engine.kernel.facts import Fact, Person
from engine.kernel.ids import derive
from engine.kernel.words import is_reference, need_done_words
from engine.permissions import require
from engine.protection.facts import (
    SYSTEM_OF_ORDER,
    AcknowledgementProposed,
    AcknowledgementWithdrawn,
    OrderAcknowledged,
    OrderAnswered,
    OrderHandedOver,
    OrderIssued,
    OrderKind,
    OrderRevoked,
)
from engine.protection.protection import LIFTS, OF_CLIENT, STOPS, Order, Protection


def issue_orders(protection: Protection, *, due_at: datetime, at: datetime, part: str = "") -> Sequence[OrderIssued]:
    """Return the orders of an act, or of what was added to it: stop to collections, stop and mark to the loan system,
    one correction per bureau."""
    act = protection.act
    assert act is not None
    loans = next((it.loans for it in protection.amendments if it.part == part), act.loans)
    loans = tuple(it for it in loans if it not in protection.removed)
    targets: list[tuple[OrderKind, str]] = [
        ("collection-stop", "collections"), ("accrual-stop", "loans"), ("client-flag", "loans"),
    ]  # fmt: skip
    targets += [("bureau-correction", bureau) for bureau in act.bureaus]
    return [
        order for kind, target in targets for order in _order(protection, kind, target, due_at, at, loans, part=part)
    ]


def issue_write_off(protection: Protection, *, due_at: datetime, at: datetime) -> Sequence[OrderIssued]:
    """Return the order to write the debt off."""
    return _order(protection, "write-off", "loans", due_at, at, protection.loans)


def lift(
    protection: Protection, *, due_at: datetime, at: datetime, held_loans: Iterable[str] = (),
    held_clients: Iterable[str] = (), only: Sequence[str] = (),
) -> Sequence[Fact]:  # fmt: skip
    """Take the stops back: revoke what was never carried out, and order what undoes each stop given, of what no other
    act in force holds. ``only``: the loans that do not belong to the act; its other stops stay."""
    facts: list[Fact] = []
    held, clients = set(held_loans), set(held_clients)
    assert protection.act is not None
    loans_of: dict[tuple[OrderKind, str], list[str]] = {}
    for order in list(protection.orders.values()):
        if order.kind not in STOPS:
            continue
        if order.open and (not only or not set(only).isdisjoint(order.loans)):
            facts += _without(protection, order, only, at)
        loans_of.setdefault((LIFTS[order.kind], order.target), []).extend(order.loans)
    for (kind, target), loans in loans_of.items():
        free = tuple(it for it in dict.fromkeys(loans) if it not in held and (not only or it in only))
        if kind in OF_CLIENT and (only or protection.act.client in clients):
            continue
        if free or kind in OF_CLIENT:
            cause = "removed:" + ",".join(sorted(only)) if only else ""
            facts += _order(protection, kind, target, due_at, at, free, cause=cause)
    return facts


def _without(protection: Protection, order: Order, only: Sequence[str], at: datetime) -> Sequence[Fact]:
    """Take an open stop back; where only some loans leave, order it again for those that stay."""
    revoked = OrderRevoked(at=at, protection_id=protection.id, order_id=order.id)
    rest = tuple(it for it in order.loans if it not in only) if only else ()
    if not rest:
        return [revoked]
    again = _order(
        protection, order.kind, order.target, order.due_at, at, rest, part=order.part, cause=f"instead:{order.id}"
    )
    return [revoked, *again]


def recall(
    protection: Protection, loans: Iterable[str], clients: Iterable[str], *, due_at: datetime, at: datetime
) -> Sequence[Fact]:
    """Take back what would lift stops that another act has meanwhile put in force; the rest is ordered again."""
    facts: list[Fact] = []
    held, marked = set(loans), set(clients)
    assert protection.act is not None
    for order in list(protection.orders.values()):
        concerned = protection.act.client in marked if order.kind in OF_CLIENT else not held.isdisjoint(order.loans)
        if order.kind not in LIFTS.values() or not order.open or not concerned:
            continue
        facts.append(OrderRevoked(at=at, protection_id=protection.id, order_id=order.id))
        free = tuple(it for it in order.loans if it not in held)
        if free and order.kind not in OF_CLIENT:
            facts += _order(protection, order.kind, order.target, due_at, at, free, cause=f"instead:{order.id}")
    return facts


def revoke_open(protection: Protection, *, at: datetime) -> Sequence[OrderRevoked]:
    """Take back every order that was not carried out yet: the act is carried out under another entry."""
    open_ones = [it for it in protection.orders.values() if it.open]
    return [OrderRevoked(at=at, protection_id=protection.id, order_id=it.id) for it in open_ones]


def _order(
    protection: Protection, kind: OrderKind, target: str, due_at: datetime, at: datetime, loans: tuple[str, ...], *,
    part: str = "", cause: str = "",
) -> Sequence[OrderIssued]:  # fmt: skip
    more = [it for it in (part, cause, f"round {protection.round}" if protection.round else "") if it]
    order_id = str(derive("order", protection.id, kind, target, *more))
    if order_id in protection.orders:
        return []
    return [
        OrderIssued(
            at=at, protection_id=protection.id, order_id=order_id, kind=kind, system=SYSTEM_OF_ORDER[kind],
            target=target, loans=loans, due_at=due_at, part=part,
        )
    ]  # fmt: skip


def answered(
    protection: Protection, order_id: str, judged: Judged, *, done_at: datetime, at: datetime, actor: str
) -> Sequence[Fact]:
    """Take an answer: done when all subjects of the order are; else what it says of each is kept, and told once."""
    order = _of(protection, order_id)
    judged = _without_stale(order, judged, done_at)
    if order.acknowledged_at is not None:
        return _after_done(protection, order, judged, done_at=done_at, at=at, actor=actor)
    withdrawn = tuple(it for it in judged.taken_back if it in order.done)
    done = {name: when for name, when in order.done.items() if name not in withdrawn}
    for name in judged.of("done"):
        done.setdefault(name, done_at)
    wanted = wanted_of(protection, order)
    if wanted and wanted <= done.keys():
        return [_acknowledged(protection, order, judged.reference, max(done[it] for it in wanted), at, actor)]
    if judged.verdict == "pending" and not withdrawn:
        if order.handed_over_at is not None:
            return []
        return [
            OrderHandedOver(
                at=at, actor=actor, protection_id=protection.id, order_id=order_id, channel="http",
                reference=judged.reference,
            )
        ]  # fmt: skip
    held = order.answer
    if held is not None and (held.outcomes, held.verdict) == (judged.outcomes, judged.verdict) and not withdrawn:
        return []
    return [_answer(protection, order, judged, at, actor, done_at, withdrawn)]


def _without_stale(order: Order, judged: Judged, done_at: datetime) -> Judged:
    """Take what a system says again, and had taken back since, for no answer: it repeats what it said before."""
    stale = {
        it for it, since in order.refused_at.items() if order.withdrawals and done_at < since - timedelta(minutes=1)
    }  # fmt: skip
    if stale.isdisjoint(judged.of("done")):
        return judged
    said = "it is older than what was said since"
    outcomes = [
        it.model_copy(update={"outcome": "unclear", "detail": said}) if it.subject in stale else it
        for it in judged.outcomes
    ]
    return judged.model_copy(update={"outcomes": tuple(outcomes), "detail": said, "told": ()})


def wanted_of(protection: Protection, order: Order) -> set[str]:
    """Return the subjects that must be done; loans that were found not to belong to the act need not."""
    return {it.name for it in order.subjects if it.type != "loan" or it.id not in protection.removed}


def _after_done(
    protection: Protection, order: Order, judged: Judged, *, done_at: datetime, at: datetime, actor: str
) -> Sequence[Fact]:
    """A later word that is not done takes it back for those it is said of; what was done for the others stays."""
    wanted = wanted_of(protection, order)
    subjects = tuple(it for it in judged.taken_back if it in wanted)
    if not subjects:
        return []
    withdrawn = AcknowledgementWithdrawn(
        at=at, actor=actor, reason=judged.detail, protection_id=protection.id, order_id=order.id, subjects=subjects
    )
    return [withdrawn, _answer(protection, order, judged, at, actor, done_at, subjects)]


def _answer(
    protection: Protection, order: Order, judged: Judged, at: datetime, actor: str, done_at: datetime,
    withdrawn: tuple[str, ...],
) -> OrderAnswered:  # fmt: skip
    return OrderAnswered(
        at=at, actor=actor, protection_id=protection.id, order_id=order.id, verdict=judged.verdict,
        outcomes=judged.outcomes, reference=judged.reference, detail=judged.detail, done_at=done_at,
        withdrawn=withdrawn,
    )  # fmt: skip


def _acknowledged(
    protection: Protection, order: Order, reference: str, done_at: datetime, at: datetime, actor: str, *,
    proposed_by: str = "", document_id: str = "", reason: str = "",
) -> OrderAcknowledged:  # fmt: skip
    return OrderAcknowledged(
        at=at, actor=actor, reason=reason, protection_id=protection.id, order_id=order.id, reference=reference,
        done_at=done_at, subjects=tuple(sorted(wanted_of(protection, order))), proposed_by=proposed_by,
        document_id=document_id,
    )  # fmt: skip


def acknowledge_by_hand(
    protection: Protection, order_id: str, reference: str, reason: str, document_id: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Vouch that an order was carried out: a person says so in own words with a document, a second one agrees."""
    require("acknowledge-order", by)
    order = _of(protection, order_id)
    if order.acknowledged_at is not None:
        return []
    if order.revoked or order.superseded:
        raise DecisionRefused("the order is not in force any more")
    held = order.proposed
    if held is not None and held.reference == (reference.strip()[:200] or held.reference):
        if held.actor == by.id:
            raise SecondPersonNeeded("who vouched for the order cannot also agree")
        need_done_words(reason)
        return [
            _acknowledged(
                protection, order, held.reference, at, at, by.id, proposed_by=held.actor, document_id=held.document_id,
                reason=reason,
            )
        ]  # fmt: skip
    if not is_reference(reference):
        raise DecisionRefused("an acknowledgement needs the other system's reference")
    need_done_words(reason)
    if not document_id or document_id not in protection.proofs:
        raise DecisionRefused("an acknowledgement by hand needs the document that proves it")
    return [
        AcknowledgementProposed(
            at=at, actor=by.id, reason=reason, protection_id=protection.id, order_id=order_id,
            reference=reference.strip()[:200], document_id=document_id,
        )
    ]  # fmt: skip


def withdraw_acknowledgement(
    protection: Protection, order_id: str, reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Say that an order was not carried out after all, or take a proposal back: the duty is owed again."""
    require("withdraw-acknowledgement", by)
    order = _of(protection, order_id)
    if not reason.strip():
        raise DecisionRefused("taking an acknowledgement back needs a reason")
    if order.acknowledged_at is None and order.proposed is None:
        raise DecisionRefused("the order was not acknowledged")
    return [AcknowledgementWithdrawn(at=at, actor=by.id, reason=reason, protection_id=protection.id, order_id=order_id)]


def _of(protection: Protection, order_id: str) -> Order:
    order = protection.orders.get(order_id)
    if order is None:
        raise DecisionRefused("no such order")
    return order
