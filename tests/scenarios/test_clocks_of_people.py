"""What people may do with clocks, what a changed calendar does to them, and who is told."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar

from engine.duties.clock import Clock
from engine.kernel.errors import DataError, DecisionRefused, InputError, NotAllowed, NotFound, SecondPersonNeeded
from infra.read.upcoming_terms import as_calendar, due_within
from infra.settings.settings import Settings
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World

HOLIDAY = """
days:
  - {{date: 2026-11-24, working: {working}, reason: order, source: gazette, entered_by: dana,
     entered_at: 2026-11-23T11:00:00+05:00}}
"""


def given(world: World) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.incidents()[-1]["id"])


def clock_of(world: World, incident: str, kind: str) -> Clock:
    return world.container.decisions.load(Clock, world.clocks(incident)[kind]["id"])


def test_a_clock_is_cancelled_by_two_and_runs_until_then(world: World) -> None:
    key = given(world)
    clock = clock_of(world, key, "client-notice").id
    with pytest.raises(NotAllowed):
        world.container.acts.propose_cancellation(clock, "the client is the suspect", by=AUDITOR)
    world.container.acts.propose_cancellation(clock, "the client is the suspect", by=COMPLIANCE)
    assert world.clocks(key)["client-notice"]["state"] == "running"
    with pytest.raises(SecondPersonNeeded):
        world.container.acts.agree_to_cancel(clock, by=COMPLIANCE)
    with pytest.raises(NotAllowed):
        world.container.acts.agree_to_cancel(clock, by=ANALYST)
    with pytest.raises(SecondPersonNeeded, match="different roles"):
        world.container.acts.agree_to_cancel(clock, by=COMPLIANCE_2)
    world.container.acts.agree_to_cancel(clock, by=CISO)
    assert world.clocks(key)["client-notice"]["state"] == "cancelled"
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    assert world.clocks(key)["client-notice"]["state"] == "running", "what they did not know is owed"
    with pytest.raises(DecisionRefused):
        world.container.acts.agree_to_cancel(clock, by=CISO)


def test_a_clock_started_by_hand_counts_from_when_it_began(world: World) -> None:
    key = given(world)
    began = MONDAY - timedelta(hours=1)
    world.container.acts.start_clock(key, "suspicious-hold", "", began, "payout held", by=ANALYST)
    row = world.clocks(key)["suspicious-hold"]
    assert row["due_at"].startswith("2026-11-27T13:00")
    with pytest.raises(DecisionRefused, match="already"):
        world.container.acts.start_clock(key, "suspicious-hold", "", began, "again", by=ANALYST)
    with pytest.raises(InputError, match="future"):
        world.container.acts.start_clock(
            key, "bureau-corrected-report", "", MONDAY + timedelta(days=1), "x", by=ANALYST
        )
    with pytest.raises(NotFound, match="policy-review"):
        world.container.acts.start_clock(key, "policy-review", "", began, "x", by=ANALYST)


def with_calendar(world: World, working: bool) -> World:
    path = world.folder / "orders.yml"
    path.write_text(HOLIDAY.format(working=str(working).lower()), encoding="utf8")
    world.settings = world.settings.model_copy(update={"calendar_overrides": path})
    world.container.close()
    again = World(world.folder, world.clock, calendar_overrides=path)
    again.count = world.count
    return again


def test_a_day_off_that_is_ordered_later_is_offered_and_the_earlier_instant_holds(world: World) -> None:
    key = given(world)
    before = world.clocks(key)["regulator-notice"]["due_at"]
    again = with_calendar(world, working=False)
    again.work()
    row = again.clocks(key)["regulator-notice"]
    assert row["due_at"] == before
    assert row["offered_due_at"].startswith("2026-11-25T05:00")
    with pytest.raises(NotAllowed):
        again.container.acts.accept_later(row["id"], "the order is published", by=ANALYST)
    again.container.acts.accept_later(row["id"], "the order is published", by=COMPLIANCE)
    assert again.clocks(key)["regulator-notice"]["due_at"].startswith("2026-11-25T05:00")
    again.clock.forward(days=1, hours=1)
    again.sweep()
    assert again.clocks(key)["regulator-notice"]["state"] == "running"
    assert again.clocks(key)["client-notice"]["state"] == "breached", "nobody accepted the later one for this clock"
    again.container.close()


def test_a_working_day_that_is_ordered_later_makes_the_term_end_sooner(tmp_path: Path) -> None:
    from tests.support import MovingClock

    friday = datetime.fromisoformat("2026-11-20T15:00:00+00:00")
    world = World(tmp_path / "data", MovingClock(friday)).people()
    key = given(world)
    assert world.clocks(key)["regulator-notice"]["due_at"].startswith("2026-11-23T13:00")
    path = tmp_path / "orders.yml"
    path.write_text(HOLIDAY.format(working="true").replace("11-24", "11-21"), encoding="utf8")
    world.container.close()
    again = World(tmp_path / "data", world.clock, calendar_overrides=path)
    again.work()
    assert again.clocks(key)["regulator-notice"]["due_at"].startswith("2026-11-21T13:00")
    facts = [it.fact for it in again.container.decisions.timeline(key) if it.fact.topic == "clock.recounted.v1"]
    assert len(facts) == len([row for row in again.clocks(key).values() if row["running"]])
    again.work()
    assert again.container.decisions.head() == again.restart().container.decisions.head(), "it is counted again once"


def test_a_breach_is_said_again_until_it_is_done(world: World) -> None:
    key = given(world)
    days = []
    for _ in range(40):
        world.clock.forward(days=1)
        world.sweep()
    for it in world.container.decisions.timeline(key):
        if it.fact.topic == "clock.reminded.v1" and it.fact.clock_id == clock_of(world, key, "regulator-notice").id:  # type: ignore[attr-defined]
            days.append(it.fact.after_days)  # type: ignore[attr-defined]
    assert days == [1, 2, 4, 8, 16, 32]


def test_the_ladder_tells_each_role_at_its_own_address(tmp_path: Path) -> None:
    world = World(
        tmp_path / "data", role_mail={"compliance_officer": "officer@mfo.kz", "ciso": "ciso@mfo.kz"},
        alert_mail="all@mfo.kz", clock_ladder={75: ("ciso",)},
    ).people()  # fmt: skip
    given(world)
    world.clock.forward(days=3)
    world.sweep()
    mails = [path.read_text() for path in (world.folder / "spool").glob("alert-*.eml")]
    told = {name: [mail for mail in mails if f"To: {name}@mfo.kz" in mail] for name in ("officer", "ciso", "all")}
    assert any("50 %" in mail for mail in told["officer"])
    assert not any("50 %" in mail for mail in told["ciso"])
    assert any("75 %" in mail for mail in told["ciso"])
    assert not any("75 %" in mail for mail in told["officer"])
    assert all(any("Breached" in mail for mail in mails) for mails in told.values())
    world.container.close()


def test_clocks_fire_while_search_mail_and_detection_are_broken(world: World) -> None:
    """The sweep owes nothing to any stage."""
    key = given(world)

    def broken() -> bool:
        raise OSError("down")

    for stage in world.stages:
        stage.step = broken  # type: ignore[method-assign]
    world.clock.forward(days=4)
    assert world.container.sweep.run() == 6
    assert {row["state"] for row in world.clocks(key).values()} == {"breached"}


def test_what_is_due_is_listed_without_names_of_clients(world: World) -> None:
    given(world)
    world.container.acts.duty_done("policy-review", date(2025, 11, 25), "minutes 3", by=CISO)
    world.container.acts.plan_action("policy-review", "second factor", "erlan", date(2026, 11, 27), by=CISO)
    world.work()
    rows = due_within(world.container)
    assert [row.kind for row in rows][:2] == ["immediate-containment", "triage"]
    assert {"policy-review", "corrective-action", "remediation"} <= {row.kind for row in rows}
    feed = Calendar.from_ical(as_calendar(world.container, rows, "https://qorgau.mfo.kz"))
    events = {str(event["uid"]): event for event in feed.walk("VEVENT")}
    assert len(events) == len(rows)
    text = feed.to_ical().decode()
    assert "c-1" not in text.replace("c-1@", "")
    for row in rows:
        event = next(event for uid, event in events.items() if uid.startswith(row.id))
        assert event.decoded("dtstart") == row.due_at
        assert event.walk("VALARM")


def test_a_feed_belongs_to_an_account_and_the_newest_address_counts(world: World) -> None:
    first = world.container.accounts.new_feed(ANALYST)
    second = world.container.accounts.new_feed(ANALYST)
    assert world.container.accounts.feed_owner(first) is None
    assert world.container.accounts.feed_owner(second) == ANALYST.id
    assert world.container.accounts.feed_owner("x" * 32) is None


@pytest.mark.parametrize(
    ("setting", "words"),
    [({"clock_terms": {"regulator-notice": 2}}, "weaker"), ({"clock_terms": {"no-such": 1}}, "no clock"),
     ({"clock_terms": {"remediation": 0}}, "at least 1"), ({"clock_ladder": {60: ("ciso",)}}, "steps"),
     ({"clock_ladder": {100: ()}}, "roles"), ({"retention": 1}, "no such setting"),
     ({"role_mail": {"ciso": "a@b.kz\r\nBcc: x@y.kz"}}, "mail address"), ({"regulator_mail": "nobody"}, "mail address"),
     ({"time_zone": "Mars/Olympus"}, "time zone")],
)  # fmt: skip
def test_a_parameter_that_would_weaken_the_law_stops_the_start(
    tmp_path: Path, setting: dict[str, object], words: str
) -> None:
    from infra.app.container import calendar_of
    from infra.settings.settings import load_settings

    with pytest.raises(DataError, match=words):
        calendar_of(load_settings(data=tmp_path, **setting))


def test_stricter_and_product_numbers_may_be_set(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, clock_terms={"remediation": 1, "immediate-containment": 120})
    specs = settings.clock_policy.specs
    assert (specs["remediation"].n, specs["immediate-containment"].n) == (1, 120)
