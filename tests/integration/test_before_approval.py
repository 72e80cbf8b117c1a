"""What an officer sees and does around approvals: everything that blocks one at once, many handed over in one act."""

from __future__ import annotations

import subprocess
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from engine.governance.facts import ServiceBegan
from engine.incidents.casework import Report
from engine.incidents.incident import Incident
from engine.kernel.commands import Attachment
from engine.kernel.errors import DecisionRefused, InputError, SecondPersonNeeded
from engine.kernel.ids import derive
from engine.notices.commands import EditNotice, HandOverClientNotices
from engine.notices.notice import Notice
from infra.cli import cli
from infra.read.evidence import Bundle
from infra.web.app import create_app
from reports.drafts import Organisation
from reports.messages import speak
from reports.said.answers import answer, system
from tests.integration.test_signing import DANAS, approve, given, text
from tests.integration.test_signing import node as node
from tests.integration.test_signing import world as signing_world
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, PASSWORD, World

signing = signing_world


def changed(world: World, *more: str) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    incident = str(world.incidents()[0]["id"])
    if more:
        world.container.acts.name_clients(incident, list(more), [], "they called", by=ANALYST)
        world.work()
    return incident


def page(world: World, path: str, user: str = COMPLIANCE.id, language: str = "en") -> str:
    with TestClient(create_app(world.container), headers={"Accept-Language": language}) as web:
        web.post("/sign-in", data={"user": user, "password": PASSWORD})
        return web.get(path).text


def test_everything_that_blocks_an_approval_is_shown_at_once(world: World) -> None:
    key = world.notices(changed(world))["regulator"]["id"]
    world.container.acts.edit_notice(key, "ru", {"damage": " ", "planned": "до 01.01.2020"}, None, by=COMPLIANCE)
    shown = page(world, f"/notices/{key}")
    section = shown.partition('id="blocking"')[2].partition("</section>")[0]
    assert "the notice has empty fields" in section
    assert "01.01.2020" in section
    assert "who edited the notice cannot approve it" in section
    assert "Can approve it now: dana" in section
    russian = page(world, f"/notices/{key}", language="ru").partition('id="blocking"')[2].partition("</section>")[0]
    assert "Ущерб" in russian and "damage" not in russian


def test_where_nothing_blocks_it_says_so(world: World) -> None:
    key = world.notices(changed(world))["regulator"]["id"]
    assert "Nothing in the text blocks its approval." in page(world, f"/notices/{key}")


def test_a_compliance_officer_sees_what_the_table_lets_him_do(world: World) -> None:
    shown = page(world, f"/incidents/{changed(world)}")
    for act in ("confirm", "clients", "notifiable", "not-notifiable", "clock", "link"):
        assert f'/{act}"' in shown, act
    for act in ("merge", "severity", "acknowledge", "split"):
        assert f'/{act}"' not in shown, act


def test_the_bar_does_not_say_triaged_before_somebody_looked(world: World) -> None:
    incident = changed(world)
    world.container.acts.measure(incident, "containment", "disabled the account in the portal", by=ANALYST)
    world.work()
    assert '<li class="">triaged</li>' in page(world, f"/incidents/{incident}")
    world.container.acts.acknowledge(incident, by=ANALYST)
    assert '<li class="past">triaged</li>' in page(world, f"/incidents/{incident}")


def client_text(world: World, incident: str) -> str:
    return next(it.id for it in world.held_notices(incident) if it.kind == "client" and not it.text_of)


@pytest.fixture
def silent(tmp_path: Path) -> World:
    """A house whose notices to clients go nowhere by themselves."""
    named = {"organisation_ru": "A", "organisation_kk": "B", "organisation_contact": "+7 727 1234567"}
    return World(tmp_path / "data", demonstration=False, **named).people()


def test_notices_to_many_are_handed_over_in_one_act(silent: World) -> None:
    world, incident = silent, changed(silent, "c-2", "c-3")
    key = client_text(world, incident)
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    world.clock.forward(minutes=10)
    paper = Attachment(data=b"%PDF-1.7 the list with stamps of the post", name="list.pdf", media_type="application/pdf")
    command = HandOverClientNotices(notice_id=key, channel="registered letter", reference="KZ-17", document=paper)
    assert world.container.dispatch(command, by=COMPLIANCE).count == 0, "a second person says the same"
    with pytest.raises(SecondPersonNeeded):
        world.container.dispatch(command, by=COMPLIANCE)
    assert world.container.dispatch(command, by=CISO).count == 3
    world.work()
    copies = [it for it in world.held_notices(incident) if it.text_of == key]
    assert {it.state for it in copies} == {"sent"}
    assert all(world.container.decisions.load(Notice, it.id).signed_by_hand for it in copies)
    assert {it.state for it in world.held_clocks(incident) if it.kind == "client-notice"} == {"satisfied"}
    with pytest.raises(DecisionRefused, match="already"):
        world.container.dispatch(command, by=COMPLIANCE)


