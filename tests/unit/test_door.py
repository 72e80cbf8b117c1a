"""The door: whatever comes in, there is a verdict, and accepted and rejected together are everything."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.catalogue import builtin_catalogue
from engine.events.envelope import Limits, Rejected, SecurityEvent, split_batch
from engine.events.parser import EventParser
from infra.store.log.records import decode, encode, event_key
from tests.support import MONDAY

CATALOGUE = builtin_catalogue()
DOOR = EventParser(CATALOGUE, "portal", MONDAY)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
SPECIAL = ["@timestamp", "event.id", "event.action", "event", "id", "type", "time", "source", "data", "a..b", "event."]
names = st.sampled_from(sorted(CATALOGUE.fields)) | st.sampled_from([*SPECIAL, ""]) | st.text(max_size=12)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))
documents = st.dictionaries(names, values, max_size=12)


def event(**fields: Any) -> bytes:
    return orjson.dumps({"event.id": "e", "event.action": "backup.job", "@timestamp": MONDAY.isoformat(), **fields})


@settings(max_examples=400)
@given(documents, st.booleans())
def test_any_json_gets_a_verdict_and_the_reader_never_fails(document: dict[str, Any], sane: bool) -> None:
    if sane:
        document = {**document, "event.id": "e-1", "event.action": "portal.login.failed"}
    raw = json.dumps(document, allow_nan=True).encode("utf8", "surrogatepass")
    read = DOOR.read(raw)
    if isinstance(read, Rejected):
        assert read.code != "reader-fault", read.reason
        assert read.raw == raw
    else:
        assert read.raw == raw
        stored = decode(1, encode(read, event_key(read.source, read.event_id), 1, None), None)
        assert stored.raw == raw
        assert stored.fields == json.loads(orjson.dumps(read.fields))


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf8", "surrogatepass")))
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    read = DOOR.read(raw)
    assert isinstance(read, Rejected)
    assert read.code != "reader-fault"


@given(st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_a_valid_event_with_damaged_bytes_gets_a_verdict(place: int, damage: bytes) -> None:
    raw = event(**{"mfo.client.iin": "850101300005", "message": "вход"})
    place %= len(raw)
    read = DOOR.read(raw[:place] + damage + raw[place + len(damage) :])
    assert isinstance(read, SecurityEvent) or read.code != "reader-fault"


@given(st.lists(st.binary(max_size=40).map(lambda part: part.replace(b"\n", b"")), max_size=8))
def test_lines_are_numbered_as_an_editor_shows_them(parts: list[bytes]) -> None:
    body = b"\n".join(parts)
    if body.lstrip(b" \t\r\n").startswith(b"["):
        return
    lines = body.split(b"\n")
    for number, raw in split_batch(body):
        assert lines[number - 1].rstrip(b"\r") == raw


@given(st.lists(documents, min_size=1, max_size=6))
def test_an_array_is_split_like_a_parser_would(items: list[dict[str, Any]]) -> None:
    body = json.dumps(items, allow_nan=False, default=str).encode() if _finite(items) else b"[1]"
    assert [json.loads(raw) for _, raw in split_batch(body)] == json.loads(body)


@given(st.text(alphabet='[]{},:"\\\\a1 \\n', max_size=60).map(lambda text: b"[" + text.encode()))
def test_an_array_is_split_as_byte_by_byte(body: bytes) -> None:
    """The quick way against the plain one, over bodies that are mostly no JSON at all."""
    assert list(split_batch(body)) == byte_by_byte(body)


def byte_by_byte(body: bytes) -> list[tuple[int, bytes]]:
    """Split an array by looking at every byte: what the quick way must agree with."""
    parts: list[tuple[int, bytes]] = []
    begin, depth, in_string, escaped = 1, 0, False, False
    for place in range(1, len(body)):
        mark = body[place : place + 1]
        if in_string:
            if escaped or mark == b"\\":
                escaped = not escaped
            elif mark == b'"':
                in_string = False
        elif mark == b'"':
            in_string = True
        elif mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
            if depth < 0:
                tail = body[begin:place].strip()
                if body[place + 1 :].strip():
                    break
                return [*parts, (len(parts) + 1, tail)] if tail or parts else []
        elif mark == b"," and depth == 0:
            parts.append((len(parts) + 1, body[begin:place].strip()))
            begin = place + 1
    return [(1, body)]


def _finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not-json"),
        (b"\xef\xbb\xbf{}", "byte-order-mark"),
        (b'{"event.id":"1","event.id":"2","event.action":"backup.job"}', "duplicate-key"),
        (b'{"event":{"id":"1"},"event.id":"2","event.action":"backup.job"}', "duplicate-key"),
        (b'{"event.id":"1" , "event.id" :"2","event.action":"backup.job"}', "duplicate-key"),
        (b'{"event.id":"","event.action":"backup.job"}', "missing-field"),
        (b'{"event.action":"backup.job"}', "missing-field"),
        (b'{"event.id":7,"event.action":"backup.job"}', "missing-field"),
        (b'{"event.id":"1","event.action":"backup.jop"}', "unknown-type"),
        (b"[" * 500 + b"]" * 500, "not-an-object"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "too-deep"),
        (b'{"event.id":"1","event.action":"backup.job","event.provider":"other"}', "source-mismatch"),
    ],
)
def test_reasons(raw: bytes, code: str) -> None:
    read = DOOR.read(raw)
    assert isinstance(read, Rejected)
    assert read.code == code


def test_limits() -> None:
    limits = Limits(event_bytes=2000, fields=10, value_chars=50)
    door = EventParser(CATALOGUE, "portal", MONDAY, limits)
    for raw, code in (
        (event(message="x" * 3000), "too-large"),
        (event(message="x" * 60), "value-too-long"),
        (event(**{f"f{i}": i for i in range(20)}), "too-many-fields"),
    ):
        read = door.read(raw)
        assert isinstance(read, Rejected)
        assert read.code == code


@pytest.mark.parametrize(
    ("offset", "flag"),
    [
        (timedelta(0), None),
        (timedelta(days=-300), None),
        (timedelta(hours=2), "time-ahead"),
        (timedelta(days=30), "time-out-of-range"),
        (timedelta(days=-4000), "time-out-of-range"),
    ],
)
def test_a_clock_that_runs_wrong_is_flagged_and_the_event_kept(offset: timedelta, flag: str | None) -> None:
    read = DOOR.read(event(**{"@timestamp": (MONDAY + offset).isoformat()}))
    assert isinstance(read, SecurityEvent)
    assert read.flags == ((flag,) if flag else ())
    assert read.at == (MONDAY if flag == "time-out-of-range" else MONDAY + offset)


def test_both_shapes_of_an_event_are_the_same_event() -> None:
    nested = (
        b'{"event":{"id":"1","action":"portal.login.failed"},"mfo":{"client":{"id":"c"}},"source":{"ip":"10.0.0.1"}}'
    )
    flat = b'{"event.id":"1","event.action":"portal.login.failed","mfo.client.id":"c","source.ip":"10.0.0.1"}'
    first, second = DOOR.read(nested), DOOR.read(flat)
    assert isinstance(first, SecurityEvent)
    assert isinstance(second, SecurityEvent)
    assert first.fields == second.fields


def test_every_type_of_the_catalogue_has_a_valid_example() -> None:
    assert len(CATALOGUE.events) == 168
    for action in CATALOGUE.events:
        read = DOOR.read(orjson.dumps(CATALOGUE.example(action)))
        assert isinstance(read, SecurityEvent), action
        assert read.flags == (), action


_NAMES = st.sampled_from(
    ["event.id", "event.action", "@timestamp", "event.provider", "mfo.client.iin", "mfo.client.phone", "mfo.amount",
     "source.ip", "type", "event", "a b", "", "x.y", "mfo.ts", "event.start", "mfo.payout.account", "event.category"]
)  # fmt: skip
_TEXTS = st.sampled_from(
    ["a", "", " ", "backup.job", "portal.login.failed", "portal", "antifraud", "2026-11-23T10:00:00+05:00",
     "2026-11-23T04:00:00Z", "2026-W47-1", "9999-12-31T23:59:59Z", "2026-11-23T05:30:00Z", "850101300005", "KZ86", "\t",
     "\u0416", 'q"q', ":x", "+7 (777) 123-45-67", "2026-11-23T04:00:00.123456789Z", "y" * 201]
)  # fmt: skip
_VALUES = st.one_of(
    _TEXTS, st.none(), st.booleans(), st.integers(-(2**64) + 1, 2**64 - 1), st.floats(allow_nan=False),
    st.lists(_TEXTS, max_size=2), st.dictionaries(_NAMES, _TEXTS, max_size=2),
)  # fmt: skip
_SANE = {"event.id": "e", "event.action": "backup.job", "@timestamp": "2026-11-23T05:00:00Z"}


@settings(max_examples=1500)
@given(
    st.lists(st.tuples(st.dictionaries(_NAMES, _VALUES, max_size=6), st.booleans(), st.booleans()), max_size=4),
    st.sampled_from([None, frozenset(), frozenset({"antifraud"})]),
)
def test_reading_many_is_reading_each(documents: list[Any], claims: frozenset[str] | None) -> None:
    """The quick way through ``read_all`` differs in nothing from ``read``, also for shapes seen before."""
    door = EventParser(builtin_catalogue(), "portal", MONDAY, claims=claims)
    lines = []
    for fields, escaped, spaced in documents:
        document = {**_SANE, **fields}
        lines.append(json.dumps(document, ensure_ascii=escaped, separators=None if spaced else (",", ":")).encode())
    lines += [line[:-1] + b',"event.id":"twice"}' for line in lines]
    lines += lines
    one_by_one = [door.read(raw, number) for number, raw in enumerate(lines, 1)]
    events, rejects = door.read_all(enumerate(lines, 1))
    assert events == [read for read in one_by_one if isinstance(read, SecurityEvent)]
    assert rejects == [read for read in one_by_one if isinstance(read, Rejected)]
    before = [read for read in one_by_one if isinstance(read, SecurityEvent)]
    assert [(e.verbatim, e.named, e.personal) for e in events] == [(e.verbatim, e.named, e.personal) for e in before]


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b'{"id":"1","type":"backup.job","time":"x","data":[]}', "not-an-object", "data"),
        (b'{"id":"1","type":"backup.job","data":{"mfo.a":1,"a":2}}', "duplicate-key", "mfo.a"),
        (b'{"event.id":"a\\u0001","event.action":"backup.job"}', "control-character", "event.id"),
        (b'{"event.id":"1","event.action":"backup.job","a":[[[1,{"b":2}]]],"a.b":3}', "duplicate-key", "'a.b'"),
        (b'{"a.b":3,"event.id":"1","event.action":"backup.job","a":[{"b":2}]}', "duplicate-key", "'a.b'"),
        (b"7", "not-an-object", None),
    ],
)
def test_more_reasons_name_their_field(raw: bytes, code: str, field: str | None) -> None:
    read = EventParser(CATALOGUE, "portal", MONDAY, Limits(depth=9)).read(raw, 7)
    assert isinstance(read, Rejected)
    assert (read.code, read.field, read.line, read.source, read.raw) == (code, field, 7, "portal", raw)


@pytest.mark.parametrize(
    ("value", "limits", "code"),
    [
        ([{f"f{i}": 1 for i in range(30)}], Limits(fields=10), "too-many-fields"),
        ([[[[[[1, {}]]]]]], Limits(depth=3), "too-deep"),
        ({"a": {"b": {"c": {"d": 1}}}}, Limits(depth=2), "too-deep"),
        ([{"a": {"b": {"c": 1}}}], Limits(depth=2), "too-deep"),
    ],
)
def test_what_is_too_large_inside_is_refused(value: Any, limits: Limits, code: str) -> None:
    read = EventParser(CATALOGUE, "portal", MONDAY, limits).read(event(labels=value))
    assert isinstance(read, Rejected)
    assert read.code == code


def test_objects_in_arrays_become_arrays_of_values() -> None:
    read = DOOR.read(event(related=[{"ip": "10.0.0.1"}, {"ip": ["10.0.0.2"], "user": "a"}, "x", ["y"]]))
    assert isinstance(read, SecurityEvent)
    assert read.fields["related.ip"] == ["10.0.0.1", "10.0.0.2"]
    assert (read.fields["related.user"], read.fields["related"]) == (["a"], ["x", "y"])


@pytest.mark.parametrize(
    ("source", "claims", "code"),
    [
        ("portal", frozenset(), None), ("antifraud", frozenset({"antifraud"}), None), ("anybody", None, None),
        ("antifraud", frozenset(), "source-mismatch"), (7, None, "source-invalid"), ("", None, None),
    ],
)  # fmt: skip
def test_a_credential_speaks_only_for_its_sources(source: Any, claims: Any, code: str | None) -> None:
    raw = event(**{"event.provider": source})
    read = EventParser(CATALOGUE, "portal", MONDAY, claims=claims).read(raw)
    if code is None:
        assert isinstance(read, SecurityEvent)
        assert read.source == (source or "portal")
    else:
        assert isinstance(read, Rejected)
        assert read.code == code


def test_an_unknown_type_may_be_kept_and_is_flagged() -> None:
    read = EventParser(CATALOGUE, "portal", MONDAY, keep_unknown_types=True).read(event(**{"event.action": "tea.made"}))
    assert isinstance(read, SecurityEvent)
    assert (read.action, read.flags) == ("tea.made", ("unknown-type",))


def test_a_compact_event_is_brought_to_the_names_of_the_catalogue() -> None:
    raw = b'{"id":"1","type":"portal.login.failed","time":"2026-11-23T05:00:00Z","data":{"shoe":7},"host":{"name":"h"}}'
    read = DOOR.read(raw)
    assert isinstance(read, SecurityEvent)
    assert (read.event_id, read.action, read.at) == ("1", "portal.login.failed", MONDAY)
    assert (read.fields["mfo.shoe"], read.fields["host.name"]) == (7, "h")
    assert read.flags == ("unknown-field",)


@pytest.mark.parametrize(
    ("name", "text", "flags", "kept"),
    [
        ("mfo.comment", "a\x00b", (), "ab"),
        ("mfo.comment", "a\x01b", (), "a\x01b"),
        ("user.id", "a\x01b", ("control-character",), "a\x01b"),
        ("user.id", "a\x00b", ("control-character",), "ab"),
    ],
)
def test_control_characters_are_flagged_outside_texts_and_nul_is_taken_out(
    name: str, text: str, flags: tuple[str, ...], kept: str
) -> None:
    read = DOOR.read(event(**{name: text}))
    assert isinstance(read, SecurityEvent)
    assert (read.flags, read.fields[name]) == (flags, kept)
    assert read.verbatim == ("\x00" not in text)


def test_a_number_out_of_range_is_flagged_on_both_ways_through_the_door() -> None:
    raw = event(**{"mfo.amount": 2**63})
    events, _ = DOOR.read_all([(1, raw), (2, raw)])
    assert [read.flags for read in events] == [("number-range",)] * 2


def test_a_fault_of_the_reader_is_a_dead_letter_that_keeps_the_bytes() -> None:
    class Broken(dict[Any, Any]):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("secret")

    broken = type(CATALOGUE)(CATALOGUE.events, CATALOGUE.fields, CATALOGUE.aliases, Broken())
    read = EventParser(broken, "portal", MONDAY).read(event(), 3)
    assert isinstance(read, Rejected)
    assert (read.code, read.line, read.raw) == ("reader-fault", 3, event())
    assert "secret" not in read.reason


def test_a_name_that_is_repeated_is_quoted_short_and_clean() -> None:
    name = "x" * 70 + "\\u0007"
    raw = b'{"%s":1,"%s":2,"event.id":"1","event.action":"backup.job"}' % (name.encode(), name.encode())
    read = DOOR.read(raw)
    assert isinstance(read, Rejected)
    assert read.field == "'" + "x" * 60 + "…'"
