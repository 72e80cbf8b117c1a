"""What a notice is drafted from: plain facts of one incident or order, and the values the templates are filled with.

Sources: domain notes section 6 (what the seeds require is that regulator and clients are informed within the term; the
field list is the one the seeds need). A client's notice never names another client, an attack detail or an IIN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime

from engine.kernel.facts import Record
from engine.notices.many import OF_BLOCKS, SINCE
from reports.children.filling import shipped
from reports.drafter import Content, TemplateSandbox, content_of
from reports.messages import speak
from reports.said.answers import system
from reports.wording import template_of, wording

Own = Mapping[tuple[str, str], Mapping[str, str]]
"""The organisation's own templates: (kind of document, language) → field → text."""


Status = Literal["suspected", "attempted", "occurred", "confirmed"]
"""What is known of it: a suspicion, an attempt, something that happened, something that people confirmed."""


_CYRILLIC = re.compile("[а-яёА-ЯЁ]")
_TELEPHONE = re.compile(r"[+(]?\d(?:[\d ()-]*\d)?")


def speaks(contact: str) -> bool:
    """Say whether a contact has words in it, in whatever language."""
    return any(ch.isalpha() for ch in contact)


class Organisation(Record):
    """Who sends the notice."""

    name_ru: str
    name_kk: str
    bin: str = ""
    contact: str = ""
    name_en: str = ""
    contacts: Mapping[str, str] = {}
    """Language → contact, where it is not ``contact``."""
    responsible: Mapping[str, str] = {}
    """Language → who answers for the notices: name, post and telephone; empty where nobody was set."""

    def name(self, language: str) -> str:
        """Return the name in a language."""
        return {"ru": self.name_ru, "kk": self.name_kk}.get(language) or self.name_en or self.name_ru

    def contact_in(self, language: str) -> str:
        """Return whom to ask, in a language; the office that the law makes responsible where none was set.

        Of a contact in Russian words a Kazakh or English text has the telephone numbers only.
        """
        words = wording(language)["values"]
        foreign = speaks(self.contact) if language == "kk" else _CYRILLIC.search(self.contact) is not None
        if language in ("kk", "en") and not self.contacts.get(language) and foreign:
            numbers = ", ".join(dict.fromkeys(it.strip(" (-") for it in _TELEPHONE.findall(self.contact)))
            return str(words["telephone"]).format(numbers=numbers) if numbers else str(words["contact"])
        return self.contacts.get(language) or self.contact or str(words["contact"])


class Previous(Record):
    """The notice that a follow-up belongs to."""

    number: str
    sent_at: AwareDatetime | None


class Subject(Record):
    """What a draft is made of: plain facts of one incident."""

    number: str
    incident_class: str
    detected_at: AwareDatetime
    source: str
    signs: dict[str, str]
    clients: int
    loans: int
    assets: tuple[str, ...] = ()
    measures: tuple[tuple[str, AwareDatetime], ...] = ()
    remediation_due: AwareDatetime | None = None
    own_loans: tuple[str, ...] = ()
    client: str | None = None
    late: bool = False
    status: Status = "suspected"
    confirmed_at: AwareDatetime | None = None
    rules: tuple[dict[str, str], ...] = ()
    """What further rules found, in words by language."""
    tactics: tuple[str, ...] = ()
    """How it was done, as ATT&CK names it."""
    systems: tuple[str, ...] = ()
    """The systems whose events showed it."""
    accounts: tuple[str, ...] = ()
    """The accounts of employees and services by which it was done."""
    listed: bool = False
    """Whether the list of those concerned goes with the notice."""
    cause: str = ""
    consequence: str = ""
    recovery: str = ""
    closed: str = ""
    lessons: str = ""
    previous: Previous | None = None
    data: tuple[str, ...] = ()
    """The categories of data of clients that are concerned, as ``values.data`` of the wordings names them."""
    blocks: Mapping[str, AwareDatetime | None] = {}
    """What of clients is blocked, or free again → since when; None where that differs from client to client."""
    joined: tuple[tuple[str, AwareDatetime], ...] = ()
    """Class and detection of what was merged in."""
    utc_offset_minutes: int = 300


class OrderSubject(Record):
    """What an order's document is made of."""

    number: str
    kind: str
    target: str
    issued_at: AwareDatetime
    due_at: AwareDatetime
    act_kind: str
    issuer: str
    act_number: str
    act_date: str
    received_at: AwareDatetime
    channel: str
    client: str
    loans: tuple[str, ...]
    document_sha256: str | None = None
    utc_offset_minutes: int = 300


