"""A client whose access or payout is really blocked is told so, and told when it is free again; nobody else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.notices.notice import Notice
from infra.read.finders import load_notice
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, World
from tests.systems import Body, OtherSystems, Said, done, said


@pytest.fixture
def world(tmp_path: Path, outside: OtherSystems) -> Iterator[World]:
    made = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    yield made
    made.container.close()


def changed(world: World, client: str) -> str:
    """Somebody changes the IIN of a client; gives the incident."""
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    return str(world.incidents()[-1]["id"])


def text(world: World, incident: str, stage: str = "initial") -> Notice:
    """The newest text for clients of a stage."""
    keys = [it.id for it in world.held_notices(incident) if (it.kind, it.stage, it.text_of) == ("client", stage, "")]
    return world.container.decisions.load(Notice, keys[-1])


def approved(world: World, incident: str, stage: str = "initial") -> dict[str, Notice]:
    """Approve a text; give what each client reads."""
    key = text(world, incident, stage).id
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    copies = [it for it in world.held_notices(incident) if it.text_of == key]
    return {it.subject: load_notice(world.container, it.id) for it in copies}


def away(system: str, order: Body) -> Said:
    return 503, ""


def closed_as_none(world: World, incident: str) -> None:
    for by in (ANALYST, CISO):
        world.container.acts.close(incident, "false_positive", "the client did it himself", by=by)
    world.work()


def test_the_notice_to_a_blocked_client_says_so_in_every_language(world: World) -> None:
    incident = changed(world, "c-1")
    content = text(world, incident).content
    assert "закрыли доступ в ваш личный кабинет с 23.11.2026 10:00" in content["ru"]["blocked"]
    assert "бұғаттадық" in content["kk"]["blocked"]


def test_nobody_reads_of_a_block_that_no_system_confirmed(world: World, outside: OtherSystems) -> None:
    outside.answer = away
    incident = changed(world, "c-1")
    assert "blocked" not in text(world, incident).content["ru"]


def test_of_many_only_the_blocked_client_reads_it(world: World, outside: OtherSystems) -> None:
    incident = changed(world, "c-1")
    outside.answer = lambda system, order: (200, {"reference": "R", "outcomes": said(order, "refused")})
    world.container.acts.name_clients(incident, ["c-2"], [], "she called", by=ANALYST)
    world.work()
    read = approved(world, incident)
    assert "23.11.2026 10:00" in read["c-1"].content["ru"]["blocked"]
    assert "blocked" not in read["c-2"].content["ru"]
    assert "[[" not in str(read["c-1"].content)


def test_who_is_blocked_after_he_was_told_gets_a_text_of_his_own(world: World, outside: OtherSystems) -> None:
    outside.answer = away
    incident = changed(world, "c-1")
    approved(world, incident)
    outside.answer = lambda system, order: done(order)
    world.clock.forward(minutes=5)
    world.work()
    later = text(world, incident, "block")
    assert later.named == ("c-1",)
    read = approved(world, incident, "block")
    assert "закрыли доступ" in read["c-1"].content["ru"]["blocked"]
    world.container.acts.note(incident, "looked again", by=ANALYST)
    world.work()
    assert text(world, incident, "block").id == later.id, "he is told once"


def test_who_was_blocked_is_told_that_he_is_free_with_a_clock(world: World) -> None:
    incident = changed(world, "c-1")
    approved(world, incident)
    world.clock.forward(hours=2)
    closed_as_none(world, incident)
    clock = world.clocks(incident)["client-release"]
    assert (clock["state"], clock["subject"]) == ("running", "c-1")
    draft = text(world, incident, "unblock")
    assert "снова открыт с 23.11.2026 12:00" in draft.content["ru"]["blocked"]
    assert "Мы сообщали вам 23.11.2026" in draft.content["ru"]["why"]
    assert set(approved(world, incident, "unblock")) == {"c-1"}
    assert world.clocks(incident)["client-release"]["state"] == "satisfied"


def test_who_was_blocked_and_never_told_is_told_of_the_release_too(world: World) -> None:
    incident = changed(world, "c-1")
    closed_as_none(world, incident)
    assert "сообщали" not in text(world, incident, "unblock").content["ru"]["why"]
    assert set(approved(world, incident, "unblock")) == {"c-1"}


def test_who_was_never_really_blocked_is_told_of_no_release(world: World, outside: OtherSystems) -> None:
    outside.answer = away
    incident = changed(world, "c-1")
    closed_as_none(world, incident)
    world.container.acts.confirm_release(incident, "unlocked in the portal's own console", by=ANALYST)
    world.work()
    assert "client-release" not in world.clocks(incident)


def test_a_held_payout_is_told_to_the_client_of_the_loan(world: World) -> None:
    paid = {"mfo__loan__id": "L-5", "mfo__client__id": "c-5", "mfo__amount": 90_000}
    world.feed(world.event("loan.disbursement.requested", **paid), source="loans")
    world.feed(world.event("loan.disbursement.executed", **paid), source="loans")
    incident = str(world.incidents()[-1]["id"])
    assert "приостановлена" in text(world, incident).content["ru"]["held"]


def told(world: World, client: str) -> str:
    incident = changed(world, client)
    approved(world, incident)
    return incident


def merged(world: World, other: str, into: str) -> None:
    number = next(it["number"] for it in world.incidents() if it["id"] == into)
    world.container.acts.merge(other, number, "the same attacker", by=ANALYST)
    world.work()


def reported(world: World, *clients: str) -> str:
    """A call to the hot line about clients; gives the incident."""
    from engine.incidents.casework import Report

    made = Report(title=f"a call about {' and '.join(clients)}", incident_class="fraud", channel="hot-line",
                  told_at=world.clock.now(), clients=clients, loans=(), reference="call 1")  # fmt: skip
    key = world.container.acts.report(made, by=ANALYST)
    world.work()
    return str(key)


def supplements(world: World, incident: str) -> dict[str, str]:
    return {it.subject: it.state for it in world.held_clocks(incident) if it.kind == "client-supplement"}


def test_a_merge_after_the_notice_owes_the_client_a_supplement_with_a_clock(world: World) -> None:
    first = told(world, "c-1")
    world.clock.forward(hours=1)
    merged(world, reported(world, "c-1", "c-2"), first)
    assert supplements(world, first) == {"c-1": "running"}, "c-2 was told of neither: he is owed the first notice"
    kinds = {(it.kind, it.subject) for it in world.held_clocks(first) if it.state == "running"}
    assert ("client-notice", "c-2") in kinds
    draft = text(world, first, "supplement")
    assert draft.named == ("c-1",)
    assert "мошеннические" in draft.content["ru"]["what"]
    assert set(approved(world, first, "supplement")) == {"c-1"}
    assert supplements(world, first) == {"c-1": "satisfied"}
    world.clock.forward(hours=1)
    merged(world, reported(world, "c-1"), first)
    states = sorted(it.state for it in world.held_clocks(first) if it.kind == "client-supplement")
    assert states == ["running", "satisfied"], "each merge owes its own"


def test_who_was_told_of_both_is_owed_nothing_new(world: World) -> None:
    first = told(world, "c-1")
    other = reported(world, "c-1")
    world.container.acts.approve_client_notices(other, by=COMPLIANCE_2)
    world.work()
    merged(world, other, first)
    assert supplements(world, first) == {}
