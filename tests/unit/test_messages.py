"""The catalogues: nothing is missing, nothing is left over, nothing is mixed; and how a language is chosen."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po

from engine.kernel.errors import DecisionRefused, InputError
from infra.lab.messages import CATALOGUES, updated, used
from reports import messages
from reports.messages import LANGUAGES, accepted, chosen, day, mail_text, number, plural, refusal, speak, translate

PLACEHOLDER = re.compile(r"\{\w*\}")
TAG = re.compile(r"<[^>]+>|\\n")
CYRILLIC = re.compile(r"[А-Яа-яЁёӘәҒғҚқҢңӨөҰұҮүҺһІі]")
KAZAKH = re.compile(r"[ӘәҒғҚқҢңӨөҰұҮүҺһІі]")
LATIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]+")
# Names, standards, and values that are typed as they stand here.
NAMES = {
    "NCALayer", "CMS", ".cms", ".p7s", "cms", "p7s", "base64", "qorgau", "users", "ledger", "restore", "accept-gap",
    "signs-as",
    "QORGAU_NCANODE_URL", "QORGAU_NCANODE_SEAL_KEY", "QORGAU_NCANODE_SEAL_PASSWORD_FILE",
    "SOC", "CISO", "ISO", "ISO/IEC", "IEC", "NIST", "PDF", "CSV", "RFC", "SHA-256", "Jinja", "CSRF", "GET", "API", "IP",
    "JSON", "YAML", "UTC", "STIX", "OCSF", "Almaty", "Qorgau", "PROcredit", "KMG", "KMF", "Enter", "Sigma", "ECS",
    "CACAO", "X-CSRF-Token", "docs/notices.md", "openapi.json", "eml", "name", "timestamp",
    "event.id", "event.action", "mfo.context.", "loan.obligation.terminated", "follow_up", "final", "containment",
    "cause", "consequence", "recovery", "reduce", "accept", "avoid", "transfer", "write-off", "release", "success",
    "OpenSSL", "HTTP", "NAME", "notices", "roots.pem", "signed.json", "since",
    "failure", "skipped", "UTF-8", "client", "loan", "verify.py", "signature.note", "events-personal.ndjson", "Ed25519",
}  # fmt: skip
# What is written alike in Russian and Kazakh.
ALIKE = {
    "Clause", "Incident", "catalogue", "Auditor", "Compliance officer", "(ISO/IEC 27035; NIST: {function})", "Timeline",
    "Ledger {root}", "Server", "{n} min", "client", "CISO", "Client", "asset", "session", "{key}: {outcome}. {detail}",
    "Legal act", "ledger", "{n} byte", "{n} minute", "Median", "File", "The incident",
    "{duty} of {owner_kind} {owner_id}: {detail}", "Loan", "loan", "{n} s", "incident",
}  # fmt: skip


@cache
def held(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "qorgau.po").open("rb") as file:
        return read_po(file, locale=language)


def said(language: str) -> list[tuple[str, str]]:
    """Every text of a catalogue with its id; of plural ones each form."""
    found = []
    for entry in held(language):
        if entry.id:
            key = entry.id if isinstance(entry.id, str) else entry.id[0]
            forms = [entry.string] if isinstance(entry.id, str) else entry.string
            found += [(key, str(form)) for form in forms]
    return found


@cache
def ids() -> frozenset[str]:
    return frozenset(used())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_holds_every_message_that_is_used_and_no_other(language: str) -> None:
    there = {key for key, _ in said(language)}
    assert ids() - there == set(), "run `make messages`, then translate what is empty"
    assert there - ids() == set(), "run `make messages`: these are used no more"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_written_as_make_messages_writes_it(language: str) -> None:
    assert updated(language) == (CATALOGUES / language / "LC_MESSAGES" / "qorgau.po").read_bytes()


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_nothing_waits_for_its_translation(language: str) -> None:
    assert [key for key, text in said(language) if not text.strip()] == []


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_a_translation_has_the_places_of_its_message(language: str) -> None:
    wrong = [key for key, text in said(language) if set(PLACEHOLDER.findall(key)) != set(PLACEHOLDER.findall(text))]
    assert wrong == []


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_a_translation_has_the_marks_of_its_message(language: str) -> None:
    assert [key for key, text in said(language) if sorted(TAG.findall(key)) != sorted(TAG.findall(text))] == []


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_a_translation_holds_no_english_words(language: str) -> None:
    mixed = {}
    for key, text in said(language):
        plain = TAG.sub(" ", PLACEHOLDER.sub(" ", text))
        plain = re.sub(r"/api/v1[a-z./]*|\d{4}-\d{2}-\d{2}T\S+", " ", plain)
        if words := {word.rstrip(".-/") for word in LATIN.findall(plain)} - {name.rstrip(".") for name in NAMES}:
            mixed[key] = sorted(words)
    assert mixed == {}


def test_english_holds_no_cyrillic() -> None:
    assert [key for key in ids() if CYRILLIC.search(key)] == []


def test_russian_holds_no_kazakh_letters() -> None:
    assert [key for key, text in said("ru") if KAZAKH.search(text)] == []


def test_kazakh_is_no_copy_of_russian() -> None:
    russian = dict(said("ru"))
    assert {key for key, text in said("kk") if text == russian[key]} - ALIKE == set()


def test_plurals_have_the_forms_of_their_language() -> None:
    for number_of, word in ((1, "эксперт"), (2, "эксперта"), (5, "экспертов"), (11, "экспертов"), (21, "эксперт")):
        assert plural("ru", "{n} expert", "{n} experts", number_of) == f"{number_of} {word}"
    assert plural("kk", "{n} expert", "{n} experts", 5) == "5 сарапшы"
    assert [plural("en", "{n} expert", "{n} experts", n) for n in (1, 2)] == ["1 expert", "2 experts"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("kk", "kk"), ("kk-KZ,kk;q=0.9,ru;q=0.8", "kk"), ("ru;q=0.4, kk;q=0.7", "kk"), ("de, ru;q=0.1", "ru"),
        ("de", None), ("ru;q=0", None), ("", None), ("ru;q=much, en", "en"), ("*", None), (";;;,,=" * 200, None),
    ],
)  # fmt: skip
def test_a_browser_says_what_its_reader_likes_best(header: str, language: str | None) -> None:
    assert accepted(header) == language


def test_the_person_comes_before_the_browser_and_the_browser_before_the_house() -> None:
    assert chosen("kk", accept="ru", otherwise="en") == "kk"
    assert chosen(None, accept="ru", otherwise="kk") == "ru"
    assert chosen(None, "xx", accept="de", otherwise="kk") == "kk"


def test_an_error_keeps_its_english_and_is_said_in_each_language() -> None:
    error = DecisionRefused("incident {number} is {phase}", number="INC-1", phase="closed")
    assert error.message == str(error) == "incident INC-1 is closed"
    assert refusal(error, "ru") == "инцидент INC-1: закрыт"
    assert refusal(error, "kk") == "INC-1 инциденті: жабылды"
    placed = InputError("give the reason", field="reason")
    assert placed.message == "field 'reason': give the reason"
    assert "укажите причину" in refusal(placed, "ru")


def test_what_no_catalogue_holds_is_said_as_it_is() -> None:
    assert translate("kk", "no such message {x}", x=1) == "no such message 1"
    assert messages.filled("{broken", {"x": 1}) == "{broken"


def test_days_and_numbers_are_written_as_the_language_does() -> None:
    with speak("ru"):
        assert day("2026-11-27") == "27.11.2026"
        assert number(1234567).replace("\xa0", " ") == "1 234 567"
    with speak("en"):
        assert day("2026-11-27") == "2026-11-27"
        assert number(1234567) == "1,234,567"


def test_only_texts_of_the_templates_themselves_are_taken_as_safe() -> None:
    """``_`` gives markup, so what is not written in the template goes through the filter ``said``, which escapes."""
    calls = re.compile(r"(?<![\w.])_\((?!\")[^)]*\)")
    found = {
        path.name: wrong
        for path in (CATALOGUES.parents[1] / "infra" / "web" / "templates").glob("*.html")
        if (wrong := calls.findall(path.read_text("utf8")))
    }
    assert found == {}


def test_a_value_may_be_called_as_a_parameter_is() -> None:
    assert translate("en", "text in {language} of {msgid}", language="kk", msgid="x") == "text in kk of x"


def test_an_instant_in_a_mail_is_that_of_the_house_and_utc_as_recorded_in_english() -> None:
    due = datetime(2026, 11, 27, 4, 58, tzinfo=UTC)
    zone = ZoneInfo("Asia/Almaty")
    assert "27.11.2026 09:58:00 (Asia/Almaty)" in mail_text("ru", zone, "Due {due}.", due=due)
    assert mail_text("en", zone, "Due {due}.", due=due) == "Due 2026-11-27T04:58:00.000000Z."
