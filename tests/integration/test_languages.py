"""A walk through the console in Russian and Kazakh: no page leaves a sentence of English, and a choice is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from infra.web.app import create_app
from tests.integration.test_api import PAGES, sign_in
from tests.support import PASSWORD, World

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
    with TestClient(create_app(world.house), raise_server_exceptions=False) as client:
        yield world, client
    world.house.close()


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
    assert world.house.accounts.language("aigul") == "kk"
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
