"""Handlers of what people say of the clock of the machine."""

from __future__ import annotations

from datetime import timedelta

from engine.duties.commands import ConfirmTime
from engine.handlers.register import in_unit
from engine.kernel.commands import DONE, Outcome
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
