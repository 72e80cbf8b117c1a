"""The console's pages of rules and lists, and the explanation of an event."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from infra.store.models.rules import ListRow, RuleVersionRow
from infra.web.app import create_app
from tests.support import PASSWORD, World


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.container), follow_redirects=True) as made:
        yield made


def sign_in(client: TestClient, user: str) -> None:
    client.cookies.clear()
    answer = client.post("/sign-in", data={"user": user, "password": PASSWORD, "to": "/"}, follow_redirects=False)
    assert answer.status_code == 303


def act(client: TestClient, path: str, page: str, **form: str) -> str:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)
    assert token is not None
    answer = client.post(path, data={"csrf": token.group(1), **form}, headers={"origin": "http://testserver"})
    return answer.text


def test_a_rule_is_tuned_approved_by_another_and_rolled_back(client: TestClient, world: World) -> None:
    sign_in(client, "erlan")
    page = "/rules/credential-stuffing"
    name = re.search(r'name="(p:[a-z_]+)" value="(\d+)"', client.get(page).text)
    assert name is not None
    told = act(client, f"{page}/tune", page, **{name.group(1): str(int(name.group(2)) - 2), "reason": "seen"})
    assert "its tests hold" in told
    version = str(world.held(RuleVersionRow)[0].version)
    act(client, f"{page}/propose", page, version=version, reason="now")
    assert "another person must approve it" in client.get(page).text
    assert "cannot approve" in act(client, f"{page}/approve", page, version=version, reason="me")
    sign_in(client, "bolat")
    act(client, f"{page}/approve", page, version=version, reason="agreed")
    act(client, f"{page}/activate", page, version=version, reason="go")
    assert "in force" in client.get(page).text
    assert version in client.get("/rules").text
    assert "may detect less" in act(client, f"{page}/rollback", page, reason="too many")
    sign_in(client, "erlan")
    assert "In force again: product" in act(client, f"{page}/rollback", page, reason="too many")


def test_a_list_is_changed_and_a_weakening_waits(client: TestClient, world: World) -> None:
    sign_in(client, "erlan")
    assert "In force" in act(client, "/lists/deny_accounts/change", "/lists", add="sha256:mule-1", reason="police")
    assert "must approve" in act(client, "/lists/allow_accounts/change", "/lists", add="sha256:x", reason="mistake")
    assert "sha256:mule-1" not in client.get("/lists").text
    sign_in(client, "dana")
    act(client, "/lists/allow_accounts/approve", "/lists", reason="agreed")
    assert world.held(ListRow, name="allow_accounts")[0].in_force == 1


def test_an_event_is_explained_without_personal_values(client: TestClient, world: World) -> None:
    world.feed(
        world.event("portal.application.submitted", mfo__client__iin="850101300005", mfo__client__phone="+77010000001")
    )
    sign_in(client, "aigul")
    page = client.get("/events/1?rule=phone-of-many").text
    assert "application-with-phone matches" in page
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="phone"))
    page = client.get("/events/2?rule=iin-immutable").text
    assert "iin-immutable does not match" in page
    assert "850101300005" not in page


def test_an_auditor_sees_and_changes_nothing(client: TestClient) -> None:
    sign_in(client, "marat")
    page = client.get("/rules/credential-stuffing").text
    assert "Write and test a version" not in page
    assert client.get("/lists").status_code == 200
