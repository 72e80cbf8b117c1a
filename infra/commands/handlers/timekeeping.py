"""Handlers of what people say of the clock of the machine."""

from __future__ import annotations

from datetime import timedelta

from engine.duties import decisions
from engine.duties.clock import Clock
from engine.duties.commands import ConfirmTime, CorrectBreach
from engine.handlers.register import in_unit
from engine.kernel.commands import DONE, Decided, Outcome
from engine.kernel.errors import Conflict, DecisionRefused
from engine.kernel.ids import derive
from engine.kernel.timestamps import iso
from engine.kernel.trouble import TimeConfirmed
from engine.kernel.words import own_words
from engine.permissions import require
from infra.commands.desk import Work
from infra.observe import time_doubt

SEEN_WITHIN = timedelta(minutes=5)


@in_unit(ConfirmTime)
def confirm_time(work: Work, command: ConfirmTime) -> Outcome:
    """Believe the clock of the machine as it stands now: from here it is compared with itself again."""
    require("confirm-time", work.by)
    if not time_doubt.is_doubted(work.desk.decisions.database):
        raise DecisionRefused("the clock of the machine is not in doubt")
    if not own_words(command.reason):
        raise DecisionRefused("confirming the time needs a reason in your own words")
    if command.shown is not None and abs(command.shown - work.at) > SEEN_WITHIN:
        raise Conflict("the clock shows another time now; look at it again")
    fact = TimeConfirmed(at=work.at, actor=work.by.id, reason=command.reason, instant=work.at)
    work.unit.record_single(str(derive("time-confirmed", iso(work.at))), fact)
    time_doubt.settle(work.unit.cursor)
    return DONE


@in_unit(CorrectBreach)
def correct_breach(work: Work, command: CorrectBreach) -> Decided:
    """Say that a breach was recorded before its term had passed; the second person takes it back.

    Not while the clock is in doubt: what it shows proves nothing then.
    """
    require("correct-breach", work.by)
    if time_doubt.is_doubted(work.desk.decisions.database):
        raise DecisionRefused("the clock of the machine is in doubt; settle that first")
    clock = work.get(Clock, command.clock_id)
    facts = decisions.correct_breach(clock, command.reason, by=work.by, at=work.at)
    work.record(Clock, clock.id, facts)
    return Decided(decided=clock.correction is None)
