"""Dead letters are read again, by today's door: after the catalogue learned a type, or a fault of the door was mended.

What is understood now becomes an event, received now; its letter is removed in the same transaction. Of a letter that
holds many lines only those stay that cannot be read today either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.events.cef import CefTable
from engine.events.envelope import Rejected, SecurityEvent, split_batch
from engine.events.parser import EventParser
from engine.events.set_aside import PACKED, UNTRIED, SetAside, lines_of
from engine.events.syslog import read_message
from engine.kernel.errors import InputError, NotFound
from engine.kernel.ports import Taken
from infra.inbound.intake import Intake
from infra.read.rows import effects
from infra.store.keys.sealing import KeysChanged
from infra.store.log.ledger import DEAD_LETTER, remove_dead_letter, store_dead_letters
from infra.store.log.prepared import prepare


def read_again(intake: Intake, letter_id: int, cef: CefTable | None = None) -> Taken:
    """Read one dead letter again; return what became of its lines. Raise NotFound, InputError.

    A line may speak for the letter's own source only: what else its token was allowed is not kept with it.
    """
    letter = effects.dead_letter(intake.database, letter_id)
    if letter is None:
        raise NotFound("there is no dead letter {letter}", letter=str(letter_id))
    sealer = intake.ledger.sealer
    raw = sealer.unlock(DEAD_LETTER, letter.raw) if sealer is not None else letter.raw
    if raw is None:
        raise InputError("the key of dead letter {letter} was destroyed", letter=str(letter_id))
    row, at = letter.row, intake.clock.now()
    door = EventParser(
        intake.reader.catalogue, row.source, at, claims=frozenset(), keep_unknown_types=intake.reader.keep_unknown_types
    )
    events: list[SecurityEvent] = []
    aside = SetAside(row.source, kept=0 if row.code in PACKED else 1)
    for line, part in _parts(row.code, raw):
        found = _read(door, part, line, cef)
        if isinstance(found, SecurityEvent):
            events.append(found)
        else:
            aside.add([found])
    while True:
        try:
            ready = prepare(events, [], at, sealer)
            with intake.database.write() as cursor:
                taken = intake.ledger.append_within(cursor, ready)
                if events:
                    _settle(cursor, letter_id, aside, intake, row.received_at)
            return taken.model_copy(update={"rejected": aside.lines})
        except KeysChanged:
            continue


def _parts(code: str, raw: bytes) -> Iterator[tuple[int, bytes]]:
    try:
        for line, part in lines_of(code, raw):
            yield from split_batch(part) if code == UNTRIED else ((line, part),)
    except ValueError as error:
        raise InputError("the packed lines cannot be read", code="letter.damaged") from error


def _read(door: EventParser, raw: bytes, line: int, cef: CefTable | None) -> SecurityEvent | Rejected:
    found = door.read(raw, line)
    if isinstance(found, Rejected) and raw.startswith(b"<"):
        try:
            read = door.read(read_message(raw, door.catalogue, cef), line)
        except InputError:
            return found
        return read if isinstance(read, SecurityEvent) else found
    return found


def _settle(cursor: Any, letter_id: int, aside: SetAside, intake: Intake, received_at: Any) -> None:
    """Put what is left of a letter in its place."""
    remove_dead_letter(cursor, letter_id)
    store_dead_letters(cursor, aside.letters(), received_at, intake.ledger.sealer)
