"""The envelope at the door: bytes become a security event, or a rejection that keeps the bytes and says why.

Two shapes are read: ECS (nested, dotted or mixed; RFC 8259 JSON) and a compact one,
``{"id", "type", "time", "source", "data": {...}}``, whose keys are brought to ECS by the catalogue's aliases.
What can be kept is kept and flagged; what cannot be one event is a dead letter. Nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from engine.events.catalogue import ROOTS, Catalogue
from engine.events.envelope import Fields, Limits, Rejected, SecurityEvent
from engine.events.values import BOUND, Shape, check_numbers, check_typed, shape_of
from engine.kernel.timestamps import RFC3339, Window

LIMITS = Limits()
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class EventParser:
    """Reads lines of one source at one moment. ``claims`` lists the sources this credential may speak for."""

    catalogue: Catalogue
    source: str
    received_at: datetime
    limits: Limits = LIMITS
    claims: frozenset[str] | None = frozenset()
    keep_unknown_types: bool = False
    _window: Window = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Work out once what holds for every event of the batch."""
        object.__setattr__(self, "_window", Window(self.received_at))

    def read(self, raw: bytes, line: int = 1) -> SecurityEvent | Rejected:
        """Read one line. Never raises for any input: a fault of the reader itself is a dead letter too."""
        try:
            return self._read(raw)
        except _Reject as reject:
            return Rejected(line, reject.code, reject.reason, raw, reject.field, self.source)
        except Exception as error:
            return Rejected(
                line, "reader-fault", f"the reader failed with {type(error).__name__}", raw, None, self.source
            )

    def read_all(self, lines: Iterable[tuple[int, bytes]]) -> tuple[list[SecurityEvent], list[Rejected]]:
        """Read many numbered lines: the same as ``read`` for each, in a third of the time.

        Most events of a well-made source are flat, unescaped and of a shape seen before. For those everything ``_read``
        does is written out here, without a call that can be avoided; whatever is not so simple goes to ``read``.
        (Without white space, every key is followed by ``":``, and a string that begins with a colon only adds to them:
        as many as there are keys in the result means that none was dropped as a duplicate.)
        """
        events: list[SecurityEvent] = []
        rejects: list[Rejected] = []
        catalogue, window, limit = self.catalogue, self._window, min(self.limits.value_chars, self.limits.event_bytes)
        shapes, known, received_at, most = catalogue.shapes, catalogue.events, self.received_at, self.limits.fields
        earliest, soon = window.earliest, window.soon
        new = tuple.__new__
        loads, fullmatch, fromisoformat, add = orjson.loads, RFC3339.fullmatch, datetime.fromisoformat, events.append
        refuse = rejects.append
        trusted, anyone = {self.source, *(self.claims or ())}, self.claims is None
        for number, raw in lines:
            if len(raw) <= limit and b"\\" not in raw:
                try:
                    fields = loads(raw)
                    shape = shapes[tuple(fields), tuple(map(type, fields.values()))]
                    text, event_id, action = fields["@timestamp"], fields["event.id"], fields["event.action"]
                except orjson.JSONDecodeError as error:
                    if not raw.startswith(BOM):
                        refuse(Rejected(number, "not-json", _not_json(error), raw, None, self.source))
                        continue
                    shape = None
                except (KeyError, TypeError, AttributeError):
                    shape = None
                if (
                    shape is not None
                    and shape.plain
                    and len(fields) <= most
                    and (
                        (raw.count(b'":') == len(fields) and b" " not in raw and b"\t" not in raw and b"\r" not in raw)
                        or raw.count(b'"') == shape.quotes
                    )
                    and action in known
                    and 0 < len(event_id) <= 200
                    and not event_id.isspace()
                    and fullmatch(text)
                    and not (shape.lists and _any_object(fields, shape.lists))
                ):
                    source = fields.get("event.provider")
                    try:
                        at = fromisoformat(text)
                        if at.tzinfo is not UTC:
                            at = at.astimezone(UTC)
                        believed = earliest <= at <= soon
                    except (ValueError, OverflowError):
                        believed = False
                    named = source is not None
                    if believed and (
                        not named or (source.__class__ is str and source and (anyone or source in trusted))
                    ):
                        flags: list[str] = []
                        verbatim = True
                        for name, spec in shape.checks:
                            value = fields[name]
                            check_typed(name, spec, value, fields, flags)
                            verbatim = verbatim and fields[name] is value
                        for name in shape.numbers:
                            if not -BOUND < fields[name] < BOUND:
                                check_numbers(fields, (name,), flags)
                        if not named:
                            source = fields["event.provider"] = self.source
                        kept = tuple(dict.fromkeys(flags)) if flags else ()
                        add(
                            new(
                                SecurityEvent,
                                (source, event_id, action, at, received_at, kept, fields, raw, 0, verbatim, named,
                                 shape.personal),
                            )
                        )  # fmt: skip
                        continue
            read = self.read(raw, number)
            add(read) if isinstance(read, SecurityEvent) else refuse(read)
        return events, rejects

    def _read(self, raw: bytes) -> SecurityEvent:
        document = _load(raw, self.limits)
        flags: list[str] = []
        shape = self._shape(document)
        escaped = b"\\" in raw
        if escaped or raw.count(b'"') != shape.quotes:
            _refuse_duplicate_keys(raw, document, self.limits)
        fields = document
        verbatim = shape.flat and not shape.compact and len(document) <= self.limits.fields
        if verbatim and not _any_object(document, shape.lists):
            source = document.get("event.provider")
            if shape.unknown_roots:
                flags.append("unknown-field")
        else:
            fields, source, verbatim = *self._bring_to_ecs(document, flags), False
            shape = self._shape(fields)
        action, event_id = _text(fields, "event.action", escaped), _text(fields, "event.id", escaped)
        if action not in self.catalogue.events:
            if not self.keep_unknown_types:
                raise _Reject("unknown-type", "the event type is not in the catalogue", "event.action")
            flags.append("unknown-type")
        self._check_source(source)
        provider = fields["event.provider"] = source or self.source
        at, time_flag = self._window.place(fields.get("@timestamp"))
        if time_flag is not None:
            flags.append(time_flag)
        for name, spec in shape.checks:
            value = fields[name]
            check_typed(name, spec, value, fields, flags)
            verbatim = verbatim and fields[name] is value
        if shape.numbers:
            check_numbers(fields, shape.numbers, flags)
        if len(raw) > self.limits.value_chars:
            _refuse_long_values(fields, self.limits)
        if escaped:
            verbatim = not _clean(fields, self.catalogue, flags) and verbatim
        kept = tuple(dict.fromkeys(flags)) if flags else ()
        return SecurityEvent(
            provider,
            event_id,
            action,
            at,
            self.received_at,
            kept,
            fields,
            raw,
            0,
            verbatim,
            bool(source),
            shape.personal,
        )

    def _shape(self, fields: Fields) -> Shape:
        key = (tuple(fields), tuple(map(type, fields.values())))
        return self.catalogue.shapes.get(key) or shape_of(key, self.catalogue)

    def _bring_to_ecs(self, document: dict[str, Any], flags: list[str]) -> tuple[Fields, Any]:
        compact = _is_compact(document)
        if compact:
            fields = _from_compact(document, self.catalogue, flags, self.limits)
            source = document.get("source")
        else:
            fields = {}
            _flatten(document, "", fields, flags, 0, self.limits)
            source = fields.get("event.provider")
        _flag_unknown_roots(document, compact, flags)
        return fields, source

    def _check_source(self, claimed: object) -> None:
        if claimed is None or self.claims is None or claimed == self.source or claimed in self.claims:
            if claimed is not None and not isinstance(claimed, str):
                raise _Reject("source-invalid", "the source must be a string", "event.provider")
            return
        raise _Reject("source-mismatch", "the event names a source this credential may not speak for", "event.provider")


