"""Syslog messages become events of the ledger, or dead letters with the bytes of the message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.events.catalogue import Catalogue
from engine.events.cef import CefTable
from engine.events.envelope import Rejected, SecurityEvent
from engine.events.parser import EventParser
from engine.events.set_aside import SetAside
from engine.events.syslog import read_message
from engine.kernel.errors import InputError
from engine.kernel.ports import Taken, TimeSource
from infra.store.log.ledger import Ledger
from infra.store.log.prepared import Prepared, prepare


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came; ``fault`` says why it could not even be cut out of the stream."""

    raw: bytes
    fault: str = ""


class Landing:
    """Reads messages of one source and stores them, all of a batch in one transaction."""

    def __init__(
        self, ledger: Ledger, catalogue: Catalogue, clock: TimeSource, source: str, *, keep_unknown_types: bool,
        cef: CefTable | None = None,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.catalogue = catalogue
        self.clock = clock
        self.source = source
        self.keep_unknown_types = keep_unknown_types
        self.cef = cef

    def store(self, batch: Sequence[Received]) -> Taken:
        """Store a batch; it is on disk when this comes back. Raises what the store raises, never for any content."""
        return self.ledger.durably(lambda: self._prepare(batch))

    def _prepare(self, batch: Sequence[Received]) -> Prepared:
        at = self.clock.now()
        door = EventParser(
            self.catalogue, self.source, at, claims=frozenset({self.source}),
            keep_unknown_types=self.keep_unknown_types,
        )  # fmt: skip
        read = [self._read(door, it) for it in batch]
        events = [it for it in read if isinstance(it, SecurityEvent)]
        aside = SetAside(self.source)
        aside.add(it for it in read if isinstance(it, Rejected))
        return prepare(events, aside.letters(), at, self.ledger.sealer)

    def _read(self, door: EventParser, it: Received) -> SecurityEvent | Rejected:
        if it.fault:
            return Rejected(1, "not-framed", it.fault, it.raw, None, self.source)
        try:
            line = read_message(it.raw, self.catalogue, self.cef)
        except InputError as error:
            return Rejected(1, error.code, error.message, it.raw, error.field, self.source)
        found = door.read(line)
        return replace(found, raw=it.raw) if isinstance(found, Rejected) else found
