"""Messages in CEF (Common Event Format, ArcSight) as events: firewalls, intrusion prevention, antivirus, web filters.

``CEF:0|Vendor|Product|Version|Signature ID|Name|Severity|key=value key=value …`` behind a header of RFC 5424, one of
the older RFC 3164, or none. In the header ``|`` and ``\\`` are escaped, in the extension ``=``, ``\\`` and line ends.
Which product's message is which event stands in ``engine/data/cef.yml``. Nothing is guessed: a message of a product
that is not known there is set aside, a key that says two things says nothing, and a time without a zone is no instant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from fnmatch import translate
from functools import lru_cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.events.catalogue import Catalogue
from engine.kernel.errors import InputError
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.kernel.yaml_text import read_yaml

PARTS = ("vendor", "product", "version", "id", "name", "severity")
BEGIN = re.compile(r"CEF: ?[01]\|")
KEPT = "mfo.cef."
"""Before the name of a key that has no field of its own."""
TWICE = "cef-key-twice"
_PART = re.compile(r"((?:[^|\\]|\\.)*+)\|", re.DOTALL)
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_.\-\[\]]{1,100})=")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LINES = {"n": "\n", "r": "\r"}
_CUSTOM = re.compile(r"(c6a|cfp|cn|cs|flexDate|flexNumber|flexString|deviceCustom[A-Za-z]+)[0-9]{1,2}")
_EPOCH = re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19}")
_DATE = re.compile(
    r"([A-Z][a-z]{2}) ([0-9]{1,2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))? "
    r"(UTC|GMT|Z|([+-])([0-9]{2}):?([0-9]{2}))"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp"}
_HASHES = {32: "file.hash.md5", 40: "file.hash.sha1", 64: "file.hash.sha256"}
_HEX = re.compile(r"[0-9A-Fa-f]+")
_ACTED = {"net.av.detection": "mfo.av.action", "net.firewall.flow": "mfo.firewall.action"}
_WORDS = {"low": 3, "medium": 2, "high": 1, "very-high": 1}
_NUMBERS = frozenset({
    "source.port", "destination.port", "source.nat.port", "destination.nat.port", "source.bytes", "destination.bytes",
    "file.size",
})  # fmt: skip
_DATES = frozenset({"@timestamp", "event.start", "event.end"})


class NotCef(InputError):
    """The text begins like CEF and is none."""

    code = "not-cef"


class CefUnmapped(InputError):
    """The message is CEF, and nothing says which event of the catalogue it is."""

    code = "cef-unmapped"


@dataclass(frozen=True, slots=True)
class Cef:
    """A parsed message; ``extension`` has every value of a key, in the order they came."""

    vendor: str
    product: str
    version: str
    id: str
    name: str
    severity: str
    extension: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def said(self, key: str) -> str | None:
        """Return what a key says; nothing when it is not there, is empty, or says two different things."""
        values = set(self.extension.get(key, ()))
        return (values.pop() or None) if len(values) == 1 else None


class Product(BaseModel):
    """Which messages are which event."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    vendor: str = "*"
    product: str = "*"
    id: str = "*"
    name: str = "*"
    cat: str = "*"
    action: str
    set: dict[str, str] = {}
    fields: dict[str, str] = {}
    words: dict[str, str] = {}

    def fits(self, it: Cef) -> bool:
        """Say whether a message is one of these."""
        given = (it.vendor, it.product, it.id, it.name, it.said("cat") or "")
        wanted = (self.vendor, self.product, self.id, self.name, self.cat)
        return all(_pattern(want).match(have) for want, have in zip(wanted, given, strict=True))


