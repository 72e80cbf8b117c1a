"""What somebody learns who has neither session nor token, and requests that are not what they seem."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from infra.observe.stage_health import Faults
from infra.web import doors, limits
from infra.web.app import create_app
from infra.web.doors import InTime, host_in
from tests.integration.test_api import sign_in
from tests.support import AUDITOR, World

WORDS = {"status", "faults", "missing", "ledger", "decisions", "behind", "last_step", "disk_free_percent", "held"}


def client_of(world: World, **settings: object) -> TestClient:
    return TestClient(create_app(world.container), **settings)  # type: ignore[arg-type]


def test_a_stranger_learns_alive_or_not(world: World) -> None:
    client = client_of(world)
    assert (client.get("/health").status_code, client.get("/health").json()) == (200, {"status": "ok"})
    Faults(world.container.decisions, world.clock).raised("detect", RuntimeError("the fault"))
    failing = client.get("/health")
    assert (failing.status_code, failing.json()) == (503, {"status": "failing"})


def test_a_stranger_of_a_house_without_ways_out_learns_degraded(tmp_path: Path) -> None:
    world = World(tmp_path, demonstration=False)
    answer = client_of(world).get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})
    world.container.close()


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/openapi.json"])
def test_a_stranger_reads_no_figures_and_no_description(world: World, path: str) -> None:
    client = client_of(world)
    assert client.get(path).status_code in (401, 403)
    assert client.get(path, headers={"Authorization": "Bearer "}).status_code in (401, 403)
    assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code in (401, 403)


@pytest.mark.parametrize("path", ["/health", "/metrics", "/api/v1/openapi.json"])
@pytest.mark.parametrize("setting", ["health_token", "metrics_token"])
def test_a_token_of_those_who_run_it_opens_all_three(tmp_path: Path, path: str, setting: str) -> None:
    world = World(tmp_path, **{setting: "s3cret"})
    answer = client_of(world).get(path, headers={"Authorization": "Bearer s3cret"})
    assert answer.status_code == 200
    if path == "/health":
        assert answer.json().keys() == WORDS
    world.container.close()


def test_a_session_opens_all_three(world: World) -> None:
    world.people()
    client = client_of(world)
    sign_in(client, AUDITOR.id)
    assert client.get("/health").json().keys() == WORDS
    assert client.get("/metrics").status_code == 200
    assert "/health" in client.get("/api/v1/openapi.json").json()["paths"]


def test_a_source_reads_its_description_and_no_figures(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.container.accounts.new_source('portal')}"}
    client = client_of(world)
    assert client.get("/health", headers=headers).json().keys() == WORDS
    assert client.get("/api/v1/openapi.json", headers=headers).status_code == 200
    assert client.get("/metrics", headers=headers).status_code == 403


@pytest.mark.parametrize("trusted", [False, True])
def test_this_machine_is_trusted_only_when_a_setting_says_so(tmp_path: Path, trusted: bool) -> None:
    world = World(tmp_path, trust_loopback=trusted)
    client = client_of(world, client=("127.0.0.1", 50000))
    assert (client.get("/metrics").status_code == 200) is trusted
    assert (client.get("/health").json().keys() == WORDS) is trusted
    world.container.close()


def test_a_foreign_host_gets_no_page(world: World) -> None:
    world.people()
    client = client_of(world)
    sign_in(client, AUDITOR.id)
    for path in ("/clocks", "/clocks/calendar", "/api/v1/me", "/static/console.css", "/sign-in"):
        answer = client.get(path, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "host.unknown"), path
        assert "evil" not in answer.text
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"):
        assert client.get("/clocks", headers={"Host": host}).status_code == 200, host


def test_a_house_names_its_further_hosts(tmp_path: Path) -> None:
    world = World(tmp_path, allowed_hosts=("qorgau.mfo.example",), host="10.0.0.7")
    client = client_of(world)
    for host in ("qorgau.mfo.example", "qorgau.mfo.example:443", "10.0.0.7:8080"):
        assert client.get("/sign-in", headers={"Host": host}).status_code == 200, host
    assert client.get("/sign-in", headers={"Host": "mfo.example"}).status_code == 400
    world.container.close()


def test_programs_come_by_any_name(world: World) -> None:
    token = world.container.accounts.new_source("portal")
    client = client_of(world)
    world.container.intake.start()
    headers = {"Host": "gateway.internal", "Authorization": f"Bearer {token}"}
    answer = client.post("/api/v1/events", content=world.event("backup.job"), headers=headers)
    assert answer.json()["accepted"] == 1
    assert client.get("/health", headers={"Host": "gateway.internal"}).status_code == 200
    world.container.intake.stop()


def test_hosts_are_read_without_their_port() -> None:
    assert [host_in(it) for it in ("A:1", "a", "[::1]:2", "::1", "a:b:c")] == ["a", "a", "::1", "::1", "a:b:c"]


@contextmanager
def running(world: World) -> Iterator[int]:
    """The product behind a real listener; gives its port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(create_app(world.container), log_level="critical", http=InTime, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    yield int(listener.getsockname()[1])
    server.should_exit = True
    thread.join(30)


def said(port: int, *parts: bytes) -> bytes:
    """Send pieces, and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        for part in parts:
            link.sendall(part)
        found = b""
        while more := link.recv(65536):
            found += more
        return found


def test_a_body_with_two_lengths_is_refused(world: World) -> None:
    head = b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    with running(world) as port:
        answer = said(port, head + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"body.two-lengths" in answer


def test_a_head_that_does_not_come_in_time_ends_the_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "HEAD_S", 0.05)
    with running(world) as port:
        assert said(port) == b""
        assert said(port, b"GET /health HTTP/1.1\r\nHost: loc") == b""
        first = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answered = said(port, first, b"GET /health HTTP/1.1\r\n")
    assert answered.count(b"HTTP/1.1 200") == 1, "the first request is answered, the half one ends"


def test_a_body_that_does_not_come_in_time_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.05)
    token = world.container.accounts.new_source("portal")
    head = (
        f"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 9\r\n\r\n"
    )
    with running(world) as port:
        answer = said(port, head.encode() + b"x")
    assert answer.startswith(b"HTTP/1.1 408")
