"""Sent means handed over to the addressee's side: without a way out nothing counts, and people are told what lacks."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from engine.kernel.errors import DecisionRefused
from engine.kernel.ports import Delivery
from engine.notices.notice import Notice
from infra.app.container import Outside, stages_of
from infra.cli import cli
from infra.inbound.gateway_statuses import gateway_person, read_statuses
from infra.outbound.orders import HttpPost
from infra.web.app import create_app
from tests.support import CISO, COMPLIANCE, COMPLIANCE_2, World

NAMED = {
    "organisation_ru": "ТОО «МФО Пример»", "organisation_kk": "«Мысал МҚҰ» ЖШС",
    "organisation_contact": "+7 727 1234567",
}  # fmt: skip
REACHED = {
    "smtp_host": "mail.example.kz", "regulator_mail": "agency@example.kz", "pd_authority_mail": "pd@example.kz",
    "afc_mail": "afc@example.kz", "client_gateway_mail": "gateway@example.kz", "alert_mail": "duty@example.kz",
}  # fmt: skip


class TakingServer:
    """A mail server that takes everything."""

    repeatable = False
    channel = "smtp"

    def __init__(self) -> None:
        self.taken: list[str] = []

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        self.taken.append(str(mail["To"]))
        return Delivery(outcome="done", reference="250 taken")


def given_a_house(folder: Path, **settings: object) -> World:
    return World(folder, demonstration=False, **NAMED, **settings).people()


def given_a_mail_server(world: World) -> TakingServer:
    server = TakingServer()
    world.stages = stages_of(world.container, Outside(server, HttpPost(world.clock)))
    return server


def given_an_iin_change(world: World) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.incidents()[0]["id"])


def when_it_is_approved(world: World, incident: str, kind: str) -> tuple[str, ...]:
    notice = world.notices(incident)[kind]["id"]
    done = world.container.acts.approve_notice(notice, None, by=COMPLIANCE)
    world.work()
    return done.missing


def then(world: World, incident: str, kind: str) -> tuple[str, str]:
    clock = {"regulator": "regulator-notice", "client": "client-notice", "pd_authority": "personal-data-notice"}[kind]
    return world.notices(incident)[kind]["state"], world.clocks(incident)[clock]["state"]


@pytest.mark.parametrize("kind", ["regulator", "client", "pd_authority"])
def test_a_letter_in_a_folder_satisfies_nothing(tmp_path: Path, kind: str) -> None:
    world = given_a_house(tmp_path)
    incident = given_an_iin_change(world)
    missing = when_it_is_approved(world, incident, kind)
    assert then(world, incident, kind) == ("spooled", "running")
    assert set(missing) <= {"smtp_host", "regulator_mail", "pd_authority_mail", "client_gateway_url"} and missing


@pytest.mark.parametrize("kind", ["regulator", "client", "pd_authority"])
def test_an_address_on_this_machine_is_nobodys(tmp_path: Path, kind: str) -> None:
    world = given_a_house(tmp_path, smtp_host="mail.example.kz")
    server = given_a_mail_server(world)
    incident = given_an_iin_change(world)
    when_it_is_approved(world, incident, kind)
    assert then(world, incident, kind) == ("spooled", "running")
    assert [to for to in server.taken if not to.startswith("security@")] == []


def test_a_mail_to_the_gateway_is_no_delivery_to_the_client(tmp_path: Path) -> None:
    world = given_a_house(tmp_path, **REACHED)
    given_a_mail_server(world)
    incident = given_an_iin_change(world)
    assert when_it_is_approved(world, incident, "client") == ()
    assert then(world, incident, "client") == ("handed-over", "running")
    world.clock.forward(minutes=5)
    said = {"id": world.notices(incident)["client"]["id"], "status": "delivered", "at": world.clock.now().isoformat()}
    body = json.dumps({"statuses": [said]}).encode()
    world.container.dispatch(read_statuses(body), by=gateway_person(world.settings.client_gateway_source))
    world.work()
    assert then(world, incident, "client") == ("sent", "satisfied")


def test_what_the_other_side_took_counts(tmp_path: Path) -> None:
    world = given_a_house(tmp_path, **REACHED)
    server = given_a_mail_server(world)
    incident = given_an_iin_change(world)
    assert when_it_is_approved(world, incident, "regulator") == ()
    assert then(world, incident, "regulator") == ("sent", "satisfied")
    assert "agency@example.kz" in server.taken


def test_a_person_may_hand_over_what_has_no_way_out(tmp_path: Path) -> None:
    world = given_a_house(tmp_path)
    incident = given_an_iin_change(world)
    when_it_is_approved(world, incident, "regulator")
    notice = world.notices(incident)["regulator"]["id"]
    world.clock.forward(minutes=10)
    for by in (COMPLIANCE, CISO):
        world.container.acts.hand_over_notice(notice, "portal of the agency", "in-4711", world.clock.now(), by=by)
    world.work()
    assert then(world, incident, "regulator") == ("sent", "satisfied")


def test_what_lies_in_the_spool_is_sent_when_there_is_a_way_out(tmp_path: Path) -> None:
    world = given_a_house(tmp_path)
    incident = given_an_iin_change(world)
    when_it_is_approved(world, incident, "regulator")
    notice = world.notices(incident)["regulator"]["id"]
    world.container.close()
    world = World(tmp_path, world.clock, demonstration=False, **NAMED, **REACHED)
    given_a_mail_server(world)
    world.container.acts.resend_notice(
        notice, "agency@example.kz", "regulator@localhost", "the server is set now", by=COMPLIANCE
    )
    world.work()
    assert then(world, incident, "regulator") == ("sent", "satisfied")


def test_a_draft_goes_to_the_address_that_was_set_after_it(tmp_path: Path) -> None:
    world = given_a_house(tmp_path)
    incident = given_an_iin_change(world)
    world.container.close()
    world = World(tmp_path, world.clock, demonstration=False, **NAMED, **REACHED)
    server = given_a_mail_server(world)
    when_it_is_approved(world, incident, "regulator")
    assert "agency@example.kz" in server.taken
    assert then(world, incident, "regulator") == ("sent", "satisfied")


def test_people_are_told_that_a_notice_has_no_way_out(tmp_path: Path) -> None:
    world = given_a_house(tmp_path)
    when_it_is_approved(world, given_an_iin_change(world), "regulator")
    alerts = [path.read_text() for path in (tmp_path / "spool").glob("alert-*.eml")]
    assert any("no way out" in text for text in alerts)


SENDER = ("organisation_ru", "organisation_kk", "organisation_bin", "organisation_contact")
UNSIGNED = [
    (kind, name) for kind in ("regulator", "client", "pd_authority") for name in SENDER
    if (kind, name) != ("client", "organisation_bin")  # clients are not told the number
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), UNSIGNED)
def test_a_notice_without_its_sender_is_not_approved(tmp_path: Path, kind: str, name: str) -> None:
    given = {"organisation_bin": "000000000000", **NAMED, **REACHED, name: ""}
    if name != "organisation_bin":
        del given[name]
    world = World(tmp_path, demonstration=False, **given).people()
    incident = given_an_iin_change(world)
    with pytest.raises(DecisionRefused, match=f"QORGAU_{name.upper()}"):
        when_it_is_approved(world, incident, kind)


def test_a_contact_without_a_telephone_is_none_for_a_client(tmp_path: Path) -> None:
    world = World(tmp_path, demonstration=False, **{**NAMED, "organisation_contact": "Служба безопасности"}).people()
    incident = given_an_iin_change(world)
    with pytest.raises(DecisionRefused, match="ORGANISATION_CONTACT"):
        when_it_is_approved(world, incident, "client")
    text = world.notices(incident)["client"]["id"]
    held = world.container.decisions.load(Notice, text)
    for language, fields in held.content.items():
        changed = {**fields, "contact": "МФО Пример, +7 727 1234567"}
        world.container.acts.edit_notice(text, language, changed, None, by=COMPLIANCE_2)
    when_it_is_approved(world, incident, "client")
    assert world.container.decisions.load(Notice, text).approved_by == COMPLIANCE.id


def test_a_promise_of_a_day_that_has_passed_is_not_approved(tmp_path: Path) -> None:
    world = given_a_house(tmp_path)
    incident = given_an_iin_change(world)
    notice = world.notices(incident)["regulator"]["id"]
    held = world.container.decisions.load(Notice, notice)
    for language, fields in held.content.items():
        changed = {**fields, "planned": "до 20.11.2026 18:00"}
        world.container.acts.edit_notice(notice, language, changed, None, by=COMPLIANCE_2)
    with pytest.raises(DecisionRefused, match=r"20\.11\.2026"):
        when_it_is_approved(world, incident, "regulator")


def test_health_is_degraded_and_names_what_is_missing(tmp_path: Path) -> None:
    world = given_a_house(tmp_path, health_token="s3cret")
    answer = TestClient(create_app(world.container)).get("/health", headers={"Authorization": "Bearer s3cret"})
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    named = {it["setting"] for it in answer.json()["missing"]}
    assert {"QORGAU_SMTP_HOST", "QORGAU_REGULATOR_MAIL", "QORGAU_CLIENT_GATEWAY_URL"} <= named


def test_health_is_ok_when_nothing_is_missing(tmp_path: Path) -> None:
    world = given_a_house(tmp_path, **REACHED)
    assert TestClient(create_app(world.container)).get("/health").json()["status"] == "ok"


def test_check_says_what_is_missing_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QORGAU_DATA", str(tmp_path / "data"))
    found = CliRunner().invoke(cli, ["check"])
    assert found.exit_code == 1
    assert "QORGAU_SMTP_HOST: no mail server is set" in found.output
    assert "QORGAU_ORGANISATION_CONTACT" in found.output
    for name, value in {**NAMED, **REACHED, "organisation_bin": "000000000000"}.items():
        monkeypatch.setenv(f"QORGAU_{name.upper()}", value)
    found = CliRunner().invoke(cli, ["check", "--json"])
    assert found.exit_code == 0
    assert json.loads(found.output) == {"status": "ok", "missing": []}


def test_the_demonstration_says_nothing_is_missing(tmp_path: Path) -> None:
    world = World(tmp_path).people()
    incident = given_an_iin_change(world)
    assert when_it_is_approved(world, incident, "regulator") == ()
    assert then(world, incident, "regulator") == ("sent", "satisfied")
    assert TestClient(create_app(world.container)).get("/health").json()["status"] == "ok"
