"""Given a house that signs its notices digitally, when somebody approves, then only the approver's own valid signature
over exactly the approved bytes counts; a house that signs by hand says so honestly.

The keys are made anew at every run, so what is decided here cannot stand among the golden logs.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from engine.kernel.errors import Conflict, DecisionRefused, InputError, SecondPersonNeeded
from engine.notices import reasons
from engine.notices.commands import ApproveClientNotices, ApproveNotice, HandOverNotice
from engine.notices.facts import NoticeApproved, NoticeSigned
from engine.notices.notice import Notice, list_hash
from engine.notices.signing import signature_of
from infra.cli import cli
from infra.commands.signing import notice_bytes, sealed
from infra.read import timeline
from infra.read.notices.documents import notice_document
from infra.web.app import create_app
from reports.render import render
from tests.ncanode import Centre, Node, serving
from tests.support import ANALYST, COMPLIANCE, COMPLIANCE_2, MONDAY, PASSWORD, World

DANA, BOLAT = "900101300017", "850505400028"
BIN = "000000000000"
CENTRE = Centre()
DANAS = CENTRE.issue("ДАНА", DANA, bin=BIN)
BOLATS = CENTRE.issue("БОЛАТ", BOLAT)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "node").mkdir()
    with serving(Node(CENTRE, tmp_path / "node")) as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, node: Node) -> Iterator[World]:
    made = World(tmp_path / "data", notice_signature="required", ncanode_url=node.url).people()
    signers = made.container.dispatcher.desk.signers
    signers.set("dana", DANA, actor="test")
    signers.set("bolat", BOLAT, actor="test")
    yield made
    made.container.close()


def given(world: World) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    incident = str(world.incidents()[0]["id"])
    return str(world.notices(incident)["regulator"]["id"])


def held(world: World, key: str) -> Notice:
    return world.container.decisions.load(Notice, key)


def text(world: World, key: str) -> bytes:
    return notice_bytes(world.container.dispatcher.desk, key, COMPLIANCE_2)


def b64(cms: bytes) -> str:
    return base64.b64encode(cms).decode()


def approve(world: World, key: str, cms: bytes | str, by: Any = COMPLIANCE_2, **more: Any) -> None:
    signature = b64(cms) if isinstance(cms, bytes) else cms
    world.container.dispatch(ApproveNotice(notice_id=key, signature=signature, **more), by=by)


def undone(world: World, key: str) -> bool:
    """It is a draft still: nothing was approved, recorded or sent."""
    world.work()
    facts = world.container.decisions.of(key)
    return held(world, key).state == "draft" and not any(isinstance(it, NoticeApproved | NoticeSigned) for it in facts)


def test_the_approvers_signature_over_the_approved_bytes_counts(world: World) -> None:
    key = given(world)
    data = text(world, key)
    cms = DANAS.sign(data)
    approve(world, key, cms)
    world.work()
    notice = held(world, key)
    assert notice.state == "sent"
    signed = notice.signed
    assert signed is not None
    assert (signed.actor, signed.signer, signed.signer_iin) == ("dana", "ДАНА", "••••••••0017")
    assert signed.signed_sha256 == hashlib.sha256(data).hexdigest()
    assert (signed.organisation_bin, signed.revocation) == (BIN, "OCSP")
    assert int(signed.certificate, 16) == DANAS.certificate.serial_number
    assert signed.valid_until == DANAS.certificate.not_valid_after_utc
    document, kept = world.container.archive.read(signed.document_id)
    assert (kept, document.sha256) == (cms, signed.cms_sha256)
    assert text(world, key) == data, "the bytes of an approved notice are those that were signed"


def test_the_addressee_gets_what_was_signed_and_the_signature(world: World) -> None:
    key = given(world)
    data = text(world, key)
    cms = DANAS.sign(data)
    approve(world, key, cms)
    world.work()
    mail = message_from_bytes(next((world.folder / "spool").glob("*.eml")).read_bytes(), policy=default)
    found = {it.get_filename(): it.get_content() for it in mail.iter_attachments()}
    name = f"notice-{key[:8]}-signed.json"
    assert (found[name], found[f"{name}.p7s"]) == (data, cms)


def test_a_text_for_many_is_signed_once_with_its_list(world: World) -> None:
    given(world)
    incident = str(world.incidents()[0]["id"])
    key = str(world.notices(incident)["client"]["id"])
    assert held(world, key).to_many
    data = text(world, key)
    assert orjson.loads(data)["list_sha256"] == list_hash(("c-1",))
    approve(world, key, DANAS.sign(data))
    world.work()
    (own,) = [row for row in world.held_notices(incident) if row.text_of == key]
    assert (own.subject, own.state) == ("c-1", "sent")
    assert text(world, key) == data
    with pytest.raises(DecisionRefused, match="the text for many is signed"):
        text(world, own.id)


def test_the_timeline_the_paper_and_the_bundle_say_who_signed(world: World) -> None:
    key = given(world)
    incident = str(world.incidents()[0]["id"])
    approve(world, key, DANAS.sign(text(world, key)))
    told = [entry.text for entry in timeline.page(world.container, incident, most=100, main=100).entries]
    assert any("signed digitally by ДАНА" in it for it in told), told
    made, _ = notice_document(world.container.decisions, held(world, key), "en")
    paper = render(made, "txt").decode()
    assert "Подписано электронной цифровой подписью: ДАНА (••••••••0017)" in paper
    assert "Электрондық цифрлық қолтаңбамен" in paper
    said = signature_of(held(world, key))
    assert said is not None
    assert (said["way"], said["signer"]) == ("digital", "ДАНА")


def test_signature_and_approval_are_recorded_together(world: World) -> None:
    key = given(world)
    approve(world, key, DANAS.sign(text(world, key)))
    topics = [it.topic for it in world.container.decisions.of(key)]
    assert topics[-2:] == ["notice.signed.v1", "notice.approved.v1"]


def test_no_iin_of_a_signer_stands_in_the_log(world: World) -> None:
    key = given(world)
    approve(world, key, DANAS.sign(text(world, key)))
    rows = world.rows("SELECT state FROM decisions")
    assert not any(DANA.encode() in bytes(row["state"]) for row in rows)


def test_the_bytes_hold_the_notice_in_all_its_languages(world: World) -> None:
    key = given(world)
    said = orjson.loads(text(world, key))
    notice = held(world, key)
    assert said["content"] == notice.content
    assert set(said["content"]) == {"ru", "kk"}
    assert (said["notice"], said["kind"], said["stage"], said["version"]) == (key, "regulator", "initial", 1)
    assert said["recipients"] == ["regulator@localhost"]


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        (lambda data: "", "only with the approver's digital signature"),
        (lambda data: BOLATS.sign(data), "not that of dana"),
        (lambda data: CENTRE.issue("ДАНА", BOLAT).sign(data), "not that of dana"),
        (lambda data: DANAS.sign(data + b"\n"), reasons.WRONG),
        (lambda data: DANAS.sign(b"other", detached=False), "text of its own"),
        (lambda data: DANAS.sign(data, also=BOLATS), "exactly one person"),
        (lambda data: CENTRE.issue("ДАНА", DANA, days=50).sign(data), reasons.EXPIRED),
        (lambda data: CENTRE.issue("ДАНА", DANA, use="AUTH").sign(data), reasons.TO_SIGN_IN),
        (lambda data: Centre().issue("ДАНА", DANA).sign(data), reasons.UNCONFIRMED),
        (lambda data: b64(b"0\x00"), "no digital signature"),
    ],
)  # fmt: skip
def test_any_other_signature_leaves_it_a_draft(world: World, sign: Any, reason: str) -> None:
    key = given(world)
    with pytest.raises(DecisionRefused, match=reason):
        approve(world, key, sign(text(world, key)))
    assert undone(world, key)


def test_a_revoked_certificate_leaves_it_a_draft(world: World, node: Node) -> None:
    key = given(world)
    node.revoked.add(DANAS.certificate.serial_number)
    with pytest.raises(DecisionRefused, match="revoked"):
        approve(world, key, DANAS.sign(text(world, key)))
    assert undone(world, key)


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/html", b"<html>sign in</html>"), (202, "application/json", b'{"status": 202}'),
        (503, "text/html", b""), (200, "application/json", b'{"status": 200, "valid": true, "signers": []}'),
    ],
)  # fmt: skip
def test_an_unclear_answer_leaves_it_a_draft(world: World, node: Node, answer: Any) -> None:
    key = given(world)
    node.answer = answer
    with pytest.raises(DecisionRefused, match="nothing was approved"):
        approve(world, key, DANAS.sign(text(world, key)))
    assert undone(world, key)


def test_a_service_that_is_down_leaves_it_a_draft(world: World) -> None:
    key = given(world)
    world.container.dispatcher.desk.signatures.url = "http://127.0.0.1:1"  # type: ignore[union-attr]
    with pytest.raises(DecisionRefused, match="cannot be reached"):
        approve(world, key, DANAS.sign(text(world, key)))
    assert undone(world, key)


def test_what_is_not_base64_is_refused(world: World) -> None:
    key = given(world)
    with pytest.raises(InputError, match="base64"):
        approve(world, key, "не подпись")
    assert undone(world, key)


def test_a_signature_of_the_text_before_does_not_count(world: World) -> None:
    key = given(world)
    cms = DANAS.sign(text(world, key))
    world.container.acts.edit_notice(key, "ru", {"damage": "нет"}, None, by=ANALYST)
    with pytest.raises(DecisionRefused, match=r"as it stands now"):
        approve(world, key, cms)
    approve(world, key, DANAS.sign(text(world, key)))
    assert held(world, key).approved_by == "dana"


def test_a_text_that_changes_while_it_is_verified_is_not_approved(world: World, node: Node) -> None:
    key = given(world)
    cms = DANAS.sign(text(world, key))
    desk = world.container.dispatcher.desk
    verify = desk.signatures.verify

    def meanwhile(cms: bytes, data: bytes) -> Any:
        found = verify(cms, data)
        world.container.acts.edit_notice(key, "ru", {"damage": "нет"}, None, by=ANALYST)
        return found

    desk.signatures.verify = meanwhile  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        approve(world, key, cms)
    assert undone(world, key)


def test_a_signature_of_another_notice_does_not_count(world: World) -> None:
    key = given(world)
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-9", mfo__change__field="phone"))
    others = [row.id for it in world.incidents() for row in world.held_notices(str(it["id"])) if row.id != key]
    with pytest.raises(DecisionRefused):
        approve(world, key, DANAS.sign(text(world, others[0])))
    assert undone(world, key)


def test_who_has_no_iin_recorded_cannot_approve(world: World, node: Node) -> None:
    key = given(world)
    world.container.dispatcher.desk.signers.set("dana", "", actor="test")
    with pytest.raises(DecisionRefused, match="no IIN is recorded with which dana signs"):
        approve(world, key, DANAS.sign(text(world, key)))
    assert undone(world, key)
    assert node.asked == []


def test_a_person_who_may_not_approve_is_not_verified_at_all(world: World, node: Node) -> None:
    key = given(world)
    world.container.acts.submit_notice(key, None, by=COMPLIANCE_2)
    with pytest.raises(SecondPersonNeeded):
        approve(world, key, DANAS.sign(text(world, key)))
    assert node.asked == []


def test_one_iin_is_one_account(world: World) -> None:
    signers = world.container.dispatcher.desk.signers
    with pytest.raises(Conflict, match="another account"):
        signers.set("gulnar", DANA, actor="test")
    with pytest.raises(InputError):
        signers.set("gulnar", "900101300018", actor="test")
    signers.set("dana", "", actor="test")
    signers.set("gulnar", DANA, actor="test")
    assert (signers.last_digits("gulnar"), signers.last_digits("dana")) == ("0017", "")


def test_many_are_not_approved_at_once_without_signatures(world: World) -> None:
    given(world)
    incident = str(world.incidents()[0]["id"])
    with pytest.raises(DecisionRefused, match="one by one"):
        world.container.dispatch(ApproveClientNotices(incident_id=incident), by=COMPLIANCE_2)


def test_without_a_service_nobody_approves_and_the_house_says_so(tmp_path: Path) -> None:
    world = World(tmp_path / "data", notice_signature="required").people()
    try:
        assert "ncanode_url" in [it.setting for it in world.settings.lacking()]
        world.container.dispatcher.desk.signers.set("dana", DANA, actor="test")
        key = given(world)
        with pytest.raises(DecisionRefused, match="nothing checks them"):
            approve(world, key, DANAS.sign(text(world, key)))
        assert undone(world, key)
    finally:
        world.container.close()


def client_of(world: World, person: str) -> tuple[TestClient, str]:
    client = TestClient(create_app(world.container), base_url="http://testserver", follow_redirects=False)
    client.post("/sign-in", data={"user": person, "password": PASSWORD})
    return client, str(client.get("/api/v1/me").json()["csrf"])


def test_over_the_api(world: World) -> None:
    key = given(world)
    client, csrf = client_of(world, "dana")
    answer = client.get(f"/api/v1/notices/{key}/to-sign")
    assert answer.content == text(world, key)
    assert answer.headers["x-content-sha256"] == hashlib.sha256(answer.content).hexdigest()
    headers = {"X-CSRF-Token": csrf}
    bare = client.post(f"/api/v1/notices/{key}/approve", headers=headers)
    assert bare.status_code == 409, bare.text
    body = {"signature": b64(DANAS.sign(answer.content))}
    done = client.post(f"/api/v1/notices/{key}/approve", json=body, headers=headers)
    assert done.status_code == 200, done.text
    said = done.json()["signature"]
    assert (said["way"], said["signer"], said["signer_iin"]) == ("digital", "ДАНА", "••••••••0017")


@pytest.mark.parametrize("armour", [False, True])
def test_in_the_console(world: World, armour: bool) -> None:
    key = given(world)
    client, csrf = client_of(world, "dana")
    shown = client.get(f"/notices/{key}")
    assert 'src="/static/sign.js"' in shown.text
    assert "wss://127.0.0.1:13579" in shown.headers["content-security-policy"]
    assert "wss:" not in client.get("/").headers["content-security-policy"]
    assert client.get("/static/sign.js").status_code == 200
    data = client.get(f"/notices/{key}/to-sign.json").content
    cms = DANAS.sign(data)
    plain = f"-----BEGIN CMS-----\n{b64(cms)}\n-----END CMS-----\n".encode() if armour else cms
    files = {"document": ("notice.p7s", plain, "application/pkcs7-signature")}
    client.post(f"/notices/{key}/approve", data={"csrf": csrf, "signature": ""}, files=files)
    world.work()
    shown = client.get(f"/notices/{key}")
    assert "Signed digitally by ДАНА" in shown.text
    assert DANA not in shown.text
    assert client.get(f"/notices/{key}/signature").content == cms


def test_a_house_that_signs_by_hand_keeps_the_scan_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path / "data").people()
    try:
        assert world.settings.notice_signature == "by_hand"
        key = given(world)
        client, csrf = client_of(world, "dana")
        page = client.get(f"/notices/{key}")
        assert "sign.js" not in page.text
        assert "wss:" not in page.headers["content-security-policy"]
        with pytest.raises(InputError, match="by hand"):
            approve(world, key, DANAS.sign(text(world, key)))
        world.container.acts.approve_notice(key, None, by=COMPLIANCE)
        assert "no signature on paper or digital is recorded" in client.get(f"/notices/{key}").text
        files = {"document": ("scan.pdf", b"%PDF-1.7 signed", "application/pdf")}
        fields = {"csrf": csrf, "channel": "courier", "reference": "receipt 17", "handed_at": "2026-11-23T10:00"}
        client.post(f"/notices/{key}/hand-over", data=fields, files=files)
        notice = held(world, key)
        assert notice.signed is None
        by_hand = notice.signed_by_hand
        assert by_hand is not None
        assert (by_hand.actor, by_hand.channel, by_hand.handed_at) == ("dana", "courier", MONDAY)
        assert world.container.archive.read(by_hand.document_id)[1] == b"%PDF-1.7 signed"
        assert "Signed by hand, as dana says" in client.get(f"/notices/{key}").text
    finally:
        world.container.close()


def test_a_refused_hand_over_keeps_no_scan(world: World) -> None:
    key = given(world)
    scan = {"data": b64(b"%PDF-1.7"), "name": "scan.pdf"}
    command = HandOverNotice(notice_id=key, channel="courier", reference="receipt 17", document=scan)  # type: ignore[arg-type]
    with pytest.raises(DecisionRefused, match="only an approved notice"):
        world.container.dispatch(command, by=COMPLIANCE)
    assert list(world.container.archive.documents()) == []


def test_the_seal_of_the_organisation(tmp_path: Path, node: Node) -> None:
    seal = CENTRE.issue("SEAL", DANA, bin=BIN)
    (tmp_path / "seal.p12").write_bytes(seal.keystore("secret"))
    (tmp_path / "password").write_text("secret\n", encoding="utf8")
    world = World(
        tmp_path / "data", ncanode_url=node.url, ncanode_seal_key=tmp_path / "seal.p12",
        ncanode_seal_password_file=tmp_path / "password",
    ).people()  # fmt: skip
    try:
        key = given(world)
        desk = world.container.dispatcher.desk
        with pytest.raises(DecisionRefused, match="only an approved notice"):
            sealed(desk, key, COMPLIANCE)
        world.container.acts.approve_notice(key, None, by=COMPLIANCE)
        made = sealed(desk, key, COMPLIANCE)
        assert desk.signatures.verify(made, text(world, key)).bin == BIN
        (tmp_path / "seal.p12").write_bytes(CENTRE.issue("OTHER", DANA, bin="111111111111").keystore("secret"))
        with pytest.raises(DecisionRefused, match="not that of this organisation"):
            sealed(desk, key, COMPLIANCE)
    finally:
        world.container.close()


def test_on_the_command_line(world: World, tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    key = given(world)
    data = text(world, key)
    monkeypatch.setenv("QORGAU_DATA", str(world.folder))
    monkeypatch.setenv("QORGAU_NCANODE_URL", node.url)
    monkeypatch.setenv("QORGAU_NOTICE_SIGNATURE", "required")
    out = tmp_path / "bytes.json"
    runner = CliRunner()
    assert runner.invoke(cli, ["users", "signs-as", "gulnar"], input="770707300012\n").output == (
        "gulnar: signs as …0012\n"
    )  # fmt: skip
    assert runner.invoke(cli, ["notices", "to-sign", key, "--out", str(out)]).exit_code == 0
    assert out.read_bytes() == data
    assert world.container.dispatcher.desk.signers.is_of("gulnar", "770707300012")
    refused = runner.invoke(cli, ["notices", "approve", key, "--as", "dana"], input=f"{PASSWORD}\n")
    assert isinstance(refused.exception, DecisionRefused)
    cms = tmp_path / "notice.p7s"
    cms.write_bytes(BOLATS.sign(data))
    words = ["notices", "approve", key, "--signature", str(cms), "--as", "dana"]
    refused = runner.invoke(cli, words, input=f"{PASSWORD}\n")
    assert isinstance(refused.exception, DecisionRefused)
    assert undone(world, key)
