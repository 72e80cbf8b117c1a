"""One's own account and the page of sign-ins in the console; cookies and headers where it is served over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from infra.cli import cli
from infra.web.app import create_app
from tests.integration.test_api import sign_in
from tests.support import PASSWORD, World

NEW = "three blue horses"


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.container), headers={"Accept-Language": "en"}) as made:
        yield made


def csrf(client: TestClient) -> str:
    return str(client.get("/api/v1/me").json()["csrf"])


def test_a_new_password_is_set_on_the_own_page_and_ends_the_other_sessions(world: World, client: TestClient) -> None:
    sign_in(client, "bolat")
    other = world.container.accounts.sign_in("bolat", PASSWORD)
    page = client.get("/account").text
    assert "testclient" in page and "this one" in page

    form = {"csrf": csrf(client), "old": PASSWORD, "new": NEW}
    refused = client.post("/account/password", data={**form, "new": "qwertyuiop"}).text
    assert "easily guessed" in refused
    done = client.post("/account/password", data=form).text
    assert "The password is changed" in done
    assert world.container.accounts.session(other) is None
    assert world.container.accounts.sign_in("bolat", NEW) is not None


def test_somebody_elses_form_changes_no_password(world: World, client: TestClient) -> None:
    sign_in(client, "bolat")
    answer = client.post("/account/password", data={"csrf": "forged", "old": PASSWORD, "new": NEW})
    assert answer.status_code == 403
    assert world.container.accounts.sign_in("bolat", NEW) is None


def test_the_other_sessions_can_be_ended(world: World, client: TestClient) -> None:
    sign_in(client, "bolat")
    other = world.container.accounts.sign_in("bolat", PASSWORD)
    client.post("/account/end-sessions", data={"csrf": csrf(client)})
    assert world.container.accounts.session(other) is None
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize(("user", "status"), [("bolat", 403), ("aigul", 403), ("gulnar", 200), ("root", 200)])
def test_sign_ins_are_shown_to_those_who_answer_for_accounts(
    world: World, client: TestClient, user: str, status: int
) -> None:
    world.container.accounts.add("root", "Root", ("admin",), PASSWORD, actor="test")
    client.post("/sign-in", data={"user": "bolat", "password": "wrong password!"})
    sign_in(client, user)
    answer = client.get("/sign-ins")
    assert answer.status_code == status
    assert ("refused: wrong password" in answer.text) == (status == 200)


def test_a_page_that_asks_for_its_parts_does_not_keep_its_session_alive(world: World, client: TestClient) -> None:
    sign_in(client, "bolat")
    for _ in range(2):
        world.clock.forward(minutes=world.container.settings.session_minutes - 2)
        answer = client.get("/notices", headers={"HX-Request": "true"}, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in")


def test_over_tls_cookies_are_for_this_host_only_and_the_browser_is_told_to_stay(tmp_path: Path) -> None:
    world = World(tmp_path / "data", secure_cookies=True).people()
    with TestClient(create_app(world.container), base_url="https://testserver") as client:
        answer = client.post("/sign-in", data={"user": "bolat", "password": PASSWORD}, follow_redirects=False)
        cookies = answer.headers.get_list("set-cookie")
        session = next(it for it in cookies if it.startswith("__Host-qorgau_session="))
        assert "Secure" in session and "HttpOnly" in session and "Path=/" in session and "Domain" not in session
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert client.get("/account").status_code == 200
        token = session.split("=", 1)[1].split(";")[0]
        client.cookies.clear()
        client.cookies.set("qorgau_session", token)
        assert client.get("/account", follow_redirects=False).status_code == 303, "a name that another site can set"
    world.container.close()


@pytest.mark.parametrize(
    ("host", "named", "secure"),
    [("127.0.0.1", None, False), ("::1", None, False), ("0.0.0.0", None, True), ("10.0.0.5", None, True),
     ("10.0.0.5", False, False), ("127.0.0.1", True, True)],
)  # fmt: skip
def test_cookies_are_secure_off_the_loopback_unless_a_setting_says_otherwise(
    tmp_path: Path, host: str, named: bool | None, secure: bool
) -> None:
    more = {} if named is None else {"secure_cookies": named}
    world = World(tmp_path / "data", host=host, **more)
    assert world.container.settings.cookies_are_secure is secure
    world.container.close()


def run(tmp_path: Path, *words: str, stdin: str = "") -> str:
    found = CliRunner(env={"QORGAU_DATA": str(tmp_path)}).invoke(cli, words, input=stdin, catch_exceptions=False)
    return found.output


def test_accounts_are_kept_from_the_command_line(tmp_path: Path) -> None:
    run(tmp_path, "users", "add", "nurlan", "--role", "auditor", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert "disabled" in run(tmp_path, "users", "disable", "nurlan")
    assert "disabled" in run(tmp_path, "users", "list")
    assert "enabled" in run(tmp_path, "users", "enable", "nurlan")
    assert "new password" in run(tmp_path, "users", "password", "nurlan", "--password-stdin", stdin=f"{NEW}\n")
    assert "may try again" in run(tmp_path, "users", "unlock", "nurlan")
    assert "0 sessions ended" in run(tmp_path, "users", "end-sessions", "nurlan")
