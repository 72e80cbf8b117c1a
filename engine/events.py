"""The envelope at the door: bytes become a security event, or a rejection that keeps the bytes and says why.

Two shapes are read: ECS (nested, dotted or mixed; RFC 8259 JSON) and a compact one,
``{"id", "type", "time", "source", "data": {...}}``, whose keys are brought to ECS by the catalogue's aliases.
What can be kept is kept and flagged; what cannot be one event is a dead letter. Nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import orjson

from engine.catalogue import ROOTS, Catalogue, FieldSpec
from engine.errors import IdentifierError, InputError
from engine.identifiers import IIN, IbanKz, Mrz, Phone
from engine.timestamps import NotAnInstant, parse_rfc3339, place

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one event may be: bytes, nesting levels, number of fields, characters in one value."""

    event_bytes: int = 256 * 1024
    depth: int = 20
    fields: int = 500
    value_chars: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One accepted event: ``fields`` are flat ECS names, ``raw`` the bytes as they came."""

    source: str
    event_id: str
    action: str
    at: datetime
    received_at: datetime
    flags: tuple[str, ...]
    fields: Fields
    raw: bytes
    position: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """One dead letter: the line it stood on, the field and reason, a stable code, and the bytes."""

    line: int
    code: str
    reason: str
    raw: bytes
    field: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """Reads lines of one source at one moment. ``claims`` lists the sources this credential may speak for."""

    catalogue: Catalogue
    source: str
    received_at: datetime
    limits: Limits = Limits()
    claims: frozenset[str] | None = frozenset()
    keep_unknown_types: bool = False

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

    def _read(self, raw: bytes) -> SecurityEvent:
        document = _load(raw, self.limits)
        flags: list[str] = []
        compact = _is_compact(document)
        source = document.get("source") if compact else None
        fields = _from_compact(document, self.catalogue, flags, self.limits) if compact else {}
        if not compact:
            _flatten(document, "", fields, flags, 0, self.limits)
            source = fields.get("event.provider")
        _flag_unknown_roots(document, compact, flags)
        action = _text(fields, "event.action")
        event_id = _text(fields, "event.id")
        if action not in self.catalogue.events:
            if not self.keep_unknown_types:
                raise _Reject("unknown-type", "the event type is not in the catalogue", "event.action")
            flags.append("unknown-type")
        self._check_source(source)
        fields["event.provider"] = source or self.source
        at, time_flags = place(fields.get("@timestamp"), self.received_at)
        flags.extend(time_flags)
        _check_values(fields, self.catalogue, flags, self.limits)
        return SecurityEvent(
            fields["event.provider"], event_id, action, at, self.received_at, tuple(dict.fromkeys(flags)), fields, raw
        )

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


def split_batch(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Split a body into (line number, bytes): NDJSON lines, or the elements of one top-level JSON array.

    Empty lines are skipped. A body that begins like an array but cannot be split is given whole.
    """
    if body.lstrip(b" \t\r\n").startswith(b"["):
        yield from _split_array(body)
        return
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip(b" \t\r"):
            yield number, line.rstrip(b"\r")


def _split_array(body: bytes) -> Iterator[tuple[int, bytes]]:
    start = body.index(b"[") + 1
    depth, in_string, escaped = 0, False, False
    parts: list[tuple[int, bytes]] = []
    begin = start
    for i in range(start, len(body)):
        ch = body[i]
        if in_string:
            if escaped:
                escaped = False
            elif ch == 0x5C:
                escaped = True
            elif ch == 0x22:
                in_string = False
        elif ch == 0x22:
            in_string = True
        elif ch in b"[{":
            depth += 1
        elif ch in b"]}":
            depth -= 1
            if depth < 0:
                tail = body[begin:i].strip()
                if tail or parts:
                    parts.append((len(parts) + 1, tail))
                if body[i + 1 :].strip():
                    break
                yield from parts
                return
        elif ch == 0x2C and depth == 0:
            parts.append((len(parts) + 1, body[begin:i].strip()))
            begin = i + 1
    yield 1, body


