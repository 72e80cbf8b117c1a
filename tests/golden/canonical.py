"""A canonical text of a log of decisions: two logs have the same text exactly when the same was decided.

Nothing of a run that is chance stands in it: random and salted ids are numbered, positions in a log become references
to what stands there, and streams are in an order that does not depend on which follower wrote first. Numbers that the
product promises (incident numbers, versions, instants) stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from uuid import UUID

LONG = 100
"""A text or table of more characters stands once in a file, beside the facts, under its hash."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RANDOM = re.compile(r"person-[0-9a-f]{12}|\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")
_START_OF_ID = re.compile(r"\b[0-9a-f]{8}\b")
_AT_POSITION = re.compile(r"(?<=at position )(\d+)|(?<=^alert:)(\d+)|(?<=^webhook:)([^:]+:\d+)")
_EVENT = re.compile(r"(?<=^event )(\S+) #(\d+)$")
_FOLDER = re.compile(r"/(?:tmp|var)/[^\s'\"]*")
_ROUNDS = 4
_PERFORMED = frozenset({
    "notice.sent.v1", "notice.refused.v1", "notice.unknown.v1", "order.handed-over.v1", "order.acknowledged.v1",
    "order.overdue.v1",
})  # fmt: skip
"""What the outbox writes down."""
_IDENTITY = ("number", "owner_id", "incident_id", "kind", "stage", "subject", "playbook_name", "key", "dedup_key")
_FOUND_LATE = {"run": 1, "clock": 1, "notice": 1}
"""Kinds of streams that are named after what they belong to."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored fact: its place in the log, whose it is, and what it says."""

    position: int
    stream: str
    version: int
    topic: str
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Log:
    """What was read of a store: the facts, and which event stands at each position of the ledger."""

    rows: Sequence[Row]
    events: Mapping[int, str]


@dataclass
class Text:
    """The canonical text: a line for each fact, and the long texts it refers to."""

    lines: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def read(world: Any) -> Log:
    """Read the log of a world's house as it stands."""
    rows = world.rows("SELECT position, originator_id, originator_version, topic, state FROM decisions")
    found = [
        Row(row["position"], str(UUID(str(row["originator_id"]))), row["originator_version"], row["topic"],
            json.loads(bytes(row["state"])))
        for row in sorted(rows, key=lambda row: row["position"])
    ]  # fmt: skip
    ledger, events, head = world.container.ledger, {}, 0
    while page := ledger.read(head, 2_000):
        head = page[-1].position
        events |= {event.position: f"{event.source}/{event.event_id}" for event in page}
    return Log(found, events)


def canonical(log: Log) -> Text:
    """Write a log in its canonical text."""
    streams: dict[str, list[Row]] = {}
    for row in log.rows:
        streams.setdefault(row.stream, []).append(row)
    placed: dict[int, str] = {}
    streams = {key: _in_no_order_of_the_outbox(rows, placed) for key, rows in streams.items()}
    referred = Referred(log.events, placed)
    named = {key: [_compact(referred.within(row)) for row in rows] for key, rows in streams.items()}
    names = _Names(streams, _marks(named))
    order = sorted(streams, key=names.place)
    text = Text()
    for key in order:
        names.within = names.of[key]
        for row in streams[key]:
            said = {name: value for name, value in referred.within(row).items() if _said(name, value, key)}
            line = names.put_in({**said, "_": f"{names.of[key]}/{row.version} {row.topic}"})
            text.lines.append(_compact(_shortened(line, text.texts)))
    return text


def _in_no_order_of_the_outbox(rows: Sequence[Row], placed: dict[int, str]) -> list[Row]:
    """What is due at one instant goes out in an order that each database has for itself: it is sorted, and who refers
    to one of it refers to all. Notes how each fact is referred to."""
    found: list[Row] = []
    for (performed, _), part in groupby(rows, lambda row: (row.topic in _PERFORMED, row.state["at"])):
        held = list(part)
        ordered = sorted(held, key=lambda row: _compact(row.state)) if performed else held
        found += [replace(row, version=at.version) for row, at in zip(ordered, held, strict=True)]
        together = f"{held[0].version}-{held[-1].version}" if performed and len(held) > 1 else ""
        placed |= {row.position: f"{row.stream}/{together or row.version}" for row in held}
    return found


def _said(name: str, value: Any, stream: str) -> bool:
    """What goes without saying is left out: that the engine acted, without a reason, on the stream it stands in."""
    return not ((name == "actor" and value == "qorgau") or (name == "reason" and value == "") or value == stream)


