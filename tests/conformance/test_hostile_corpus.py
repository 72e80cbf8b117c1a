"""Every hostile body over HTTP: a verdict of its kind, no crash, no 500, and never a piece of the body back."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from infra.read.rows.effects import dead
from infra.web.app import create_app
from tests.support import DATA, World

CASES = [json.loads(line) for line in (DATA / "hostile" / "corpus.ndjson").read_text(encoding="utf8").splitlines()]


def verdict(world: World, client: TestClient, body: bytes, token: str) -> tuple[str, Any]:
    before = dead(world.container.database)
    answer = client.post("/api/v1/events", content=body, headers={"Authorization": f"Bearer {token}"})
    if answer.status_code == 400:
        return "refuse_400", answer
    assert answer.status_code == 200, answer.text[:300]
    counts = answer.json()
    if counts["rejected"]:
        assert dead(world.container.database) > before
        return "dead_letter", answer
    assert counts["accepted"] == 1
    return ("store_flag" if counts["flagged"] else "store"), answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    world = World(tmp_path)
    token = world.container.accounts.new_source("portal")
    body = base64.b64decode(case["body_b64"])
    world.container.intake.start()
    try:
        with TestClient(create_app(world.container), raise_server_exceptions=False) as client:
            got, answer = verdict(world, client, body, token)
            assert got == case["verdict"], case["why"]
            assert not echoes(body, answer.content)
        world.work()
        stored = world.container.ledger.read(0, 10)
        letters = world.letters()
        if got.startswith("store"):
            assert [event.raw for event in stored] == [body.strip(b"\r\n")]
        elif got == "dead_letter":
            assert b"".join(letters).replace(b"\n", b"") == body.replace(b"\n", b"")
        else:
            assert stored == []
    finally:
        world.container.intake.stop()
        world.container.close()


def echoes(body: bytes, answer: bytes) -> bool:
    """Say whether any 24 bytes of the body came back (field names of the envelope are shorter)."""
    return any(body[i : i + 24] in answer for i in range(0, max(len(body) - 24, 0), 8))