class Writer:
    """Drafts documents: the organisation's own wording where it has one, else the product's."""

    def __init__(self, drafter: TemplateSandbox, organisation: Organisation, languages: Sequence[str]) -> None:
        self.drafter = drafter
        self.organisation = organisation
        self.languages = tuple(languages)

    def draft(self, kind: str, subject: Subject, own: Own) -> Content:
        """Write the first text of a notice in every language. Raise TemplateError."""
        templates = {language: self._template(kind, language, own) for language in self.languages}
        dropped = {"late"} if not subject.late else set()
        dropped |= {name for name in OF_BLOCKS if name not in subject.blocks}
        for fields in templates.values():
            for name in dropped:
                fields.pop(name, None)
        values = {language: self.values(language, subject) for language in self.languages}
        late = {language: fields.pop("late") for language, fields in templates.items() if "late" in fields}
        content = self._fill(templates, values, {key: fields for key, fields in own.items() if key[0] == kind})
        for language in late:
            content[language]["late"] = ""  # nobody but a person can say why; an empty field cannot be approved
        return content

    def order(self, subject: OrderSubject, own: Own, languages: Sequence[str] | None = None) -> Content:
        """Write the text of an order; the field ``title`` is its title. Raise TemplateError."""
        chosen = tuple(languages or self.languages)
        templates = {
            language: {"title": "{{ order.name }}", **self._template("order", language, own)} for language in chosen
        }
        values = {language: self._order_values(language, subject) for language in chosen}
        return self._fill(templates, values, {key: fields for key, fields in own.items() if key[0] == "order"})

    def _fill(self, templates: Mapping[str, dict[str, str]], values: Mapping[str, Any], own: Own) -> Content:
        """Fill in the child what holds words of the house, and here what the product ships (record 13)."""
        if own:
            return self.drafter.fill(templates, values)
        return content_of(shipped(templates, orjson.loads(orjson.dumps(values))))

    def _template(self, kind: str, language: str, own: Own) -> dict[str, str]:
        return {**template_of(kind, language), **own.get((kind, language), {})}

    def values(self, language: str, subject: Subject) -> dict[str, Any]:
        """Return everything a template may show, as text and numbers."""
        words = wording(language)["values"]
        previous = subject.previous
        return {
            "open": words["open"],
            "no_measures": words["no_measures"],
            "organisation": self._sender(language),
            "previous": {
                "number": previous.number if previous else subject.number,
                "sent": _when(previous.sent_at, subject.utc_offset_minutes) if previous and previous.sent_at else "",
            },
            "incident": _incident(words, subject, language),
        }

    def _order_values(self, language: str, subject: OrderSubject) -> dict[str, Any]:
        words, offset = wording(language)["values"], subject.utc_offset_minutes
        proofs = words["proofs"]
        with speak(language):
            target = system(subject.target)
        return {
            "open": words["open"],
            "organisation": self._sender(language),
            "order": {
                "name": words["orders"][subject.kind],
                "number": subject.number,
                "target": target,
                "issued": _when(subject.issued_at, offset),
                "due": _when(subject.due_at, offset),
                "demands": words["demands"][subject.kind].replace("; ", ";\n"),
                "proof": proofs.get(subject.kind, proofs["other"]),
            },
            "act": {
                "name": words["acts"][subject.act_kind],
                "issuer": subject.issuer,
                "number": subject.act_number,
                "date": _day(subject.act_date),
                "received": _when(subject.received_at, offset),
                "channel": subject.channel,
                "client": subject.client,
                "loans": ", ".join(subject.loans),
                "document": subject.document_sha256 or "",
            },
        }

    def _sender(self, language: str) -> dict[str, str]:
        it = self.organisation
        number = it.bin or str(wording(language)["values"]["no_bin"])
        return {
            "name": it.name(language), "bin": number, "contact": it.contact_in(language),
            "responsible": it.responsible.get(language, ""),
        }  # fmt: skip


def _status(words: Mapping[str, Any], subject: Subject) -> str:
    at = subject.confirmed_at
    when = _when(at, subject.utc_offset_minutes) if at is not None else ""
    return str(words["statuses"][subject.status]).format(when=when).rstrip(": ")


