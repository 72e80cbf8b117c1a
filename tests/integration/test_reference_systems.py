"""The reference systems against the real product: every order and answer by the document, and every way to refuse."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from engine.containment.facts import CLAUSES as CONTAINMENTS
from engine.kernel.answers import DONE, PENDING, REFUSED, SubjectType
from engine.policies.centre import ACCEPTED, REJECTED
from engine.protection.facts import SYSTEM_OF_ORDER
from infra.lab.reference.answers import ANSWERS
from infra.lab.reference.command import OTHERS
from infra.lab.reference.server import ReferenceServer, Reporting
from infra.lab.reference.systems import EVENTS, ReferenceSystems
from infra.web.app import create_app
from tests.api_schema import DOCUMENT, answer_faults, at, operation, references, request_faults
from tests.commands import qorgau
from tests.obligations.test_answers_of_systems import entered, state
from tests.support import ANALYST, CISO, COMPLIANCE, MONDAY, MovingClock, World

SECRET = "whsec_" + "QUJD" * 11


class Outside:
    """A house, the reference systems that take its orders, and its API for what they tell."""

    def __init__(self, folder: Path, secrets: tuple[str, ...] = (SECRET,)) -> None:
        clock = MovingClock()
        self.record = folder / "record.ndjson"
        self.systems = ReferenceSystems(clock, secrets=secrets)
        self.server = ReferenceServer(self.systems, record=self.record).start()
        more: dict[str, Any] = {"bureaus": ("pkb",), "client_gateway_secrets": [SECRET], **self.server.settings}
        self.world = World(folder / "data", clock, order_secrets=[SECRET], **more).people()
        self.web = TestClient(create_app(self.world.container), base_url="http://127.0.0.1")
        self.world.container.intake.start()
        accounts = self.world.container.accounts
        tokens = accounts.new_source("back-office"), accounts.new_source("client-gateway")
        self.server.reporting = Reporting(self.systems, self.server.gateway, "", *tokens, send=self._send)

    def _send(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        return int(self.web.post(url, content=body, headers=headers).status_code)

    def tell(self) -> int:
        """Finish what is under way and tell it."""
        answer = httpx.post(f"{self.server.url}/control/finish", trust_env=False).json()
        self.world.work()
        return int(answer["told"])

    def later(self) -> None:
        """Let the time pass after which it is asked again."""
        self.world.clock.forward(minutes=6)
        self.world.work()

    def recorded(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def close(self) -> None:
        self.server.stop()
        self.world.container.intake.stop()
        self.world.container.close()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    made = Outside(tmp_path)
    yield made
    made.close()


def changed(world: World) -> str:
    """Somebody changes the IIN of a client; the incident."""
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.incidents()[-1]["id"])


def paid_fraud(world: World) -> str:
    world.feed(
        world.event("loan.disbursement.executed", mfo__client__id="c-3", mfo__loan__id="L-3", mfo__amount=400_000,
                    mfo__payout__account_hash="h-9"),
        world.event("afc.message.received", mfo__afc__reference="r-1", mfo__subject="account",
                    mfo__message__action="refuse", mfo__payout__account_hash="h-9"),
    )  # fmt: skip
    return str(world.incidents()[-1]["id"])


def test_the_document_is_whole() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    for reference in references():
        assert at(reference) is not None
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [operation(path)["operationId"] for path in DOCUMENT["paths"]]
    assert len(set(names)) == len(names) == 7


def test_the_document_has_the_words_of_the_product() -> None:
    assert set(at("#/components/schemas/Subject/properties/type")["enum"]) == set(get_args(SubjectType))
    named = set(at("#/components/schemas/Outcome/properties/outcome")["enum"])
    assert named >= DONE, "every word that does a duty stands there; of refusals the product knows many more"
    assert named <= DONE | PENDING | REFUSED
    assert set(at("#/components/schemas/CentreAnswer/properties/status")["enum"]) >= ACCEPTED | REJECTED
    kinds = {
        name for system in ("Collections", "Loans", "Bureau", "Access")
        for name in at(f"#/components/schemas/{system}Order/properties/order")["enum"]
    }  # fmt: skip
    assert kinds == {*SYSTEM_OF_ORDER, *CONTAINMENTS, "access-release", "payout-release"}
    assert {*EVENTS, *OTHERS} == kinds


def test_every_order_and_every_answer_is_as_the_document_says(outside: Outside) -> None:
    world, acts = outside.world, outside.world.container.acts
    released, written_off = entered(world), entered(world, client="c-8", loans=("L-8",), number="18")
    for key, outcome, ruling in ((released, "release", "act-overturned"), (written_off, "write-off", "debt-void")):
        acts.enter_ruling(key, "court", "2-77", date(2026, 11, 21), MONDAY, ruling, by=COMPLIANCE)
        acts.propose_outcome(key, outcome, "the court, page 4", by=COMPLIANCE, document=b"%PDF-1.7 proof")
        acts.decide_outcome(key, True, "agreed", by=CISO)
    world.work()
    incident = changed(world)
    acts.close(incident, "false_positive", "a planned migration", by=ANALYST)
    acts.close(incident, "false_positive", "a planned migration", by=CISO)
    fraud = paid_fraud(world)
    acts.approve_notice(str(world.notices(fraud)["afc"]["id"]), None, by=COMPLIANCE)
    acts.approve_client_notices(fraud, by=COMPLIANCE)
    world.work()
    seen = outside.recorded()
    for it in seen:
        path, body = f"/{it['system']}", json.loads(it["body"])
        assert request_faults(path, body) == [], body
        assert answer_faults(path, it["status"], it["answer"]) == [], it
    assert {it["system"] for it in seen} == {"collections", "loans", "bureau", "access", "afc", "gateway"}
    orders = {it["order"].get("order") for it in outside.systems.orders()} - {None}
    assert orders >= set(SYSTEM_OF_ORDER) | {"access-block", "access-release"}, orders
    assert all(it["signed"] for it in seen if it["system"] != "afc")


def test_what_breaks_the_contract_is_found_by_the_document(outside: Outside) -> None:
    entered(outside.world)
    (order,) = [it["order"] for it in outside.systems.orders() if it["system"] == "collections"]
    assert request_faults("/collections", order) == []
    assert request_faults("/collections", {**order, "subjects": []}) != []
    assert request_faults("/collections", {**order, "subjects": [{"type": "client", "id": "c-9"}]}) != []
    assert request_faults("/collections", {**order, "password": "x"}) != []
    assert answer_faults("/collections", 200, {"reference": "R"}) != []
    assert answer_faults("/collections", 418, {}) != []


NEVER = [name for name in ANSWERS if name not in ("done", "later", "later-refused", "hang")]


@pytest.mark.parametrize("how", NEVER)
def test_a_way_to_refuse_satisfies_no_duty(outside: Outside, how: str) -> None:
    outside.systems.decide({"collections": how})
    key = entered(outside.world)
    outside.later()
    assert state(outside.world, key) == "running"
    assert state(outside.world, key, "accrual-stop") == "satisfied"


def test_what_is_finished_later_is_told_by_event(outside: Outside) -> None:
    outside.systems.decide({"*": "later"})
    key = entered(outside.world)
    assert {state(outside.world, key, kind) for kind in ("collection-stop", "accrual-stop", "bureau-correction")} == {
        "running"
    }
    assert outside.tell() == 6  # of each loan, from each of three systems
    for kind in ("collection-stop", "accrual-stop", "bureau-correction"):
        assert state(outside.world, key, kind) == "satisfied"
    assert outside.tell() == 0


def test_what_is_refused_later_leaves_the_duty_open(outside: Outside) -> None:
    outside.systems.decide({"collection-stop": "later-refused"})
    key = entered(outside.world)
    outside.tell()
    assert state(outside.world, key) == "running"


def test_what_no_event_answers_is_asked_again(outside: Outside) -> None:
    outside.systems.decide({"access": "later"})
    incident = changed(outside.world)
    assert outside.world.clocks(incident)["immediate-containment"]["state"] == "running"
    assert outside.tell() == 0
    outside.later()
    assert outside.world.clocks(incident)["immediate-containment"]["state"] == "satisfied"


def test_an_order_that_is_not_signed_is_not_taken(tmp_path: Path) -> None:
    outside = Outside(tmp_path, secrets=("whsec_" + "WFla" * 11,))
    key = entered(outside.world)
    outside.later()
    assert state(outside.world, key) == "running"
    assert outside.systems.orders() == []
    assert {it["status"] for it in outside.recorded()} == {401}
    outside.close()


def test_the_same_key_does_nothing_twice(outside: Outside) -> None:
    outside.systems.secrets = ()
    entered(outside.world)
    (kept,) = [it for it in outside.systems.orders() if it["system"] == "collections"]
    url, headers = f"{outside.server.url}/collections", {"Idempotency-Key": kept["key"]}

    def ask(order: dict[str, Any], **more: str) -> httpx.Response:
        return httpx.post(url, json=order, headers={**headers, **more}, trust_env=False)

    first, second = ask(kept["order"]), ask(kept["order"])
    assert (first.status_code, first.json()["reference"]) == (200, second.json()["reference"])
    assert ask({**kept["order"], "loans": ["L-9"]}).status_code == 409
    assert ask({**kept["order"], "order_id": "other"}).status_code == 400
    assert httpx.post(url, content=b"[1]", headers=headers, trust_env=False).status_code == 400
    assert httpx.post(url, json=kept["order"], trust_env=False).status_code == 400
    assert httpx.get(f"{outside.server.url}/nothing", trust_env=False).status_code == 404
    (again,) = [it for it in outside.systems.orders() if it["system"] == "collections"]
    assert (again["asked"], again["finished"]) == (3, "done")


class Waited(threading.Event):
    """An end that tells when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.reached.set()
        return super().wait(timeout)


