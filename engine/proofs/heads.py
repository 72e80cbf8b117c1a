"""Heads of the logs as they are kept beside the keys: only ever growing; behind the logs, never ahead of them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from engine.kernel.facts import Record


class Head(Record):
    """The head of a log: how many entries, the root over them (hexadecimal), the signed note, and when it was kept."""

    size: int = Field(ge=0)
    root: str
    note: str
    at: datetime


class Gap(Record):
    """Where a log is not the one whose head was kept: a shorter one, or another one from somewhere on."""

    log: str
    kept: int
    """Entries of the head that was kept."""
    kept_at: datetime
    held: int
    """Entries that are here."""
    held_at: str = ""
    """When the last entry that is here was written, as far as the log tells it (RFC 3339)."""
    rewritten: bool = False
    """There are as many entries as were kept, or more, and they are others."""

    @property
    def text(self) -> str:
        """What people are told."""
        kept = f"the head kept beside the keys has {self.kept} entries ({self.kept_at:%Y-%m-%d %H:%M} UTC)"
        last = f", the last of {self.held_at[:16].replace('T', ' ')} UTC" if self.held_at else ""
        if self.rewritten:
            return f"{kept}, and the {self.held} entries here are others: rewritten, or a copy that went its own way"
        return f"{kept}, here are {self.held}{last}: the end was cut off, or this is an older copy of the database"


class Accepted(Record):
    """A gap that two persons accepted."""

    gaps: tuple[Gap, ...]
    at: datetime


class Heads(Record):
    """Everything that is kept beside the keys: heads by log, changes of the marked tables by name, accepted gaps."""

    version: int = 1
    logs: dict[str, Head] = Field(default_factory=dict)
    marked: bool = False
    """The rows that no log tells carry marks; a store without is not this one."""
    changes: dict[str, int] = Field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    """What was found at a start and is not accepted yet: the store works read-only with intake on."""
    accepted: tuple[Accepted, ...] = ()

    def grown(self, logs: dict[str, Head], changes: dict[str, int]) -> Heads:
        """Return the heads after the logs grew; a head that is smaller than the kept one changes nothing."""
        newer = {log: head for log, head in logs.items() if log not in self.logs or head.size > self.logs[log].size}
        most = {name: max(number, self.changes.get(name, 0)) for name, number in changes.items()}
        update = {"logs": {**self.logs, **newer}, "changes": {**self.changes, **most}, "marked": True}
        return self.model_copy(update=update)
