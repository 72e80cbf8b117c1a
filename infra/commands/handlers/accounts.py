"""Handlers of what people ask for accounts of others."""

from __future__ import annotations

from engine.accounts.commands import ResetSecondFactor
from engine.handlers.register import handles
from engine.kernel.commands import DONE, Outcome
from engine.kernel.errors import DecisionRefused, InputError
from engine.kernel.facts import Person
from infra.commands.desk import Desk


@handles(ResetSecondFactor)
def reset(desk: Desk, command: ResetSecondFactor, by: Person) -> Outcome:
    """Take a second factor away; every session of the account ends, and its owner is told at the next sign-in."""
    if not command.reason.strip():
        raise InputError("a reason is needed", field="reason")
    if command.user_id == by.id:
        raise DecisionRefused("another administrator takes away what you lost")
    desk.accounts.reset_second(command.user_id, actor=by.id, reason=command.reason)
    return DONE
