"""Real servers for the tests that need them, one of each for a process; missing ones skip with the reason."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import pytest

from infra.lab.testbed.elasticsearch import Node
from infra.lab.testbed.kafka import Broker
from infra.lab.testbed.server import NoServer, Server

S = TypeVar("S", bound=Server)


@contextmanager
def needed() -> Iterator[None]:
    """What cannot be had here skips the test with its reason; where services are demanded, it fails."""
    try:
        yield
    except NoServer as missing:
        if os.environ.get("QORGAU_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(str(missing))


def started(kind: Callable[[Path], S]) -> S:
    """Start a server that ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="qorgau-testbed-", dir="/tmp"))
    with needed():
        server = kind(folder)

    def away() -> None:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(away)
    server.start()
    return server


@lru_cache(maxsize=1)
def broker() -> Broker:
    """Kafka."""
    return started(Broker)


@lru_cache(maxsize=1)
def node() -> Node:
    """Elasticsearch."""
    return started(Node)