class _Reject(Exception):
    def __init__(self, code: str, reason: str, field: str | None = None) -> None:
        super().__init__(code)
        self.code, self.reason, self.field = code, reason, field


def _load(raw: bytes, limits: Limits) -> dict[str, Any]:
    if len(raw) > limits.event_bytes:
        raise _Reject("too-large", f"an event may have {limits.event_bytes} bytes, this one has {len(raw)}")
    if raw.startswith(BOM):
        raise _Reject("byte-order-mark", "a byte order mark is not JSON (RFC 8259, section 8.1)")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _Reject("not-json", _not_json(error)) from None
    if not isinstance(document, dict):
        raise _Reject("not-an-object", "an event is a JSON object")
    return document


def _not_json(error: orjson.JSONDecodeError) -> str:
    return f"not one JSON document (RFC 8259): {error.msg} at byte {error.pos}"


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')


def _refuse_duplicate_keys(raw: bytes, document: dict[str, Any], limits: Limits) -> None:
    """Find a key given twice, which every JSON library hides by keeping the last.

    Every key is followed by one colon outside strings, so when there are as many of those as keys in the result no
    key was dropped; only otherwise is the slow reading needed. (Before it comes to this, ``_read`` has counted
    quotes: a flat event with as many as its keys and strings need has dropped no key either.)
    """
    keys = _count_keys(document, 0, limits)
    if _STRING.sub(b"", raw).count(b":") == keys:
        return

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(items)
        if len(seen) != len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise _Reject("duplicate-key", "the same key stands twice in one object", _short(twice))
        return seen

    try:
        json.loads(raw, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise _Reject("not-json", f"not one JSON document (RFC 8259): {type(error).__name__}") from None


def _count_keys(value: Any, depth: int, limits: Limits) -> int:
    if depth > limits.depth:
        raise _Reject("too-deep", f"an event may nest {limits.depth} levels")
    if isinstance(value, dict):
        count = len(value)
        for item in value.values():
            if item.__class__ is dict or item.__class__ is list:
                count += _count_keys(item, depth + 1, limits)
        return count
    return sum(_count_keys(v, depth + 1, limits) for v in value if type(v) in (dict, list))


def _is_compact(document: dict[str, Any]) -> bool:
    return "type" in document and not any(
        key == "@timestamp" or key == "event" or key.startswith("event.") for key in document
    )


_COMPACT = {"id": "event.id", "type": "event.action", "time": "@timestamp"}


def _from_compact(document: dict[str, Any], catalogue: Catalogue, flags: list[str], limits: Limits) -> Fields:
    fields: Fields = {}
    for key, name in _COMPACT.items():
        if key in document:
            fields[name] = document[key]
    action = document.get("type")
    body: Fields = {}
    data = document.get("data", {})
    if not isinstance(data, dict):
        raise _Reject("not-an-object", "'data' must be a JSON object", "data")
    _flatten(data, "", body, flags, 1, limits)
    for key, value in body.items():
        name = catalogue.resolve_alias(action if isinstance(action, str) else "", key)
        if name in fields:
            raise _Reject("duplicate-key", "two keys name the same field", name)
        fields[name] = value
    extra = {k: v for k, v in document.items() if k not in _COMPACT and k not in ("data", "source")}
    _flatten(extra, "", fields, flags, 0, limits)
    return fields


def _flatten(value: dict[str, Any], prefix: str, out: Fields, flags: list[str], depth: int, limits: Limits) -> None:
    """Write nested objects as dotted names; objects inside arrays become arrays of values."""
    if depth > limits.depth:
        raise _Reject("too-deep", f"an event may nest {limits.depth} levels")
    for key, item in value.items():
        if not key.strip():
            flags.append("empty-key")
        name = f"{prefix}{key}"
        if isinstance(item, dict):
            _flatten(item, name + ".", out, flags, depth + 1, limits)
            continue
        if isinstance(item, list) and any(isinstance(part, dict | list) for part in item):
            _flatten_array(item, name, out, flags, depth + 1, limits)
            continue
        if name in out:
            raise _Reject("duplicate-key", "the same field stands twice, nested and dotted", _short(name))
        if len(out) >= limits.fields:
            raise _Reject("too-many-fields", f"an event may have {limits.fields} fields")
        out[name] = item


def _flatten_array(items: list[Any], name: str, out: Fields, flags: list[str], depth: int, limits: Limits) -> None:
    if depth > limits.depth:
        raise _Reject("too-deep", f"an event may nest {limits.depth} levels")
    for item in items:
        part: Fields = {}
        if isinstance(item, dict):
            _flatten(item, name + ".", part, flags, depth + 1, limits)
        elif isinstance(item, list):
            _flatten_array(item, name, part, flags, depth + 1, limits)
        else:
            part[name] = item
        for key, value in part.items():
            held = out.setdefault(key, [])
            if not isinstance(held, list):
                raise _Reject("duplicate-key", "the same field stands twice, nested and dotted", _short(key))
            held.extend(value if isinstance(value, list) else [value])
    if len(out) > limits.fields:
        raise _Reject("too-many-fields", f"an event may have {limits.fields} fields")


_COMPACT_ROOTS = frozenset({"id", "type", "time", "source", "data", ""})


@lru_cache(maxsize=4096)
def _root(key: str) -> str:
    """The field set a key belongs to; an empty key is flagged elsewhere and counts as known here."""
    return key.split(".", 1)[0] if key.strip() else ""


def _flag_unknown_roots(document: dict[str, Any], compact: bool, flags: list[str]) -> None:
    known = _COMPACT_ROOTS if compact else ROOTS
    if not all(_root(key) in known for key in document):
        flags.append("unknown-field")


def _text(fields: Fields, name: str, escaped: bool) -> str:
    value = fields.get(name)
    if value.__class__ is not str or not value or len(value) > 200 or value.isspace():
        raise _Reject("missing-field", f"'{name}' must be a text of 1 to 200 characters", name)
    if escaped and any(ord(ch) < 32 for ch in value):
        raise _Reject("control-character", f"'{name}' must not contain control characters", name)
    return value


def _any_object(fields: Fields, names: tuple[str, ...]) -> bool:
    return any(part.__class__ in (dict, list) for name in names for part in fields[name])


def _refuse_long_values(fields: Fields, limits: Limits) -> None:
    for name, value in fields.items():
        if value.__class__ is str and len(value) > limits.value_chars:
            raise _Reject("value-too-long", f"a value may have {limits.value_chars} characters", _short(name))


def _clean(fields: Fields, catalogue: Catalogue, flags: list[str]) -> bool:
    """Flag control characters (JSON lets them in only escaped) and take NUL out; says whether a value was changed."""
    changed = False
    for name, value in fields.items():
        if value.__class__ is str and not value.isprintable() and any(ord(ch) < 32 for ch in value):
            spec = catalogue.fields.get(name)
            if spec is None or spec.type != "text":
                flags.append("control-character")
            if "\x00" in value:
                fields[name] = value.replace("\x00", "")
                changed = True
    return changed


def _short(value: object) -> str:
    """Quote a name for a message without letting it flood or forge a log line."""
    text = str(value)
    clean = "".join(ch if ch.isprintable() else "?" for ch in text[:60])
    return f"'{clean}'" if len(text) <= 60 else f"'{clean}…'"
