"""Accepting that the store is an older copy, or was cut: by two persons, recorded; nothing goes out a second time."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from engine.kernel.errors import DecisionRefused
from engine.kernel.facts import Person
from engine.kernel.ids import derive
from engine.kernel.messages import NoticeMessage, read_message
from engine.kernel.ports import Delivery, TimeSource
from engine.permissions import roles_of
from infra.processes.settling import Attempt, settle
from infra.read.rows import effects
from infra.store.integrity.facts import GapAccepted
from infra.store.integrity.guarding import Guard
from infra.store.models import outbox
from infra.store.models.effects import EffectRow

WHY = "the store was put back from an older copy; whether this went out in the time that is missing is not known"


class Outcome(NamedTuple):
    """What was accepted, in numbers."""

    gaps: int
    altered: int
    to_ask: int


def accept(guard: Guard, clock: TimeSource, by: Person, agreed: Person, reason: str) -> Outcome:
    """Record the gaps and the altered rows as accepted, and let the store work again.

    Every message that waits or is under way becomes unknown: a person asks, and sends it again where it did not arrive.
    Raise DecisionRefused where there is nothing to accept, and for two persons who are not of different roles.
    """
    _refuse_two_of_one_kind(by, agreed)
    gaps, altered = guard.heads.examine(), [str(it) for it in guard.altered()]
    if not gaps and not altered:
        raise DecisionRefused("there is nothing to accept: the store continues the heads beside the keys")
    now = clock.now()
    waiting = effects.not_settled(guard.database) if gaps else []
    with guard.decisions.unit(now) as unit:
        for row in waiting:
            _unknown(unit, row)
        outbox.unknown(unit.cursor, [row.key for row in waiting], WHY)
        fact = GapAccepted(
            at=now, actor=by.id, reason=reason, agreed_by=agreed.id, gaps=gaps, altered=tuple(altered),
            to_ask=tuple(row.key for row in waiting),
        )  # fmt: skip
        unit.record_single(str(derive("gap", "accepted")), fact)
    guard.mark_again()
    guard.heads.accept(now)
    return Outcome(len(gaps), len(altered), len(waiting))


def _unknown(unit: object, row: EffectRow) -> None:
    """Say of a notice that it is not known whether it went out; then its clocks and pages ask for a person."""
    message = read_message(row.kind, orjson.loads(row.payload))
    if isinstance(message, NoticeMessage):
        attempt = Attempt(row.key, row.kind, row.created_at, row.attempts + 1, "restored")
        settle(unit, message, Delivery(outcome="unknown", detail=WHY), attempt)  # type: ignore[arg-type]


def _refuse_two_of_one_kind(by: Person, agreed: Person) -> None:
    if by.id == agreed.id or by.roles & agreed.roles:
        raise DecisionRefused("this takes two persons of different roles")
    if not (by.roles | agreed.roles) & set(roles_of("decide-outcome")):
        raise DecisionRefused("one of the two must be a compliance officer or the CISO")
