"""What people must be told at once becomes a mail: late and breached clocks, overdue orders, notices in doubt."""

from __future__ import annotations

from engine import clocks, notices, protection
from engine.facts import Fact
from engine.ports import Intent
from engine.timestamps import iso
from infra.stages.base import DecisionFollower
from infra.store.decisions import Recorded, Unit
from infra.store.topics import EffectFailed


class Alerts(DecisionFollower):
    """Orders one mail per alarming fact; its key is the fact's position."""

    name = "alerts"

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer one fact."""
        text = _text(unit, recorded.fact)
        if text is not None:
            subject, body = text
            payload = {"subject": subject, "text": body, "at": iso(recorded.fact.at)}
            unit.intend(Intent(key=f"alert:{recorded.position}", kind="alert", payload=payload))


def _text(unit: Unit, fact: Fact) -> tuple[str, str] | None:
    match fact:
        case clocks.ClockMarkReached(percent=90):
            clock = unit.load(clocks.Clock, fact.clock_id)
            return f"90 % of the term is used: {clock.kind}", _clock(clock, "is nearly due", fact.escalated_to)
        case clocks.ClockWentLate():
            clock = unit.load(clocks.Clock, fact.clock_id)
            return f"Late: {clock.kind}", _clock(clock, "passed its strict instant", fact.escalated_to)
        case clocks.ClockBreached():
            clock = unit.load(clocks.Clock, fact.clock_id)
            return f"Breached: {clock.kind}", _clock(clock, "was not met", fact.escalated_to)
        case protection.OrderOverdue():
            return "An order is not acknowledged", f"Order {fact.order_id}: {fact.attempts} tries. {fact.last_answer}"
        case notices.NoticeRefused() | notices.NoticeUnknown():
            return (
                "A notice needs a decision",
                f"Notice {fact.notice_id} was not surely taken. Look at it in the console.",
            )
        case EffectFailed():
            return f"An effect needs a person: {fact.kind}", f"{fact.key}: {fact.outcome}. {fact.detail}"
    return None


def _clock(clock: clocks.Clock, what: str, told: tuple[str, ...]) -> str:
    due = iso(clock.due_at) if clock.due_at else "—"
    return f"The duty '{clock.kind}' ({clock.owner_kind} {clock.owner_id}) {what}. Due {due}. Told: {', '.join(told)}."
