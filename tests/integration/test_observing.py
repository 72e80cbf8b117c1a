"""What those who run it can see: figures for Prometheus, logs as ECS JSON; and that neither says who."""

from __future__ import annotations

import logging
from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from infra.observe.logs import configure
from infra.web.app import create_app
from tests.support import World

SECRETS = ("850101300005", "c-17", "+77010000001")


def figures(world: World, **headers: str) -> dict[tuple[str, str], float]:
    headers = headers or {"Authorization": "Bearer s3cret"}
    answer = TestClient(create_app(world.container)).get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert not any(secret in answer.text for secret in SECRETS)
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_figures_follow_what_happens(tmp_path: Path) -> None:
    world = World(tmp_path, metrics_token="s3cret")
    before = figures(world)
    assert before["qorgau_ledger_events_total", ""] == 0
    assert ("qorgau_next_term_seconds", "") not in before
    world.feed(
        world.event("portal.profile.change_applied", mfo__client__id="c-17", mfo__change__field="iin",
                    mfo__client__iin="850101300005"),
        b"{poison",
    )  # fmt: skip
    found = figures(world)
    assert found["qorgau_ledger_events_total", ""] == 1
    assert found["qorgau_incidents_open", "critical"] == 1
    assert found["qorgau_clocks_running", "regulator-notice"] == 1
    assert found["qorgau_dead_letters", "portal"] == 1
    assert found["qorgau_follower_behind", "detect"] == 0
    assert found["qorgau_follower_behind", "search-events"] == 0
    assert 0 < found["qorgau_next_term_seconds", ""] < 86_400
    world.clock.forward(days=9)
    world.sweep()
    assert figures(world)["qorgau_clocks_breached", "regulator-notice"] == 1
    world.container.close()


def test_a_token_guards_the_figures(tmp_path: Path) -> None:
    world = World(tmp_path, metrics_token="s3cret")
    client = TestClient(create_app(world.container))
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert figures(world, Authorization="Bearer s3cret")
    world.container.close()


def test_logs_as_ecs(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure("ecs")
        logging.getLogger("qorgau.test").warning("the stage %s fails", "detect")
        line = orjson.loads(capsys.readouterr().err)
        assert (line["log.level"], line["message"]) == ("warning", "the stage detect fails")
        assert {"@timestamp", "ecs.version", "log"} <= line.keys()
        assert line["service"] == {"name": "qorgau"}
        configure("text")
        logging.getLogger("qorgau.test").warning("plain")
        assert "WARNING qorgau.test: plain" in capsys.readouterr().err
    finally:
        root.handlers[:], root.level = before


def test_the_lag_names_every_follower_that_runs(tmp_path: Path) -> None:
    """What destroys keys, and what notices silence, can be seen to stop as well."""
    from infra.processes.base import Follower
    from infra.processes.lag import behind

    world = World(tmp_path / "data", expected_sources={"portal": 60})
    container = world.container
    followers = {stage.name for stage in world.stages if isinstance(stage, Follower)}
    found = behind(container.ledger, container.decisions, container.search)
    assert {"silence", "erasures", "detect", "clocks"} <= followers <= found.keys()
    container.close()