def _methods(words: Mapping[str, Any], subject: Subject, language: str) -> list[str]:
    """How it was done, in the words of ATT&CK, and what further rules found."""
    tactics = [str(words["tactics"][name]) for name in subject.tactics if name in words["tactics"]]
    found = [it.get(language) or it.get("en") or "" for it in subject.rules]
    return [it for it in dict.fromkeys((*tactics, *found)) if it]


def _assets(words: Mapping[str, Any], subject: Subject) -> list[str]:
    """The systems and things concerned, and the accounts by which it was done."""
    systems = [_pick(words["sources"], name) for name in subject.systems]
    accounts = [f"{words['accounts']}: {', '.join(subject.accounts)}"] if subject.accounts else []
    return list(dict.fromkeys((*systems, *subject.assets, *accounts)))


def example(writer: Writer, language: str, kind: str) -> dict[str, Any]:
    """Return values to try a template on."""
    at = datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=5)))
    if kind == "order":
        subject = OrderSubject(
            number="00000000", kind="collection-stop", target="collections", issued_at=at,
            due_at=at + timedelta(days=3),
            act_kind="victim_resolution", issuer="Police", act_number="1", act_date="2026-11-23", received_at=at,
            channel="office", client="c-000001", loans=("L-1", "L-2"),
        )  # fmt: skip
        return writer._order_values(language, subject)
    return writer.values(
        language,
        Subject(
            number="INC-2026-0001", incident_class="fraud", detected_at=at, source="portal", signs={"en": "Example"},
            clients=2, loans=3, assets=("ws-1",), measures=(("contained", at),), remediation_due=at + timedelta(days=2),
            own_loans=("L-1",), data=("iin",), blocks={"blocked": at, "ways": at, "held": at},
            joined=(("fraud", at),), cause="cause", consequence="consequence", recovery="confirmed", closed="closed",
            lessons="lessons", previous=Previous(number="00000000", sent_at=at),
        ),
    )  # fmt: skip


def _incident(words: Mapping[str, Any], subject: Subject, language: str) -> dict[str, Any]:
    """Return what a template may show of the incident itself."""
    name, signs = _pick(words["classes"], subject.incident_class), subject.signs
    return {
        "number": subject.number,
        "sign": signs.get(language) or signs.get("en") or next(iter(signs.values()), name),
        "class_name": name,
        "class_lower": name[:1].lower() + name[1:],
        "detected": _when(subject.detected_at, subject.utc_offset_minutes),
        "date": _when(subject.detected_at, subject.utc_offset_minutes)[:10],
        "source": _pick(words["sources"], subject.source),
        "clients": subject.clients or words["uncounted"],
        "loans": subject.loans or words["uncounted"],
        "status": _status(words, subject),
        "confirmed": subject.status == "confirmed",
        "methods": "; ".join(_methods(words, subject, language)),
        "listed": subject.listed,
        "own_loans": ", ".join(subject.own_loans),
        "data": ", ".join(words["data"][it] for it in subject.data if it in words["data"]),
        "joined": "\n".join(
            f"{_when(at, subject.utc_offset_minutes)}: {_pick(words['classes'], kind)}" for kind, at in subject.joined
        ),
        "since": {
            name: _when(at, subject.utc_offset_minutes) if at is not None else SINCE
            for name, at in subject.blocks.items()
        },
        "assets": "; ".join(_assets(words, subject)),
        "measures": "\n".join(
            f"{_when(at, subject.utc_offset_minutes)}: {words['measures'][name]}" for name, at in subject.measures
        ),
        "contained": any(measure == "contained" for measure, _ in subject.measures),
        "remediation_due": _when(subject.remediation_due, subject.utc_offset_minutes)
        if subject.remediation_due
        else "",
        "cause": subject.cause,
        "consequence": subject.consequence,
        "recovery": subject.recovery,
        "closed": subject.closed,
        "lessons": subject.lessons,
    }


def _pick(table: Mapping[str, str], key: str) -> str:
    return table.get(key) or table.get("other") or key


def _day(text: str) -> str:
    """Write a day as the texts do; what is no day stays as it is."""
    try:
        return date.fromisoformat(text).strftime("%d.%m.%Y")
    except ValueError:
        return text


@lru_cache(maxsize=1024)
def _when(at: datetime, offset_minutes: int) -> str:
    return at.astimezone(timezone(timedelta(minutes=offset_minutes))).strftime("%d.%m.%Y %H:%M")
