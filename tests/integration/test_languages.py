"""A walk through the console in Russian and Kazakh: no page leaves a sentence of English, and a choice is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from engine.incidents.casework import Report
from engine.kernel.errors import DecisionRefused, NotFound
from engine.protection.facts import LegalAct
from infra.read.metrics import say as length
from infra.web.app import create_app
from reports.messages import refusal, say, speak
from tests.integration.test_api import PAGES, sign_in
from tests.support import ANALYST, COMPLIANCE, MONDAY, PASSWORD, World

ROOT = Path(__file__).parents[2]
MORE = [
    "/?view=closed", "/clocks?state=week", "/notices?state=all", "/events?of=incidents", "/events?of=notices", "/lists",
    "/duties", "/coverage", "/controls", "/risks", "/risks?book=fraud", "/reports", "/wording", "/retention",
    "/incidents/new", "/no-such-page",
]  # fmt: skip
# Two or more English words beside each other are a sentence; what these hold is data, code or names.
SENTENCE = re.compile(r"(?<![-.\w])[A-Za-z]{2,}(?: [a-z]{2,})+(?![-.\w])")
DATA = {"code", "pre", "textarea", "script", "style", "option", "svg", "title"}
NAMES = re.compile(r"ISO/IEC \d+(:\d+)?|Annex A|Asia/Almaty|GET /api|SHA-\d+|NIST CSF|Enter|g q d n p e r s|j k")


# What was judged at detection is recorded as it was said then; topics of facts; names of reports, which are in English.
RECORDED = ("is that of rule", "incident opened", "Monthly and yearly security report")


@cache
def data() -> str:
    """Every text of the files that are data: rules, playbooks, catalogue, register, controls, duties."""
    found: list[str] = []

    def gather(value: object) -> None:
        match value:
            case str():
                found.append(" ".join(value.split()))
            case dict():
                for part in (*value.keys(), *value.values()):
                    gather(part)
            case list():
                for part in value:
                    gather(part)

    for path in (*ROOT.glob("engine/data/**/*.yml"), *ROOT.glob("rules/packs/*.yml")):
        for document in yaml.safe_load_all(path.read_text("utf8")):
            gather(document)
    for path in ROOT.glob("playbooks/packs/*.json"):
        gather(json.loads(path.read_text("utf8")))
    return "\n".join(found)


def is_data(text: str) -> bool:
    """Tell whether all English of a text stands in the data, or was recorded as it was said then."""
    if text in data() or any(words in text for words in RECORDED):
        return True
    return all(found[0].removeprefix("LAW ") in data() for found in SENTENCE.finditer(text))


class Texts(HTMLParser):
    """Gathers the visible texts of a page, without those of elements that hold data."""

    VOID = frozenset({"input", "meta", "link", "br", "img", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in self.VOID:
            data = tag in DATA or "data-data" in given or given.get("lang") == "en"
            self.open.append((tag, data))
        if not self._data():
            self.found += [given[name] or "" for name in ("placeholder", "aria-label") if name in given]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._data() and data.strip():
            self.found.append(" ".join(data.split()))

    def _data(self) -> bool:
        return any(data for _, data in self.open)


def english(page: str) -> list[str]:
    reader = Texts()
    reader.feed(page)
    return [text for text in reader.found if SENTENCE.search(NAMES.sub("", text))]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[World, TestClient]]:
    world = World(tmp_path / "data").people()
    with TestClient(create_app(world.container), raise_server_exceptions=False) as client:
        yield world, client
    world.container.close()


@pytest.mark.parametrize("language", ["ru", "kk"])
def test_no_page_speaks_english_to_whom_it_should_not(served: tuple[World, TestClient], language: str) -> None:
    world, client = served
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    sign_in(client, "bolat")
    incident = world.incidents()[0]["id"]
    notice = world.notices(incident)["regulator"]["id"]
    left = {}
    for page in [*PAGES, *MORE, f"/incidents/{incident}", f"/notices/{notice}", f"/notices/{notice}/versions"]:
        answer = client.get(page, headers={"Accept-Language": language})
        assert f'<html lang="{language}">' in answer.text, page
        assert answer.headers["content-language"] == language
        if found := [text for text in english(answer.text) if not is_data(text)]:
            left[page] = found[:12]
    assert left == {}


def test_a_choice_is_kept_in_the_browser_and_with_the_account(served: tuple[World, TestClient]) -> None:
    world, client = served
    assert '<html lang="en">' in client.get("/sign-in").text
    assert '<html lang="kk">' in client.get("/sign-in", headers={"Accept-Language": "kk-KZ, ru;q=0.5"}).text
    assert '<html lang="ru">' in client.get("/sign-in?speak=ru").text
    assert '<html lang="ru">' in client.get("/sign-in", headers={"Accept-Language": "kk"}).text
    sign_in(client, "aigul")
    assert '<html lang="kk">' in client.get("/clocks?speak=kk").text
    assert world.container.accounts.language("aigul") == "kk"
    client.cookies.clear()
    client.post("/sign-in", data={"user": "aigul", "password": PASSWORD, "to": "/"})
    assert '<html lang="kk">' in client.get("/", headers={"Accept-Language": "ru"}).text
    client.cookies.clear()
    client.post("/sign-in", data={"user": "bolat", "password": PASSWORD, "to": "/"})
    assert '<html lang="en">' in client.get("/").text


def test_the_interface_for_programs_hears_the_header_alone(served: tuple[World, TestClient]) -> None:
    _, client = served
    sign_in(client, "aigul")
    client.get("/?speak=kk")
    english_answer = client.get("/api/v1/incidents/none").json()["error"]
    russian = client.get("/api/v1/incidents/none", headers={"Accept-Language": "ru"}).json()["error"]
    assert english_answer == {"code": "qorgau.error", "message": "there is no such incident"} | {
        "code": english_answer["code"]
    }
    assert russian == {"code": english_answer["code"], "message": "такого инцидента нет"}


def test_a_refusal_is_said_in_the_language_of_the_person(served: tuple[World, TestClient]) -> None:
    world, client = served
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    csrf = sign_in(client, "aigul")
    client.get("/?speak=ru")
    incident = world.incidents()[0]["id"]
    answer = client.post(f"/incidents/{incident}/severity", data={"csrf": csrf, "severity": "low", "reason": ""})
    assert "нужна причина" in answer.text


def test_the_links_of_languages_lead_to_no_other_site(world: World) -> None:
    with TestClient(create_app(world.container)) as client:
        answer = client.get("http://testserver//evil.com/x")
        assert answer.status_code == 404
        assert 'href="?speak=kk"' in answer.text
        assert 'href="//' not in answer.text


@pytest.mark.parametrize(
    ("header", "language"),
    [("kk; q=0.9, en;q=0.1", "kk"), ("en;q=0.1, ru; q=0.9", "ru"), ("ru;Q=1", "ru"), ("kk;q=nan, ru;q=0.5", "ru")],
)
def test_spaces_and_capitals_of_accept_language_change_nothing(world: World, header: str, language: str) -> None:
    with TestClient(create_app(world.container)) as client:
        assert client.get("/sign-in", headers={"Accept-Language": header}).headers["content-language"] == language


def test_a_strange_cookie_beside_it_does_not_hide_the_language(world: World) -> None:
    with TestClient(create_app(world.container)) as client:
        answer = client.get("/sign-in", headers={"Cookie": 'x={"a":1}; qorgau_language=kk'})
        assert answer.headers["content-language"] == "kk"


@pytest.mark.parametrize("target", ["//[", "http://[", "/\\[//"])
def test_where_to_go_next_may_be_anything(world: World, target: str) -> None:
    with TestClient(create_app(world.container)) as client:
        assert client.get("/sign-in", params={"to": target}).status_code == 200


def test_a_fault_is_told_in_the_reader_s_language_and_is_not_kept_by_browsers(world: World) -> None:
    app = create_app(world.container)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("planted")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/broken", headers={"Accept-Language": "ru"})
    assert (answer.status_code, answer.headers["content-language"]) == (500, "ru")
    assert {"content-security-policy", "cache-control"} <= set(answer.headers)


def test_what_people_wrote_is_not_said_in_our_words() -> None:
    with speak("ru"):
        assert "client" in refusal(NotFound("there is no incident {number}", number="client"))
        assert "закрыт" in refusal(DecisionRefused("incident {number} is {phase}", number="open", phase="closed"))


def test_a_choice_before_signing_in_goes_to_the_account(world: World) -> None:
    with TestClient(create_app(world.container)) as client:
        client.get("/sign-in?speak=kk")
        client.post("/sign-in", data={"user": "bolat", "password": PASSWORD})
    assert world.container.accounts.language("bolat") == "kk"


def test_no_reader_is_shown_the_language_of_the_one_before(world: World) -> None:
    with TestClient(create_app(world.container)) as client:
        sign_in(client, "bolat")
        first = client.get("/protections?speak=kk").text
        second = client.get("/protections?speak=ru").text
    assert "Жәбірленуші деп тану" in first
    assert "Жәбірленуші деп тану" not in second


def test_words_of_the_pages_fit_their_places(served: tuple[World, TestClient]) -> None:
    world, client = served
    act = LegalAct(
        kind="victim_resolution", issuer="DP", number="7", act_date=date(2026, 11, 20), received_at=MONDAY,
        channel="office", client="c-1", loans=("L-1",), bureaus=("pkb",),
    )  # fmt: skip
    key = world.container.acts.register_act(act, by=COMPLIANCE)
    world.work()
    sign_in(client, "bolat")
    page = client.get(f"/protections/{key}", headers={"Accept-Language": "ru"}).text
    assert "20.11.2026" in page
    assert "получено 23.11.2026" in page
    assert "Исполнение подтверждено" in page
    assert "Принято в работу" not in page
    assert "<td>инциденты</td>" in client.get("/permissions", headers={"Accept-Language": "ru"}).text


def test_lengths_ages_and_formats_are_said_as_the_language_does(served: tuple[World, TestClient]) -> None:
    world, client = served
    for language, said in (("ru", "2,5 ч"), ("en", "2.5 h")):
        with speak(language):
            assert length(9_000, say) == said
            assert length(9_000) == "2.5 h"
    told = MONDAY - timedelta(days=3)
    report = Report(title="Told late", incident_class="fraud", severity="high", channel="letter", told_at=told)
    world.container.acts.report(report, by=ANALYST)
    world.work()
    sign_in(client, "bolat")
    russian = {"Accept-Language": "ru"}
    page = client.get("/", headers=russian).text
    assert 'title="20.11.2026 10:00:00">3 дн' in page
    assert 'data-units=" дн| ч| мин| сек"' in page
    reports = client.get("/reports", headers=russian).text
    assert ">page<" not in reports
    assert ">Страница<" in reports
