"""What an officer sees before approving: fields that are open, and facts that changed since the text was written."""

from __future__ import annotations

from fastapi.testclient import TestClient

from engine.notices.notice import Notice
from infra.read.notices.open_points import points_of
from infra.web.app import create_app
from tests.support import ANALYST, COMPLIANCE, PASSWORD, World


def given_an_edited_draft(world: World) -> Notice:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    key = world.notices(world.incidents()[0]["id"])["regulator"]["id"]
    world.container.acts.edit_notice(key, "ru", {"damage": "10 000 тенге"}, None, by=COMPLIANCE)
    return world.container.decisions.load(Notice, key)


def points(world: World, key: str):  # type: ignore[no-untyped-def]
    container = world.container
    return points_of(container.decisions, container.drafting, container.decisions.load(Notice, key), world.clock.now())


def test_what_is_not_known_yet_is_named(world: World) -> None:
    found = points(world, given_an_edited_draft(world).id)
    assert "causes" in found.open["ru"] and "damage" not in found.open["ru"]
    assert "damage" in found.open["kk"], "each language by itself"
    assert found.changed == {}, "what people wrote is no change of the facts"


def test_what_changed_since_is_named_though_somebody_edited_the_text(world: World) -> None:
    notice = given_an_edited_draft(world)
    world.container.acts.name_clients(notice.incident_id, ["c-2"], [], "she called", by=ANALYST)
    world.work()
    assert {"affected", "told"} <= set(points(world, notice.id).changed["ru"])


def test_an_approved_text_has_nothing_to_check(world: World) -> None:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    key = world.notices(world.incidents()[0]["id"])["regulator"]["id"]
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    assert points(world, key) == ({}, {})


def test_the_page_shows_both_by_their_headings(world: World) -> None:
    notice = given_an_edited_draft(world)
    world.container.acts.name_clients(notice.incident_id, ["c-2"], [], "she called", by=ANALYST)
    world.work()
    with TestClient(create_app(world.container)) as web:
        web.post("/sign-in", data={"user": COMPLIANCE.id, "password": PASSWORD})
        page = web.get(f"/notices/{notice.id}").text
    assert "Not known yet" in page and "Причины" in page
    assert "Changed since it was written" in page and "Количество затронутых клиентов" in page


def test_a_draft_is_written_again_with_what_is_known_now(world: World) -> None:
    notice = given_an_edited_draft(world)
    world.container.acts.name_clients(notice.incident_id, ["c-2"], [], "she called", by=ANALYST)
    world.work()
    assert points(world, notice.id)[1], "what somebody edited does not follow by itself"
    with TestClient(create_app(world.container)) as web:
        web.post("/sign-in", data={"user": COMPLIANCE.id, "password": PASSWORD})
        page = web.get(f"/notices/{notice.id}").text
        token = page.partition('name="csrf" value="')[2].partition('"')[0]
        form = {"csrf": token, "version": world.container.decisions.load(Notice, notice.id).version}
        assert "Write it again" in page
        web.post(f"/notices/{notice.id}/redraft", data=form)
    assert points(world, notice.id)[1] == {}
