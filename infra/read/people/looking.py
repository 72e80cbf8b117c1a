"""The person who looks, while a request or a command of his is answered: how far he sees, and what he was shown.

Questions to the read models ask here (``infra.read.rows.asking``), so no page can forget it. Nobody looks where
followers work and where commands are carried out: there everything is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from engine.kernel.facts import Person
from engine.permissions import EVERYTHING, Sight, sight_of

Kind = Literal["incident", "notice", "protection", "event", "client", "loan", "entity", "mail", "reads"]
MOST = 500
"""Identifiers of one reading that are kept; further ones are counted."""


class Looking:
    """One look. It is filled by whoever answers, in whichever thread."""

    def __init__(self) -> None:
        self.person: Person | None = None
        self.sight: Sight = EVERYTHING
        self.seen: dict[Kind, dict[str, None]] = {}
        self.further = 0
        self.way = "console"
        self.route = ""
        self.reason = ""
        self.address = ""
        self.by_itself = False
        """Whether a page asked for its parts without its reader."""
        self.bulk = False
        """Whether it gives much of many at once."""
        self.recorded: bool | None = None
        """Whether its record is on disk; None while nobody tried."""

    def by(self, person: Person) -> None:
        """Say who looks."""
        self.person, self.sight = person, sight_of(person)

    def note(self, kind: Kind, *ids: str) -> None:
        """Note what was shown."""
        held = self.seen.setdefault(kind, {})
        for it in ids:
            if it and it not in held:
                if len(held) < MOST:
                    held[it] = None
                else:
                    self.further += 1


_NOW: ContextVar[Looking | None] = ContextVar("looking", default=None)


def looking() -> Looking | None:
    """Return the look that is under way, None where nobody looks."""
    return _NOW.get()


def sight() -> Sight:
    """Return how far whoever looks sees."""
    now = _NOW.get()
    return now.sight if now is not None else EVERYTHING


def note(kind: Kind, *ids: str) -> None:
    """Note what is shown to whoever looks."""
    now = _NOW.get()
    if now is not None:
        now.note(kind, *ids)


@contextmanager
def look(it: Looking) -> Iterator[Looking]:
    """Let somebody look."""
    token = _NOW.set(it)
    try:
        yield it
    finally:
        _NOW.reset(token)


@contextmanager
def nobody() -> Iterator[None]:
    """Let nobody look: what is carried out sees everything, and shows nothing."""
    token = _NOW.set(None)
    try:
        yield
    finally:
        _NOW.reset(token)
