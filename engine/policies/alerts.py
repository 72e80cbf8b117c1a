"""What people must be told at once becomes a mail to the roles the ladder names: clocks, orders, notices in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.containment import facts as b
from engine.containment.containment import Containment
from engine.duties import facts as c
from engine.duties.clock import Clock
from engine.governance.governance import duty_id, duty_specs
from engine.governance.matters import Matter, matter_specs
from engine.incidents.incident import Incident
from engine.kernel.errors import in_words, n_
from engine.kernel.facts import Fact, StoredFact
from engine.kernel.messages import AlertMessage
from engine.kernel.ports import Context, Intent
from engine.kernel.timestamps import iso
from engine.kernel.trouble import TROUBLES, HistoryCut, StatusesSetAside, Trouble, told
from engine.notices import facts as n
from engine.notices.notice import Notice
from engine.permissions import Role
from engine.protection import facts as p
from engine.protection.protection import Protection

TRIAGE_ROLES = (Role.SOC_ANALYST.value, Role.CISO.value)
COMPLIANCE = (Role.COMPLIANCE_OFFICER.value, Role.CISO.value)
URGENT = 90
_OF_CLOCKS = (
    c.ClockMarkReached, c.ClockWentLate, c.ClockBreached, c.ClockReminded, c.ClockProofWithdrawn, c.ClockRecounted,
    c.ClockCancellationProposed,
)  # fmt: skip
_NOT_TAKEN = (n.NoticeRefused, n.NoticeUnknown, n.NoticeBounced, n.NoticeSpooled)
_OF_NOTICES = (*_NOT_TAKEN, n.NoticeSubmitted)
_OF_PROTECTIONS = (
    p.OrderOverdue, p.OrderAnswered, p.AcknowledgementProposed, p.AcknowledgementWithdrawn, p.ViolationFound,
    p.OutcomeProposed,
)  # fmt: skip
_OF_CONTAINMENT = (b.ContainmentAnswered, b.ReleaseAnswered, b.ReleaseProposed)
"""The facts that alarm somebody."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One message: to which roles; ``loud`` goes to the common address too, even where no role has one.

    Subject and texts are message ids, which the values fill; the texts follow one another.
    """

    subject: str
    texts: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = COMPLIANCE
    loud: bool = True


def english(msgid: str, /, **values: Any) -> str:
    """Return a message in English."""
    return in_words(msgid, {name: iso(it) if isinstance(it, datetime) else it for name, it in values.items()})


class AlertPolicy:
    """Orders one mail per alarming fact and address; its key is the fact's position, so nobody is told twice.

    What happens to many clients of one incident at once is told once: the key names what they share.
    """

    name: str = "alerts"
    after: tuple[str, ...] = ()
    answers: tuple[type[Fact], ...] = (*_OF_CLOCKS, *_OF_NOTICES, *_OF_PROTECTIONS, *_OF_CONTAINMENT, *TROUBLES)

    def __init__(self, role_mail: Mapping[str, str], common: str, say: Callable[..., str] = english) -> None:
        self.role_mail = role_mail
        self.common = common
        self.say = say

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer one fact."""
        alert = _alert(context, stored.fact)
        if alert is None:
            return
        shared = _shared(context, stored.fact)
        named = [self.role_mail[role] for role in alert.roles if role in self.role_mail]
        addresses = dict.fromkeys([*named, *([self.common] if alert.loud else [])])
        values = {**alert.values, **_named(context, alert.values, self.say)}
        subject = self.say(alert.subject, **values)
        text = " ".join(self.say(part, **values) for part in alert.texts)
        for number, address in enumerate(addresses):
            message = AlertMessage(to=address, subject=subject, text=text, at=iso(stored.fact.at))
            key = f"alert:{shared or stored.position}" + (f":{number}" if number else "")
            context.intend(Intent(key, message))


