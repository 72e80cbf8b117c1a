"""A real browser with a virtual authenticator: a passkey is registered, signs in, and approves a notice."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.accounts.facts import SecondFactorEnrolled, SecondFactorFailed, SecondFactorUsed
from engine.kernel.errors import SecondFactorWrong
from engine.notices.notice import Notice
from infra.settings.settings import MADE_UP, Settings
from tests.browser.test_console import browser, serving_process
from tests.support import PASSWORD, MovingClock, World

pytestmark = pytest.mark.browser
__all__ = ["browser"]
NAMED = {f"QORGAU_{name.upper()}": value for name, value in MADE_UP.items()}
"""The sender by which the notice was drafted."""
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def with_device(browser: Any, problems: list[str]) -> tuple[Any, Any, str]:
    """A page with an authenticator of its own; its CDP session and the id of the authenticator."""
    page = browser.new_context(viewport={"width": 1300, "height": 900}, locale="en-GB").new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    key = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]
    return page, devtools, key


def by_password(page: Any, address: str) -> None:
    page.goto(f"{address}/account")
    page.fill("input[name=user]", "bolat")
    page.fill("input[name=password]", PASSWORD)
    page.click("button:text-is('Sign in')")


def test_a_passkey_is_registered_signs_in_and_approves(browser: Any, tmp_path: Path) -> None:
    world = World(tmp_path / "data").people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    notice = str(world.notices(world.incidents()[0]["id"])["regulator"]["id"])
    world.container.close()
    port = free_port()
    address = f"http://localhost:{port}"
    problems: list[str] = []
    settings = {"QORGAU_PORT": str(port), "QORGAU_CONSOLE_URL": address, "QORGAU_SECOND_FACTOR_MINUTES": "1", **NAMED}
    with serving_process(tmp_path / "data", **settings):
        page, devtools, device = with_device(browser, problems)
        by_password(page, address)
        form = "#new-passkey "
        page.fill(f"{form}input[name=name]", "my laptop")
        page.fill(f"{form}input[name=password]", "not the password")
        page.click(f"{form}button")
        page.wait_for_selector(f"{form}[data-said]:has-text('password is wrong')")
        assert [it for it in problems if "409" not in it] == []
        problems.clear()
        page.fill(f"{form}input[name=password]", PASSWORD)
        page.click(f"{form}button")
        page.wait_for_selector(".flash.good:has-text('passkey is registered')")
        page.wait_for_selector("li:has-text('my laptop')")
        assert len(devtools.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]) == 1

        page.click("text=Sign out")
        by_password(page, address)  # the password alone leads to the second step
        page.wait_for_selector("h1:has-text('Your second factor')")
        assert page.goto(f"{address}/account").url.endswith("/sign-in?to=/account")
        page.click("button:has-text('Sign in with a passkey')")
        page.wait_for_selector("h1:has-text('Your account')")

        page.context.clear_cookies(name="qorgau_session")
        page.goto(f"{address}/sign-in?to=/notices/{notice}")
        page.click("button:has-text('Sign in with a passkey')")
        page.wait_for_selector("#approve")

        # A device that no longer verifies its owner does not get in; nor does the passkey of another address.
        devtools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
        page.context.clear_cookies(name="qorgau_session")
        page.goto(f"{address}/sign-in?to=/notices/{notice}")
        page.click("button:has-text('Sign in with a passkey')")
        page.wait_for_selector("[data-said]:has-text('showed no passkey')")
        devtools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
        page.click("button:has-text('Sign in with a passkey')")
        page.wait_for_selector("#approve")
        assert not [it for it in problems if "Content Security Policy" in it]
    world = World(tmp_path / "data", console_url=address)
    found = [it.fact for it in world.container.decisions.read(0, 5000)]
    assert [it.name for it in found if isinstance(it, SecondFactorEnrolled)] == ["my laptop"]
    assert len([it for it in found if isinstance(it, SecondFactorUsed)]) == 3
    world.container.close()


def test_a_notice_is_approved_with_a_passkey_and_nothing_is_lost(browser: Any, tmp_path: Path) -> None:
    world = World(tmp_path / "data", MovingClock(datetime.now(UTC))).people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    notice = str(world.notices(world.incidents()[0]["id"])["regulator"]["id"])
    world.container.close()
    port = free_port()
    address = f"http://localhost:{port}"
    problems: list[str] = []
    settings = {"QORGAU_PORT": str(port), "QORGAU_CONSOLE_URL": address, **NAMED}
    with serving_process(tmp_path / "data", **settings):
        page, _, _ = with_device(browser, problems)
        by_password(page, address)
        page.fill("#new-passkey input[name=name]", "my laptop")
        page.fill("#new-passkey input[name=password]", PASSWORD)
        page.click("#new-passkey button")
        page.wait_for_selector(".flash.good:has-text('passkey is registered')")
        over = World(tmp_path / "data")  # as if the minutes were over
        with over.container.database.write() as cursor:
            cursor.execute("DELETE FROM session_proofs")
        over.container.close()
        page.goto(f"{address}/notices/{notice}")
        page.click("#approve")
        page.wait_for_selector("h1:has-text('Your second factor')")
        page.click("#by-passkey")
        page.wait_for_selector("#notice-state")
        assert "Approved" in " ".join(page.locator(".flash").all_inner_texts())
        assert [it for it in problems if "403" not in it] == []
    world = World(tmp_path / "data")
    assert world.container.decisions.load(Notice, notice).approved_by == "bolat"
    world.container.close()


def test_a_challenge_is_of_one_person_and_one_use(tmp_path: Path) -> None:
    world = World(tmp_path / "data", console_url="https://qorgau.mfo.example").people()
    keys = world.container.accounts.passkeys
    step, asked = keys.options()
    assert '"rpId": "qorgau.mfo.example"' in asked and '"userVerification": "required"' in asked
    with world.container.database.write() as cursor:
        cursor.execute("INSERT INTO passkeys VALUES ('k1', 'bolat', ?, 0, 'mine', '2026-01-01', NULL)", (b"no key",))
    for answer in ("", "{", "[]", "{}", '{"id": "k1"}', '{"id": "unknown"}', '{"id": 5, "response": []}'):
        with pytest.raises(SecondFactorWrong):
            keys.check(step, answer)
        with pytest.raises(SecondFactorWrong):
            keys.register("bolat", keys.new_options("aigul", "A")[0], answer, "a key")
        with pytest.raises(SecondFactorWrong):
            keys.register("aigul", keys.new_options("aigul", "A")[0], answer, "a key")
    assert [it for it in world.container.decisions.read(0, 5000) if isinstance(it.fact, SecondFactorFailed)]
    world.clock.forward(minutes=11)
    assert keys.pending.of(step, "passkey") is None
    world.container.close()


@pytest.mark.parametrize(
    "address", ["http://qorgau.mfo.example", "https://10.0.0.1", "https://x.example/path", "https://[::1]", "nonsense"]
)
def test_an_address_that_no_passkey_can_belong_to_stops_the_start(address: str) -> None:
    with pytest.raises(ValueError, match="console_url"):
        Settings(console_url=address)