class CefTable(BaseModel):
    """What is known of CEF: products, keys, labels, words."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    products: tuple[Product, ...]
    extension: dict[str, str]
    labels: dict[str, str]
    words: dict[str, dict[str, str]]

    def with_types(self, more: Mapping[str, str]) -> CefTable:
        """Return a table that asks ``Vendor|Product|Signature ID`` of a house first."""
        own = []
        for pattern, action in more.items():
            vendor, product, name, *_ = [*pattern.split("|"), "", ""]
            own.append(Product(vendor=vendor or "*", product=product or "*", id=name or "*", action=action))
        return self.model_copy(update={"products": (*own, *self.products)})

    def product_of(self, it: Cef, catalogue: Catalogue) -> Product:
        """Return what a message is. Raise CefUnmapped."""
        if it.id in catalogue.events:
            return Product(action=it.id)
        found = next((known for known in self.products if known.fits(it)), None)
        if found is None:
            what = "|".join(part[:60] for part in (it.vendor, it.product, it.id))
            reason = f"nothing says which event '{what}' is: engine/data/cef.yml or QORGAU_SYSLOG_CEF"
            raise CefUnmapped(reason, field="MSG")
        return found


@lru_cache(maxsize=1)
def builtin_cef() -> CefTable:
    """Read the table that ships with the product."""
    text = (resources.files("engine") / "data" / "cef.yml").read_text(encoding="utf8")
    return CefTable.model_validate(read_yaml(text))


def parse_cef(text: str) -> Cef:
    """Read a message. Raise NotCef."""
    begin = BEGIN.match(text)
    if begin is None:
        raise NotCef("CEF:0| or CEF:1| is awaited", field="MSG")
    parts: dict[str, str] = {}
    at = begin.end()
    for name in PARTS:
        found = _PART.match(text, at)
        if found is None:
            raise NotCef(f"the header ends before '{name}': a '|' is awaited", field="MSG")
        parts[name] = _plain(found[1]).strip()
        at = found.end()
    return Cef(**parts, extension=_extension(text[at:]))


def event_from_cef(text: str, catalogue: Catalogue, table: CefTable) -> dict[str, Any]:
    """Return the event a message is, with flat ECS names; without ``event.id``. Raise NotCef and CefUnmapped."""
    it = parse_cef(text)
    product = table.product_of(it, catalogue)
    found: dict[str, Any] = {"event.action": product.action, **product.set}
    observer = {"observer.vendor": it.vendor, "observer.product": it.product, "observer.version": it.version}
    found |= {name: value for name, value in observer.items() if value}
    found |= {"event.code": it.id, "event.original": text}
    severity = _severity(it.severity)
    if severity is not None:
        found["event.severity"] = severity
    _take(it, product, table, catalogue, found)
    _settle(it, product, table.words.get(product.action, {}), found)
    if any(len(set(values)) > 1 for values in it.extension.values()):
        found["tags"] = [TWICE]
    return found


def instant(text: str) -> str | None:
    """Return a time of CEF as RFC 3339; nothing for one without a year or a zone."""
    try:
        parse_rfc3339(text)
        return text
    except NotAnInstant:
        pass
    try:
        if _EPOCH.fullmatch(text):
            exact = datetime.fromtimestamp(int(text[:10]), UTC)
            return (exact + timedelta(microseconds=int(text[10:16].ljust(6, "0")))).isoformat()
        date = _DATE.fullmatch(text)
        if date is None or date[1] not in _MONTHS:
            return None
        zone = UTC
        if date[9]:
            ahead = timedelta(hours=int(date[10]), minutes=int(date[11]))
            zone = timezone(ahead if date[9] == "+" else -ahead)
        day = (int(date[3]), _MONTHS.index(date[1]) + 1, int(date[2]))
        moment = (int(date[4]), int(date[5]), int(date[6]), int(date[7] or 0) * 1000)
        return datetime(*day, *moment, zone).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


def _extension(text: str) -> dict[str, tuple[str, ...]]:
    """A value goes on until the next ``key=`` behind white space: an escaped ``=`` is no end of a key."""
    found: dict[str, list[str]] = {}
    keys = list(_KEY.finditer(text))
    for number, key in enumerate(keys):
        end = keys[number + 1].start() if number + 1 < len(keys) else len(text)
        found.setdefault(key[1], []).append(_plain(text[key.end() : end].rstrip()))
    if not keys and text.strip():
        raise NotCef("the extension has no key=value", field="MSG")
    return {name: tuple(values) for name, values in found.items()}


def _take(it: Cef, product: Product, table: CefTable, catalogue: Catalogue, found: dict[str, Any]) -> None:
    """Bring the extension to fields: first what is told of the product, then the dictionary; the rest is kept."""
    order = sorted(it.extension, key=lambda key: key not in product.fields)
    for key in order:
        if key.endswith("Label") and _CUSTOM.fullmatch(key.removesuffix("Label")):
            continue
        said = it.said(key)
        if said is None:
            if len(set(it.extension[key])) > 1:
                found[f"{KEPT}{key}"] = list(it.extension[key])
            continue
        name = product.fields.get(key) or _field_of(it, key, table, catalogue)
        value = _value(name, said, catalogue) if name is not None else None
        if name is None or value is None or name in found:
            name, value = f"{KEPT}{_custom_name(it, key)}", said
        if name not in found:
            found[name] = value


def _field_of(it: Cef, key: str, table: CefTable, catalogue: Catalogue) -> str | None:
    if key in table.extension:
        return table.extension[key]
    if key == "proto":
        return "network.transport"
    if key == "fileHash":
        value = it.said(key) or ""
        return _HASHES.get(len(value)) if _HEX.fullmatch(value) else None
    label = (it.said(f"{key}Label") or "").strip() if _CUSTOM.fullmatch(key) else key
    if label in catalogue.fields:
        return label
    return table.labels.get(label.lower()) if label != key else None


def _custom_name(it: Cef, key: str) -> str:
    """The name under which a key without a field is kept: that of its label, where it has one."""
    label = it.said(f"{key}Label") if _CUSTOM.fullmatch(key) else None
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:60] or key if label else key


def _value(name: str, said: str, catalogue: Catalogue) -> Any:
    """What a text says as a value of a field; nothing when it says none."""
    spec = catalogue.fields.get(name)
    kind = spec.type if spec is not None else ""
    if name in _DATES or kind == "date":
        return instant(said)
    if name in _NUMBERS or kind == "number":
        return int(said) if re.fullmatch(r"[0-9]{1,18}", said) else None
    if kind == "boolean":
        return {"true": True, "false": False}.get(said.lower())
    if name == "network.transport":
        return _PROTOCOLS.get(said, said.lower())
    return None if name.endswith(".zone") and said == "undefined" else said


def _settle(it: Cef, product: Product, words: Mapping[str, str], found: dict[str, Any]) -> None:
    """What depends on the type: what was done, whose host it is, which signature."""
    action, acted = product.action, it.said("act")
    if acted is not None:
        kept = _ACTED.get(action)
        word = acted.strip().lower()
        if kept is None:
            found.setdefault(f"{KEPT}act", acted)
        else:
            found.setdefault(kept, product.words.get(word) or words.get(word) or word)
            found.pop(f"{KEPT}act", None)
    if action == "net.av.detection":
        host = it.said("dhost") or it.said("shost") or it.said("dst") or it.said("dvchost")
        if host is not None:
            found.setdefault("host.name", host)
    if action == "net.ips.alert" and it.id:
        found.setdefault("rule.id", it.id)
        if it.name:
            found.setdefault("rule.name", it.name)
    elif it.name:
        found.setdefault("message", it.name)


def _severity(text: str) -> int | None:
    """The catalogue counts as intrusion prevention does, 1 the gravest; CEF from 0 to 10, the gravest last."""
    word = text.strip().lower()
    if word.isascii() and word.isdigit() and int(word[:3]) <= 10:
        return 1 if int(word) >= 7 else 2 if int(word) >= 4 else 3
    return _WORDS.get(word)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda it: _LINES.get(it[1], it[1] if it[1] in "\\=|" else it[0]), text)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text), re.IGNORECASE)
