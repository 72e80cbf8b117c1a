"""Kafka Connect with Debezium's connector for PostgreSQL, as one standalone process, from the jars alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from infra.lab.testbed.jars import jars_of, java
from infra.lab.testbed.server import Server


class Connect(Server):
    """One worker of Kafka Connect; connectors are put in over its REST interface."""

    name = "Kafka Connect"

    def __init__(self, folder: Path, kafka: str) -> None:
        super().__init__(folder)
        self.kafka = kafka
        self._classes = f"{jars_of('connect')}/*"

    @property
    def url(self) -> str:
        """Where its REST interface answers."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Say whether it answers."""
        try:
            return httpx.get(self.url, timeout=2).is_success
        except httpx.HTTPError:
            return False

    def put(self, connector: Mapping[str, Any]) -> None:
        """Start a connector. Raises httpx.HTTPStatusError with what it finds wrong."""
        answer = httpx.post(f"{self.url}/connectors", json=connector, timeout=60)
        if answer.is_error:
            raise httpx.HTTPStatusError(answer.text, request=answer.request, response=answer)

    def state(self, connector: str) -> Any:
        """Return the state of a connector and its tasks."""
        return httpx.get(f"{self.url}/connectors/{connector}/status", timeout=10).json()

    def command(self) -> Sequence[str]:
        """Write the settings of the worker."""
        converter = "org.apache.kafka.connect.json.JsonConverter"
        settings = {
            "bootstrap.servers": self.kafka, "listeners": self.url, "key.converter": converter,
            "value.converter": converter, "offset.storage.file.filename": self.folder / "offsets",
            "offset.flush.interval.ms": 1000, "config.providers": "file",
            "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        }  # fmt: skip
        path = self.folder / "worker.properties"
        path.write_text("\n".join(f"{name}={value}" for name, value in settings.items()), encoding="utf8")
        standalone = "org.apache.kafka.connect.cli.ConnectStandalone"
        return [java(), "-Xmx384m", "-cp", self._classes, standalone, str(path)]
