"""Drafting a notice from the facts of an incident: language → field → text, for people to edit and approve.

Sources: domain notes section 6 (what the seeds require is that regulator and clients are informed within the term;
the field list is the one the seeds need). A client's notice never names another client, an attack detail or an IIN.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from pydantic import AwareDatetime

from engine.facts import Record
from reports.wording import LANGUAGES, wording

Content = dict[str, dict[str, str]]


class Organisation(Record):
    """Who sends the notice."""

    name_ru: str
    name_kk: str
    bin: str
    contact: str


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
    utc_offset_minutes: int = 300


def draft(kind: str, subject: Subject, organisation: Organisation) -> Content:
    """Write the first text of a notice of this kind in every language."""
    return {language: _fields(kind, language, subject, organisation) for language in LANGUAGES}


def _fields(kind: str, language: str, subject: Subject, organisation: Organisation) -> dict[str, str]:
    words = wording()
    values = _values(language, subject)
    name = organisation.name_ru if language == "ru" else organisation.name_kk
    own: dict[str, str] = {
        "organisation": f"{name}, {organisation.bin}",
        "incident": f"{values['sign']}, {subject.number}",
        "detected": values["detected_text"],
        "when": values["detected_text"],
        "place": name,
        "source": _pick(words["sources"], subject.source, language),
        "class": values["class"],
        "signs": values["sign"],
        "assets": ", ".join(subject.assets) or values["open"],
        "measures": _measures(language, subject, values["measure_none"]),
        "contact": organisation.contact,
        "responsible": organisation.contact,
    }
    if any(measure == "contained" for measure, _ in subject.measures):
        own["done"] = words["phrases"][language]["done_contained"]
    fields: dict[str, str] = {}
    for field in (*words["kinds"][kind]["fields"], *(("late",) if subject.late else ())):
        if field == "late":
            fields[field] = ""  # nobody but a person can say why; an empty field cannot be approved
            continue
        phrase = words["phrases"][language].get(field)
        fields[field] = own.get(field) or (phrase.format_map(values) if phrase else values["open"])
    return fields


def _values(language: str, subject: Subject) -> dict[str, str]:
    words = wording()
    phrases: Mapping[str, str] = words["phrases"][language]
    due = _when(subject.remediation_due, subject) if subject.remediation_due else phrases["open"]
    name = _pick(words["classes"], subject.incident_class, language)
    values = {
        "open": phrases["open"],
        "detected": _when(subject.detected_at, subject),
        "clients": str(subject.clients),
        "loans": str(subject.loans),
        "remediation_due": due,
        "sign": subject.signs.get(language) or subject.signs.get("en", ""),
        "class": name,
        "class_lower": name[:1].lower() + name[1:],
        "number": subject.number,
        "date": _when(subject.detected_at, subject)[:10],
        "loans_list": ", ".join(subject.own_loans),
        "measure_none": words["measures"]["none"][language],
    }
    values["detected_text"] = phrases["detected"].format_map(values)
    values["loan_text"] = phrases["loan"].format_map(values) if subject.own_loans else ""
    return values


def _measures(language: str, subject: Subject, none: str) -> str:
    words = wording()["measures"]
    lines = [f"{_when(at, subject)}: {words[name][language]}" for name, at in subject.measures]
    return "\n".join(lines) or none


def _pick(table: Mapping[str, Mapping[str, str]], key: str, language: str) -> str:
    entry = table.get(key) or table.get("other") or {}
    return entry.get(language, key)


def _when(at: datetime, subject: Subject) -> str:
    zone = timezone(timedelta(minutes=subject.utc_offset_minutes))
    return at.astimezone(zone).strftime("%d.%m.%Y %H:%M")
