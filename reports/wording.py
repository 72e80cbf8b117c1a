"""The words of the notices, as data: titles, headings and templates in Kazakh, Russian and English."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from engine.kernel.errors import n_
from engine.kernel.yaml_text import read_yaml
from engine.notices.facts import NoticeStage
from reports.messages import say

LANGUAGES = ("ru", "kk", "en")
NAMES = {"ru": "Русский", "kk": "Қазақша", "en": "English"}


@lru_cache(maxsize=8)
def wording(language: str) -> dict[str, Any]:
    """Read the words of one language that ship with the product."""
    text = (resources.files("reports") / "templates" / f"{language}.yml").read_text(encoding="utf8")
    document: dict[str, Any] = read_yaml(text)
    return document


def template_version() -> str:
    """Return the version of the product's own words, stored with every draft."""
    return str(wording("ru")["version"])


@lru_cache(maxsize=1)
def kinds() -> tuple[str, ...]:
    """The kinds of documents that have words, such as ``regulator`` and ``regulator.follow_up``."""
    return tuple(wording("ru")["notices"])


def template_of(kind: str, language: str) -> dict[str, str]:
    """Return the product's own template of a document: field → Jinja text."""
    return {name: str(entry["text"]) for name, entry in wording(language)["notices"][kind]["fields"].items()}


def heading(kind: str, language: str, name: str) -> str:
    """Return the heading of one field of a document; fields of a JSON message are their own headings."""
    if language not in LANGUAGES:
        return name
    fields: Mapping[str, Any] = wording(language)["notices"].get(kind, {}).get("fields", {})
    return str(fields[name]["heading"]) if name in fields else name


def said_heading(kind: str, language: str, name: str) -> str:
    """Return the heading of a field for the person at hand: a field of a JSON message is said in words before it."""
    return (
        f"{say(JSON_FIELDS[name])} ({name})"
        if name in JSON_FIELDS and language == "json"
        else heading(kind, language, name)
    )


def title(kind: str, language: str) -> str:
    """Return the title of a kind of document."""
    if kind == "afc" or language not in LANGUAGES:
        return AFC_TITLE.get(language, AFC_TITLE["ru"])
    return str(wording(language)["notices"][kind]["title"])


def recipient(kind: str, language: str) -> str:
    """Name the recipient of a kind of document."""
    return str(wording(language if language in LANGUAGES else "ru")["recipients"][kind.partition(".")[0]])


def kind_key(kind: str, stage: NoticeStage) -> str:
    """Return the name under which the words of a notice of this kind and stage stand."""
    key = kind if stage == "initial" else f"{kind}.{stage}"
    return key if key in kinds() or kind == "afc" else kind


JSON_FIELDS = {
    "message_id": n_("Number of the message"),
    "participant": n_("Participant (BIN)"),
    "type": n_("Type of the message"),
    "event_time": n_("Time of the event"),
    "detection_time": n_("Time of detection"),
    "incident": n_("Incident"),
    "clients": n_("Clients"),
    "client_count": n_("How many clients"),
    "loan_count": n_("How many loans"),
    "loans": n_("Loans"),
    "devices": n_("Devices"),
    "addresses": n_("Network addresses"),
    "indicators": n_("Signs"),
    "rules": n_("Rules"),
    "stage": n_("Stage of the loan"),
    "executed": n_("Whether money was paid out"),
    "amounts": n_("Amounts"),
    "action_taken": n_("What was done"),
    "police_reference": n_("Number at the police"),
    "contact": n_("Contact"),
    "late": n_("Why it comes later than the term"),
}
"""The fields of a message to the Anti-Fraud Centre, in words."""
JSON_VALUES = {
    "attempt": n_("an attempt"),
    "event": n_("it happened"),
    "application": n_("the application"),
    "signing": n_("the signing"),
    "payout": n_("the payout"),
    "after payout": n_("after the payout"),
    "contained": n_("blocked or held"),
    "under review": n_("under review"),
    "yes": n_("yes"),
    "no": n_("no"),
    "unknown": n_("not known"),
}
"""What its fields may say, in words."""
JSON_WORDED = ("type", "stage", "executed", "action_taken")
"""The fields that say one of these."""
JSON_TIMES = ("event_time", "detection_time")
"""Those of them that are instants."""
AFC_TITLE = {
    "ru": "Сообщение в антифрод-центр о событии с признаками мошенничества",
    "kk": "Алаяқтық белгілері бар оқиға туралы антифрод-орталыққа хабарлама",
    "en": "Message to the Anti-Fraud Centre on an event with signs of fraud",
}
