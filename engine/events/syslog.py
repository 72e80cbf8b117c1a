"""Syslog messages (RFC 5424) as events.

Two forms are taken. The message may be the event itself, as JSON (after ``@cee:`` too): then it is read as it stands,
and nothing of the header is put into it. Or an element of the structured data carries the event, its parameters named
like the fields, ``[ecs@32473 event.action="portal.login.failed" source.ip="203.0.113.7"]``: then the header gives
what the element does not say. A message in CEF is read too (``engine/events/cef.py``), behind the older header of
RFC 3164 as well. Everything else is set aside with its reason and its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import orjson

from engine.events.catalogue import Catalogue
from engine.events.cef import BEGIN, CefTable, builtin_cef, event_from_cef
from engine.kernel.errors import InputError

ELEMENT = "ecs@32473"
"""The name of the element that carries an event; 32473 is the enterprise number of examples (RFC 5612)."""
COOKIE = b"@cee:"
NIL = b"-"
_HEADER = re.compile(
    rb"<(?P<pri>0|[1-9][0-9]{0,2})>(?P<version>[1-9][0-9]{0,2}) "
    rb"(?P<time>[!-~]{1,64}) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
)
_NAME = re.compile(rb"[!#-<>-\\^-~]{1,32}")
"""SD-NAME: printable ASCII without space, '=', ']' and '"'."""
_VALUE = re.compile(rb'"((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\\]])')
_WORDS = {"true": True, "false": False}
_BOM = b"\xef\xbb\xbf"
_TAGGED = re.compile(rb"[01]\|")
"""CEF behind a header of RFC 3164 that a relay has read: it took ``CEF:`` for the name of the program."""
_NEW = re.compile(rb"<[0-9]{1,3}>[1-9][0-9]{0,2} ")
_OLD = re.compile(
    rb"(?:<(?P<pri>[0-9]{1,3})>)?(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}(?: [0-9]{4})? (?P<host>[!-~]{1,255}) )?"
    rb"[^\n|]{0,256}?(?P<text>CEF: ?[01]\|)"
)
"""CEF behind a header of RFC 3164, of which only priority and host are used: its time has neither year nor zone."""


class NotSyslog(InputError):
    """The bytes are not a message of RFC 5424."""

    code = "not-syslog"


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message; None where the sender said nothing (NILVALUE)."""

    priority: int
    timestamp: str | None
    host: str | None
    app: str | None
    process: str | None
    message_id: str | None
    elements: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    text: bytes = b""

    @property
    def facility(self) -> int:
        """The facility code, 0 to 23."""
        return self.priority // 8

    @property
    def severity(self) -> int:
        """The severity code, 0 (emergency) to 7 (debug)."""
        return self.priority % 8


def parse(raw: bytes) -> Message:
    """Read one message. Raises NotSyslog for what is not one, naming the part."""
    head = _HEADER.match(raw)
    if head is None:
        raise NotSyslog(_why(raw), field="header")
    if int(head["pri"]) > 191:
        raise NotSyslog("the priority is at most 191", field="PRI")
    if head["version"] != b"1":
        raise NotSyslog("the version of the protocol is 1", field="VERSION")
    elements, end = _elements(raw, head.end())
    rest = raw[end:]
    if rest and not rest.startswith(b" "):
        raise NotSyslog(f"a space is awaited after the structured data, at byte {end}", field="STRUCTURED-DATA")
    time, host, app, process, name = (_said(head[part]) for part in ("time", "host", "app", "proc", "id"))
    return Message(int(head["pri"]), time, host, app, process, name, elements, rest[1:])


def read_message(raw: bytes, catalogue: Catalogue, table: CefTable | None = None) -> bytes:
    """Return the event of a message as JSON. Raises InputError where it is no message, or carries no event."""
    old = None if _NEW.match(raw) else _OLD.match(raw)
    if old is None:
        return event_of(parse(raw), raw, catalogue, table)
    priority = int(old["pri"] or 13)  # RFC 3164, 4.3.3: without a priority it is 13
    if priority > 191:
        raise NotSyslog("the priority is at most 191", field="PRI")
    host = old["host"].decode() if old["host"] else None
    return event_of(
        Message(priority, None, host, None, None, None, {}, raw[old.start("text") :]), raw, catalogue, table
    )


