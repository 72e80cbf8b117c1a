"""Who decides on what another proposed decides on what he saw: a proposal that took its place meanwhile is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from engine.kernel.errors import Conflict
from infra.web.app import create_app
from infra.web.context import COOKIE
from tests.support import COMPLIANCE, COMPLIANCE_2, FRAUD, PASSWORD, World

LIST = "allow_accounts"


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    world.people()
    with TestClient(create_app(world.container), base_url="http://localhost") as client:
        yield client


def page(world: World, client: TestClient, user: str, path: str) -> str:
    token = world.container.accounts.sign_in(user, PASSWORD)
    answer = client.get(path, headers={"Cookie": f"{COOKIE}={token}"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_wording_that_took_the_place_of_the_one_seen_is_not_put_in_force(world: World) -> None:
    acts, book = world.container.acts, world.container.wordbook
    acts.propose_wording("regulator", "ru", {"incident": "Первый текст"}, "clearer", by=COMPLIANCE)
    seen = book.life("regulator", "ru").waiting
    acts.propose_wording("regulator", "ru", {"incident": "Второй текст"}, "another", by=COMPLIANCE)
    with pytest.raises(Conflict):
        acts.decide_wording("regulator", "ru", True, "", by=COMPLIANCE_2, seen=seen)
    assert not book.life("regulator", "ru").in_force
    acts.decide_wording("regulator", "ru", True, "", by=COMPLIANCE_2, seen=book.life("regulator", "ru").waiting)
    assert book.life("regulator", "ru").in_force


def test_a_change_of_a_list_is_agreed_to_as_it_was_seen(world: World, client: TestClient) -> None:
    acts = world.container.rule_acts
    assert acts.change_list(LIST, ["sha256:payroll"], [], "our own payroll", by=FRAUD) is False
    shown = page(world, client, "bolat", "/lists")
    assert "Would be added: sha256:payroll" in shown
    assert '<input type="hidden" name="version" value="1">' in shown
    acts.decide_list(LIST, agreed=False, reason="not ours", by=COMPLIANCE)
    assert acts.change_list(LIST, ["sha256:mule-9"], [], "never mind", by=FRAUD) is False
    with pytest.raises(Conflict):
        acts.decide_list(LIST, agreed=True, reason="as seen", by=COMPLIANCE, seen=1)
    acts.decide_list(LIST, agreed=True, reason="as seen", by=COMPLIANCE, seen=2)