def _load(raw: bytes, limits: Limits) -> dict[str, Any]:
    if len(raw) > limits.event_bytes:
        raise _Reject("too-large", f"an event may have {limits.event_bytes} bytes, this one has {len(raw)}")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _Reject("byte-order-mark", "a byte order mark is not JSON (RFC 8259, section 8.1)")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _Reject("not-json", f"not one JSON document (RFC 8259): {error.msg} at byte {error.pos}") from None
    if not isinstance(document, dict):
        raise _Reject("not-an-object", "an event is a JSON object")
    _refuse_duplicate_keys(raw, document, limits)
    return document


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')


def _refuse_duplicate_keys(raw: bytes, document: dict[str, Any], limits: Limits) -> None:
    """Find a key given twice, which every JSON library hides by keeping the last.

    Every key is followed by one colon outside strings, so when there are as many of those as keys in the result no
    key was dropped; only otherwise is the slow reading needed.
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
        return len(value) + sum(_count_keys(v, depth + 1, limits) for v in value.values() if type(v) in (dict, list))
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


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > 200:
        raise _Reject("missing-field", f"'{name}' must be a text of 1 to 200 characters", name)
    if not value.isprintable() and any(ord(ch) < 32 for ch in value):
        raise _Reject("control-character", f"'{name}' must not contain control characters", name)
    return value


def _check_values(fields: Fields, catalogue: Catalogue, flags: list[str], limits: Limits) -> None:
    specs = catalogue.fields
    for name, value in fields.items():
        spec = specs.get(name)
        if type(value) is str:
            if len(value) > limits.value_chars:
                raise _Reject("value-too-long", f"a value may have {limits.value_chars} characters", _short(name))
            free_text = spec is not None and spec.type == "text"
            if not value.isprintable() and any(ord(ch) < 32 for ch in value):
                if not free_text:
                    flags.append("control-character")
                fields[name] = value.replace("\x00", "")
        elif (type(value) is float and (abs(value) >= 2**63)) or (type(value) is int and not -(2**63) <= value < 2**63):
            flags.append("number-range")
        if spec is not None and value is not None:
            _check_typed(name, spec, value, fields, flags)


_IDENTIFIERS = {"iin": IIN.parse, "phone": Phone.parse}


def _check_typed(name: str, spec: FieldSpec, value: Any, fields: Fields, flags: list[str]) -> None:
    try:
        match spec.type:
            case "iin":
                _warn(flags, IIN.parse(value).warning)
            case "phone":
                phone = Phone.parse(value)
                _warn(flags, phone.warning)
                fields[name] = phone.e164
            case "account" if isinstance(value, str) and value[:2].upper() == "KZ":
                fields[name] = IbanKz.parse(value).value
            case "mrz":
                Mrz.parse(value)
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    flags.append("type-mismatch")
            case "boolean":
                if not isinstance(value, bool):
                    flags.append("type-mismatch")
            case "date":
                _check_date(value)
    except (IdentifierError, InputError) as error:
        flags.append(error.code)
    except NotAnInstant:
        flags.append("type-mismatch")


def _check_date(value: Any) -> None:
    """A moment (RFC 3339) or, as on documents, a plain date."""
    try:
        if isinstance(value, str) and len(value) == 10:
            date.fromisoformat(value)
            return
    except ValueError:
        pass
    parse_rfc3339(value)


def _warn(flags: list[str], warning: str | None) -> None:
    if warning is not None:
        flags.append(warning)


def _short(value: object) -> str:
    """Quote a name for a message without letting it flood or forge a log line."""
    text = str(value)
    clean = "".join(ch if ch.isprintable() else "?" for ch in text[:60])
    return f"'{clean}'" if len(text) <= 60 else f"'{clean}…'"
