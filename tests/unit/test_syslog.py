"""RFC 5424 messages: its own examples, what a message must be, and that every input gets a verdict."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.catalogue import builtin_catalogue
from engine.events.envelope import SecurityEvent
from engine.events.parser import EventParser
from engine.events.syslog import NotSyslog, event_of, parse
from infra.inbound.syslog.framing import LONGEST, BadFrame, Framer
from tests.support import DATA

CATALOGUE = builtin_catalogue()
BOM = b"\xef\xbb\xbf"
RFC_EXAMPLES = [
    (
        b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - " + BOM + b"'su root' failed for lonvick",
        (4, 2, "mymachine.example.com", "su", None, "ID47", {}, BOM + b"'su root' failed for lonvick"),
    ),
    (
        b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
        (20, 5, "192.0.2.1", "myproc", "8710", None, {}, b"%% It's time to make the do-nuts."),
    ),
    (
        b'<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" '
        b'eventSource="Application" eventID="1011"] ' + BOM + b"An application event log entry...",
        (
            20, 5, "mymachine.example.com", "evntslog", None, "ID47",
            {"exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"}},
            BOM + b"An application event log entry...",
        ),
    ),
    (
        b'<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" '
        b'eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]',
        (
            20, 5, "mymachine.example.com", "evntslog", None, "ID47",
            {
                "exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"},
                "examplePriority@32473": {"class": "high"},
            },
            b"",
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "parts"), RFC_EXAMPLES)
def test_the_examples_of_the_rfc(raw: bytes, parts: tuple[Any, ...]) -> None:
    it = parse(raw)
    assert (it.facility, it.severity, it.host, it.app, it.process, it.message_id, it.elements, it.text) == parts


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        (b"", "header", "awaited"),
        (b"<34>Oct 11 22:14:15 mymachine su: failed", "header", "RFC 3164"),
        (b"<192>1 - - - - - -", "PRI", "191"),
        (b"<034>1 - - - - - -", "header", "awaited"),
        (b"<34>2 - - - - - -", "VERSION", "version"),
        (b"<34>1 - - - - - x", "STRUCTURED-DATA", "byte 16"),
        (b'<34>1 - - - - - [a b="c"', "STRUCTURED-DATA", "']' is awaited"),
        (b'<34>1 - - - - - [a b="c" b="d"]', "STRUCTURED-DATA", "twice in one element"),
        (b'<34>1 - - - - - [a b="c"][a b="d"]', "STRUCTURED-DATA", "same element"),
        (b'<34>1 - - - - - [a b=c]', "STRUCTURED-DATA", "awaited at byte"),
        (b'<34>1 - - - - - [a b="\xff"]', "STRUCTURED-DATA", "UTF-8"),
        (b'<34>1 - - - - - [a b="]"]', "STRUCTURED-DATA", "awaited"),
        (b'<34>1 - - - - - [a b="c"]x', "STRUCTURED-DATA", "space"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_by_the_part(raw: bytes, field: str, said: str) -> None:
    with pytest.raises(NotSyslog, match=said) as refused:
        parse(raw)
    assert refused.value.field == field


def read(raw: bytes) -> SecurityEvent | Any:
    door = EventParser(CATALOGUE, "portal", datetime(2026, 11, 23, 5, 0, 1, tzinfo=UTC), claims=frozenset({"portal"}))
    return door.read(event_of(parse(raw), raw, CATALOGUE))


def test_an_element_carries_an_event_and_the_header_fills_it_up() -> None:
    raw = (
        b'<86>1 2026-11-23T10:00:00+05:00 portal-1 auth 77 portal.login.failed [meta sequenceId="7"]'
        b'[ecs@32473 user.id="u-7" source.ip="203.0.113.7" mfo.loan.amount="100000" mfo.bureau.session_active="true"] x'
    )
    event = read(raw)
    assert isinstance(event, SecurityEvent)
    assert (event.action, event.source, event.at) == (
        "portal.login.failed", "portal", datetime(2026, 11, 23, 5, 0, tzinfo=UTC),
    )  # fmt: skip
    assert event.fields["mfo.loan.amount"] == 100000 and event.fields["mfo.bureau.session_active"] is True
    assert (event.fields["host.name"], event.fields["log.syslog.severity.code"]) == ("portal-1", 6)
    assert event.event_id.startswith("syslog-") and event.event_id == read(raw).event_id
    assert event.event_id != read(raw.replace(b'"7"]', b'"8"]')).event_id


def test_json_in_the_message_is_the_event_as_it_stands() -> None:
    body = b'{"@timestamp":"2026-11-23T05:00:00Z","event.id":"a","event.action":"backup.job"}'
    for text in (body, b"@cee: " + body, b"@cee:" + body, BOM + body):
        event = read(b"<86>1 - h a - - - " + text)
        assert (event.event_id, event.raw) == ("a", body)


def test_a_message_without_an_event_says_what_is_missing() -> None:
    raw = RFC_EXAMPLES[1][0]
    with pytest.raises(NotSyslog, match="ecs@32473"):
        event_of(parse(raw), raw, CATALOGUE)


CASES = [json.loads(line) for line in (DATA / "hostile" / "corpus.ndjson").read_text(encoding="utf8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_hostile_bodies_get_a_verdict_here_too(case: dict[str, Any]) -> None:
    raw = b"<86>1 - h a - - - " + base64.b64decode(case["body_b64"])
    try:
        found = read(raw)
    except NotSyslog:
        assert case["verdict"] in ("dead_letter", "refuse_400")
        return
    stored = isinstance(found, SecurityEvent)
    if not raw.split(b" ", 7)[7].startswith(BOM):  # a mark of UTF-8 before the text is what RFC 5424 asks for
        assert stored == case["verdict"].startswith("store"), case["why"]


@given(st.binary(max_size=200))
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    for it in (raw, b"<86>1 - - - - - " + raw):
        try:
            event_of(parse(it), it, CATALOGUE)
        except NotSyslog as refused:
            assert refused.message


NAMES = st.text(st.characters(codec="ascii", min_codepoint=33, exclude_characters='=]"\x7f'), min_size=1, max_size=32)
ELEMENTS = st.dictionaries(NAMES, st.dictionaries(NAMES, st.text(max_size=40), max_size=4), max_size=3)


@given(ELEMENTS, st.integers(0, 191), st.binary(max_size=40))
def test_what_is_written_by_the_grammar_is_read_back(
    elements: dict[str, dict[str, str]], priority: int, text: bytes
) -> None:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")

    data = "".join(
        f"[{name}" + "".join(f' {key}="{escaped(value)}"' for key, value in inner.items()) + "]"
        for name, inner in elements.items()
    )
    try:
        raw = f"<{priority}>1 - - - - - {data or '-'} ".encode() + text
    except UnicodeEncodeError:
        return  # lone surrogates are no text
    it = parse(raw)
    assert (it.priority, it.elements, it.text) == (priority, elements, text)


MESSAGES = st.lists(st.binary(max_size=60).map(lambda tail: b"<1>" + tail.replace(b"\n", b".").rstrip(b"\r\0")))


@given(MESSAGES, st.lists(st.booleans()), st.integers(1, 40))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    messages: list[bytes], counted: list[bool], step: int
) -> None:
    forms = [*counted, *[True] * len(messages)]
    stream = b"".join(
        b"%d %s" % (len(it), it) if form else it + b"\n" for it, form in zip(messages, forms, strict=False)
    )
    framer = Framer()
    found = [frame for at in range(0, len(stream), step) for frame in framer.feed(stream[at : at + step])]
    assert found == messages
    assert framer.end() is None


@pytest.mark.parametrize(
    "stream", [b"hello", b"99999999 <", b"12x <1>", b"<1>" + b"x" * (LONGEST + 9), b"0 <1>", b"%d <" % (LONGEST + 1)]
)
def test_what_is_in_no_form_ends_the_connection(stream: bytes) -> None:
    with pytest.raises(BadFrame):
        list(Framer().feed(stream))


def test_the_end_of_a_connection() -> None:
    whole, part = Framer(), Framer()
    assert list(whole.feed(b"<1>a\n<1>b")) == [b"<1>a"]
    assert whole.end() == b"<1>b"
    assert list(part.feed(b"9 <1>a")) == []
    with pytest.raises(BadFrame, match="within"):
        part.end()