@pytest.mark.parametrize("field", ["channel", "reference", "handed_at"])
def test_the_checks_are_those_of_one(silent: World, field: str) -> None:
    key = client_text(silent, changed(silent, "c-2"))
    values = {"channel": "letter", "reference": "KZ-17"}
    with pytest.raises(DecisionRefused):
        silent.container.dispatch(HandOverClientNotices(notice_id=key, **values), by=COMPLIANCE)  # type: ignore[arg-type]
    silent.container.acts.approve_notice(key, None, by=COMPLIANCE)
    silent.work()
    wrong = {"channel": " ", "reference": "x", "handed_at": silent.clock.now() + timedelta(days=1)}[field]
    with pytest.raises((DecisionRefused, InputError)):
        silent.container.dispatch(HandOverClientNotices(notice_id=key, **{**values, field: wrong}), by=COMPLIANCE)  # type: ignore[arg-type]


def test_a_late_message_to_the_centre_says_why_and_leaves_nothing_unknown(world: World) -> None:
    world.feed(world.event("afc.message.received", mfo__client__id="c-1", mfo__message__id="m-1"), source="afc")
    incident = world.container.acts.report(_told(world), by=ANALYST)
    world.work()
    key = world.notices(incident)["afc"]["id"]
    world.clock.forward(days=3)
    world.sweep()
    notice = world.container.decisions.load(Notice, key)
    assert notice.content["json"]["late"] == ""
    with pytest.raises(DecisionRefused, match="why it comes later"):
        world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    unknown = [name for name, said in notice.content["json"].items() if said == "unknown"]
    assert unknown
    late = EditNotice(notice_id=key, language="json", fields={"late": "the officer was ill"})
    world.container.dispatch(late, by=COMPLIANCE_2)
    with pytest.raises(DecisionRefused, match="unknown"):
        world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    said = EditNotice(
        notice_id=key, language="json", fields=dict.fromkeys(unknown, "nobody knows yet: asked the payer")
    )
    world.container.dispatch(said, by=COMPLIANCE_2)
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)


def _told(world: World) -> Report:
    return Report(title="a fraud", incident_class="fraud", channel="hot-line", told_at=world.clock.now(),
                  clients=("c-7",), loans=("L-7",), reference="call 1")  # fmt: skip


def test_a_duty_never_done_has_its_name_on_a_line_of_its_own(world: World) -> None:
    with world.container.decisions.unit(world.clock.now()) as unit:
        unit.record_single(str(derive("service-began")), ServiceBegan(at=world.clock.now()))
    world.work()
    shown = page(world, "/clocks")
    assert shown.count("Returning duties that were never done") == 1
    assert "Internal audit of information security" in shown


ANSWERS = [
    ("HTTP 404 from collections", "ответ HTTP 404 (система взыскания)"),
    ("loan:L-1: the answer says no outcome for it (loans)",
     "микрокредит L-1: в ответе не сказано, исполнено ли это (система учёта микрокредитов)"),
    ("unknown loan", "«unknown loan»"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("recorded", "said"), ANSWERS)
def test_our_words_are_translated_and_theirs_are_quoted(recorded: str, said: str) -> None:
    with speak("ru"):
        assert answer(recorded) == said
    with speak("en"):
        assert answer(recorded) == recorded


def test_systems_have_names() -> None:
    with speak("ru"):
        assert system("collections") == "система взыскания"
        assert system("our-own") == "our-own"


def test_no_russian_contact_stands_in_a_kazakh_text() -> None:
    house = Organisation(name_ru="МФО", name_kk="МҚҰ", contact="Служба безопасности, +7 727 123 45 67, доб. 12")
    assert house.contact_in("kk") == "тел. +7 727 123 45 67, 12"
    assert house.contact_in("ru").startswith("Служба")
    assert house.model_copy(update={"contacts": {"kk": "Қауіпсіздік қызметі, +7 727 1"}}).contact_in("kk")[0] == "Қ"


def test_the_check_asks_for_a_kazakh_contact_and_names_who_cannot_sign(
    signing: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing.container.accounts.add("saule", "Saule", ("compliance_officer",), PASSWORD, actor="test")
    for name, value in {
        "DATA": str(signing.folder), "NOTICE_SIGNATURE": "required", "NCANODE_URL": "http://127.0.0.1:9",
        "ORGANISATION_CONTACT": "Служба безопасности, +7 727 1234567", "LANGUAGE": "ru",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"QORGAU_{name}", value)
    found = CliRunner().invoke(cli, ["check"])
    assert found.exit_code == 1
    assert "qorgau users signs-as saule: saule может утверждать уведомления" in found.output
    assert "signs-as dana" not in found.output
    assert "QORGAU_ORGANISATION_CONTACT_KK: контакт написан" in found.output


def test_the_bundle_holds_the_signature_with_exactly_the_signed_bytes(signing: World, tmp_path: Path) -> None:
    key = given(signing)
    data = text(signing, key)
    approve(signing, key, DANAS.sign(data))
    signing.work()
    incident = signing.container.decisions.load(Notice, key).incident_id
    case = signing.container.decisions.load(Incident, incident)
    made = zipfile.ZipFile(BytesIO(Bundle(signing.container, case, language="en").build(signing.clock.now(), "bolat")))
    (cms,) = [name for name in made.namelist() if name.endswith(".p7s")]
    assert made.read(cms.replace(".p7s", ".signed.json")) == data
    (tmp_path / "cms").write_bytes(made.read(cms))
    (tmp_path / "bytes").write_bytes(data)
    assert "openssl cms -verify -binary -inform DER" in made.read("README.txt").decode()
    asked = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "bytes", "-noverify",
             "-out", "/dev/null"]  # fmt: skip
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
