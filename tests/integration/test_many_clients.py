"""One incident with thousands of clients: what a page reads and how long it is does not depend on how many there are;
and every question to the store finds its rows by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.incidents.casework import Report
from engine.incidents.commands import NameClientList
from engine.kernel.commands import Attachment
from engine.protection.protection import Protection
from infra.read.rows import notices
from infra.store.log import finding
from infra.store.models.duties import ClockRow, NoticeRow
from infra.store.sql.database import Database
from infra.web.app import create_app
from tests.integration.test_api import sign_in
from tests.reads import Reads, recorded
from tests.support import ANALYST, COMPLIANCE, World

FEW, MANY = 300, 900


def leaked(world: World, clients: int) -> str:
    """An incident that people told of, with so many clients of a list; a text to half of them is sent."""
    told = Report(
        title="Dump", incident_class="unauthorised-access", channel="hot-line", told_at=world.clock.now(),
        clients=("c-first",), personal_data=True, reference="call 7",
    )  # fmt: skip
    key = world.container.acts.report(told, by=ANALYST)
    world.work()
    named(world, key, range(clients // 2))
    world.container.acts.approve_client_notices(key, by=COMPLIANCE)
    world.work()
    named(world, key, range(clients // 2, clients))
    return key


def named(world: World, key: str, numbers: range) -> None:
    """Name clients by a list."""
    document = Attachment(data="\n".join(f"c-{n:06}" for n in numbers).encode(), name="leak.csv", media_type="text/csv")
    world.container.dispatch(NameClientList(incident_id=key, document=document, reason="dump"), by=ANALYST)
    world.work()


def pages_of(world: World, key: str) -> list[str]:
    """Every page and answer that concerns an incident of many clients, first pages and later ones."""
    clock = next(row for row in world.held(ClockRow, owner_id=key) if row.kind == "client-notice")
    notice = next(row for row in world.held(NoticeRow, incident_id=key) if row.kind == "client" and not row.text_of)
    place = f"0_{clock.due_at:%Y-%m-%dT%H:%M:%S.%f}Z_{clock.id}"
    here, there = f"/incidents/{key}", f"/api/v1/incidents/{key}"
    return [
        "/", "/?view=overdue", "/?view=closed", "/?view=open&age=yes", "/?q=dump",
        "/clocks", "/clocks?state=week", "/clocks?state=breached", "/clocks?state=all", f"/clocks?after={place}",
        "/duties", "/notices", "/notices?state=sent", "/notices?state=all", f"/notices?state=all&last={notice.id}",
        here, f"{here}/timeline", f"{here}/timeline?main=yes", f"{here}/timeline?below=400", f"{here}/findings",
        f"{here}/touched/clients", f"{here}/touched/clients?after=c-000100",
        f"/clocks/of/{key}/client-notice", f"/clocks/of/{key}/client-notice?state=running",
        f"/clocks/of/{key}/client-notice?state=breached", f"/clocks/of/{key}/client-notice?after={place}",
        f"/notices/{notice.id}", f"/notices/{notice.id}/clients", f"/notices/{notice.id}/clients?state=sent",
        "/api/v1/incidents", there, f"{there}/clocks", f"{there}/clocks?after={clock.id}", f"{there}/notices",
        f"{there}/notices?after={notice.id}", f"{there}/timeline", f"{there}/timeline?main=true",
        f"{there}/touched/clients", f"{there}/similar", f"{there}/export?format=ocsf", f"{there}/export?format=stix",
        "/api/v1/due", f"/api/v1/due?after={clock.id}", "/api/v1/clocks", "/api/v1/clocks?state=breached",
        "/api/v1/clocks?state=all", f"/api/v1/clocks?after={clock.id}", "/api/v1/notices", "/api/v1/notices?state=sent",
        "/api/v1/coverage", "/coverage", "/controls", "/reports", "/system", "/retention", "/protections", "/metrics",
        "/health", "/reports/sla.html", "/reports/security.html", "/reports/management-review.html",
    ]  # fmt: skip


def walked(world: World, key: str) -> tuple[Reads, dict[str, tuple[int, int]]]:
    """Ask for every page once; return what was asked of the store, and for each page its rows and its bytes."""
    feed = world.container.accounts.new_feed(COMPLIANCE)
    found = {}
    with TestClient(create_app(world.container), raise_server_exceptions=True) as client:
        sign_in(client, COMPLIANCE.id)
        paths = [*pages_of(world, key), f"/calendar/{feed}.ics"]
        reads = recorded(world.container.database)
        for path in paths:
            client.get(path)
            reads.count()
            answer = client.get(path)
            assert answer.status_code == 200, path
            name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|/calendar/[^.]*", "ID", path.partition("after=")[0])
            found[name] = reads.count(), len(answer.content)
    return reads, found


@pytest.fixture
def leaks(tmp_path: Path) -> Iterator[dict[int, World]]:
    worlds = {clients: World(tmp_path / str(clients)).people() for clients in (FEW, MANY)}
    yield worlds
    for world in worlds.values():
        world.container.close()


@pytest.mark.slow
def test_no_page_reads_more_or_is_longer_for_more_clients(leaks: dict[int, World]) -> None:
    figures = {}
    for clients, world in leaks.items():
        key = leaked(world, clients)
        _, figures[clients] = walked(world, key)
    longer = {
        path: (figures[FEW][path], figures[MANY][path])
        for path in figures[FEW]
        if figures[MANY][path][0] > figures[FEW][path][0] + 250
        or figures[MANY][path][1] > figures[FEW][path][1] * 2 + 4_000
        if not path.startswith(("/api/v1/due", "/api/v1/clocks"))  # up to 500 terms one by one
    }
    assert longer == {}
    assert max(rows for rows, _ in figures[MANY].values()) < 4_000


def test_the_lists_of_an_incident_are_whole_page_by_page(leaks: dict[int, World]) -> None:
    world = leaks[FEW]
    key = leaked(world, FEW)
    with TestClient(create_app(world.container)) as client:
        sign_in(client, COMPLIANCE.id)
        seen: dict[str, list[str]] = {"clocks": [], "notices": []}
        for name, held in seen.items():
            after = ""
            while after is not None:
                answer = client.get(f"/api/v1/incidents/{key}/{name}?after={after}").json()
                held += [row["id"] for row in answer[name]]
                after = answer["next"]
        assert sorted(seen["clocks"]) == [row.id for row in world.held(ClockRow, owner_id=key)]
        assert sorted(seen["notices"]) == [row.id for row in world.held(NoticeRow, incident_id=key)]
        below, positions = 0, []
        while below is not None:
            answer = client.get(f"/api/v1/incidents/{key}/timeline?below={below}").json()
            positions += [row["position"] for row in answer["entries"]]
            below = answer["next"]
        assert len(positions) == len(set(positions)) > 2 * FEW
        page, cards = f"/clocks/of/{key}/client-notice", 0
        while page:
            text = client.get(page).text
            cards += text.count('<article class="duty')
            more = re.search(r'href="(/clocks/of/[^"]*after=[^"]*)">More', text)
            page = more[1].replace("&amp;", "&") if more else ""
        assert cards == FEW + 1
        one = client.get(f"/api/v1/incidents/{key}").json()
        group = next(it for it in one["clock_groups"] if it["kind"] == "client-notice")
        assert (group["total"], group["running"], len(one["clocks"])) == (FEW + 1, FEW // 2, 200)


BIG = ("decisions", "ledger", "timeline", "clock_view", "notice_view", "incident_view", "incident_entity", "outbox")
SCANNED = {
    "lower(e.value) LIKE": "a text within identifiers; only the search field of the queue asks it",
    "SELECT COUNT(*) FROM incident_view": "counts incidents, of which there are thousands at most",
    "SELECT rule_name, COUNT(*) AS incidents": "counts incidents by rule over an index, for the coverage",
    "WHERE breached_at > '' AND +running = 1": "counts broken terms by kind, over the index of those alone",
    "SELECT severity, COUNT(*) FROM incident_view": "counts open incidents by severity, for Prometheus",
    "SELECT state, COUNT(*) FROM outbox": "counts effects over an index, for Prometheus",
    "SELECT state, COUNT(*) FROM notice_view GROUP BY state": "counts notices by state, for Prometheus",
}
"""What may go through a big table, with the reason."""


def scans(database: Database, sql: str, parameters: tuple[object, ...]) -> list[str]:
    """The steps of a plan of SQLite that go through a whole big table."""
    steps = [str(row["detail"]) for row in database.rows(f"EXPLAIN QUERY PLAN {sql}", *parameters)]
    tables = {alias: table for table, alias in re.findall(r"\b(?:FROM|JOIN) (\w+) ([a-z])\b", sql)}
    ordered = "LIMIT" in sql and not any("TEMP B-TREE FOR ORDER BY" in step for step in steps)
    found = []
    for step in steps:
        table = re.match(r"SCAN (\w+)( USING (?:COVERING )?INDEX)?", step)
        if table and tables.get(table[1], table[1]) in BIG and not (ordered and table[2]):
            found.append(step)
    return found


def test_every_question_of_a_page_finds_its_rows_by_an_index(leaks: dict[int, World]) -> None:
    world = leaks[FEW]
    key = leaked(world, FEW // 10)
    reads, _ = walked(world, key)
    found = {
        sql: steps
        for sql, parameters in list(reads.asked.values())
        if sql.lstrip().startswith(("SELECT", "WITH"))
        if not any(text in sql for text in SCANNED)
        if (steps := scans(world.container.database, sql, parameters))
    }
    assert found == {}, "\n".join(f"{sql[:150]} -> {steps}" for sql, steps in found.items())
    assert len(reads.asked) > 80


def test_the_list_of_notices_looks_up_the_notice_of_a_client_and_walks_no_others(world: World) -> None:
    reads = recorded(world.container.database)
    notices.listed(world.container.database, "open")
    texts = next(it for it in reads.asked.values() if "n.text_of = ''" in it.sql)
    plan = world.container.database.rows(f"EXPLAIN QUERY PLAN {texts.sql}", *texts.parameters)
    walked = [str(row["detail"]) for row in plan if str(row["detail"]).endswith("(text_of=?)")]
    assert len(walked) == 1, walked  # the count of those addressed so far, asked only until all of them are


BY_LIKE = (Protection, ("loan",))
"""Loans of an act are a list in one column; there are few acts."""


@pytest.mark.parametrize("asked", [it for it in finding.QUESTIONS if it != BY_LIKE], ids=str)
def test_every_question_of_a_policy_is_answered_by_what_the_thing_belongs_to(
    asked: tuple[type, tuple[str, ...]], world: World
) -> None:
    """An index over another column, such as whether it is open, would be walked from end to end at every finding."""
    sql = finding.QUESTIONS[asked]
    by = re.findall(r"(?:WHERE|AND) (?:\w\.)?(\w+) = \?", sql)[0]
    rows = world.container.database.rows(f"EXPLAIN QUERY PLAN {sql}", *"x" * sql.count("?"))
    steps = [str(row["detail"]) for row in rows]
    assert f"{by}=?" in steps[0], steps
