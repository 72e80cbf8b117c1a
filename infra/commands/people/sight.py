"""Nobody acts on what is not there for him: it is answered like what is not there at all."""

from __future__ import annotations

from typing import Any

from engine.kernel.commands import Command
from engine.kernel.errors import NotFound
from engine.kernel.facts import Person
from engine.permissions import sight_of
from infra.read.people.looking import Looking, look
from infra.read.rows import clocks, incidents, notices, protections
from infra.store.sql.database import Readable

_ASKED = (
    (("incident_id", "into", "other", "incident", "owner_id"), incidents.named, "there is no such incident"),
    (("notice_id",), notices.notice, "there is no such notice"),
    (("clock_id",), clocks.clock, "there is no such clock"),
    (("protection_id",), protections.protection, "there is no such protection"),
)
"""Fields of commands, how what they name is found, and what is said when it is not."""


def refuse_unseen(database: Readable, command: Command[Any], by: Person) -> None:
    """Raise NotFound for a command on what is not there for the person."""
    if sight_of(by).whole:
        return
    it = Looking()
    it.by(by)
    with look(it):
        for fields, find, words in _ASKED:
            for name in fields:
                key = getattr(command, name, "")
                if isinstance(key, str) and key and find(database, key) is None:
                    raise NotFound(words)
