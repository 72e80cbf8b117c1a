"""What people must be told at once becomes a mail to the roles the ladder names: clocks, orders, notices in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.duties import facts as c
from engine.duties.clock import Clock
from engine.kernel.facts import Fact, StoredFact
from engine.kernel.messages import AlertMessage
from engine.kernel.ports import Context, Intent
from engine.kernel.timestamps import iso
from engine.kernel.trouble import TROUBLES, Trouble, told
from engine.notices import facts as n
from engine.permissions import Role
from engine.protection import facts as p
from engine.protection.protection import Protection

COMPLIANCE = (Role.COMPLIANCE_OFFICER.value, Role.CISO.value)
URGENT = 90


@dataclass(frozen=True, slots=True)
class Alert:
    """One message: to which roles; ``loud`` goes to the common address too, even where no role has one."""

    subject: str
    text: str
    roles: tuple[str, ...] = COMPLIANCE
    loud: bool = True


class AlertPolicy:
    """Orders one mail per alarming fact and address; its key is the fact's position, so nobody is told twice."""

    name: str = "alerts"
    after: tuple[str, ...] = ()
    answers: tuple[type[Fact], ...] = (*c.FACTS, *n.FACTS, *p.FACTS, *TROUBLES)

    def __init__(self, role_mail: Mapping[str, str], common: str) -> None:
        self.role_mail = role_mail
        self.common = common

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer one fact."""
        alert = _alert(context, stored.fact)
        if alert is None:
            return
        named = [self.role_mail[role] for role in alert.roles if role in self.role_mail]
        addresses = dict.fromkeys([*named, *([self.common] if alert.loud else [])])
        for number, address in enumerate(addresses):
            message = AlertMessage(to=address, subject=alert.subject, text=alert.text, at=iso(stored.fact.at))
            key = f"alert:{stored.position}" + (f":{number}" if number else "")
            context.intend(Intent(key, message))


def _alert(context: Context, fact: Fact) -> Alert | None:
    return _of_clock(context, fact) or _of_notice(fact) or _of_protection(context, fact) or _of_trouble(fact)


def _of_clock(context: Context, fact: Fact) -> Alert | None:
    if not isinstance(fact, c.FACTS):
        return None
    clock = context.past(Clock, str(getattr(fact, "clock_id", "")))
    match fact:
        case c.ClockMarkReached():
            what = f"has used {fact.percent} % of its term"
            subject = f"{fact.percent} % of the term is used: {clock.kind}"
            return Alert(subject, _say(clock, what), fact.escalated_to, loud=fact.percent >= URGENT)
        case c.ClockWentLate():
            return Alert(f"Late: {clock.kind}", _say(clock, "passed its strict instant"), fact.escalated_to)
        case c.ClockBreached():
            return Alert(f"Breached: {clock.kind}", _say(clock, "was not met"), fact.escalated_to)
        case c.ClockReminded():
            what = f"was not met {fact.after_days} days ago and is still owed"
            return Alert(f"Still owed: {clock.kind}", _say(clock, what), fact.escalated_to)
        case c.ClockProofWithdrawn():
            return Alert(f"Owed again: {clock.kind}", _say(clock, f"is owed again: {fact.reason}"))
        case c.ClockRecounted() if clock.offered is not None:
            what = (
                f"would be due later by the changed calendar, at {iso(fact.counted_due_at)}; the earlier instant holds"
            )
            return Alert(f"The calendar changed: {clock.kind}", _say(clock, what))
        case c.ClockCancellationProposed():
            return Alert(
                f"A second person is asked: cancel {clock.kind}", _say(clock, "should be cancelled"), loud=False
            )
    return None


def _of_notice(fact: Fact) -> Alert | None:
    match fact:
        case n.NoticeRefused() | n.NoticeUnknown() | n.NoticeBounced():
            return Alert(
                "A notice needs a decision",
                f"Notice {fact.notice_id} was not surely taken. Look at it in the console.",
            )
        case n.NoticeSubmitted():
            text = f"Notice {fact.notice_id} waits for review."
            return Alert("A notice waits for review", text, loud=False)
    return None


def _of_protection(context: Context, fact: Fact) -> Alert | None:
    match fact:
        case p.OrderOverdue():
            text = f"Order {fact.order_id}: {fact.attempts} tries. {fact.last_answer}"
            return Alert("An order is not acknowledged", text)
        case p.ViolationFound():
            it = context.past(Protection, fact.protection_id)
            number = it.act.number if it.act else fact.protection_id
            text = f"Something was done that the orders of act {number} forbid. Incident {fact.incident_id}."
            return Alert("A protected borrower was touched", text)
        case p.OutcomeProposed():
            text = f"Protection {fact.protection_id}: {fact.outcome} is proposed."
            return Alert("A second person is asked: how a protection ends", text, loud=False)
    return None


def _of_trouble(fact: Fact) -> Alert | None:
    return Alert(*told(fact), (Role.ADMIN.value, Role.CISO.value)) if isinstance(fact, Trouble) else None


def _say(clock: Clock, what: str) -> str:
    due = iso(clock.due_at) if clock.due_at else "—"
    return f"The duty '{clock.kind}' ({clock.owner_kind} {clock.owner_id}) {what}. Due {due}."
