"""Every report in three languages: none holds English words but names, ids and what people wrote."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from engine.incidents.incident import Incident
from engine.kernel.errors import InputError
from engine.notices.notice import Notice
from infra.cli import cli
from infra.read.coverage import Coverage
from infra.read.evidence import Bundle
from infra.read.reporting import Reports
from infra.read.upcoming_terms import as_calendar, due_within
from infra.web.app import create_app
from infra.web.console.governance import REPORTS
from reports.evidence.verify import verify
from reports.messages import refusal, speak
from reports.phrases import chart_label, clause, period, policy, proof, skipped, term, titled, why
from reports.render import render_report
from reports.report import Report
from tests.integration.test_api import sign_in
from tests.support import ANALYST, CISO, COMPLIANCE, FRAUD, MONDAY, World

SENTENCE = re.compile(r"(?<![-.\w:])[A-Za-z]{3,}(?: [a-z]{2,})+(?![-.\w])")


@pytest.fixture
def lived(world: World) -> Iterator[World]:
    """A house with incidents, a breach, duties, actions and risks; people write Russian in it."""
    for client in ("c-1", "c-2"):
        world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    first = world.incidents()[0]["id"]
    acts = world.container.acts
    acts.assign(first, ANALYST.id, by=ANALYST)
    acts.approve_notice(world.notices(first)["regulator"]["id"], None, by=COMPLIANCE)
    acts.duty_done("internal-audit", date(2026, 11, 20), "отчёт 5", by=CISO)
    acts.plan_action("management-review", "купить межсетевой экран", "erlan", date(2026, 11, 30), by=CISO)
    acts.state_control("8.13", True, "копии делаются", by=CISO)
    for book in ("asset", "fraud"):
        key = acts.enter_risk(
            book, "База займов", "займы", "утечка", "сотрудник", "права", "журнал", "erlan", by=ANALYST
        )
        acts.score_risk(key, 4, (3, 1, 1), "erlan", by=FRAUD)
    world.work()
    world.clock.forward(days=4)
    world.sweep()
    yield world


def texts(report: Report) -> list[str]:
    found = [report.title, report.organisation]
    for block in report.blocks:
        found += [block.heading, block.text]
        if block.table is not None:
            found += [*block.table.columns, *(cell for row in block.table.rows for cell in row)]
        if block.chart is not None:
            found += [block.chart.title, *block.chart.series, *block.chart.labels]
    return found


@pytest.mark.parametrize("language", ["ru", "kk"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_holds_no_english_words(lived: World, name: str, language: str) -> None:
    made = Reports(lived.container, language).build(name, "2026")
    assert made.language == language
    clauses = {row.clause for row in Coverage(lived.container).rows()}
    assert [text for text in texts(made) if SENTENCE.search(text) and text not in clauses] == []
    english = Reports(lived.container, "en").build(name, "2026")
    assert (made.name, made.period, len(made.blocks)) == (english.name, english.period, len(english.blocks))
    assert {block.heading for block in made.blocks}.isdisjoint(block.heading for block in english.blocks)


@pytest.mark.parametrize("language", ["ru", "kk", "en"])
def test_a_page_and_a_table_of_a_report_are_in_its_language(lived: World, language: str) -> None:
    made = Reports(lived.container, language).build("sla", "2026-11")
    page = render_report(made, "html").decode()
    assert f'<html lang="{language}">' in page
    assert {"ru": "ноябрь 2026", "kk": "қараша", "en": "2026-11"}[language] in page.lower()
    head = render_report(made, "csv").decode("utf-8-sig").splitlines()[0]
    assert head.startswith({"ru": "отчёт,", "kk": "есеп,", "en": "report,"}[language])


@pytest.mark.parametrize("name", ["soa", "coverage"])
def test_a_report_of_a_state_names_the_instant_it_is_of(lived: World, name: str) -> None:
    for language, said in (("ru", "по состоянию на 27.11.2026 10:00"), ("kk", "27.11.2026 10:00 жағдай бойынша")):
        made = Reports(lived.container, language).build(name, "2025-03")
        page = render_report(made, "txt").decode().splitlines()[1]
        assert said in page
        assert "2025" not in page
        assert (made.period, made.made_at) == ("2025-03", made.as_of)


def test_terms_that_end_after_the_period_are_told_beside_the_table(world: World) -> None:
    world.clock.at = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    november, december = (Reports(world.container, "en").build("sla", f"2026-{m}").blocks[0] for m in (11, 12))
    assert november.table is not None
    assert november.table.columns[1] == "Due in the period"
    assert "end in the period; 5 more run with a later term" in november.text
    assert "end in the period; 0 more run with a later term" in december.text


def test_counts_of_notices_are_no_numbers_of_notices(lived: World) -> None:
    for language, word in (("ru", "Количество"), ("kk", "Саны")):
        blocks = Reports(lived.container, language).build("security", "2026-11").blocks
        assert [block.table.columns[-1] for block in blocks if block.table and len(block.table.columns) == 4] == [word]


def test_an_empty_register_of_risks_is_not_told_as_good_news(world: World) -> None:
    texts_of = [block.text for block in Reports(world.container, "en").build("management-review").blocks]
    assert texts_of[1] == "The risk register is empty: risks were not assessed."


def test_the_console_makes_a_report_in_the_language_of_its_reader(world: World) -> None:
    with TestClient(create_app(world.container)) as client:
        sign_in(client, "bolat")
        page = client.get("/reports/security.html", headers={"Accept-Language": "kk"})
        assert "Қауіпсіздік туралы айлық есеп" in page.text
        client.get("/?speak=ru")
        assert client.get("/reports/security.json").json()["title"] == "Месячный отчёт о безопасности"


def test_a_report_for_programs_has_its_instant_and_no_row_of_commas(lived: World) -> None:
    made = Reports(lived.container, "ru").build("security", "2026-11")
    assert orjson.loads(render_report(made, "json"))["made_at_iso"] == "2026-11-27T10:00:00+05:00"
    lines = render_report(made, "csv").decode("utf-8-sig").splitlines()
    assert [line for line in lines if line and not line.strip(",")] == []


def test_an_empty_table_says_so(world: World) -> None:
    made = Reports(world.container, "ru").build("security", "2026-11")
    assert render_report(made, "txt").decode().count("Записей нет") == 5


def test_the_calendar_of_a_person_is_in_the_language_of_the_person(lived: World) -> None:
    with speak("ru"):
        feed = as_calendar(lived.container, due_within(lived.container)).decode()
    assert "X-WR-CALNAME:Qorgau: сроки по закону" in feed
    assert "SUMMARY:ПРОСРОЧЕНО: " in feed
    assert "OVERDUE" not in feed


def test_the_command_line_takes_a_language(tmp_path: Path) -> None:
    env = {"QORGAU_DATA": str(tmp_path / "data"), "QORGAU_LANGUAGE": "kk"}
    for options, title in (([], "Заң мерзімдерінің сақталуы"), (["--language", "ru"], "Соблюдение сроков по закону")):
        done = CliRunner().invoke(cli, ["report", "sla", *options], env=env)
        assert (done.exit_code, done.output.splitlines()[0]) == (0, title)


def test_the_pages_of_a_bundle_are_in_the_language_of_the_house(lived: World, tmp_path: Path) -> None:
    container = lived.container
    bundle = Bundle(container, container.decisions.load(Incident, lived.incidents()[0]["id"]))
    english = bundle.build(MONDAY, "test")
    object.__setattr__(container, "settings", container.settings.model_copy(update={"language": "ru"}))
    russian = Bundle(container, bundle.incident).build(MONDAY, "test")
    files = [{name: zipped.read(name) for name in zipped.namelist()} for zipped in map(opened, (english, russian))]
    changed = {name for name in files[0] if files[0][name] != files[1][name]}
    assert changed == {"README.txt", "summary.html", "summary.pdf", "manifest.json", "signature.note"}
    assert files[1]["README.txt"].decode().startswith("Доказательства по инциденту INC-")
    path = tmp_path / "bundle.zip"
    path.write_bytes(russian)
    verify(str(path), container.store.signer.verifier.text())


def test_a_bundle_of_the_console_is_in_the_language_of_its_reader(lived: World, tmp_path: Path) -> None:
    names = {"organisation_kk": "«Алма» ЖШС", "organisation_ru": "ТОО «Алма»"}
    object.__setattr__(lived.container, "settings", lived.container.settings.model_copy(update=names))
    with TestClient(create_app(lived.container)) as client:
        sign_in(client, "bolat")
        url = f"/incidents/{lived.incidents()[0]['id']}/bundle.zip"
        for language, head, name in (("kk", "дәлелдер", "«Алма» ЖШС"), ("ru", "Доказательства", "ТОО «Алма»")):
            data = client.get(url, headers={"Accept-Language": language}).content
            text = opened(data).read("README.txt").decode()
            assert head in text
            assert name in text
            path = tmp_path / f"{language}.zip"
            path.write_bytes(data)
            assert f"of {name}: " in verify(str(path), None)


def test_the_command_of_a_bundle_takes_a_language() -> None:
    shown = CliRunner().invoke(cli, ["evidence", "bundle", "--help"]).output
    assert "--language [kk|ru|en]" in shown


def opened(data: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(data))


def test_what_the_engine_recorded_is_said_in_each_language() -> None:
    reason = "severity high is that of rule iin-change 0123456789ab; the law's duties hold for the class fraud"
    words = {"Locked: out": {"ru": "Закрыто", "kk": "Жабық"}}
    with speak("ru"):
        assert [term(n, "business_day") for n in (1, 2, 5)] == ["1 рабочий день", "2 рабочих дня", "5 рабочих дней"]
        assert policy("1 business_day, strict") == "1 рабочий день, исчисление: строгое"
        assert skipped("2026-11-28 weekend") == "28.11.2026 выходной"
        assert SENTENCE.search(why(reason)) is None
        assert titled("Locked: out: c-1", words) == "Закрыто: c-1"
        assert (chart_label("2026-11-27"), period("2026-11")) == ("27.11", "ноябрь 2026\xa0г.")
        assert "«" not in refusal(InputError("give the reason", field="reason"))
        assert "поле 'Основание'" in refusal(InputError("give the reason", field="reason"))
        assert proof("incident.closed.v1 at position 55") == "incident.closed.v1, запись № 55"
        assert clause("SMARTOLET ch.4 item 23; item 9(2)") == "SMARTOLET гл. 4, п. 23; п. 9(2)"
        assert clause("none: the product's own") == "нет: собственный срок продукта"
    with speak("kk"):
        assert proof("incident.closed.v1 at position 55") == "incident.closed.v1, № 55 жазба"
        assert clause("ch.4 item 23") == "4-тарау, 23-т."
        assert clause("none: the product's own") == "жоқ: өнімнің өз мерзімі"
    with speak("en"):
        assert (proof("x.v1 at position 5"), clause("ch.4 item 2")) == ("x.v1 at position 5", "ch.4 item 2")
        assert (term(1, "business_day"), why(reason)) == ("1 business day", reason)
        assert (chart_label("2026-11"), period("2026-11")) == ("11", "2026-11")
    for told in ("what somebody wrote", "severity is wrong", "3 sheep, strictly speaking"):
        with speak("kk"):
            assert (why(told), policy(told), skipped(told), titled(told, words)) == (told,) * 4


def test_a_complaint_is_not_told_as_seen_by_the_anti_fraud_system(world: World) -> None:
    complaint = {"mfo__client__id": "c-3", "mfo__loan__id": "L-3", "mfo__complaint__id": "q", "mfo__channel": "call"}
    world.feed(world.event("fraud.complaint.received", **complaint))
    incident = world.incidents()[0]["id"]
    assert world.container.decisions.load(Incident, incident).detection_source == "fraud"
    notice = world.container.decisions.load(Notice, world.notices(incident)["regulator"]["id"])
    assert notice.content["ru"]["source"] == "жалоба клиента"
    assert notice.content["kk"]["source"] == "клиенттің шағымы"
