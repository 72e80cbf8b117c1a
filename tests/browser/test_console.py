"""A real browser: an analyst works an incident, a compliance officer approves its notice, the clock is satisfied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import PASSWORD, World

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        reason = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("QORGAU_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The product as a process of its own; return its address and a source token."""
    world = World(tmp_path / "data").people()
    token = world.container.accounts.new_source("portal")
    world.container.close()
    with serving_process(tmp_path / "data", **SENDER) as address:
        yield address, token


SENDER = {
    "QORGAU_ORGANISATION_RU": "ТОО «МФО Проба»", "QORGAU_ORGANISATION_KK": "«Проба МҚҰ» ЖШС",
    "QORGAU_ORGANISATION_BIN": "123456789012", "QORGAU_ORGANISATION_CONTACT": "+7 727 000 00 00",
}  # fmt: skip
"""What a house must have set before anybody can approve a notice."""


@contextmanager
def serving_process(data: Path, **settings: str) -> Iterator[str]:
    """The product as a process of its own over a house; return its address."""
    environment = {**os.environ, "QORGAU_DATA": str(data), "QORGAU_PORT": "0", "PYTHONUNBUFFERED": "1", **settings}
    command = [sys.executable, "-m", "infra", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                found = re.search(r"http://[\d.:]+", line)
                if found:
                    yield found.group()
                    break
        finally:  # a test that fails must not wait for the product to end by itself
            process.terminate()
            process.wait(timeout=30)


def page_of(browser: Any, address: str, user: str, problems: list[str]) -> Any:
    page = browser.new_context(viewport={"width": 1300, "height": 900}).new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    page.fill("input[name=user]", user)
    page.fill("input[name=password]", PASSWORD)
    page.click("button:has-text('Sign in')")
    page.wait_for_selector("h1:has-text('Incidents')")
    return page


def test_from_the_event_to_the_satisfied_clock(browser: Any, server: tuple[str, str]) -> None:
    address, token = server
    problems: list[str] = []
    analyst = page_of(browser, address, "aigul", problems)
    event = {"event.id": "e-1", "event.action": "portal.profile.change_applied", "mfo.change.field": "iin"}
    answer = httpx.post(
        f"{address}/api/v1/events",
        json={**event, "mfo.client.id": "c-77", "@timestamp": "2026-11-20T10:00:00+05:00"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.json()["accepted"] == 1

    # The queue shows the incident by itself, without a reload.
    analyst.click("text=IIN changed in the cabinet: c-77")
    analyst.wait_for_selector("[data-clock=regulator-notice] .left")
    assert "running" in analyst.inner_text("[data-clock=regulator-notice]")
    analyst.click("#take")
    analyst.wait_for_selector(".facts:has-text('owner aigul')")
    for _ in range(2):
        title = analyst.inner_text(".playbook li.waiting b")
        analyst.fill(".playbook li.waiting input[name=text]", "done by hand, ticket 12")
        analyst.click("button:has-text('Finish step')")
        analyst.wait_for_selector(f".playbook li.success:has-text('{title}')")
    analyst.wait_for_selector("[data-clock=immediate-containment].satisfied")
    analyst.click("text=Regulator notice")
    analyst.wait_for_selector("#notice-state")
    assert analyst.query_selector("#approve") is None, "an analyst cannot approve"

    officer = page_of(browser, address, "bolat", problems)
    officer.goto(f"{address}/notices")
    officer.click("text=Regulator notice")
    officer.fill("form[lang=ru] textarea[name='f.damage']", "не установлен")
    officer.click("button:has-text('Save ru')")
    officer.wait_for_selector(".flash.good")
    officer.click("#approve")
    officer.wait_for_selector(".flash.bad:has-text('edited the notice')")

    second = page_of(browser, address, "dana", problems)
    second.goto(f"{address}/notices")
    second.click("text=Regulator notice")
    assert second.input_value("form[lang=ru] textarea[name='f.damage']") == "не установлен"
    second.click("#approve")
    second.wait_for_selector("#notice-state:has-text('approved')")
    second.click("text=Handed over another way")
    second.fill("input[name=channel]", "portal of the regulator")
    second.fill("input[name=reference]", "in-4711")
    second.click("button:has-text('Record')")
    second.wait_for_selector(".flash.good:has-text('second person')")

    officer.goto(second.url)
    officer.click("text=Handed over another way")
    officer.fill("input[name=channel]", "portal of the regulator")
    officer.fill("input[name=reference]", "in-4711")
    officer.click("button:has-text('Record')")
    officer.wait_for_selector("#notice-state:has-text('sent')")
    second.reload()
    second.wait_for_selector("#clock-state:has-text('satisfied')")
    second.click("text=INC-")
    second.wait_for_selector("[data-clock=regulator-notice].satisfied")
    # The analyst's open page has learnt it too.
    analyst.wait_for_selector("#clock-state:has-text('satisfied')")
    assert problems == []


def test_the_console_works_by_keyboard(browser: Any, server: tuple[str, str]) -> None:
    address, _ = server
    problems: list[str] = []
    page = page_of(browser, address, "aigul", problems)
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_selector("h1:has-text('Rules')")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2:has-text('Its tests')")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_selector("h1:has-text('Events')")
    assert problems == []


def test_what_somebody_types_survives_an_answer_that_was_on_its_way(browser: Any, server: tuple[str, str]) -> None:
    address, token = server
    event = {"event.id": "e-1", "event.action": "portal.profile.change_applied", "mfo.change.field": "iin"}
    httpx.post(
        f"{address}/api/v1/events", json={**event, "mfo.client.id": "c-1"}, headers={"Authorization": f"Bearer {token}"}
    )
    page = page_of(browser, address, "aigul", [])
    page.click("text=IIN changed in the cabinet: c-1")
    page.wait_for_selector(".playbook li.waiting input[name=text]")
    kept = page.evaluate(
        """async () => {
            const answered = new Promise((done) => document.body.addEventListener("htmx:beforeSwap", (event) => {
                if (event.detail.target.id === "playbook") done();
            }));
            htmx.trigger(document.body, "live");
            const field = document.querySelector(".playbook input[name=text]");
            field.focus();
            field.value = "typed meanwhile";
            await answered;
            for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
            return document.querySelector(".playbook input[name=text]").value;
        }"""
    )
    assert kept == "typed meanwhile"
