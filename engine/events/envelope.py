"""What came in: a security event with the bytes it came as, or a dead letter that keeps them and says why."""

from __future__ import annotations

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
