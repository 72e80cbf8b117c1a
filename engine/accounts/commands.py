"""What people may ask for accounts of others, as values."""

from __future__ import annotations

from engine.kernel.commands import Command, Outcome, Words


class ResetSecondFactor(Command[Outcome]):
    """Take the second factor of somebody away who lost it; it is enrolled anew at the next sign-in or by its owner."""

    user_id: str
    reason: Words