def test_who_hangs_is_let_go_when_the_systems_end(outside: Outside) -> None:
    outside.systems.decide({"access": "hang"})
    order = {"contract": 2, "order": "access-block", "order_id": "k", "subjects": [{"type": "user", "id": "u"}],
             "demands": ["block"]}  # fmt: skip
    outside.systems.secrets = ()
    body, answers = json.dumps(order).encode(), []
    asking = threading.Thread(
        target=lambda: answers.append(outside.server.answer("POST", "/access", {"idempotency-key": "k"}, body))
    )
    outside.server.ended = ended = Waited()
    asking.start()
    assert ended.reached.wait(60)
    assert answers == []
    ended.set()
    asking.join(60)
    assert [it.status for it in answers] == [504]
    assert outside.systems.orders()[0]["finished"] == ""


def test_the_record_is_for_its_owner(outside: Outside) -> None:
    assert outside.record.stat().st_mode & 0o777 == 0o600


def test_the_controls_say_how_to_answer(outside: Outside) -> None:
    url = f"{outside.server.url}/control/answers"
    assert httpx.put(url, json={"loans": "partly"}, trust_env=False).json() == {"answers": {"loans": "partly"}}
    assert httpx.put(url, json={"loans": "perhaps"}, trust_env=False).status_code == 400
    assert httpx.put(url, content=b"[]", trust_env=False).status_code == 400
    key = entered(outside.world)
    held = httpx.get(f"{outside.server.url}/control/orders", trust_env=False).json()["orders"]
    (order,) = [it for it in held if it["order"]["order"] == "accrual-stop"]
    assert (order["how"], order["finished"]) == ("partly", "")
    assert state(outside.world, key, "accrual-stop") == "running"


