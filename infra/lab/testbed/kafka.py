"""Apache Kafka as one process that is broker and controller (KRaft), from the jars alone."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.lab.testbed.jars import jars_of, java
from infra.lab.testbed.server import Server, free_port

_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"


class Broker(Server):
    """One broker over one directory; what was acknowledged survives ``kill``."""

    name = "Kafka"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._classes = f"{jars_of('kafka')}/*"
        self._controller = 0

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    def settings(self) -> dict[str, object]:
        """Return what stands in ``server.properties``."""
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "data",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false",
        }

    def format_options(self) -> Sequence[str]:
        """Return what the formatting of the directory is told besides, such as accounts."""
        return ()

    def command(self) -> Sequence[str]:
        """Write the settings, format the directory the first time."""
        self._controller = self._controller or free_port()
        path = self.folder / "server.properties"
        path.write_text("\n".join(f"{name}={value}" for name, value in self.settings().items()), encoding="utf8")
        if not (self.folder / "data").exists():
            storage = [java(), "-cp", self._classes, "kafka.tools.StorageTool"]
            subprocess.run(  # noqa: S603 - our own words
                [*storage, "format", "-t", _CLUSTER, "-c", str(path), *self.format_options()],
                check=True, capture_output=True,
            )  # fmt: skip
        return [java(), "-Xmx512m", "-cp", self._classes, "kafka.Kafka", str(path)]
