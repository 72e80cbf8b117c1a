"""The API and the console over HTTP: who may come in, what is bounded, what is never repeated."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.permissions import reading_of
from infra.inbound.parser_pool import Batch
from infra.read.rows.effects import dead
from infra.web.app import create_app
from tests.support import COMPLIANCE, MONDAY, PASSWORD, PEOPLE, World

PAGES = [
    "/",
    "/clocks",
    "/notices",
    "/protections",
    "/events",
    "/rules",
    "/rules/iin-immutable",
    "/rules/credential-stuffing",
    "/system",
    "/help",
    "/catalogue",
    "/permissions",
]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[World, TestClient, str]]:
    world = World(tmp_path / "data").people()
    token = world.container.accounts.new_source("portal")
    world.container.intake.start()
    with TestClient(create_app(world.container), raise_server_exceptions=False) as client:
        yield world, client, token
    world.container.intake.stop()
    world.container.close()


def sign_in(client: TestClient, user: str) -> str:
    client.cookies.clear()
    answer = client.post("/sign-in", data={"user": user, "password": PASSWORD, "to": "/"}, follow_redirects=False)
    assert answer.status_code == 303
    return str(client.get("/api/v1/me").json()["csrf"])


def post(client: TestClient, token: str, body: bytes, **headers: str):  # type: ignore[no-untyped-def]
    return client.post("/api/v1/events", content=body, headers={"Authorization": f"Bearer {token}", **headers})


def test_a_batch_is_counted_line_by_line(served: tuple[World, TestClient, str]) -> None:
    world, client, token = served
    body = b"\n".join(
        [world.event("backup.job"), b"{oops", b"", world.event("no.such.type"), world.event("backup.job")]
    )
    answer = post(client, token, body)
    assert answer.status_code == 200
    counts = answer.json()
    assert (counts["accepted"], counts["duplicate"], counts["rejected"]) == (2, 0, 2)
    assert [(r["line"], r["code"]) for r in counts["rejects"]] == [(2, "not-json"), (4, "unknown-type")]
    again = post(client, token, body).json()
    assert (again["accepted"], again["duplicate"], again["rejected"]) == (0, 2, 2)
    assert world.rows("SELECT COUNT(*) AS n FROM intake")[0]["n"] == 0


def test_without_a_token_nothing_is_read(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    assert client.post("/api/v1/events", content=b"{}").status_code == 401
    assert post(client, "wrong", b"{}").status_code == 401
    assert dead(world.container.database) == 0


def test_bodies_are_bounded(served: tuple[World, TestClient, str]) -> None:
    _, client, token = served
    assert post(client, token, b"x" * (8 * 1024 * 1024 + 1)).status_code == 413
    bomb = gzip.compress(b"\n" * (64 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert post(client, token, bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    assert post(client, token, b'{"a":"' + b"x" * 300_000 + b'"}').status_code == 413
    assert post(client, token, b"not gzip", **{"Content-Encoding": "gzip"}).status_code == 400
    assert post(client, token, b"").status_code == 400
    assert post(client, token, b"[]").status_code == 400


def test_a_chunked_body_is_bounded_too(served: tuple[World, TestClient, str]) -> None:
    _, client, token = served

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 1024 * 1024

    answer = client.post("/api/v1/events", content=chunks(), headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 413


def test_gzip_and_arrays_are_taken(served: tuple[World, TestClient, str]) -> None:
    world, client, token = served
    packed = gzip.compress(world.event("backup.job"))
    assert post(client, token, packed, **{"Content-Encoding": "gzip"}).json()["accepted"] == 1
    array = b"[" + world.event("backup.job") + b",\n " + world.event("backup.job") + b"]"
    assert post(client, token, array).json()["accepted"] == 2


def test_a_batch_that_speaks_for_another_source_is_refused_whole_and_kept(
    served: tuple[World, TestClient, str],
) -> None:
    world, client, token = served
    foreign = world.event("backup.job", event__provider="antifraud")
    answer = post(client, token, world.event("backup.job") + b"\n" + foreign)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "source-mismatch"
    assert world.container.ledger.head() == 0
    assert dead(world.container.database) == 2
    collector = world.container.accounts.new_source("collector", ("antifraud",))
    assert post(client, collector, foreign).json()["accepted"] == 1


def test_a_full_queue_is_answered_with_429_and_loses_nothing(served: tuple[World, TestClient, str]) -> None:
    world, client, token = served
    world.container.intake._queue.maxsize = 2
    with ThreadPoolExecutor(80) as pool, world.container.database.write():
        # The writer cannot commit now, so the queue fills; the first answer of all can only be a refusal.
        waiting = [pool.submit(post, client, token, world.event("backup.job")) for _ in range(80)]
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        assert {one.result().status_code for one in done} == {429}
    answers = [one.result() for one in waiting]
    refused = [answer for answer in answers if answer.status_code == 429]
    taken = [answer for answer in answers if answer.status_code == 200]
    assert refused
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert len(refused) + len(taken) == 80
    assert world.container.ledger.head() == len(taken)


def test_raw_bytes_left_by_a_dead_process_are_taken_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    batch = Batch("portal", frozenset(), MONDAY, world.event("backup.job") + b"\n{oops")
    world.container.intake._keep_raw([batch])
    again = world.restart()
    assert again.container.intake.recover() == 1
    assert again.container.ledger.head() == 1
    assert dead(again.container.database) == 1
    assert again.container.intake.recover() == 0
    again.container.close()


@pytest.mark.parametrize("page", [*PAGES, "/stream", "/api/v1/incidents", "/api/v1/me"])
def test_every_page_needs_a_session(served: tuple[World, TestClient, str], page: str) -> None:
    _, client, _ = served
    client.cookies.clear()
    answer = client.get(page, follow_redirects=False)
    assert answer.status_code in (303, 401)
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("user", ["aigul", "bolat", "erlan", "gulnar", "marat"])
def test_every_page_renders_for_every_role(served: tuple[World, TestClient, str], user: str) -> None:
    world, client, _ = served
    evil = "<img src=x onerror=alert(1)>"
    world.feed(
        world.event("portal.profile.change_applied", mfo__client__id=evil, mfo__change__field="iin"), b"<b>broken</b>"
    )
    sign_in(client, user)
    person = next(it for it in PEOPLE if it.id == user)
    incident = world.incidents()[0]["id"]
    notice = world.notices(incident)["regulator"]["id"]
    documents = [f"/notices/{notice}/document.{kind}" for kind in ("html", "pdf", "txt")]
    for page in [*PAGES, f"/incidents/{incident}", f"/notices/{notice}", "/events/1", *documents]:
        answer = client.get(page)
        if not person.may(*reading_of(page.partition("?")[0]).roles):
            assert answer.status_code == 403, page
            continue
        assert answer.status_code == 200, page
        if page.endswith((".txt", ".pdf")):
            continue
        assert evil not in answer.text, page
        assert "<b>broken" not in answer.text
    assert client.get("/").headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")


def test_a_form_without_the_sessions_token_does_nothing(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c", mfo__change__field="iin"))
    incident = world.incidents()[0]["id"]
    csrf = sign_in(client, "aigul")
    assert client.post(f"/incidents/{incident}/acknowledge", data={"csrf": "no"}).status_code == 403
    assert client.post(f"/api/v1/incidents/{incident}/acts", json={"act": "acknowledge"}).status_code == 403
    assert world.incidents()[0]["phase"] == "new"
    good = client.post(
        f"/api/v1/incidents/{incident}/acts", json={"act": "acknowledge"}, headers={"X-CSRF-Token": csrf}
    )
    assert good.status_code == 200
    assert world.incidents()[0]["phase"] == "triaged"


def test_fields_that_nobody_asked_for_are_refused(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c", mfo__change__field="iin"))
    incident = world.incidents()[0]["id"]
    csrf = sign_in(client, "aigul")
    secret = "850101300005-secret"
    answer = client.post(
        f"/api/v1/incidents/{incident}/acts",
        json={"act": "note", "text": "x", "detected_at": secret},
        headers={"X-CSRF-Token": csrf},
    )
    assert answer.status_code == 422
    assert secret not in answer.text


def test_signing_in_is_slow_to_guess_and_does_not_tell_names(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    wrong = {"user": "aigul", "password": "wrong wrong", "to": "/"}
    texts = []
    for user in ("aigul", "nobody"):
        answer = client.post("/sign-in", data={**wrong, "user": user})
        assert answer.status_code == 401
        texts.append(re.sub(r'data-now="[^"]*"', "", answer.text))
    assert texts[0] == texts[1]
    for _ in range(5):
        client.post("/sign-in", data=wrong)
    right = {"user": "aigul", "password": PASSWORD, "to": "/"}
    waits = client.post("/sign-in", data=right)
    assert waits.status_code == 429 and waits.headers["Retry-After"] == "31"
    world.clock.forward(minutes=16)
    assert client.post("/sign-in", data=right, follow_redirects=False).status_code == 303


def test_a_session_dies_of_idleness(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    sign_in(client, "aigul")
    world.clock.forward(minutes=31)
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("target", ["https://evil.kz/", "//evil.kz/", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(served: tuple[World, TestClient, str], target: str) -> None:
    _, client, _ = served
    client.cookies.clear()
    data = {"user": "aigul", "password": PASSWORD, "to": target}
    answer = client.post("/sign-in", data=data, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_an_act_over_the_api_starts_the_protection(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    csrf = sign_in(client, "bolat")
    body = {
        "kind": "victim_resolution", "issuer": "УП", "number": "5", "act_date": "2026-11-20",
        "received_at": MONDAY.isoformat(), "channel": "eotinish", "client": "c-1", "loans": ["L-1"],
    }  # fmt: skip
    answer = client.post("/api/v1/acts", json=body, headers={"X-CSRF-Token": csrf})
    assert answer.status_code == 201
    world.work()
    got = client.get(f"/api/v1/protections/{answer.json()['protection_id']}").json()
    assert {clock["kind"] for clock in got["clocks"]} == {"collection-stop", "accrual-stop", "bureau-correction"}


def test_a_question_that_cannot_be_read_is_answered_in_words(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    world.feed(world.event("backup.job", host__name="srv-01"))
    sign_in(client, "aigul")
    for text in ('"', "a AND", "NEAR(", "'; DROP TABLE search; --", "col:x", "(" * 50, "\x00", "x" * 2000):
        shown = client.get("/events", params={"q": text})
        assert (shown.status_code, 'role="alert"' in shown.text) == (200, True), text
        answer = client.get("/api/v1/events", params={"q": text})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "search.question")
    for text in ("*", "-x", "srv-0*", "event.action:backup.job"):
        assert "backup.job" in client.get("/events", params={"q": text}).text
    assert [row["position"] for row in client.get("/api/v1/events", params={"q": "srv-01"}).json()] == [1]


def test_incidents_and_notices_are_found_too(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    sign_in(client, "aigul")
    (incident,) = world.incidents()
    for text in ("", incident["number"], "client:c-1 state:open", "opened:2026-11-23", "rule:*"):
        found = client.get("/events", params={"of": "incidents", "q": text}).text
        assert incident["number"] in found, text
        assert f"/incidents/{incident['id']}" in found
    assert "No incident matches" in client.get("/events", params={"of": "incidents", "q": "state:closed"}).text
    (row,) = client.get("/api/v1/events", params={"of": "notices", "q": "kind:regulator"}).json()
    assert (row["number"], row["state"]) == (incident["number"], "draft")
    assert client.get("/events", params={"of": "notices", "q": "state:draft"}).status_code == 200
    world.container.acts.approve_notice(row["id"], None, by=COMPLIANCE)
    world.work()
    (row,) = client.get("/api/v1/events", params={"of": "notices", "q": "kind:regulator"}).json()
    assert row["state"] == "sent"


def test_personal_data_are_neither_indexed_nor_shown(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    world.feed(world.event("portal.application.submitted", mfo__client__iin="850101300005", device__id="d-1"))
    sign_in(client, "aigul")
    assert "No event matches" in client.get("/events", params={"q": "850101300005"}).text
    page = client.get("/events/1").text
    assert "850101300005" not in page
    assert "(personal)" in page


def test_health_and_the_description_of_the_api(served: tuple[World, TestClient, str]) -> None:
    _, client, _ = served
    assert client.get("/health").json()["status"] == "ok"
    sign_in(client, "marat")
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/events" in paths


def test_an_incident_is_given_in_the_formats_of_other_tools(served: tuple[World, TestClient, str]) -> None:
    world, client, _ = served
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    address = f"/api/v1/incidents/{world.incidents()[0]['number']}/export"
    assert client.get(address).status_code == 401
    sign_in(client, "aigul")
    answer = client.get(address, params={"format": "stix"})
    assert answer.headers["content-type"] == "application/stix+json;version=2.1"
    assert answer.json()["type"] == "bundle"
    assert client.get(address).json()["class_uid"] == 2005
    assert client.get(address, params={"format": "xml"}).status_code == 422