def _named(context: Context, values: Mapping[str, Any], say: Callable[..., str]) -> dict[str, str]:
    """Return the name that people know of what an alert is about: the number of an incident or an act, what a matter is
    about, the title of a returning duty. Its id only computers know."""
    kind, key = values.get("owner_kind"), str(values.get("owner_id", ""))
    if kind == "incident":
        number = context.past(Incident, key).number
        return {"owner_id": number} if number else {}
    if kind == "protection":
        act = context.past(Protection, key).act
        return {"owner_id": act.number} if act is not None and act.number else {}
    if kind != "duty":
        return {}
    returning = next((spec.title for spec in duty_specs().values() if duty_id(spec.key) == key), "")
    if returning:
        return {"owner_id": say(returning)}
    matter = context.past(Matter, key)
    title = matter_specs()[matter.kind].title if matter.kind in matter_specs() else ""
    return {"owner_kind": say(n_("matter")), "owner_id": f"{say(title)}: {matter.about}"} if title else {}


def _shared(context: Context, fact: Fact) -> str:
    """Name what an alert shares with those about other clients of the same incident, empty for one of its own."""
    hour = f"{fact.at:%Y-%m-%dT%H}"
    if isinstance(fact, c.FACTS):
        clock = context.past(Clock, str(getattr(fact, "clock_id", "")))
        if not clock.subject or clock.owner_kind != "incident" or isinstance(fact, c.ClockCancellationProposed):
            return ""
        step = getattr(fact, "percent", getattr(fact, "after_days", ""))
        due = iso(clock.due_at) if clock.due_at else ""
        return f"{fact.topic.split('.')[1]}:{step}:{clock.kind}:{clock.owner_id}:{due}:{hour}"
    if isinstance(fact, _NOT_TAKEN):
        text = context.past(Notice, fact.notice_id).text_of
        return f"notices-failed:{text}:{hour}" if text else ""
    return f"statuses-set-aside:{hour}" if isinstance(fact, StatusesSetAside) else ""


def _of_containment(context: Context, fact: Fact) -> Alert | None:
    match fact:
        case b.ContainmentAnswered() | b.ReleaseAnswered() if fact.verdict != "pending":
            it = context.past(Containment, fact.containment_id)
            values = {"owner_kind": "incident", "owner_id": it.incident_id, "order": it.order, "detail": fact.detail}
            text = n_("The order '{order}' of incident {owner_id} is not done: {detail}")
            return Alert(n_("Not everything is contained or released"), (text,), values, TRIAGE_ROLES)
        case b.ReleaseProposed():
            it = context.past(Containment, fact.containment_id)
            values = {"owner_kind": "incident", "owner_id": it.incident_id}
            text = n_("What incident {owner_id} blocks should be released.")
            return Alert(n_("A second person is asked: release what is blocked"), (text,), values, loud=False)
    return None


def _alert(context: Context, fact: Fact) -> Alert | None:
    readers = (_of_clock, _of_notice, _of_protection, _of_containment, lambda context, it: _of_trouble(it))
    return next((alert for read in readers if (alert := read(context, fact)) is not None), None)


def _of_clock(context: Context, fact: Fact) -> Alert | None:
    if not isinstance(fact, c.FACTS):
        return None
    clock = context.past(Clock, str(getattr(fact, "clock_id", "")))
    match fact:
        case c.ClockMarkReached():
            subject = n_("{percent} % of the term is used: {clock}")
            text = n_("The duty '{clock}' ({owner_kind} {owner_id}) has used {percent} % of its term.")
            loud = fact.percent >= URGENT
            return _clock(clock, subject, text, fact.escalated_to, loud=loud, percent=fact.percent)
        case c.ClockWentLate():
            text = n_("The duty '{clock}' ({owner_kind} {owner_id}) passed its strict instant.")
            return _clock(clock, n_("Late: {clock}"), text, fact.escalated_to)
        case c.ClockBreached():
            text = n_("The duty '{clock}' ({owner_kind} {owner_id}) was not met.")
            return _clock(clock, n_("Breached: {clock}"), text, fact.escalated_to)
        case c.ClockReminded():
            text = n_("The duty '{clock}' ({owner_kind} {owner_id}) was not met {days} days ago and is still owed.")
            return _clock(clock, n_("Still owed: {clock}"), text, fact.escalated_to, days=fact.after_days)
        case c.ClockProofWithdrawn():
            text = n_("The duty '{clock}' ({owner_kind} {owner_id}) is owed again: {reason}.")
            return _clock(clock, n_("Owed again: {clock}"), text, reason=fact.reason)
        case c.ClockRecounted() if clock.offered is not None:
            text = n_(
                "The duty '{clock}' ({owner_kind} {owner_id}) would be due later by the changed calendar, at {later}; "
                "the earlier instant holds."
            )
            return _clock(clock, n_("The calendar changed: {clock}"), text, later=fact.counted_due_at)
        case c.ClockCancellationProposed():
            text = n_("The duty '{clock}' ({owner_kind} {owner_id}) should be cancelled.")
            return _clock(clock, n_("A second person is asked: cancel {clock}"), text, loud=False)
    return None