class Referred:
    """Writes places in a log as what stands there."""

    def __init__(self, events: Mapping[int, str], facts: Mapping[int, str]) -> None:
        self.events = events
        self.at = facts

    def within(self, row: Row) -> dict[str, Any]:
        """Return what a fact says."""
        state = {**row.state}
        if "positions" in state:
            state["positions"] = [self._event(number) for number in state["positions"]]
        return {name: self.value(value) for name, value in state.items()}

    def value(self, value: Any) -> Any:
        """Return any value that may name places."""
        match value:
            case str():
                value = _EVENT.sub(lambda found: f"{found[1]} {self._event(int(found[2]))}", value)
                return _FOLDER.sub("/FOLDER", _AT_POSITION.sub(self._fact, value))
            case list():
                return [self.value(part) for part in value]
            case dict():
                return {self.value(name): self.value(part) for name, part in value.items()}
        return value

    def _event(self, position: int) -> str:
        return self.events.get(position, f"event #{position}")

    def _fact(self, found: re.Match[str]) -> str:
        before, _, number = found[0].rpartition(":")
        return f"{before}{':' if before else ''}{self.at.get(int(number), number)}"


def _marks(named: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Give each stream a mark of what it says and of what the streams it names say, never of the ids themselves."""
    whole = {key: _RANDOM.sub("~", _PORT.sub("PORT", "\n".join(lines))) for key, lines in named.items()}
    whole = {key: _without_starts(text, named) for key, text in whole.items()}
    marks = dict.fromkeys(named, "")
    for _ in range(_ROUNDS):
        marks = {key: _hash(_UUID.sub(_mark_in(key, marks), text)) for key, text in whole.items()}
    return marks


def _mark_in(key: str, marks: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda found: "self" if found[0] == key else marks.get(found[0], "#")


def _without_starts(text: str, named: Mapping[str, Any]) -> str:
    """Hide the first eight characters of ids that stand alone in a text; whole ids stay."""
    parts, at = [], 0
    for found in _UUID.finditer(text):
        parts += [_START_OF_ID.sub("#", text[at : found.start()]), found[0] if found[0] in named else "#"]
        at = found.end()
    return "".join([*parts, _START_OF_ID.sub("#", text[at:])])


class _Names:
    """Names streams by what they are, and other ids by where they appear first."""

    def __init__(self, streams: Mapping[str, Sequence[Row]], marks: Mapping[str, str]) -> None:
        self.of: dict[str, str] = {}
        self.places: dict[str, tuple[Any, ...]] = {}
        self.counts: dict[str, int] = {}
        kinds = {key: _kind(rows) for key, rows in streams.items()}
        for kind in sorted(set(kinds.values()), key=lambda kind: (_FOUND_LATE.get(kind, 0), kind)):
            found = [key for key in streams if kinds[key] == kind]
            for key in found:
                first = streams[key][0]
                self.places[key] = (first.state["at"], kind, *self._identity(first), marks[key])
            for key in sorted(found, key=self.place):
                self.of[key] = self._named(kind, streams[key][0])
        self.starts = {key[:8]: f"{name}[:8]" for key, name in self.of.items()}
        self.within = ""

    def place(self, key: str) -> tuple[Any, ...]:
        """Where a stream stands among the others."""
        return self.places[key]

    def _identity(self, first: Row) -> list[str]:
        """What tells a stream from the others of its kind, ids by their names as far as they have one."""
        said = (str(first.state.get(name, "")) for name in _IDENTITY)
        return [_UUID.sub(lambda it: self.of.get(it[0], "#"), _RANDOM.sub("~", text)) for text in said]

    def _named(self, kind: str, first: Row) -> str:
        """Streams of something are named after it, so that one more of them renames no other."""
        if kind in _FOUND_LATE and (said := list(filter(None, self._identity(first)))):
            whole = ":".join([kind, *said])
            self.counts[whole] = self.counts.get(whole, 0) + 1
            return whole if self.counts[whole] == 1 else f"{whole}:{self.counts[whole]}"
        return self._next(kind)

    def _next(self, kind: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}-{self.counts[kind]}"

    def _id(self, found: re.Match[str]) -> str:
        """The product derives its ids (version 5); those of version 4 stand in its files and are no chance."""
        if found[0] not in self.of:
            self.of[found[0]] = self._next(f"{self.within}#id") if found[0][14] == "5" else found[0]
        return self.of[found[0]]

    def _random(self, found: re.Match[str]) -> str:
        if found[0] not in self.of:
            self.of[found[0]] = self._next("person" if found[0].startswith("person-") else f"{self.within}#hash")
        return self.of[found[0]]

    def put_in(self, value: Any) -> Any:
        match value:
            case str():
                value = _UUID.sub(self._id, _PORT.sub("PORT", value))
                value = _RANDOM.sub(self._random, value)
                return _START_OF_ID.sub(lambda it: self.starts.get(it[0], it[0]), value)
            case list():
                return [self.put_in(part) for part in value]
            case dict():
                return {self.put_in(name): self.put_in(value[name]) for name in sorted(value)}
        return value


def _shortened(line: Any, texts: dict[str, str], top: bool = True) -> Any:
    """Put what is long into the side table, once."""
    match line:
        case dict():
            line = {name: _shortened(value, texts, False) for name, value in line.items()}
        case list():
            line = [_shortened(value, texts, False) for value in line]
    written = line if isinstance(line, str) else _compact(line)
    if top or len(written) <= LONG:
        return line
    key = f"={_hash(written)[:8]}"
    texts[key] = written
    return key


def _kind(rows: Sequence[Row]) -> str:
    return rows[0].topic.partition(".")[0]


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
