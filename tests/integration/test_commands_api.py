"""Every act of the console works over the API too, by the same roles, and is refused before anything is done."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from engine.notices.facts import NoticeRefused, NoticeUnknown
from engine.notices.notice import Notice
from engine.permissions import COMMANDS, PEOPLE, READS
from engine.permissions.printed import rows
from engine.protection.protection import Protection
from infra.store.models.duties import RetentionRow
from infra.store.models.governance import ActionRow
from infra.store.models.incidents import RunRow
from infra.web import console
from infra.web.api import api as api_of_people
from infra.web.app import create_app
from infra.web.context import COOKIE
from tests.commands import qorgau

from tests.support import MONDAY, PASSWORD, PEOPLE as STAFF, World  # isort: skip

PDF = base64.b64encode(b"%PDF-1.7 a page").decode()
ACT = {
    "kind": "victim_resolution", "issuer": "УП", "number": "17", "act_date": "2026-11-20",
    "received_at": MONDAY.isoformat(), "channel": "office", "client": "c-9", "loans": ["L-9"],
}  # fmt: skip
STUFFING = "credential-stuffing"
NO_ROUTES = APIRouter()


class Api:
    """The API as several people use it."""

    def __init__(self, world: World, client: TestClient) -> None:
        self.world = world
        self.client = client
        self.sign_in()

    def sign_in(self) -> None:
        accounts = self.world.container.accounts
        self.tokens = {person.id: accounts.sign_in(person.id, PASSWORD) or "" for person in STAFF}

    def headers(self, user: str) -> dict[str, str]:
        session = self.world.container.accounts.session(self.tokens[user])
        assert session is not None
        return {"Cookie": f"{COOKIE}={self.tokens[user]}", "X-CSRF-Token": session.csrf}

    def post(self, user: str, command: str, fields: dict[str, Any]):  # type: ignore[no-untyped-def]
        return self.client.post(f"/api/v1/commands/{command}", json=fields, headers=self.headers(user))

    def give(self, user: str, command: str, **fields: Any) -> dict[str, Any]:
        """Do a command and let the followers work; return its outcome."""
        answer = self.post(user, command, fields)
        assert answer.status_code == 200, answer.text
        self.world.work()
        outcome: dict[str, Any] = answer.json()
        return outcome


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    world = World(tmp_path / "data", regulator_mail="agency@example.kz").people()
    with TestClient(create_app(world.container), raise_server_exceptions=False) as client:
        yield Api(world, client)
    world.container.close()


def incident(world: World, client: str = "c-1") -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    return str(world.incidents()[-1]["id"])


def notice(world: World, key: str) -> Notice:
    return world.container.decisions.load(Notice, key)


def happened(world: World, key: str, kind: type[NoticeUnknown] | type[NoticeRefused], **values: str) -> None:
    at = world.clock.now()
    with world.container.decisions.unit(at) as unit:
        unit.load(Notice, key)
        recipient = next(iter(notice(world, key).deliveries))
        unit.record(Notice, key, [kind(at=at, notice_id=key, channel="smtp", recipient=recipient, **values)])


def test_clocks_are_started_and_cancelled_by_two(api: Api) -> None:
    key = incident(api.world)
    began = MONDAY.isoformat()
    made = api.give(
        "aigul", "start-clock", owner_id=key, kind="bureau-corrected-report", anchor_at=began, reason="asked"
    )
    assert api.world.clocks(key)["bureau-corrected-report"]["id"] == made["id"]
    api.give("aigul", "propose-cancellation", clock_id=made["id"], reason="no such duty")
    assert api.post("aigul", "agree-to-cancel", {"clock_id": made["id"]}).status_code == 403
    api.give("bolat", "agree-to-cancel", clock_id=made["id"])
    assert api.world.clocks(key)["bureau-corrected-report"]["state"] == "cancelled"
    refused = api.post("bolat", "accept-later", {"clock_id": made["id"], "reason": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "decision.refused")


def test_findings_are_suppressed_and_tasks_completed(api: Api) -> None:
    api.world.feed(api.world.event("backup.job", mfo__job__id="j1", mfo__outcome="failed"))
    key = str(api.world.incidents()[0]["id"])
    assert api.give("aigul", "close-incident", incident_id=key, disposition="benign_positive", reason="x") == {
        "decided": True
    }
    until = (MONDAY + timedelta(days=2)).isoformat()
    api.give("aigul", "suppress-findings", incident_id=key, until=until, reason="being rebuilt")
    other = incident(api.world)
    assert api.give("aigul", "close-incident", incident_id=other, disposition="false_positive", reason="x") == {
        "decided": False
    }
    label = next(iter(api.world.container.playbooks))
    run = api.give("aigul", "start-playbook", incident_id=other, playbook=label)["id"]
    assert api.world.held(RunRow, id=run)
    waiting = next(row.id for row in api.world.held(RunRow) if row.waiting)
    from playbooks.run import Run

    step, _ = next(iter(api.world.container.decisions.load(Run, waiting).waiting.items()))
    api.give("gulnar", "complete-task", run_id=waiting, step_id=step, evidence="done by telephone")
    assert api.world.container.decisions.load(Run, waiting).done[step] == "success"


def test_a_notice_is_written_reviewed_and_withdrawn(api: Api) -> None:
    key = incident(api.world)
    made = api.give("aigul", "draft-notice", incident_id=key, kind="law_enforcement", recipient="dp@police.gov.kz")[
        "id"
    ]
    language, fields = next(iter(notice(api.world, made).content.items()))
    text = {next(iter(fields)): "our own words"}
    api.give("aigul", "edit-notice", notice_id=made, language=language, fields=text)
    api.give("aigul", "submit-notice", notice_id=made)
    api.give("bolat", "return-notice", notice_id=made, remark="name the place")
    stale = {"notice_id": made, "language": language, "fields": text, "version": 0}
    assert api.post("aigul", "edit-notice", stale).status_code == 409
    api.give("bolat", "withdraw-notice", notice_id=made, reason="not needed")
    assert notice(api.world, made).state == "withdrawn"
    assert api.give("bolat", "approve-client-notices", incident_id=key) == {"count": 1}


def test_a_notice_in_doubt_is_settled_sent_again_receipted_and_supplemented(api: Api) -> None:
    key = incident(api.world)
    regulator = str(api.world.notices(key)["regulator"]["id"])
    assert api.post("bolat", "approve-notice", {"notice_id": regulator}).status_code == 200
    happened(api.world, regulator, NoticeUnknown, detail="the line broke")
    api.give("bolat", "settle-notice", notice_id=regulator, taken=False, evidence="they have nothing")
    to = next(iter(notice(api.world, regulator).deliveries))
    api.give("bolat", "resend-notice", notice_id=regulator, recipient=to, instead_of=to, reason="again")
    api.world.work()
    assert notice(api.world, regulator).state == "sent"
    api.give("aigul", "record-receipt", notice_id=regulator, reference="in-5", received_on="2026-11-23")
    later = api.give("aigul", "follow-up-notice", notice_id=regulator, stage="follow_up")["id"]
    assert notice(api.world, later).stage == "follow_up"
    client = str(api.world.notices(key)["client"]["id"])
    assert api.post("bolat", "approve-notice", {"notice_id": client}).status_code == 200
    stages = {stage.name: stage for stage in api.world.stages}
    while stages["clocks"].step() or stages["notices"].step():  # and nothing is sent yet
        pass
    client = str(api.world.notices(key)["client"]["id"])
    happened(api.world, client, NoticeRefused, answer="no such box")
    handed = {"notice_id": client, "channel": "courier", "reference": "K-17"}
    assert api.give("bolat", "hand-over-notice", **handed) == {"decided": False}
    assert api.post("bolat", "hand-over-notice", handed).status_code == 409, "a second person says the same"
    assert api.give("gulnar", "hand-over-notice", **handed) == {"decided": True}
    assert notice(api.world, client).state == "sent"


def test_a_protection_with_documents_court_and_outcome(api: Api) -> None:
    key = api.give("bolat", "enter-act", **ACT, document={"data": PDF, "name": "act.pdf"})["id"]
    api.give("aigul", "attach-document", protection_id=key, document={"data": PDF[:-4] + "QUJD", "name": "two.pdf"})
    it = api.world.container.decisions.load(Protection, key)
    assert len(it.documents) == 2
    assert it.act is not None
    assert it.act.bureaus == api.world.settings.bureaus
    api.give("dana", "verify-act", protection_id=key, genuine=True, reason="asked the issuer")
    api.give(
        "bolat", "enter-ruling", protection_id=key, court="Алмалы ауданының соты", number="2-77",
        in_force_on="2026-11-21", received_at=MONDAY.isoformat(), ruling="debt-void",
    )  # fmt: skip
    order = next(iter(it.orders))
    which = {"protection_id": key, "order_id": order, "reference": "their letter"}
    assert api.post("bolat", "acknowledge-order", which).status_code == 409, "without words and document"
    document = next(reversed(it.documents))
    api.give("bolat", "acknowledge-order", **which, reason="read their letter", document_id=document)
    assert api.post("bolat", "acknowledge-order", which).status_code == 409, "a second person agrees"
    assert api.post("dana", "acknowledge-order", which).status_code == 409, "in own words"
    api.give("dana", "acknowledge-order", **which, reason="asked them too")
    api.give("dana", "withdraw-acknowledgement", protection_id=key, order_id=order, reason="another letter")
    api.give("bolat", "acknowledge-order", **which, reason="read it again", document_id=document)
    api.give("dana", "acknowledge-order", **which, reason="asked them again")
    more = {"loans": ["L-77"], "received_at": MONDAY.isoformat(), "reason": "page two"}
    api.give("bolat", "amend-act", protection_id=key, **more)
    assert api.post("bolat", "enter-act", {**ACT, "kind": "remedial_submission"}).status_code == 409
    api.give("bolat", "propose-outcome", protection_id=key, outcome="write-off", reason="the act")
    assert api.post("bolat", "decide-outcome", {"protection_id": key, "agreed": True}).status_code == 409
    api.give("dana", "decide-outcome", protection_id=key, agreed=True, reason="the act holds")
    it = api.world.container.decisions.load(Protection, key)
    assert (it.outcome, len(it.rulings), it.orders[order].reference) == ("write-off", 1, "their letter")


def test_governance_and_retention(api: Api) -> None:
    give = api.give
    give("gulnar", "record-duty", key="policy-review", done_on="2026-11-20", evidence="minutes 4",
         document={"data": PDF})  # fmt: skip
    give("aigul", "plan-action", key="policy-review", text="write it down", owner="aigul", due_on="2026-12-01")
    action = api.world.held(ActionRow)[0]
    give("aigul", "close-action", duty_id=action.duty_id, action_id=action.id, evidence="written")
    obligation = give_obligation(api)
    give("aigul", "record-evidence", obligation=obligation, text="the contract", document={"data": PDF})
    give("bolat", "state-control", control="5.1", applicable=True, justification="we have a policy")
    risk = give("aigul", "enter-risk", book="asset", name="portal down", asset="portal", threat="ddos")["id"]
    give("erlan", "score-risk", risk_id=risk, likelihood=3, confidentiality=1, integrity=2, availability=5)
    give("bolat", "treat-risk", risk_id=risk, treatment="reduce", measures="a second line")
    assert len(list(api.world.container.archive.documents("organisation"))) == 1, "the same bytes are kept once"
    ended = {"client": "c-5", "ended_on": "2021-11-01", "reason": "paid"}
    assert api.post("bolat", "end-obligations", ended).status_code == 422, "a day long past rests on a document"
    assert give("bolat", "end-obligations", **ended, document={"data": PDF}) == {"decided": False}
    assert give("gulnar", "end-obligations", **ended) == {"decided": True}
    give("bolat", "place-hold", client="c-5", reason="court case 1")
    assert give("bolat", "lift-hold", client="c-5", reason="it is over") == {"decided": False}
    assert give("gulnar", "lift-hold", client="c-5", reason="read the judgement") == {"decided": True}
    assert api.post("dana", "propose-erasure", {"client": "c-5", "reason": "term over"}).status_code == 409
    api.world.clock.forward(days=7)
    api.sign_in()
    give("dana", "propose-erasure", client="c-5", reason="term over")
    assert api.post("dana", "approve-erasure", {"client": "c-5", "reason": "me"}).status_code == 409
    give("bolat", "approve-erasure", client="c-5", reason="agreed")
    assert api.world.held(RetentionRow, client="c-5")[0].state == "erased"


def give_obligation(api: Api) -> str:
    from engine.governance.register import builtin_register

    return next(iter(builtin_register().obligations))


def test_rules_lists_and_wording(api: Api) -> None:
    meta = api.world.container.rules.by_reference[STUFFING].meta
    assert meta is not None
    parameter, spec = next(iter(meta.parameters.items()))
    made = api.give("erlan", "tune-rule", rule=STUFFING, values={parameter: int(spec.default) - 1}, reason="fewer")
    which = {"rule": STUFFING, "version": made["version"]}
    tried = api.give("erlan", "try-rule", **which)
    assert tried["results"]
    assert all(result["passed"] for result in tried["results"])
    api.give("erlan", "propose-rule", **which, reason="seen")
    api.give("bolat", "approve-rule", **which, reason="agreed")
    api.give("erlan", "activate-rule", **which, reason="go")
    back = {"rule": STUFFING, "reason": "too many"}
    assert api.give("erlan", "roll-back-rule", **back)["decided"] is False, "it may detect less"
    assert api.give("bolat", "roll-back-rule", **back)["version"] == "product"
    assert api.give("erlan", "retire-rule", rule="credential-stuffing", reason="x") == {"decided": False}
    values = {"list": "allow_accounts", "add": ["sha256:mule-9"], "reason": "a mistake"}
    assert api.give("erlan", "change-list", **values) == {"decided": False}
    api.give("bolat", "decide-list", list="allow_accounts", agreed=True, reason="agreed")
    wording = {"kind": "regulator", "language": "ru"}
    api.give("bolat", "propose-wording", **wording, fields={"incident": "№ {{ incident.number }}"}, reason="clearer")
    api.give("dana", "decide-wording", **wording, agreed=True)
    api.give("gulnar", "roll-back-wording", **wording, reason="the lawyer objects")
    assert len(api.give("marat", "make-calendar-feed")["token"]) > 20


def test_a_refusal_comes_before_the_document_is_kept(api: Api) -> None:
    head = api.world.container.decisions.head()
    fields = {"key": "policy-review", "done_on": "2026-11-20", "evidence": "x", "document": {"data": PDF}}
    refused = api.post("aigul", "record-duty", fields)
    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == COMMANDS["record-duty"].refusal
    assert api.post("marat", "record-evidence", {"obligation": "x", "text": "x"}).status_code == 403
    form = {"key": "policy-review", "done_on": "2026-11-20", "evidence": "x"}
    headers = api.headers("marat")
    form["csrf"] = headers["X-CSRF-Token"]
    api.client.post("/duties/done", data=form, files={"document": ("a.pdf", b"%PDF")}, headers=headers)
    assert api.world.container.decisions.head() == head
    assert list(api.world.container.archive.documents("organisation")) == []


def test_what_is_no_command_is_refused(api: Api) -> None:
    assert api.post("bolat", "no-such-command", {}).status_code == 404
    bounce = {"notice_id": "x", "recipient": "x", "status": "5", "detail": ""}
    assert api.post("bolat", "record-bounce", bounce).status_code == 403
    wrong = api.post("bolat", "place-hold", {"client": "c-1", "reason": "x", "roles": ["ciso"]})
    assert (wrong.status_code, "roles" in wrong.json()["error"]["message"]) == (422, True)
    assert "base64" not in api.post("bolat", "attach-document", {"document": {"data": "§"}}).text
    assert api.client.post("/api/v1/commands/place-hold", json={}).status_code == 401
    headers = {**api.headers("bolat"), "X-CSRF-Token": "other"}
    body = {"client": "c-1", "reason": "x"}
    assert api.client.post("/api/v1/commands/place-hold", json=body, headers=headers).status_code == 403


def test_the_description_lists_every_command_with_its_roles(api: Api) -> None:
    headers = api.headers(next(iter(api.tokens)))
    paths = api.client.get("/api/v1/openapi.json", headers=headers).json()["paths"]
    for name, permission in COMMANDS.items():
        if set(permission.roles) & set(PEOPLE):
            told = paths[f"/api/v1/commands/{name}"]["post"]
            assert told["summary"] == permission.title
            assert f"Roles: {', '.join(permission.roles)}." in told["description"]
            assert told["requestBody"]["content"]["application/json"]["schema"]["$ref"]


def test_the_table_is_shown_to_everybody(api: Api, tmp_path: Path) -> None:
    for user in ("aigul", "marat"):
        assert api.client.get("/api/v1/permissions", headers=api.headers(user)).json() == rows()
        page = api.client.get("/permissions", headers=api.headers(user))
        assert page.status_code == 200
        assert all(name in page.text for name in COMMANDS)
    assert api.client.get("/api/v1/permissions").status_code == 401
    assert json.loads(qorgau("permissions", "--json", data=tmp_path / "cli").stdout) == rows()
    table = qorgau("permissions", data=tmp_path / "cli").stdout.decode()
    assert "approve-notice" in table
    assert "evidence-bundle" in table


def test_every_page_and_every_answer_of_the_api_is_in_the_table_of_reading() -> None:
    open_to_machines = ("/calendar/", "/sign-in")
    known = tuple(path for reading in READS.values() for path in reading.paths if path != "/")
    modules = [import_module(f"infra.web.console.{it.name}") for it in iter_modules(console.__path__)]
    found = [route for module in (*modules, api_of_people) for route in getattr(module, "router", NO_ROUTES).routes]
    paths = [route.path for route in found if "GET" in getattr(route, "methods", ())]
    assert len(paths) > 40
    assert [path for path in paths if path != "/" and not path.startswith(known + open_to_machines)] == []


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("record-duty", {"key": "policy-review", "done_on": "0001-01-01", "evidence": "e"}),
        ("plan-action", {"key": "policy-review", "text": "t", "owner": "o", "due_on": "9999-12-31"}),
        ("start-clock", {"kind": "regulator-notice", "anchor_at": "0001-01-01T00:00:00+14:00", "reason": "r"}),
        ("add-note", {"text": "\ud800"}),
        ("tune-rule", {"rule": STUFFING, "values": {"\ud800": 1}, "reason": "r"}),
        ("tune-rule", {"rule": STUFFING, "values": {"clients": json.loads("[" * 60 + "]" * 60)}, "reason": "r"}),
        ("name-clients", {"clients": [f"c{n}" for n in range(10_001)], "reason": "r"}),
    ],
)
def test_what_cannot_be_counted_or_written_is_refused(api: Api, command: str, fields: dict[str, Any]) -> None:
    """An accepted day of the year 1 stopped every clock of the house: the fact stands in the log for ever."""
    told = incident(api.world)
    given = {"incident_id": told} if command in ("add-note", "name-clients") else {}
    given |= {"owner_id": told} if command == "start-clock" else {}
    before = api.world.container.decisions.head()
    body = json.dumps({**fields, **given})  # with escapes, as it comes over the wire
    headers = {**api.headers("bolat" if command != "tune-rule" else "erlan"), "content-type": "application/json"}
    if command in ("add-note", "name-clients"):
        headers = {**api.headers("aigul"), "content-type": "application/json"}
    answer = api.client.post(f"/api/v1/commands/{command}", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert api.world.container.decisions.head() == before


def test_another_spelling_of_an_id_names_nothing(api: Api) -> None:
    """Each would start a clock of its own that no notice, no closing and no merge ever ends."""
    told = incident(api.world)
    for owner in (told.upper(), "{" + told + "}", f"urn:uuid:{told}", told.replace("-", "")):
        fields = {"owner_id": owner, "kind": "isms-report", "anchor_at": MONDAY.isoformat(), "reason": "r"}
        assert api.post("bolat", "start-clock", fields).status_code == 404


@pytest.mark.parametrize("version", ["²", "9" * 5_000, "-1", "x"])
def test_a_version_that_is_no_number_of_a_text_changes_nothing(api: Api, version: str) -> None:
    told = incident(api.world)
    key = api.world.notices(told)["regulator"]["id"]
    session = api.world.container.accounts.session(api.tokens["bolat"])
    assert session is not None
    form = {"csrf": session.csrf, "version": version}
    cookie = {"Cookie": f"{COOKIE}={api.tokens['bolat']}"}
    answer = api.client.post(f"/notices/{key}/submit", data=form, headers=cookie, follow_redirects=False)
    assert answer.status_code == 303


def test_pages_show_what_is_answered_vouched_for_and_blocked(api: Api) -> None:
    key = api.give("bolat", "enter-act", **ACT, document={"data": PDF, "name": "act.pdf"})["id"]
    api.give("bolat", "attach-document", protection_id=key, document={"data": PDF[:-4] + "QUJD", "name": "two.pdf"})
    it = api.world.container.decisions.load(Protection, key)
    order, document = next(iter(it.orders)), next(reversed(it.documents))
    which = {"protection_id": key, "order_id": order, "reference": "their letter"}
    headers = api.headers("dana")
    assert "Confirm by hand" in api.client.get(f"/protections/{key}", headers=headers).text
    api.give("bolat", "acknowledge-order", **which, reason="read their letter", document_id=document)
    headers = api.headers("dana")
    assert "bolat vouches: their letter" in api.client.get(f"/protections/{key}", headers=headers).text
    api.give("bolat", "verify-act", protection_id=key, genuine=False, reason="forged", document_id=document)
    api.give("dana", "verify-act", protection_id=key, genuine=False, reason="asked them")
    headers = api.headers("dana")
    assert "Protect again" in api.client.get(f"/protections/{key}", headers=headers).text
    api.give("dana", "reinstate-act", protection_id=key, reason="they confirmed it")
    assert api.world.container.decisions.load(Protection, key).holds
