"""Questions that are too deep, too long or too slow are refused in one line, and never a fault of ours."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.search.question import TooMuchAsked
from infra.search import sql
from infra.store.sql.database import TooLong
from infra.web.app import create_app
from tests.integration.test_api import sign_in
from tests.stores import KINDS, Stores
from tests.support import AUDITOR, World

HOSTILE = {
    "not": "NOT " * 100 + "a",
    "minus": "-" * 50 + "a",
    "plus": "+" * 80 + "a",
    "brackets": "(" * 300 + "a" + ")" * 300,
    "not in brackets": "NOT (a " * 60 + ")" * 60,
    "and": " AND ".join(["a"] * 150),
    "or": " OR ".join(["a"] * 150),
    "and, or": " OR ".join(["a AND b"] * 60),
    "or, and": "a" + " OR b AND c" * 70,
    "words": "a " * 480,
    "ranges": " ".join(["mfo.loan.amount:[1 TO 99999999]"] * 30),
    "weights": "a^" * 200,
    "alike": "a~" * 200,
    "field": "action:(" * 30 + "a" + ")" * 30,
    "open": "(" * 400,
    "stars": "*" * 300,
    "strokes": "\\" * 300,
    "quotes": '"' * 301,
    "long": "a" * 2_000,
}


@pytest.fixture
def client(world: World) -> TestClient:
    world.feed(world.event("backup.job", host__name="srv-01"))
    made = TestClient(create_app(world.container), raise_server_exceptions=False)
    sign_in(made, AUDITOR.id)
    return made


@pytest.mark.parametrize("of", ["events", "incidents", "notices"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_question_is_refused_in_a_line(
    client: TestClient, caplog: pytest.LogCaptureFixture, name: str, of: str
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = client.get("/api/v1/events", params={"q": HOSTILE[name], "of": of})
    assert answer.status_code in (400, 422), answer.text
    assert "\n" not in answer.json()["error"]["message"]
    assert len(answer.text) < 600
    assert caplog.records == []


@pytest.mark.parametrize("name", HOSTILE)
def test_the_pages_stay_pages(client: TestClient, name: str) -> None:
    for path in ("/events", "/", "/notices", "/api/v1/incidents", "/incidents"):
        assert client.get(path, params={"q": HOSTILE[name]}).status_code in (200, 404, 405), (
            path,
            client.get(path, params={"q": HOSTILE[name]}).text[-300:],
        )
    assert 'role="alert"' in client.get("/events", params={"q": HOSTILE[name]}).text


@pytest.mark.parametrize(
    "question", ["NOT NOT srv-01", "((((srv-01))))", " OR ".join(["srv-01"] * 100), "NOT (a OR (b AND srv-01))"]
)
def test_what_a_person_asks_is_answered(client: TestClient, question: str) -> None:
    answer = client.get("/api/v1/events", params={"q": question})
    assert (answer.status_code, [row["position"] for row in answer.json()]) == (200, [1])


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) AS n FROM n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_ends_with_its_time_and_the_next_is_answered(kind: str, tmp_path: Path) -> None:
    stores = Stores(kind, tmp_path)
    try:
        database = stores.database()
        with pytest.raises(TooLong):
            database.rows_within(0.05, ENDLESS)
        assert database.rows_within(5, "SELECT 1 AS one") == [{"one": 1}]
        assert database.rows("SELECT 1 AS one") == [{"one": 1}]
    finally:
        stores.close()


def test_a_question_that_takes_too_long_is_said_so(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(seconds: float, sql: str, *values: Any) -> list[dict[str, Any]]:
        raise TooLong(str(seconds))

    monkeypatch.setattr(world.container.database, "rows_within", slow)
    answer = client.get("/api/v1/events", params={"q": "srv"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, TooMuchAsked.code)
    assert sql.ANSWER_S == 5.0
