"""The queue holds the same incidents on every store, also those that a text finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.read.rows import incidents
from tests.stores import KINDS, postgres_url
from tests.support import World


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_finds_incidents_by_title_number_and_client(kind: str, tmp_path: Path) -> None:
    world = World(tmp_path / "data", **({"database": postgres_url()} if kind == "postgres" else {}))
    for client in ("c-1", "C_2"):
        world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))

    def found(text: str) -> list[str]:
        rows = incidents.queue(world.container.database, "open", "aigul", text, world.clock.now())
        return sorted(row.clients[0] for row in rows)

    assert found("") == found("inc-2026") == ["C_2", "c-1"]
    assert found("c_2") == ["C_2"]
    assert found("0001") == ["c-1"]
    assert found("c%") == found("nobody") == []
    world.container.close()
