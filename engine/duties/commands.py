"""What people may ask of a legal clock, as values. None of it pauses one."""

from __future__ import annotations

from pydantic import AwareDatetime

from engine.kernel.commands import Command, Decided, Made, Outcome, Words


class StartClock(Command[Made]):
    """Start the clock of a duty by hand, for an incident or a protection."""

    owner_id: str
    kind: str
    subject: str = ""
    anchor_at: AwareDatetime
    reason: Words


class ProposeCancellation(Command[Outcome]):
    """Say that a duty does not exist; the clock runs on until a second person agrees."""

    clock_id: str
    reason: Words


class AgreeToCancel(Command[Outcome]):
    """Agree to it as the second person."""

    clock_id: str


class CorrectBreach(Command[Decided]):
    """Say that a breach was recorded before its term had passed, by a clock that was wrong; the second of two persons
    who say so takes it back."""

    clock_id: str
    reason: Words


class ConfirmTime(Command[Outcome]):
    """Say that the clock of the machine is right again. ``shown`` is what it showed to the person: with it nobody
    confirms another time than he saw."""

    reason: Words
    shown: AwareDatetime | None = None


class AcceptLater(Command[Outcome]):
    """Accept the later deadline that a changed calendar gives."""

    clock_id: str
    reason: Words


class Address(Outcome):
    """The secret part of an address that is shown once."""

    token: str


class MakeCalendarFeed(Command[Address]):
    """Make the address of one's own calendar feed; the one made before stops working."""
