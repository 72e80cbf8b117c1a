"""Fixtures of all layers."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from eventsourcing.persistence import ConnectionPoolClosedError
from hypothesis import HealthCheck, settings

from infra.commands import accounts
from infra.store.log import topics
from tests.support import World
from tests.systems import OtherSystems

pytest.register_assert_rewrite("tests.spec")

settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("house")


REAL_HASHER = accounts.HASHER
accounts.HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""The same algorithm at no cost: six accounts a test would otherwise be most of the suite's time."""


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("QORGAU_") and not name.startswith("QORGAU_REQUIRE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("QORGAU_TOML", str(tmp_path / "none.toml"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A house with people, at ten o'clock on a Monday in Almaty."""
    made = World(tmp_path / "data").people()
    yield made
    with suppress(ConnectionPoolClosedError, sqlite3.Error):  # a test may have closed or broken it
        assert_kept_as_stored(made)
    made.container.close()


def assert_kept_as_stored(world: World) -> None:
    """What a unit of work keeps of the facts that it wrote is what whoever reads the log finds."""
    decisions = world.container.decisions
    for row in world.container.database.rows("SELECT position, topic, state FROM decisions"):
        held = decisions.recent.get(row["position"])
        if held is not None:
            assert held.fact == topics.decode(row["topic"], row["state"]), row["topic"]


@pytest.fixture
def outside() -> Iterator[OtherSystems]:
    """The systems that take orders, over real HTTP; they answer as a test tells them."""
    made = OtherSystems()
    yield made
    made.close()
