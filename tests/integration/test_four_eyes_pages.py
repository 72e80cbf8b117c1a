"""What the console shows the second person: who can approve and why others cannot, and what would be destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from starlette.testclient import TestClient

from engine.incidents.casework import Report
from infra.web.app import create_app
from infra.web.context import COOKIE
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, PASSWORD, World


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


def test_the_notice_says_who_can_approve_and_what_keeps_the_others_from_it(world: World, client: TestClient) -> None:
    told = Report(title="strange access", incident_class="fraud", channel="hot-line", told_at=world.clock.now())
    incident = world.container.acts.report(told, by=COMPLIANCE)
    world.work()
    path = f"/notices/{world.notices(incident)['regulator']['id']}"
    shown = page(world, client, "gulnar", path)
    assert "Can approve it now: dana." in shown
    assert "<b>bolat</b>: who worked on the incident cannot approve" in shown
    assert "Approve as the last one left" not in shown
    world.container.acts.note(incident, "called the client", by=COMPLIANCE_2)
    shown = page(world, client, "gulnar", path)
    assert "Nobody who may approve is left." in shown
    assert "Approve as the last one left" in shown
    assert "Approve as the last one left" not in page(world, client, "bolat", path)


def test_the_second_person_sees_what_would_be_destroyed(world: World, client: TestClient) -> None:
    acts = world.container.acts
    acts.end_obligations("c-1", date(2015, 1, 1), "", "paid", by=COMPLIANCE, document=b"%PDF-1.7")
    acts.end_obligations("c-1", date(2015, 1, 1), "", "read it", by=CISO)
    acts.place_hold("c-1", "court case 12", by=CISO)
    acts.lift_hold("c-1", "the case ended", by=COMPLIANCE)
    assert "bolat asks to lift it: the case ended" in page(world, client, "gulnar", "/retention")
    acts.lift_hold("c-1", "read the judgement", by=CISO)
    world.clock.forward(days=8)
    acts.propose_erasure("c-1", "term over", by=COMPLIANCE_2)
    shown = page(world, client, "gulnar", "/retention")
    for words in ("proposed by dana on", "with 1 document.", "A hold was lifted by bolat, gulnar on"):
        assert words in shown
    assert page(world, client, ANALYST.id, "/permissions")
