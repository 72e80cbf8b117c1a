"""What people read, in three languages: catalogues of messages, and dates and numbers as each language writes them.

A message id is the plain English text with named {placeholders}; what English readers see is the id itself. The
catalogues are the readable files in ``reports/locale``, read when a language is first spoken; a text that is missing
there is given in Russian for Kazakh readers, else in English, never as an error. Babel is imported where it is used: a
command line that speaks English does not wait for it.

Code that makes texts for the person at hand calls ``say``; what language that is, the edge chose with ``speak``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, tzinfo
from functools import cache
from importlib import resources
from typing import Any

from engine.kernel.errors import QorgauError, in_words, n_
from engine.kernel.timestamps import iso
from reports.labels import FIELDS, label, words

LANGUAGES = ("kk", "ru", "en")
OWN_NAMES = {"kk": "Қазақша", "ru": "Русский", "en": "English"}
_FALLS_BACK: dict[str, tuple[str, ...]] = {"kk": ("kk", "ru"), "ru": ("ru",), "en": ()}
_SPOKEN: ContextVar[str] = ContextVar("language", default="en")


@contextmanager
def speak(language: str) -> Iterator[None]:
    """Let every text made inside be in a language."""
    token = _SPOKEN.set(known(language) or "en")
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def spoken() -> str:
    """Return the language that is spoken here; English unless the edge chose another."""
    return _SPOKEN.get()


def known(language: str | None) -> str | None:
    """Return the name of a language of ours for one like ``ru_RU.UTF-8``, None for any other."""
    short = (language or "")[:2].lower()
    return short if short in LANGUAGES else None


def chosen(*choices: str | None, accept: str = "", otherwise: str = "en") -> str:
    """Choose a language: the first of the choices that is ours, else what a browser accepts, else the house's own."""
    for choice in choices:
        if found := known(choice):
            return found
    return accepted(accept) or otherwise


def accepted(header: str) -> str | None:
    """Return the language of an Accept-Language header that we have and its sender likes best, else None."""
    wanted: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        weights = [text[2:] for text in parameters if text[:2].lower() == "q="]
        try:
            wanted.append((float(weights[0]) if weights else 1.0, tag.replace("-", "_")))
        except ValueError:
            continue
    from babel.core import negotiate_locale

    liked = [tag for weight, tag in sorted(wanted, key=lambda it: -it[0]) if weight > 0]
    return known(negotiate_locale(liked, LANGUAGES))


@cache
def catalogue(language: str) -> Mapping[str, str | tuple[str, ...]]:
    """Return the texts of a language by message id, of plural ones every form."""
    from babel.messages.pofile import read_po

    path = resources.files("reports") / "locale" / language / "LC_MESSAGES" / "qorgau.po"
    with path.open("rb") as file:
        entries = read_po(file, locale=language)
    found: dict[str, str | tuple[str, ...]] = {}
    for entry in entries:
        if isinstance(entry.id, str):
            if entry.id and entry.string:
                found[entry.id] = str(entry.string)
        elif all(forms := tuple(entry.string or ())):
            found[entry.id[0]] = forms
    return found


def translate(language: str, msgid: str, /, **values: Any) -> str:
    """Return a message in a language with its values put in."""
    text = msgid
    for name in _FALLS_BACK[known(language) or "en"]:
        found = catalogue(name).get(msgid)
        if isinstance(found, str):
            text = found
            break
    return filled(text, values)


def plural(language: str, one: str, many: str, number: int, /, **values: Any) -> str:
    """Return the form of a message that goes with a number; ``{n}`` is the number."""
    text: str = one if number == 1 else many
    for name in _FALLS_BACK[known(language) or "en"]:
        forms = catalogue(name).get(one)
        if isinstance(forms, tuple):
            text = forms[_form(name, number) if len(forms) > 1 else 0]
            break
    return filled(text, {"n": number, **values})