def event_of(message: Message, raw: bytes, catalogue: Catalogue, table: CefTable | None = None) -> bytes:
    """Return the event of a message as JSON. Raises InputError where it carries none."""
    body = message.text.removeprefix(_BOM).strip()
    if body.startswith(COOKIE):
        body = body.removeprefix(COOKIE).strip()
    if body.startswith(b"{"):
        return body
    if message.app == "CEF" and _TAGGED.match(body):
        body = b"CEF:" + body
    if body.startswith(b"CEF:"):
        return _cef(message, body, raw, catalogue, table or builtin_cef())
    carried = next((it for name, it in message.elements.items() if name.partition("@")[0] == "ecs"), None)
    if carried is None:
        reason = f"neither a JSON object as message nor an element such as {ELEMENT} with the fields of an event"
        raise NotSyslog(reason, field="MSG")
    fields: dict[str, Any] = _header_fields(message)
    fields |= {name: _typed(name, value, catalogue) for name, value in carried.items()}
    fields.setdefault("event.id", _id_of(raw))
    return orjson.dumps(fields)


def _cef(message: Message, body: bytes, raw: bytes, catalogue: Catalogue, table: CefTable) -> bytes:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotSyslog("the message is not UTF-8", field="MSG") from None
    if BEGIN.match(text) is None:
        raise NotSyslog("CEF:0| or CEF:1| is awaited", field="MSG")
    fields = _header_fields(replace(message, message_id=None)) | event_from_cef(text, catalogue, table)
    return orjson.dumps(fields | {"event.id": _id_of(raw)})


def _id_of(raw: bytes) -> str:
    """The same bytes are the same event: a relay that repeats itself adds nothing."""
    return f"syslog-{sha256(raw).hexdigest()[:40]}"


def _header_fields(message: Message) -> dict[str, Any]:
    given = {
        "@timestamp": message.timestamp, "event.action": message.message_id, "host.name": message.host,
        "process.name": message.app,
    }  # fmt: skip
    found: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return found | {"log.syslog.facility.code": message.facility, "log.syslog.severity.code": message.severity}


def _typed(name: str, text: str, catalogue: Catalogue) -> Any:
    """Parameters are text; numbers and truth values become what the catalogue says they are."""
    spec = catalogue.fields.get(name)
    kind = spec.type if spec is not None else ""
    if kind == "boolean":
        return _WORDS.get(text, text)
    if kind == "number":
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        return found if isinstance(found, int | float) and not isinstance(found, bool) else text
    return text


def _elements(raw: bytes, at: int) -> tuple[dict[str, dict[str, str]], int]:
    if raw[at : at + 1] == NIL:
        return {}, at + 1
    found: dict[str, dict[str, str]] = {}
    if raw[at : at + 1] != b"[":
        raise NotSyslog(f"structured data or '-' is awaited at byte {at}", field="STRUCTURED-DATA")
    while raw[at : at + 1] == b"[":
        name, at = _name(raw, at + 1)
        if name in found:
            raise NotSyslog("the same element stands twice", field="STRUCTURED-DATA")
        found[name], at = _parameters(raw, at)
    return found, at


def _parameters(raw: bytes, at: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while raw[at : at + 1] == b" ":
        name, at = _name(raw, at + 1)
        value = _VALUE.match(raw, at + 1) if raw[at : at + 1] == b"=" else None
        if value is None:
            raise NotSyslog(f'="…" is awaited at byte {at}', field="STRUCTURED-DATA")
        if name in found:
            raise NotSyslog("the same parameter stands twice in one element", field="STRUCTURED-DATA")
        try:
            found[name] = _ESCAPED.sub(rb"\1", value[1]).decode()
        except UnicodeDecodeError:
            raise NotSyslog("the value of a parameter is not UTF-8", field="STRUCTURED-DATA") from None
        at = value.end()
    if raw[at : at + 1] != b"]":
        raise NotSyslog(f"']' is awaited at byte {at}", field="STRUCTURED-DATA")
    return found, at + 1


def _name(raw: bytes, at: int) -> tuple[str, int]:
    found = _NAME.match(raw, at)
    if found is None:
        raise NotSyslog(f"a name of printable ASCII is awaited at byte {at}", field="STRUCTURED-DATA")
    return found[0].decode(), found.end()


def _said(part: bytes) -> str | None:
    return None if part == NIL else part.decode()


def _why(raw: bytes) -> str:
    if re.match(rb"<[0-9]{1,3}>[A-Z][a-z]{2} ", raw):
        return "a message of the older format (RFC 3164); let the sender write RFC 5424"
    return "not a message of RFC 5424: <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID is awaited"
