"""What an attacker did by merging, by old proposals and as the last one left; and pages nobody had opened."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.duties.commands import StartClock
from engine.incidents.casework import Report
from engine.incidents.commands import MergeIncident
from engine.kernel.errors import DecisionRefused, InputError, SecondPersonNeeded
from engine.kernel.facts import Person
from engine.notices.commands import ApproveAsLast, HandOverNotice
from infra.web.app import create_app
from tests.integration.test_api import sign_in
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, World

PAGES = (
    "/", "/clocks", "/notices", "/protections", "/events", "/catalogue", "/rules", "/lists", "/duties", "/coverage",
    "/controls", "/risks", "/reports", "/wording", "/retention", "/system", "/help", "/permissions", "/account",
    "/sign-ins",
)  # fmt: skip


def told(world: World, *clients: str, title: str = "leak", personal_data: bool = True, by: Person = ANALYST) -> str:
    report = Report(
        title=title, incident_class="unauthorised-access", channel="hot-line", told_at=world.clock.now(),
        clients=clients, personal_data=personal_data, reference=f"call {title}",
    )  # fmt: skip
    key = world.container.acts.report(report, by=by)
    world.work()
    return key


def merged(world: World, small: str, big: str, by: Person = ANALYST) -> None:
    number = next(row["number"] for row in world.incidents() if row["id"] == big)
    world.container.dispatch(MergeIncident(incident_id=small, into=number, reason="the same matter"), by=by)
    world.work()


def states(world: World, incident: str) -> dict[tuple[str, str], str]:
    return {(it.kind, it.subject): it.state for it in world.held_clocks(incident)}


def test_what_two_persons_cancelled_is_owed_again_when_a_breach_is_merged_in(world: World) -> None:
    small = told(world, "c-10", title="small")
    for clock in world.held_clocks(small):
        if clock.kind in ("regulator-notice", "personal-data-notice", "client-notice"):
            world.container.acts.propose_cancellation(clock.id, "the client made the change himself", by=ANALYST)
            world.container.acts.agree_to_cancel(clock.id, by=COMPLIANCE)
    world.work()
    assert states(world, small)["regulator-notice", ""] == "cancelled"
    big = told(world, "c-10", "c-20", title="big")
    merged(world, big, small)
    found = states(world, small)
    for duty in (
        ("regulator-notice", ""),
        ("personal-data-notice", ""),
        ("client-notice", "c-10"),
        ("client-notice", "c-20"),
    ):
        assert found[duty] == "running", duty


def test_a_proposal_to_close_of_before_a_merge_is_void(world: World) -> None:
    small, big = told(world, "c-10", title="small"), told(world, "c-20", title="big")
    world.container.acts.close(small, "false_positive", "the client made the change himself, he says", by=COMPLIANCE)
    merged(world, big, small)
    world.container.acts.close(small, "false_positive", "the client says that he did it", by=CISO)
    world.work()
    assert next(row for row in world.incidents() if row["id"] == small)["is_open"], "it is proposed anew, by one person"
    assert states(world, small)["regulator-notice", ""] == "running"


def test_a_proposal_to_cancel_a_clock_of_before_a_merge_is_void(world: World) -> None:
    small, big = told(world, "c-10", title="small"), told(world, "c-20", title="big")
    clock = next(it.id for it in world.held_clocks(small) if it.kind == "regulator-notice")
    world.container.acts.propose_cancellation(clock, "the client made the change himself", by=ANALYST)
    world.clock.forward(minutes=1)
    merged(world, big, small)
    with pytest.raises(DecisionRefused, match="since that was proposed"):
        world.container.acts.agree_to_cancel(clock, by=COMPLIANCE)
    world.container.acts.propose_cancellation(clock, "nobody was there at all", by=ANALYST)
    world.container.acts.agree_to_cancel(clock, by=COMPLIANCE)


def test_the_head_of_the_house_is_never_the_last_one_for_what_he_brought_in_or_wrote(world: World) -> None:
    old = told(world, "c-60", title="old")
    for officer in (COMPLIANCE, COMPLIANCE_2):
        world.container.acts.note(old, "read it", by=officer)
    mine = told(world, "c-61", title="mine", by=CISO)
    merged(world, old, mine, by=CISO)
    world.clock.forward(days=5)
    world.sweep()
    notice = world.notices(mine)["regulator"]["id"]
    command = ApproveAsLast(notice_id=notice, reason="both officers worked on the case and nobody else is left today")
    with pytest.raises(SecondPersonNeeded, match="brought the incident in"):
        world.container.dispatch(command, by=CISO)


def test_a_clock_is_started_by_hand_only_for_a_client_who_is_in_the_incident(world: World) -> None:
    key = told(world, "c-71")
    ahead = StartClock(
        kind="client-notice", owner_id=key, subject="c-72", anchor_at=world.clock.now(), reason="for the next one named"
    )
    with pytest.raises(InputError, match="client that is in the incident"):
        world.container.dispatch(ahead, by=ANALYST)


def test_who_says_another_way_or_day_of_handing_over_makes_a_claim_of_his_own(tmp_path: Path) -> None:
    named = {"organisation_ru": "A", "organisation_kk": "B", "organisation_contact": "+7 727 1234567"}
    world = World(tmp_path / "data", demonstration=False, **named, organisation_bin="000000000000").people()
    key = told(world, "c-1")
    notice = world.notices(key)["regulator"]["id"]
    world.container.acts.approve_notice(notice, None, by=COMPLIANCE)
    world.clock.forward(days=2)
    first = HandOverNotice(notice_id=notice, channel="courier", reference="REF-9", handed_at=world.clock.now())
    assert not world.container.dispatch(first, by=COMPLIANCE).decided
    for other in (
        first.model_copy(update={"channel": "post"}),
        first.model_copy(update={"handed_at": world.clock.now() - timedelta(days=1, hours=2)}),
    ):
        assert not world.container.dispatch(other, by=CISO).decided
    last = first.model_copy(update={"handed_at": world.clock.now() - timedelta(days=1, hours=2)})
    assert world.container.dispatch(last, by=COMPLIANCE).decided, "the same as the latest claim, by somebody else"
    world.container.close()


@pytest.mark.parametrize("language", ["en", "ru", "kk"])
def test_every_page_opens(world: World, language: str) -> None:
    told(world, "c-1")
    world.container.acts.propose_wording(
        "regulator", "ru", {"incident": "Инцидент № {{ incident.number }}"}, "clearer", by=COMPLIANCE
    )
    with TestClient(create_app(world.container), headers={"Accept-Language": language}) as client:
        sign_in(client, CISO.id)
        found = {page: client.get(page).status_code for page in PAGES}
        large = [client.get(f"/events/{10**30}").status_code, client.get(f"/sign-ins?below={10**30}").status_code]
    assert {page: status for page, status in found.items() if status != 200} == {}
    assert all(400 <= status < 500 for status in large), large
