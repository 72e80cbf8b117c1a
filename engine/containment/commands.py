"""What people may ask of containments, as values."""

from __future__ import annotations

from engine.kernel.commands import Command, Decided, Outcome, Words


class ReleaseContainment(Command[Decided]):
    """Release what an open incident blocks: one person proposes, another one who says the same decides."""

    incident_id: str
    reason: Words


class ConfirmRelease(Command[Outcome]):
    """Say that what an incident blocked was released by hand, and how you know."""

    incident_id: str
    reason: Words
