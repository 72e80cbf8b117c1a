"""A leak of thirty clients, the reference gateway that is to tell them, and the house that does it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fastapi.testclient import TestClient

from engine.duties.clock import Clock, clock_id
from engine.incidents.commands import NameClientList
from engine.kernel.commands import Attachment
from engine.notices.many import client_notice_id
from engine.notices.notice import Notice
from infra.lab.testbed.gateway import GatewayServer, ReferenceGateway
from infra.read.rows import notices
from infra.web.app import create_app
from tests.support import ANALYST, COMPLIANCE, MovingClock, World

SECRET = "whsec_" + "QUJD" * 11
CLIENTS = [f"c-{number:03d}" for number in range(30)]
REFUSED, FAILING = ("c-003", "c-017"), ("c-005", "c-020", "c-021")


class Leak:
    """A leak of thirty clients and the gateway that is to tell them."""

    def __init__(self, folder: Path, **settings: object) -> None:
        clock = MovingClock()
        self.gateway = ReferenceGateway(refused=REFUSED, failing=FAILING, secrets=[SECRET], clock=clock)
        self.server = GatewayServer(self.gateway).start()
        chosen = {"client_gateway_url": self.server.url, "client_gateway_secrets": [SECRET], **settings}
        self.world = World(folder, clock, **chosen).people()
        self.token = self.world.container.accounts.new_source("client-gateway")
        self.web = TestClient(create_app(self.world.container), base_url="http://127.0.0.1")
        self.world.feed(
            self.world.event("portal.profile.change_applied", mfo__client__id="c-000", mfo__change__field="iin")
        )
        self.incident = self.world.incidents()[0]["id"]
        document = Attachment(data="\n".join(CLIENTS).encode(), name="leak.csv", media_type="text/csv")
        self.dispatch(NameClientList(incident_id=self.incident, document=document, reason="a leak"), ANALYST)
        self.world.work()

    def dispatch(self, command: object, by: object) -> object:
        return self.world.container.dispatch(command, by=by)  # type: ignore[arg-type,type-var]

    def approve(self) -> Notice:
        self.world.container.acts.approve_client_notices(self.incident, by=COMPLIANCE)
        self.world.work()
        return self.text()

    def text(self) -> Notice:
        keys = notices.with_texts(self.world.container.database, self.incident)
        found = [self.world.container.decisions.load(Notice, key) for key in keys]
        return next(it for it in found if it.to_many)

    def of(self, client: str) -> Notice:
        return self.world.container.decisions.load(Notice, client_notice_id(self.text(), client))

    def clock(self, client: str) -> Clock:
        return self.world.container.decisions.load(Clock, clock_id("client-notice", self.incident, client))

    def states(self) -> Counter[str]:
        return Counter(notices.fates_of(self.world.container.database, self.text().id))

    def post(self, *reports: dict[str, object], token: str | None = None) -> dict[str, object]:
        answer = self.web.post(
            "/api/v1/client-gateway/statuses", json={"statuses": reports},
            headers={"Authorization": f"Bearer {self.token if token is None else token}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        self.world.work()
        return dict(answer.json())

    def report_all(self) -> None:
        while part := self.gateway.statuses(7):
            self.post(*part)
