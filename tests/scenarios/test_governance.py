"""Governance: returning duties, actions, evidence, controls, risks, coverage and the reports over all of it."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

import pytest

from engine.governance.coverage_map import served
from engine.governance.governance import Risk, controls, duty_specs
from engine.governance.register import builtin_register
from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, NotFound, SecondPersonNeeded
from engine.kernel.timestamps import iso
from infra.read.coverage import Coverage, totals
from infra.read.reporting import Reports
from infra.store.models.duties import ClockRow
from infra.store.models.governance import ActionRow, DutyRow
from reports.charts import bars
from reports.render import REPORT_FORMATS, render_report
from reports.report import Block, Chart, Report, Table, as_csv
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, World


def test_a_duty_that_was_done_is_due_again_a_year_later(world: World) -> None:
    acts = world.container.acts
    acts.duty_done("policy-review", date(2026, 3, 31), "minutes 31-03-2026", by=CISO)
    world.work()
    clock = world.held(ClockRow, kind="policy-review")[0]
    assert iso(clock.due_at).startswith("2027-03-31T13:00")
    acts.duty_done("policy-review", date(2026, 11, 20), "minutes 20-11-2026", by=CISO)
    world.work()
    rows = sorted(world.held(ClockRow, kind="policy-review"), key=lambda it: it.due_at)
    assert [(row.state, iso(row.due_at)[:10]) for row in rows] == [
        ("satisfied", "2027-03-31"),
        ("running", "2027-11-20"),
    ]
    acts.duty_done("policy-review", date(2025, 5, 1), "found in the archive", by=CISO)
    world.work()
    assert len(world.held(ClockRow, kind="policy-review")) == 2, "an older day starts nothing"
    with pytest.raises(InputError, match="future"):
        acts.duty_done("policy-review", date(2027, 1, 1), "x", by=CISO)
    with pytest.raises(NotAllowed):
        acts.duty_done("policy-review", date(2026, 1, 1), "x", by=ANALYST)
    with pytest.raises(NotFound, match="policy-review"):
        acts.duty_done("no-such", date(2026, 1, 1), "x", by=CISO)


def test_a_missed_yearly_duty_is_breached_and_told(world: World) -> None:
    world.container.acts.duty_done("internal-audit", date(2025, 11, 24), "report 5", by=CISO)
    world.work()
    world.clock.forward(days=2)
    world.sweep()
    clock = world.held(ClockRow, kind="internal-audit")[0]
    assert clock.breached_at is not None
    assert (clock.state, iso(clock.breached_at)[:16]) == ("breached", "2026-11-24T13:00")


def test_another_system_may_say_that_a_duty_was_done(world: World) -> None:
    said = {"mfo__audit__id": "a-1", "mfo__audit__scope": "information security", "mfo__audit__findings": 2}
    world.feed(world.event("isms.audit.completed"))
    assert world.held(DutyRow, key="internal-audit") == [], "nobody says what was audited"
    world.feed(world.event("isms.audit.completed", **said))
    world.feed(world.event("isms.audit.completed", **said))
    row = world.held(DutyRow, key="internal-audit")[0]
    assert (row.last_on, row.evidence) == (date(2026, 11, 23), 1)


def test_an_action_has_an_owner_a_day_and_a_clock(world: World) -> None:
    acts = world.container.acts
    acts.plan_action("management-review", "buy a second firewall", "erlan", date(2026, 11, 30), by=CISO)
    acts.plan_action("management-review", "buy a second firewall", "erlan", date(2026, 11, 30), by=CISO)
    world.work()
    row = world.held(ActionRow)
    assert len(row) == 1
    assert world.held(ClockRow, kind="corrective-action")[0].state == "running"
    acts.close_action(row[0].duty_id, row[0].id, "invoice 12", by=FRAUD)
    world.work()
    assert world.held(ClockRow, kind="corrective-action")[0].state == "satisfied"
    with pytest.raises(DecisionRefused):
        acts.close_action(row[0].duty_id, row[0].id, "again", by=FRAUD)
    with pytest.raises(InputError):
        acts.plan_action("management-review", "yesterday", "erlan", date(2026, 1, 1), by=CISO)


def risk_of(world: World, key: str) -> Risk:
    return world.container.decisions.load(Risk, key)


def test_of_several_experts_the_highest_counts(world: World) -> None:
    acts = world.container.acts
    key = acts.enter_risk(
        "asset", "Loan database", "loans", "leak", "insider", "wide rights", "log", "gulnar", by=ANALYST
    )
    acts.score_risk(key, 2, (3, 1, 1), "aigul", by=ANALYST)
    acts.score_risk(key, 4, (2, 1, 1), "erlan", by=FRAUD)
    assert (risk_of(world, key).likelihood, risk_of(world, key).loss, risk_of(world, key).level) == (4, (3, 1, 1), 12)
    acts.score_risk(key, 1, (1, 1, 1), "erlan", by=FRAUD)
    assert risk_of(world, key).level == 6, "an expert may change his own score and nobody else's"
    for wrong in (0, 6):
        with pytest.raises(InputError):
            acts.score_risk(key, wrong, (1, 1, 1), "aigul", by=ANALYST)
    with pytest.raises(NotAllowed):
        acts.score_risk(key, 1, (1, 1, 1), "marat", by=AUDITOR)
    acts.score_risk(key, 3, (3, 3, 3), "", by=CISO)
    with pytest.raises(SecondPersonNeeded):
        acts.treat_risk(key, "accept", "small", None, by=CISO)
    acts.treat_risk(key, "accept", "small", None, by=COMPLIANCE)
    assert acts.enter_risk("asset", "loan DATABASE", "loans", "leak", "", "", "", "", by=ANALYST) == key


def test_every_obligation_says_what_serves_it_or_that_nothing_does(world: World) -> None:
    rows = Coverage(world.container).rows()
    found = totals(rows)
    assert found["obligations"] == len(rows) == 169
    assert found["served"] + found["by_nothing"] + found["by_hand_only"] == 169
    by_name = {row.obligation: row for row in rows}
    assert by_name["notify-regulator-1bd"].clocks == ["regulator-notice", "regulator-supplement"]
    assert by_name["cabinet-functions"].served is False
    assert "person" in by_name["cabinet-functions"].why_unserved
    assert by_name["cabinet-functions"].evidence_at == ""
    world.container.acts.record_evidence("cabinet-functions", "act of acceptance 7", by=COMPLIANCE)
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    again = {row.obligation: row for row in Coverage(world.container).rows()}
    assert again["cabinet-functions"].by_hand is True
    assert "act of acceptance 7" in again["cabinet-functions"].evidence
    assert again["iin-immutable"].evidence_at == "", "that it happened is no evidence"
    assert again["iin-immutable"].violation_at > ""
    assert again["iin-immutable"].violation_link.startswith("/")
    with pytest.raises(NotFound):
        world.container.acts.record_evidence("no-such", "x", by=COMPLIANCE)


def test_the_maps_name_nothing_that_is_not_there(world: World) -> None:
    register = builtin_register()
    assert set(served().by_things) <= set(register.obligations)
    for spec in duty_specs().values():
        assert set(spec.obligations) <= set(register.obligations)
        assert set(spec.events) <= set(world.container.catalogue.events)
    assert len(controls()) == 93
    for control in controls().values():
        assert set(control.obligations) <= set(register.obligations)


def test_a_control_is_stated_with_a_reason(world: World) -> None:
    acts = world.container.acts
    acts.state_control("8.13", True, "we keep backups", by=CISO)
    with pytest.raises(DecisionRefused):
        acts.state_control("7.12", False, " ", by=CISO)
    with pytest.raises(NotFound):
        acts.state_control("9.9", True, "x", by=CISO)
    made = Reports(world.container).build("soa", "2026")
    table = made.blocks[0].table
    assert table is not None
    row = next(row for row in table.rows if row[0] == "8.13")
    assert row[2:4] == ("applicable", "we keep backups")


@pytest.fixture
def lived(world: World) -> World:
    """Three incidents, one told, one breached."""
    for client in ("c-1", "c-2", "c-3"):
        world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    first = world.incidents()[0]["id"]
    world.container.acts.assign(first, ANALYST.id, by=ANALYST)
    world.container.acts.approve_notice(world.notices(first)["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    world.clock.forward(days=4)
    world.sweep()
    return world


def cell(report: Report, heading: str, first: str) -> tuple[str, ...]:
    block = next(block for block in report.blocks if block.heading == heading)
    assert block.table is not None
    return next(row for row in block.table.rows if row[0] == first)


def test_the_security_report_counts_what_was_recorded(lived: World) -> None:
    made = Reports(lived.container).build("security", "2026-11")
    assert cell(made, "At a glance", "Incidents")[1] == "3"
    assert cell(made, "At a glance", "Security events")[1] == "3"
    terms = cell(made, "Terms of the law", "Tell the regulator")
    assert terms[1:5] == ("3", "1", "0", "2")
    assert Reports(lived.container).build("security", "2026-10").blocks[0].table.rows[1][1] == "0"  # type: ignore[union-attr]


def test_the_sla_report_names_every_breach(lived: World) -> None:
    made = Reports(lived.container).build("sla", "2026")
    block = next(block for block in made.blocks if block.heading == "Breaches")
    assert block.table is not None
    assert [row[0] for row in block.table.rows].count("Tell the regulator") == 2
    assert all(row[3] == "still owed" for row in block.table.rows)


@pytest.mark.parametrize("name", ["security", "sla", "management-review", "review-outputs", "soa", "coverage"])
def test_every_report_comes_in_every_format(lived: World, name: str) -> None:
    made = Reports(lived.container).build(name, "2026")
    bodies: dict[str, Any] = {kind: render_report(made, kind) for kind in REPORT_FORMATS}
    assert bodies["pdf"].startswith(b"%PDF")
    assert b"<h1>" in bodies["html"]
    assert next(csv.reader(io.StringIO(bodies["csv"].decode("utf-8-sig")))) == ["report", made.title]
    assert made.title.encode() in bodies["txt"]


@pytest.mark.parametrize("period", ["2026-13", "26", "2026-1", "next", "2026-11-01", "0000"])
def test_a_period_that_is_none_is_refused(world: World, period: str) -> None:
    with pytest.raises(InputError, match="period"):
        Reports(world.container).build("security", period)


def test_a_cell_never_becomes_a_formula() -> None:
    rows = tuple((text,) for text in ("=1+1", "+1", "-1", "@x", "\tx", "＝1", "plain, with comma", 'a"b'))
    made = Report(name="x", title="=T", organisation="o", period="p", made_at="m",
                  blocks=(Block(heading="h", table=Table(columns=("a",), rows=rows)),))  # fmt: skip
    cells = [row[0] for row in csv.reader(io.StringIO(as_csv(made).decode("utf-8-sig"))) if row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "＝")) for cell in cells)
    assert cells[-2:] == ["plain, with comma", 'a"b']


def test_a_chart_shows_text_as_text() -> None:
    chart = Chart(title="<script>", labels=("<b>", "ә"), series={"a&b": (1.0, 22.5)})
    svg = bars(chart)
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert "a&amp;b" in svg
    assert bars(Chart(title="empty", labels=(), series={"none": ()})).endswith("</svg>")
