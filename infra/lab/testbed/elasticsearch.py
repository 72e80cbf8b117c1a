"""One Elasticsearch node from the jars alone, without the modules that its distribution adds.

What is missing so: data streams, index lifecycle, the security features. The adapter asks the node what it can do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx

from infra.lab.testbed.jars import classes_of, jars_of, java
from infra.lab.testbed.server import Server, free_port


class Node(Server):
    """One node over one directory."""

    name = "Elasticsearch"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        lib = jars_of("elasticsearch")
        self._classes = f"{classes_of(lib)}:{lib}/*"
        self._transport = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """Make its home and give the command."""
        self._transport = self._transport or free_port()
        home = self.folder / "home"
        for name in ("config", "modules", "plugins", "lib"):
            (home / name).mkdir(parents=True, exist_ok=True)
        settings = {
            "path.home": home, "path.data": self.folder / "data", "cluster.name": "testbed", "node.name": "testbed",
            "discovery.type": "single-node", "http.host": "127.0.0.1", "http.port": self.port,
            "transport.host": "127.0.0.1", "transport.port": self._transport,
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }  # fmt: skip
        return [
            java(), "-Xms512m", "-Xmx512m", "-Djava.security.manager=allow", "-cp", self._classes,
            "org.elasticsearch.node.TestbedNode", *(f"{name}={value}" for name, value in settings.items()),
        ]  # fmt: skip

    def ready(self) -> bool:
        """Say whether the cluster is usable."""
        try:
            answer = httpx.get(f"{self.url}/_cluster/health", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["status"] in ("green", "yellow")
