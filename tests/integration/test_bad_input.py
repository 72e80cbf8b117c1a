"""A value that does not fit is named by its field, over the API and on the command line; nothing breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field
from starlette.testclient import TestClient

from infra.web.app import create_app
from tests.commands import qorgau
from tests.support import MONDAY, PASSWORD, World

ACT = {
    "kind": "victim_resolution", "issuer": "УП", "number": "5", "act_date": "2026-11-20",
    "received_at": MONDAY.isoformat(), "channel": "eotinish", "client": "c-1", "loans": ["L-1"],
}  # fmt: skip


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    world = World(tmp_path / "data").people()
    app = create_app(world.container)

    class Narrow(BaseModel):
        name: str = Field(min_length=1)

    @app.post("/api/v1/narrow")
    def narrow() -> None:
        Narrow(name="")

    with TestClient(app, raise_server_exceptions=False) as client:
        client.post("/sign-in", data={"user": "bolat", "password": PASSWORD, "to": "/"}, follow_redirects=False)
        client.headers["X-CSRF-Token"] = client.get("/api/v1/me").json()["csrf"]
        yield client
    world.container.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [("number", ""), ("issuer", ""), ("client", ""), ("number", "5" * 5000), ("loans", [""]), ("bureaus", [""])],
)
def test_a_field_of_an_act_that_does_not_fit_is_named(client: TestClient, field: str, value: Any) -> None:
    answer = client.post("/api/v1/acts", json={**ACT, field: value})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "input.invalid"
    assert field in error["message"]
    assert "5" * 20 not in error["message"]


def test_a_value_refused_inside_a_handler_is_bad_input_too(client: TestClient) -> None:
    answer = client.post("/api/v1/narrow")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "input.invalid"
    assert "'name'" in answer.json()["error"]["message"]


def test_the_command_line_names_the_option_in_one_line(tmp_path: Path) -> None:
    World(tmp_path).people().container.close()
    done = qorgau(
        "protections", "enter", "--kind", "victim_resolution", "--issuer", "", "--number", "5", "--date", "2026-11-20",
        "--received-at", "2026-11-23T10:00:00+05:00", "--client", "c-1", "--loan", "L-1", "--as", "bolat",
        data=tmp_path, stdin=f"{PASSWORD}\n".encode(),
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.decode().splitlines()) == 1
    assert "issuer" in done.stderr.decode()