def _form(language: str, number: int) -> int:
    from babel import Locale

    forms = ("one", "few", "many") if language == "ru" else ("one", "other")
    found = Locale(language).plural_form(number)
    return forms.index(found) if found in forms else len(forms) - 1


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Put values into the placeholders of a text; one whose placeholders are faulty is given as it is."""
    try:
        return in_words(text, values)
    except (KeyError, IndexError, ValueError):  # a faulty catalogue must not hide what is to be said
        return text


def say(msgid: str, /, **values: Any) -> str:
    """Return a message in the language spoken here."""
    return translate(spoken(), msgid, **values)


def in_english(msgid: str, /, **values: Any) -> str:
    """Return a message in English, for documents and records that are kept in that language."""
    return filled(msgid, values)


def ngettext(one: str, many: str, n: int, /, **values: Any) -> str:
    """Return the form of a message that goes with a number, in the language spoken here."""
    return plural(spoken(), one, many, n, **values)


def mail_text(language: str, zone: tzinfo, msgid: str, /, **values: Any) -> str:
    """Return a message of a mail with short names in words and instants in a zone; in English both stay as recorded."""
    if language == "en":
        return in_english(msgid, **{name: iso(it) if isinstance(it, datetime) else it for name, it in values.items()})
    with speak(language):
        shown = {name: f"{moment(it, zone)} ({zone})" for name, it in values.items() if isinstance(it, datetime)}
    values |= shown
    return translate(language, msgid, **{name: _worded(name, value, language) for name, value in values.items()})


def word(name: object) -> str:
    """Return the words for a short name in the language spoken here, or the name itself made readable."""
    return translate(spoken(), label(name))


def refusal(error: QorgauError, language: str | None = None) -> str:
    """Return the words of an error in a language; what was raised without a message id stays in English."""
    language = language or spoken()
    if language == "en":
        return error.message
    values = {name: _worded(name, value, language) for name, value in error.values.items()}
    field = getattr(error, "field", None)
    called = translate(language, FIELDS[field]) if field in FIELDS else ""
    return error.placed(translate(language, error.msgid, **values), translate(language, n_("field")), called)


_OURS = frozenset({
    "channel", "classes", "clock", "disposition", "dispositions", "duty", "function", "kind", "kinds", "known",
    "language", "languages", "mode", "on_demand", "outcome", "owner_kind", "phase", "proposed2", "relation",
    "relations", "roles", "ruling", "severities", "severity", "stage", "startable", "state",
    "treatment", "unit", "verb",
})  # fmt: skip
"""The placeholders that short names of ours are put into; any other may hold what somebody wrote."""


def _worded(place: str, value: Any, language: str) -> Any:
    """Say short names of ours in words; what people wrote stays as it is."""
    if place not in _OURS:
        return value
    if isinstance(value, tuple | list):
        return ", ".join(str(_worded(place, part, language)) for part in value)
    return translate(language, label(value)) if isinstance(value, str) and str(value) in words() else value


def moment(at: datetime, zone: tzinfo, *, seconds: bool = True) -> str:
    """Show an instant in a zone: 27.11.2026 14:05 in Russian and Kazakh, 2026-11-27 14:05 in English."""
    from babel.dates import format_datetime

    pattern = "yyyy-MM-dd HH:mm" if spoken() == "en" else "dd.MM.yyyy HH:mm"
    return format_datetime(at, pattern + (":ss" if seconds else ""), tzinfo=zone, locale=spoken())


def day(on: date | str | None) -> str:
    """Show a day: 27.11.2026 in Russian and Kazakh, 2026-11-27 in English; what is no day is shown as it is."""
    from babel.dates import format_date

    try:
        on = date.fromisoformat(on) if isinstance(on, str) else on
    except ValueError:
        return str(on)
    if on is None:
        return "—"
    return format_date(on, "yyyy-MM-dd" if spoken() == "en" else "dd.MM.yyyy", locale=spoken())


def weekday(on: date) -> str:
    """Show a day with the name of its day of the week."""
    from babel.dates import format_date

    return f"{day(on)}, {format_date(on, 'EEEE', locale=spoken())}"


def number(value: float) -> str:
    """Show a number with its thousands set apart."""
    from babel.numbers import format_decimal

    return format_decimal(value, locale=spoken())


def listed(parts: Iterable[object]) -> str:
    """Return short names as words with commas between them."""
    return ", ".join(word(part) for part in parts)
