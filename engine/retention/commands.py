"""What people may ask of what is kept of a client, as values."""

from __future__ import annotations

from datetime import date

from engine.kernel.commands import Command, Outcome, Words


class EndObligations(Command[Outcome]):
    """Record when the obligations of a client ended; without a loan, all of them."""

    client: str
    ended_on: date
    loan: str = ""
    reason: Words


class PlaceHold(Command[Outcome]):
    """Put a client's data under legal hold."""

    client: str
    reason: Words


class LiftHold(Command[Outcome]):
    """End a legal hold."""

    client: str
    reason: Words


class ProposeErasure(Command[Outcome]):
    """Ask that what is kept of a client be destroyed."""

    client: str
    reason: Words


class ApproveErasure(Command[Outcome]):
    """Agree to it, as a second person; the engine destroys the keys at once."""

    client: str
    reason: Words
