"""What the console asks: the search, dead letters, effects, how much there is, the fields of an event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from engine.events.catalogue import ENVELOPE, Catalogue
from engine.events.envelope import SecurityEvent
from engine.search.question import read
from infra.read.people.looking import note, sight
from infra.read.reading import Reading
from infra.read.rows import effects, figures, incidents, notices
from infra.read.rows.effects import LetterRow
from infra.search.documents import vocabulary_of
from infra.store.log.ledger import DEAD_LETTER
from infra.store.models.effects import EffectRow
from infra.store.models.record import extended
from rules.detection.detector import entities_of

PAGE = 100


@dataclass(frozen=True, slots=True)
class Effect(EffectRow):
    """An effect with the system it goes to."""

    to: str = ""


@dataclass(frozen=True, slots=True)
class EventHit:
    """An event that was found; ``entities`` are those it touches, as one text."""

    position: int
    action: str
    source: str
    entities: str
    at: str


@dataclass(frozen=True, slots=True)
class IncidentHit:
    """An incident that was found; ``key`` is the position of its first fact."""

    key: int
    at: str
    id: str
    number: str
    title: str
    severity: str
    phase: str


@dataclass(frozen=True, slots=True)
class NoticeHit:
    """A notice that was found, with the number of its incident."""

    key: int
    at: str
    id: str
    number: str | None
    kind: str
    stage: str
    state: str


Hit = EventHit | IncidentHit | NoticeHit
_HITS: dict[str, type[EventHit] | type[IncidentHit] | type[NoticeHit]] = {
    "events": EventHit, "incidents": IncidentHit, "notices": NoticeHit,
}  # fmt: skip


def search(
    container: Reading, text: str, index: str = "events", below: int | None = None, limit: int = PAGE
) -> list[Hit]:
    """What answers a question in the Lucene query language, newest first. Raises BadQuestion, SearchUnavailable."""
    question = read(text, vocabulary_of(index, container.catalogue), container.calendar.zone)
    kind = _HITS[index]
    names = [it.name for it in fields(kind)]
    hits: list[Hit] = []
    while len(hits) < limit:
        found = container.search.find(index, question, limit, below)
        told = [kind(**{name: shown.get(name, "") for name in names}) for shown in found]
        hits += _there(container, told)
        if len(found) < limit:
            break
        below = place_of(told[-1])
    return _noted(hits[:limit])


def _there(container: Reading, hits: Sequence[Hit]) -> list[Hit]:
    """Leave out what is not there for whoever looks."""
    if sight().whole:
        return list(hits)
    told = [it.id for it in hits if isinstance(it, NoticeHit)]
    there = {row.id for row in notices.of_ids(container.database, told)}
    there |= set(incidents.numbers(container.database, [it.id for it in hits if isinstance(it, IncidentHit)]))
    return [it for it in hits if (sight().shows_event(it.action) if isinstance(it, EventHit) else it.id in there)]


def _noted(hits: list[Hit]) -> list[Hit]:
    for it in hits:
        match it:
            case EventHit():
                note("event", str(it.position))
                note("entity", *it.entities.split())
            case IncidentHit():
                note("incident", it.id)
            case NoticeHit():
                note("notice", it.id)
    return hits


def note_event(event: SecurityEvent) -> None:
    """Note that an event is shown, with whom it touches."""
    entities = entities_of(event.fields)
    note("event", str(event.position))
    note("client", *entities.clients)
    note("loan", *entities.loans)


def place_of(hit: Hit) -> int:
    """Return where a hit stands in the order of its index."""
    return hit.position if isinstance(hit, EventHit) else hit.key


def outline(text: str, catalogue: Catalogue) -> str:
    """Show the build of a text and the field names in it; every other word may be somebody's and becomes a dot."""

    def word(found: re.Match[str]) -> str:
        name = found[0]
        return name if name in catalogue.fields or name in ENVELOPE or name in ("id", "type", "data") else "•"

    clean = "".join(ch if ch.isprintable() else "·" for ch in text)
    return re.sub(r"[^\s{}\[\]:,\"]+", word, clean)


def dead_letters(container: Reading) -> list[LetterRow]:
    """Return the newest dead letters: why each was set aside, and the outline of its bytes."""
    found = []
    for letter in effects.dead_letters(container.database):
        if not letter.raw:
            found.append(letter.row)
            continue
        raw = container.store.vault.unlock(DEAD_LETTER, letter.raw) or b""
        head = outline(raw[:200].decode("utf8", "replace"), container.catalogue)
        found.append(replace(letter.row, size=len(raw), head=head))
    return found


def outbox(container: Reading) -> list[Effect]:
    """Return effects that are not settled, and the newest of the others, with the system each goes to."""
    found = []
    for row in effects.newest(container.database):
        payload = orjson.loads(row.payload)
        found.append(extended(Effect, row, to=payload.get("system") or payload.get("receiver") or ""))
    return found


def stats(container: Reading) -> dict[str, int]:
    """Return how much there is: events, findings, incidents, dead_letters, decisions."""
    return {
        "events": container.ledger.head(),
        "findings": figures.findings(container.database),
        "incidents": figures.incidents(container.database),
        "dead_letters": effects.dead(container.database),
        "decisions": container.decisions.head(),
    }


def masked_fields(container: Reading, held: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of an event for the console: personal ones are named and not shown."""
    shown = []
    for name in sorted(held):
        value = held[name]
        if container.catalogue.is_personal(name):
            text = "(personal)"
        else:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
        shown.append((name, text[:2000]))
    return shown
