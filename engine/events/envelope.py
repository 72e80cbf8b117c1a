"""What came in: a security event with the bytes it came as, or a dead letter that keeps them and says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one event may be: bytes, nesting levels, number of fields, characters in one value."""

    event_bytes: int = 256 * 1024
    depth: int = 20
    fields: int = 500
    value_chars: int = 64 * 1024


class SecurityEvent(NamedTuple):
    """One accepted event: ``fields`` are flat ECS names, ``raw`` the bytes as they came.

    ``verbatim`` says that ``fields`` is what the JSON document in ``raw`` holds, so that a store need not keep both;
    ``named`` that the document names its source. ``personal`` lists the fields that tell who a living person is, and
    those the catalogue does not describe: nobody has said that they do not. A named tuple, because every event is
    made at least twice and a frozen dataclass takes four times as long to make.
    """

    source: str
    event_id: str
    action: str
    at: datetime
    received_at: datetime
    flags: tuple[str, ...]
    fields: Fields
    raw: bytes
    position: int = 0
    verbatim: bool = False
    named: bool = False
    personal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """One dead letter: the line it stood on, the field and reason, a stable code, and the bytes."""

    line: int
    code: str
    reason: str
    raw: bytes
    field: str | None = None
    source: str = ""
    lines: int = 1
    """How many lines it stands for: more than one where they are kept together (``engine.events.set_aside``)."""


class TooManyLines(Exception):
    """A body holds more lines than are taken at once."""


def split_batch(body: bytes, most: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Split a body into (line number, bytes): NDJSON lines, or the elements of one top-level JSON array.

    Empty lines are skipped. A body that begins like an array but cannot be split is given whole. Raise TooManyLines,
    before any work on them, where there are more than ``most``.
    """
    if body.lstrip(b" \t\r\n").startswith(b"["):
        yield from _split_array(body, most)
        return
    if most is not None and body.count(b"\n") > most:
        raise TooManyLines
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip(b" \t\r"):
            yield number, line.rstrip(b"\r")


DEEPEST = 512
"""Deeper nesting is nobody's event; a body that has it is given whole, and refused."""
_TOKEN = re.compile(
    rb"""(?P<flat>\{[^{}\[\]"]*+(?:"(?:[^"\\]++|\\.)*+"[^{}\[\]"]*+)*+\})|"(?:[^"\\]++|\\.?)*+"?|[\[\]{},]""", re.DOTALL
)
"""An object without objects or arrays in it, a string (to the end of the body if nothing closes it), or a mark. Every
repetition is possessive, so the time is linear in the body."""


def _split_array(body: bytes, most: int | None) -> Iterator[tuple[int, bytes]]:
    begin = body.index(b"[") + 1
    depth = 0
    parts: list[tuple[int, bytes]] = []
    for token in _TOKEN.finditer(body, begin):
        if token.lastgroup == "flat":
            continue
        match token.group()[:1]:
            case b"[" | b"{":
                depth += 1
                if depth > DEEPEST:
                    break
            case b"]" | b"}":
                depth -= 1
                if depth < 0:
                    tail = body[begin : token.start()].strip()
                    if tail or parts:
                        parts.append((len(parts) + 1, tail))
                    if body[token.end() :].strip():
                        break
                    yield from parts
                    return
            case b"," if depth == 0:
                parts.append((len(parts) + 1, body[begin : token.start()].strip()))
                begin = token.end()
                if most is not None and len(parts) > most:
                    raise TooManyLines
    yield 1, body
