"""What people may ask of what is kept of a client, as values."""

from __future__ import annotations

from datetime import date

from engine.kernel.commands import Attachment, Command, Decided, Outcome, Words


class EndObligations(Command[Decided]):
    """Record when the obligations of a client ended; without a loan, all of them.

    A day long past needs the document that it rests on, and a second person who says the same.
    """

    client: str
    ended_on: date
    loan: str = ""
    reason: Words
    document: Attachment | None = None


class PlaceHold(Command[Outcome]):
    """Put a client's data under legal hold."""

    client: str
    reason: Words


class LiftHold(Command[Decided]):
    """End a legal hold; a second person says the same."""

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