def _clock(
    clock: Clock, subject: str, text: str, roles: tuple[str, ...] = COMPLIANCE, *, loud: bool = True, **values: Any
) -> Alert:
    known = {
        "clock": clock.kind,
        "owner_kind": clock.owner_kind,
        "owner_id": clock.owner_id,
        "due": clock.due_at or "—",
    }
    return Alert(subject, (text, n_("Due {due}.")), {**known, **values}, roles, loud=loud)


def _of_notice(context: Context, fact: Fact) -> Alert | None:
    match fact:
        case _ if isinstance(fact, _NOT_TAKEN) and context.past(Notice, fact.notice_id).text_of:
            values = {"owner_kind": "incident", "owner_id": context.past(Notice, fact.notice_id).incident_id}
            text = n_("Notices of incident {owner_id} did not reach all its clients. The list is in the console.")
            return Alert(n_("Notices to clients need a decision"), (text,), values)
        case n.NoticeSpooled():
            text = n_("Notice {notice} lies in the spool on this machine ({detail}). Nobody was told; its clock runs.")
            return Alert(n_("A notice has no way out"), (text,), {"notice": fact.notice_id, "detail": fact.detail})
        case n.NoticeRefused() | n.NoticeUnknown() | n.NoticeBounced():
            text = n_("Notice {notice} was not surely taken. Look at it in the console.")
            return Alert(n_("A notice needs a decision"), (text,), {"notice": fact.notice_id})
        case n.NoticeSubmitted():
            text = n_("Notice {notice} waits for review.")
            return Alert(n_("A notice waits for review"), (text,), {"notice": fact.notice_id}, loud=False)
    return None


def _of_protection(context: Context, fact: Fact) -> Alert | None:
    match fact:
        case p.OrderOverdue():
            values: dict[str, Any] = {"order": fact.order_id, "n": fact.attempts, "answer": fact.last_answer}
            return Alert(n_("An order is not acknowledged"), (n_("Order {order}: {n} tries. {answer}"),), values)
        case p.OrderAnswered():
            order = context.past(Protection, fact.protection_id).orders.get(fact.order_id)
            values = {"order": fact.order_id, "kind": order.kind if order else "", "detail": fact.detail}
            subject = (
                n_("An order was refused") if fact.verdict == "refused" else n_("The answer to an order proves nothing")
            )
            text = n_("Order {order} ({kind}) is not done; its clock runs on. {detail}")
            return Alert(subject, (text,), values)
        case p.AcknowledgementProposed():
            values = {"order": fact.order_id, "reference": fact.reference}
            subject = n_("A second person is asked: an order was carried out")
            text = n_("Order {order} is said to be carried out, reference {reference}.")
            return Alert(subject, (text,), values, loud=False)
        case p.AcknowledgementWithdrawn():
            values = {"order": fact.order_id, "reason": fact.reason}
            text = n_("Order {order} was not carried out after all: {reason}. Its duty is owed again.")
            return Alert(n_("An order is owed again"), (text,), values)
        case p.ViolationFound():
            it = context.past(Protection, fact.protection_id)
            values = {"number": it.act.number if it.act else fact.protection_id, "incident": fact.incident_id}
            text = n_("Something was done that the orders of act {number} forbid. Incident {incident}.")
            return Alert(n_("A protected borrower was touched"), (text,), values)
        case p.OutcomeProposed():
            values = {"protection": fact.protection_id, "outcome": fact.outcome}
            subject = n_("A second person is asked: how a protection ends")
            return Alert(subject, (n_("Protection {protection}: {outcome} is proposed."),), values, loud=False)
    return None


def _of_trouble(fact: Fact) -> Alert | None:
    if not isinstance(fact, Trouble):
        return None
    subject, text, values = told(fact)
    whom = (Role.CISO, Role.AUDITOR) if isinstance(fact, HistoryCut) else (Role.ADMIN, Role.CISO)
    return Alert(subject, (text,), values, tuple(role.value for role in whom))
