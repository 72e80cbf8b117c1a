"""Tokens of people and of sources: for what, how long, from where, by whom revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from engine.accounts.facts import TokenMade, TokenRevoked
from engine.kernel.errors import DecisionRefused, InputError
from engine.permissions import COMMANDS
from infra.cli import cli
from infra.commands.people.personal_tokens import MOST_TOKENS, scopes_of
from infra.web.app import create_app
from tests.integration.test_api import sign_in
from tests.integration.test_second_factor import csrf, drafted, enrolled, every_route, facts
from tests.support import ANALYST, COMPLIANCE, PASSWORD, World


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.container), headers={"Accept-Language": "en"}) as made:
        yield made


def made(world: World, *scope: str, person: Any = ANALYST, days: int = 30) -> dict[str, str]:
    token = world.container.accounts.tokens.make(person, "a script", scope, days)
    return {"Authorization": f"Bearer {token}"}


def test_a_token_is_made_on_the_own_page_shown_once_and_revoked(world: World, client: TestClient) -> None:
    sign_in(client, "aigul")
    form = {"csrf": csrf(client), "name": "a script", "days": "30", "scope.read": "yes", "scope.add-note": "yes"}
    token = re.search(r'id="made">(qorgau_p_[\w-]+)<', client.post("/account/tokens", data=form).text)[1]  # type: ignore[index]
    page = client.get("/account/tokens").text
    assert token not in page and "a script" in page and "add-note" in page
    assert 'name="scope.approve-notice"' not in page and 'name="scope.close-incident"' not in page
    fact = facts(world, TokenMade)[-1]
    assert (fact.user_id, fact.scope, fact.expires_at) == (
        "aigul", ("add-note", "read"), world.clock.now() + timedelta(days=30),
    )  # fmt: skip
    for table in ("personal_tokens", "decisions", "token_uses"):
        assert not any(token in str(dict(row)) for row in world.container.database.rows(f"SELECT * FROM {table}"))
    headers = {"Authorization": f"Bearer {token}"}
    client.cookies.clear()
    assert client.get("/api/v1/me", headers=headers).json()["id"] == "aigul"
    form = {"csrf": sign_in(client, "aigul")}
    assert "The token is void" in client.post(f"/account/tokens/{fact.token_id}/revoke", data=form).text
    assert client.get("/api/v1/me", headers=headers).status_code == 401
    assert facts(world, TokenRevoked)[-1].token_id == fact.token_id
    other = world.container.accounts.tokens.make(COMPLIANCE, "of another", ["read"], 1)
    key = world.container.accounts.tokens.of("bolat")[0].id
    assert "no such token" in client.post(f"/account/tokens/{key}/revoke", data=form).text
    assert world.container.accounts.by_token(other) is not None


@pytest.mark.parametrize(
    ("form", "said"),
    [({"days": "366", "scope.read": "y"}, "1 to 365"), ({"days": "", "scope.read": "y"}, "how many days"),
     ({"days": "30"}, "a token is for"), ({"days": "30", "scope.approve-notice": "y"}, "a token is for"),
     ({"days": "30", "scope.read": "y", "name": " "}, "1 to 60")],
)  # fmt: skip
def test_a_token_that_cannot_be_is_refused_with_the_reason(
    world: World, client: TestClient, form: dict[str, str], said: str
) -> None:
    sign_in(client, "bolat")
    answer = client.post("/account/tokens", data={"csrf": csrf(client), "name": "x", **form})
    assert answer.status_code == 422 and said in answer.text
    assert not world.container.accounts.tokens.of("bolat")


def test_no_token_is_for_an_approval(world: World, client: TestClient) -> None:
    notice = drafted(world)
    assert not [name for name in scopes_of(COMPLIANCE) if name in COMMANDS and COMMANDS[name].step_up]
    headers = made(world, "read", "edit-notice", person=COMPLIANCE)
    with world.container.database.write() as cursor:  # whatever a row says
        cursor.execute("UPDATE personal_tokens SET scope = ?", ('["approve-notice","read"]',))
    for path in (f"/api/v1/notices/{notice}/approve", "/api/v1/commands/approve-notice"):
        answer = client.post(path, headers=headers, json={"notice_id": notice})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "token.scope"), path


def test_a_token_is_for_what_it_names_and_the_roles_apply_still(world: World, client: TestClient) -> None:
    drafted(world)
    key = world.incidents()[0]["id"]
    note, reading = made(world, "add-note"), made(world, "read")
    body = {"incident_id": key, "text": "seen by a script"}
    assert client.post("/api/v1/commands/add-note", headers=note, json=body).status_code == 200
    assert client.post("/api/v1/commands/add-note", headers=reading, json=body).status_code == 403
    assert client.post(f"/api/v1/incidents/{key}/acts", headers=reading, json={"act": "acknowledge"}).status_code == 403
    many = {"ids": [key], "act": "acknowledge"}
    assert client.post("/api/v1/incidents/bulk", headers=reading, json=many).status_code == 403
    assert client.get(f"/api/v1/incidents/{key}", headers=reading).status_code == 200
    assert client.get(f"/api/v1/incidents/{key}", headers=note).json()["error"]["code"] == "token.scope"
    act = {"act": "note", "text": "seen by a script"}
    answered = client.post(f"/api/v1/incidents/{key}/acts", headers=note, json=act)
    assert (answered.status_code, answered.json()) == (200, {"id": key}), "a token for acts reads nothing by its acts"
    with world.container.database.write() as cursor:
        cursor.execute("UPDATE users SET roles = ? WHERE id = 'aigul'", ('["auditor"]',))
    assert client.post("/api/v1/commands/add-note", headers=note, json=body).status_code == 403


def test_a_token_opens_no_page_and_no_act_but_its_own(world: World, client: TestClient) -> None:
    """Over all routes: with a token that only reads nothing is done, and the console stays closed."""
    headers = made(world, "read")
    before = world.container.decisions.head()
    for method, path in every_route(client.app):
        address = re.sub(r"\{[^}]*\}", "1", path)
        if method == "HEAD" or path.startswith(("/sign-in", "/health", "/metrics", "/calendar")):
            continue
        answer = client.request(method, address, headers=headers, json={} if method == "POST" else None,
                                follow_redirects=False)  # fmt: skip
        if not path.startswith("/api/v1/"):
            assert answer.status_code in (303, 401), f"{method} {path} {answer.status_code}"
        elif method != "GET":
            assert answer.status_code in (401, 403, 404, 422), f"{method} {path} {answer.status_code}"
    assert world.container.decisions.head() == before


def test_a_token_ends_with_its_term_the_password_and_the_account(world: World) -> None:
    accounts = world.container.accounts

    def token() -> str:
        return accounts.tokens.make(ANALYST, "a script", ["read"], 1)

    short = token()
    world.clock.forward(hours=25)
    assert accounts.by_token(short) is None and accounts.tokens.of("aigul") == []
    first = token()
    accounts.change_password("aigul", PASSWORD, "three blue horses")
    assert accounts.by_token(first) is None
    second = token()
    accounts.set_active("aigul", False, actor="root")
    assert accounts.by_token(second) is None
    accounts.set_active("aigul", True, actor="root")
    assert accounts.by_token(second) is None, "it does not come back"
    for _ in range(MOST_TOKENS):
        token()
    with pytest.raises(DecisionRefused):
        token()


def test_when_a_token_was_used_last_is_shown(world: World) -> None:
    accounts = world.container.accounts
    token = accounts.tokens.make(ANALYST, "a script", ["read"], 9)
    assert accounts.tokens.of("aigul")[0].used_at is None
    accounts.by_token(token)
    assert accounts.tokens.of("aigul")[0].used_at == world.clock.now()
    accounts.uses.close()
    assert world.rows("SELECT at FROM token_uses") != []


def test_who_has_a_second_factor_shows_it_for_a_token(world: World, client: TestClient) -> None:
    sign_in(client, "bolat")
    phone, _ = enrolled(world)
    form = {"csrf": csrf(client), "name": "a script", "days": "30", "scope.read": "yes"}
    assert client.post("/account/tokens", data=form).status_code == 403
    assert client.post("/account/tokens", data={**form, "second_factor": phone.code()}).status_code == 200


def test_a_token_of_a_source_has_a_term_and_networks_where_wanted(world: World, client: TestClient) -> None:
    accounts = world.container.accounts
    for_ever, bound = accounts.new_source("portal"), accounts.new_source("antifraud", networks=["10.0.0.0/8", "::1"])
    short = accounts.new_source("bureau", days=2)
    assert accounts.source(bound, "10.9.8.7") is not None and accounts.source(bound, "::1") is not None
    assert accounts.source(bound, "203.0.113.9") is None and accounts.source(bound, "") is None
    assert client.post("/api/v1/events", headers={"Authorization": f"Bearer {bound}"}, content=b"{}").status_code == 401
    world.clock.forward(days=3)
    assert accounts.source(short) is None and accounts.source(for_ever) is not None
    used = {it["source"]: (it["used_at"] is not None, it["networks"]) for it in _flushed(world).source_tokens()}
    assert used == {"portal": (True, None), "antifraud": (True, "10.0.0.0/8, ::1/128"), "bureau": (False, None)}
    for wrong in ({"days": 0}, {"networks": ["nonsense"]}):
        with pytest.raises(InputError):
            accounts.new_source("portal", **wrong)  # type: ignore[arg-type]
    assert accounts.forget_source("antifraud") == 1
    assert {it["source"] for it in world.rows("SELECT s.source FROM source_token_terms t JOIN source_tokens s "
                                              "ON s.digest = t.digest")} == {"bureau"}  # fmt: skip


def _flushed(world: World) -> Any:
    world.container.accounts.uses.close()
    return world.container.accounts


def test_tokens_are_made_and_revoked_from_the_command_line(world: World) -> None:
    def run(*words: str, stdin: str = "") -> Any:
        return CliRunner(env={"QORGAU_DATA": str(world.folder)}).invoke(cli, words, input=stdin)

    add = ("users", "token", "add", "a script", "--as", "aigul", "--scope", "read", "--days", "30")
    assert run(*add, stdin="wrong password\n").exit_code != 0
    token = run(*add, stdin=f"{PASSWORD}\n").output.strip().splitlines()[-1]
    assert world.container.accounts.by_token(token) is not None
    key = world.container.accounts.tokens.of("aigul")[0].id
    assert key in run("users", "token", "list", "aigul").output
    assert run("users", "token", "revoke", "aigul", key).exit_code == 0
    assert world.container.accounts.by_token(token) is None
    assert run("sources", "add", "portal", "--days", "30", "--from", "10.0.0.0/8").exit_code == 0
    assert "10.0.0.0/8" in run("sources", "list").output
