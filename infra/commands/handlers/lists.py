"""Handlers of what people ask of the lists that rules name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson

from engine.handlers.register import in_unit
from engine.kernel.commands import DONE, Decided, Outcome
from engine.kernel.errors import InputError, NotFound
from engine.rule_life import lists as listbook
from engine.rule_life.commands import ChangeList, DecideList
from engine.rule_life.lists import ListChanged, ListLife
from infra.commands.desk import Work
from infra.commands.rulebook import LIST, Rulebook
from infra.store.log.unit import UnitOfWork

MOST_ENTRIES = 200_000
LONGEST_ENTRY = 512


@in_unit(ChangeList)
def change(work: Work, command: ChangeList) -> Decided:
    """Add and remove entries; what weakens detection waits for a second person."""
    name, book = command.list, work.desk.rulebook
    definition = book.definitions.get(name)
    if definition is None:
        raise NotFound("there is no list '{name}'", name=name)
    key = listbook.list_id(name)
    it = work.unit.load(ListLife, key)
    old = book.entries(name, it.in_force)
    new = (old | _entries(command.add)) - _entries(command.remove)
    if len(new) > MOST_ENTRIES:
        raise InputError("a list may have {most_entries} entries", field="entries", most_entries=MOST_ENTRIES)
    counts = (len(new - old), len(old - new), len(new))
    plain = orjson.dumps(sorted(new))
    digest = book.vault.pseudonym(hashlib.sha256(plain).hexdigest())
    facts = listbook.change(
        it, name, definition.kind, counts, digest, by=work.by, reason=command.reason, at=work.at
    )  # fmt: skip
    work.unit.cursor.execute(
        "INSERT INTO list_entries (name, version, state) VALUES (?, ?, ?)",
        (name, it.last + 1, book.vault.lock(LIST, plain, work.at)),
    )
    work.record(ListLife, key, facts)
    return Decided(decided=it.waiting is None)


def extend(unit: UnitOfWork, book: Rulebook, name: str, entries: frozenset[str], *, actor: str, reason: str) -> None:
    """Add entries to a list of what is refused, at once: that only makes detection stricter.

    A proposal that waited is off the table then, for it was made against another list. Entries that are there already
    change nothing.
    """
    key, definition = listbook.list_id(name), book.definitions[name]
    it = unit.load(ListLife, key)
    old = book.entries(name, it.in_force)
    new = old | entries
    if new == old or len(new) > MOST_ENTRIES or listbook.weakens(definition.kind, len(new - old), 0):
        return
    plain = orjson.dumps(sorted(new))
    unit.cursor.execute(
        "INSERT INTO list_entries (name, version, state) VALUES (?, ?, ?)",
        (name, it.last + 1, book.vault.lock(LIST, plain, unit.at)),
    )
    changed = ListChanged(
        at=unit.at, actor=actor, reason=reason, name=name, version=it.last + 1, added=len(new - old), removed=0,
        count=len(new), digest=book.vault.pseudonym(hashlib.sha256(plain).hexdigest()),
    )  # fmt: skip
    unit.record(ListLife, key, [changed])


@in_unit(DecideList)
def decide(work: Work, command: DecideList) -> Outcome:
    """Agree to the change that waits, as a second person, or refuse it."""
    key = listbook.list_id(command.list)
    it = work.unit.load(ListLife, key)
    facts = listbook.decide(
        it, agreed=command.agreed, by=work.by, reason=command.reason, at=work.at, seen=command.version
    )
    work.record(ListLife, key, facts)
    return DONE


def _entries(values: Iterable[str]) -> frozenset[str]:
    found = frozenset(value.strip() for value in values if value.strip())
    if any(len(value) > LONGEST_ENTRY for value in found):
        raise InputError("an entry may have {longest_entry} characters", field="entries", longest_entry=LONGEST_ENTRY)
    return found