def test_a_client_is_told_when_the_gateway_reports_it(outside: Outside) -> None:
    world, incident = outside.world, changed(outside.world)
    world.container.acts.approve_client_notices(incident, by=COMPLIANCE)
    world.work()
    assert world.clocks(incident)["client-notice"]["state"] == "running"
    assert outside.tell() == 1
    assert world.clocks(incident)["client-notice"]["state"] == "satisfied"


@pytest.mark.parametrize("how", ["refused", "busy", "html", "error"])
def test_a_gateway_that_refuses_tells_nobody(outside: Outside, how: str) -> None:
    world, incident = outside.world, changed(outside.world)
    outside.systems.decide({"gateway": how})
    world.container.acts.approve_client_notices(incident, by=COMPLIANCE)
    world.work()
    assert outside.tell() == 0
    assert world.clocks(incident)["client-notice"]["state"] == "running"


def test_the_command_prints_its_settings_and_ends_when_told(tmp_path: Path) -> None:
    record = tmp_path / "record.ndjson"
    asked = ["reference-systems", "--listen", "127.0.0.1:0", "--refuse", "loans=queued", "--record", str(record)]
    process = subprocess.Popen([sys.executable, "-m", "infra", *asked], env=os.environ, stdout=subprocess.PIPE)
    assert process.stdout is not None
    lines = [process.stdout.readline().decode() for _ in range(6)]
    found = dict(re.findall(r"export (QORGAU_[A-Z_]+)=(http\S+)", "".join(lines)))
    assert set(found) == {f"QORGAU_{name}_URL" for name in ("COLLECTIONS", "LOANS", "BUREAU", "ACCESS", "AFC",
                                                            "CLIENT_GATEWAY")}  # fmt: skip
    order = {"contract": 2, "order": "accrual-stop", "order_id": "k", "subjects": [{"type": "loan", "id": "L-1"}],
             "demands": ["stop"]}  # fmt: skip
    answer = httpx.post(found["QORGAU_LOANS_URL"], json=order, headers={"Idempotency-Key": "k"}, trust_env=False)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert (process.returncode, answer.status_code, len(record.read_text().splitlines())) == (0, 202, 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [(("--refuse", "perhaps"), b"NAME=HOW"), (("--refuse", "nobody=busy"), b"NAME=HOW"), (("--listen", "x"), b"port")],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, asked: tuple[str, ...], said: bytes) -> None:
    ended = qorgau("reference-systems", *asked, data=tmp_path)
    assert (ended.returncode, said in ended.stderr, ended.stderr.count(b"\n")) == (2, True, 1), ended.stderr
