"""A store of commit 56dc29b in the middle of a leak, with a notice of its own for each of two thousand clients.

Written by ``tests/data/stores/make_many.py``; some notices were sent, some approved, some edited, the others drafts.
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from engine.incidents.commands import NameClients
from engine.notices.notice import Notice
from infra.inbound.gateway_statuses import gateway_person, read_statuses
from infra.lab.testbed.gateway import GatewayServer, ReferenceGateway
from infra.store.log.verify import Fault, verify
from infra.store.models.duties import ClockRow, NoticeRow
from tests.support import ANALYST, COMPLIANCE, COMPLIANCE_2, DATA, MovingClock, World

STORE = DATA / "stores" / "56dc29b"


def opened(folder: Path, about: dict[str, Any], **settings: object) -> World:
    with tarfile.open(STORE / "many.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    world = World(folder, MovingClock(datetime.fromisoformat(about["at"])), **settings)
    world.count = about["events"]
    return world


def fates(world: World) -> Counter[str]:
    return Counter(row.state for row in world.held(NoticeRow, kind="client") if row.subject)


def test_thousands_of_notices_of_an_earlier_version_go_on_and_are_finished(tmp_path: Path) -> None:
    about = json.loads((STORE / "many.json").read_text(encoding="utf8"))
    gateway = ReferenceGateway(clock=MovingClock(datetime.fromisoformat(about["at"])))
    server = GatewayServer(gateway).start()
    try:
        world = opened(tmp_path / "old", about, client_gateway_url=server.url)
        assert world.whole() == {"ledger": about["ledger"], "decisions": about["decisions"] + 1}
        signed(world)
        world.work()
        drafts = about["clients"] - len(about["sent"]) - len(about["approved"])
        assert fates(world) == {"draft": drafts, "sent": len(about["sent"]) + len(about["approved"])}
        goes_on(world, gateway, about)
        world.clock.forward(days=8)
        world.sweep()
        signed(world)
        again = world.restart()
        size = again.whole()
        again.work()
        assert again.whole() == size, "nothing is left to do"
        again.container.close()
    finally:
        server.stop()


def signed(world: World) -> None:
    store = world.container.store
    for log in ("ledger", "decisions"):
        assert not [it for it in verify(world.container.database, log, store.signer.verifier) if isinstance(it, Fault)]


def goes_on(world: World, gateway: ReferenceGateway, about: dict[str, Any]) -> None:
    """One more client is named; the rest is approved by one act, handed over and told: everybody once."""
    incident, container = about["incident"], world.container
    container.dispatch(NameClients(incident_id=incident, clients=("later",), reason="the log shows him"), by=ANALYST)
    world.work()
    for row in world.held(NoticeRow, kind="client"):
        if row.subject in about["edited"]:  # what a person wrote is not written anew: he adds whom the client may call
            for language in container.decisions.load(Notice, row.id).content:
                fields = {"contact": world.settings.organisation_contact}
                container.acts.edit_notice(row.id, language, fields, None, by=COMPLIANCE_2)
    container.acts.approve_client_notices(incident, by=COMPLIANCE)
    world.work()
    assert fates(world) == {"handed-over": about["clients"] - 49, "sent": 50}
    while part := gateway.statuses(500):
        container.dispatch(read_statuses(orjson.dumps({"statuses": part})), by=gateway_person("client-gateway"))
    world.work()
    assert fates(world) == {"sent": about["clients"] + 1}
    (row,) = world.held(NoticeRow, kind="client", subject=about["edited"][0])
    edited = container.decisions.load(Notice, row.id)
    assert "Мы всё проверили." in str(edited.content), "what a person wrote for him went to him"
    running = [row.subject for row in world.held(ClockRow, kind="client-notice") if row.running]
    assert running == []
