"""A notice from draft to receipt: review, versions, several recipients, doubt, bounce, supplement, other ways."""

from __future__ import annotations

from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, SecondPersonNeeded
from engine.kernel.ports import Delivery
from engine.notices.notice import Notice
from infra.app.container import Outside, stages_of
from infra.inbound.delivery_status import read_bounce
from infra.lab.simulate.year import plain
from infra.outbound.orders import HttpPost
from infra.read.finders import load_notice
from infra.read.notices.versions import changes
from infra.store.models.duties import NoticeRow
from infra.store.models.incidents import IncidentRow
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY, World


class Post:
    """A mail server that does what the test says, by recipient."""

    repeatable = False
    channel = "smtp"

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}
        self.mails: list[EmailMessage] = []

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        self.mails.append(mail)
        queue = self.answers.get(str(mail["To"]), [])
        outcome = queue.pop(0) if queue else "done"
        return Delivery(outcome=outcome, reference="250 ok" if outcome == "done" else "", detail=f"{outcome}!")


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def world(tmp_path: Path, post: Post) -> Any:
    made = World(
        tmp_path / "data", regulator_mail="agency@example.kz, archive@example.kz", notice_recipients=("example.kz",)
    ).people()  # fmt: skip
    made.stages = stages_of(made.container, Outside(post, HttpPost(made.clock), plain))
    yield made
    made.container.close()


def given(world: World) -> tuple[str, str]:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    incident = str(world.incidents()[0]["id"])
    return incident, str(world.notices(incident)["regulator"]["id"])


def notice_of(world: World, key: str) -> Notice:
    return world.container.decisions.load(Notice, key)


def clock(world: World, incident: str) -> str:
    return str(world.clocks(incident)["regulator-notice"]["state"])


def test_review_gives_back_and_the_submitter_cannot_approve(world: World) -> None:
    _, key = given(world)
    acts = world.container.acts
    acts.submit_notice(key, None, by=COMPLIANCE)
    assert notice_of(world, key).state == "review"
    with pytest.raises(SecondPersonNeeded):
        acts.approve_notice(key, None, by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded):
        acts.return_notice(key, "x", by=COMPLIANCE)
    acts.return_notice(key, "say what the damage is", by=CISO)
    assert (notice_of(world, key).state, notice_of(world, key).remark) == (
        "draft",
        ("gulnar", "say what the damage is"),
    )
    acts.edit_notice(key, "ru", {"damage": "не установлен"}, None, by=ANALYST)
    acts.submit_notice(key, None, by=ANALYST)
    acts.approve_notice(key, None, by=COMPLIANCE_2)
    world.work()
    assert notice_of(world, key).state == "sent"


def test_an_edit_takes_a_text_out_of_review(world: World) -> None:
    _, key = given(world)
    world.container.acts.submit_notice(key, None, by=COMPLIANCE)
    world.container.acts.edit_notice(key, "ru", {"damage": "нет"}, None, by=ANALYST)
    assert notice_of(world, key).state == "draft"


def test_every_version_is_kept_and_compared(world: World) -> None:
    _, key = given(world)
    world.container.acts.edit_notice(key, "ru", {"damage": "ущерб не установлен"}, None, by=ANALYST)
    world.container.acts.edit_notice(key, "ru", {"damage": "ущерб полностью возмещён"}, None, by=ANALYST)
    versions = notice_of(world, key).versions
    assert [version.actor for version in versions] == ["qorgau", "aigul", "aigul"]
    found = changes(versions[1], versions[2])
    assert [(change.language, change.field) for change in found] == [("ru", "damage")]
    assert ("same", "ущерб ") in found[0].pieces
    assert [kind for kind, _ in found[0].pieces] == ["same", "gone", "new", "same", "gone", "new"] or any(
        kind == "new" for kind, _ in found[0].pieces
    )
    assert changes(versions[2], versions[2]) == []


def test_the_clock_stops_when_every_recipient_has_it(world: World, post: Post) -> None:
    incident, key = given(world)
    post.answers["archive@example.kz"] = ["retry", "retry"]
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    assert {d.recipient: d.state for d in notice_of(world, key).deliveries.values()} == {
        "agency@example.kz": "sent", "archive@example.kz": "waiting",
    }  # fmt: skip
    assert (notice_of(world, key).state, clock(world, incident)) == ("approved", "running")
    world.clock.forward(minutes=30)
    world.work()
    world.clock.forward(minutes=30)
    world.work()
    assert (notice_of(world, key).state, clock(world, incident)) == ("sent", "satisfied")
    assert len({str(mail["Message-ID"]) for mail in post.mails}) == 2
    assert [str(mail["To"]) for mail in post.mails].count("agency@example.kz") == 1


def test_one_refused_among_several_is_seen_and_sent_to_another_address(world: World, post: Post) -> None:
    incident, key = given(world)
    post.answers["archive@example.kz"] = ["refused"]
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    assert (notice_of(world, key).state, clock(world, incident)) == ("refused", "running")
    with pytest.raises(InputError):
        world.container.acts.resend_notice(key, "a@b.kz\r\nBcc: c@d.kz", "archive@example.kz", "typo", by=COMPLIANCE)
    with pytest.raises(DecisionRefused):
        world.container.acts.resend_notice(key, "x@example.kz", "agency@example.kz", "why", by=COMPLIANCE)
    with pytest.raises(InputError, match="do not go to this address"):
        world.container.acts.resend_notice(key, "archiv@example.kz", "archive@example.kz", "a typo", by=COMPLIANCE)
    world.container.close()
    again = World(world.folder, world.clock, regulator_mail="agency@example.kz, archiv@example.kz")
    again.stages = stages_of(again.container, Outside(post, HttpPost(again.clock), plain))
    again.container.acts.resend_notice(key, "archiv@example.kz", "archive@example.kz", "a typo", by=COMPLIANCE)
    again.work()
    assert (notice_of(again, key).state, clock(again, incident)) == ("refused", "running"), "it waits for another"
    again.container.acts.approve_address(key, "archive@example.kz", by=COMPLIANCE_2)
    again.work()
    assert (notice_of(again, key).state, clock(again, incident)) == ("sent", "satisfied")
    assert post.mails[-1]["X-Qorgau-Repeat"] is None
    again.container.close()


def test_what_was_in_doubt_is_only_sent_again_by_a_person_and_marked(world: World, post: Post) -> None:
    incident, key = given(world)
    post.answers["agency@example.kz"] = ["unknown"]
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    assert (notice_of(world, key).state, clock(world, incident)) == ("unknown", "running")
    with pytest.raises(DecisionRefused, match="settle"):
        world.container.acts.resend_notice(key, "agency@example.kz", "agency@example.kz", "again", by=COMPLIANCE)
    world.container.acts.settle_notice(key, False, "they have nothing", by=COMPLIANCE)
    world.container.acts.resend_notice(
        key, "agency@example.kz", "agency@example.kz", "they have nothing", by=COMPLIANCE
    )
    world.work()
    assert (notice_of(world, key).state, clock(world, incident)) == ("sent", "satisfied")
    copies = [mail for mail in post.mails if mail["To"] == "agency@example.kz"]
    assert len({str(mail["Message-ID"]) for mail in copies}) == 1
    assert [mail["X-Qorgau-Repeat"] for mail in copies] == [None, "2"]
    assert "повторно" in copies[1]["Subject"]


def returned(key: str, recipient: str, action: str = "failed") -> bytes:
    return f"""From: MAILER-DAEMON@mx.kz
To: qorgau@localhost
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.kz

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b
Content-Type: text/rfc822-headers

Message-ID: <{key}@localhost>
Subject: x

--b--
""".encode()


def test_a_notice_that_comes_back_is_owed_again(world: World) -> None:
    incident, key = given(world)
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    assert clock(world, incident) == "satisfied"
    world.clock.forward(hours=2)
    bounce = read_bounce(returned(key, "agency@example.kz"))[0]
    assert (bounce.notice_id, bounce.status, bounce.action) == (key, "5.1.1", "failed")
    world.container.acts.record_bounce(key, bounce.recipient, bounce.status, bounce.detail, actor="mail")
    world.work()
    assert (notice_of(world, key).state, clock(world, incident)) == ("bounced", "running")
    before = world.container.decisions.head()
    world.container.acts.record_bounce(key, bounce.recipient, bounce.status, bounce.detail, actor="mail")
    assert world.container.decisions.head() == before, "the same report twice is one bounce"
    world.clock.forward(days=1)
    world.sweep()
    assert clock(world, incident) == "breached", "the term did not move"


@pytest.mark.parametrize("data", [b"", b"Subject: hello\r\n\r\nno report", b"\xff" * 100])
def test_mail_that_is_no_report_on_ours_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read_bounce(data)


def test_a_notice_handed_over_by_the_portal_satisfies_with_its_reference(world: World, post: Post) -> None:
    incident, key = given(world)
    for to in ("agency@example.kz", "archive@example.kz"):
        post.answers[to] = ["retry"] * 50
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    with pytest.raises(InputError):
        world.container.acts.hand_over_notice(key, "portal", "ref", MONDAY - timedelta(days=1), by=COMPLIANCE)
    with pytest.raises(NotAllowed):
        world.container.acts.hand_over_notice(key, "portal", "ref", None, by=ANALYST)
    for channel, reference in (("portal", "АСОИ-77"), ("courier", "list 4")):
        world.container.acts.hand_over_notice(key, channel, reference, None, by=COMPLIANCE)
        assert clock(world, incident) == "running", "one person's word ends no term"
        world.container.acts.hand_over_notice(key, channel, reference, None, by=CISO)
    world.work()
    assert (notice_of(world, key).state, clock(world, incident)) == ("sent", "satisfied")
    sent = len(post.mails)
    world.clock.forward(hours=3)
    world.work()
    assert len(post.mails) == sent, "it is not sent by mail too"


def test_the_receipt_of_the_recipient_is_kept(world: World) -> None:
    _, key = given(world)
    with pytest.raises(DecisionRefused):
        world.container.acts.record_receipt(key, "in-5", date(2026, 11, 23), by=COMPLIANCE)
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    with pytest.raises(InputError):
        world.container.acts.record_receipt(key, "in-5", date(2026, 12, 23), by=COMPLIANCE)
    world.container.acts.record_receipt(key, "in-5", date(2026, 11, 23), by=COMPLIANCE)
    row = world.held(NoticeRow, id=key)[0]
    assert row.receipt == "in-5, 2026-11-23"


def stages(world: World, incident: str) -> list[tuple[str, str, str]]:
    rows = world.held(NoticeRow, incident_id=incident)
    return sorted((row.kind, row.stage, row.state) for row in rows)


def test_whoever_was_told_is_told_how_it_ended(world: World) -> None:
    incident, key = given(world)
    client = world.notices(incident)["client"]["id"]
    for notice in (key, client):
        world.container.acts.approve_notice(notice, None, by=COMPLIANCE)
    world.work()
    for measure in ("containment", "cause", "consequence", "recovery"):
        world.container.acts.measure(incident, measure, f"evidence of {measure}", by=ANALYST)
        world.work()
    assert ("regulator", "follow_up", "draft") in stages(world, incident)
    assert ("client", "follow_up", "draft") in stages(world, incident)
    assert ("pd_authority", "follow_up", "draft") not in stages(world, incident), "it was never told"
    for by in (ANALYST, COMPLIANCE):
        world.container.acts.close(incident, "true_positive", "handled", by=by)
    world.work()
    assert ("regulator", "final", "draft") in stages(world, incident)
    later = world.held(NoticeRow, stage="follow_up", kind="regulator")[0].id
    text = notice_of(world, later).content["ru"]
    assert "evidence of cause" in text["causes"]
    assert text["previous"].startswith(key[:8])
    world.container.acts.approve_notice(later, None, by=COMPLIANCE)
    world.work()
    assert notice_of(world, later).state == "sent"


def test_other_notices_are_drafted_when_people_ask_for_them(world: World) -> None:
    incident, _ = given(world)
    acts = world.container.acts
    with pytest.raises(InputError, match="recipient"):
        acts.draft_notice(incident, "law_enforcement", "", by=COMPLIANCE)
    with pytest.raises(InputError, match="recipient"):
        acts.draft_notice(incident, "stakeholder", "nobody", by=COMPLIANCE)
    key = acts.draft_notice(incident, "law_enforcement", "police@example.kz", by=COMPLIANCE)
    assert acts.draft_notice(incident, "law_enforcement", "police@example.kz", by=CISO) == key
    assert notice_of(world, key).recipient == "police@example.kz"
    acts.withdraw_notice(key, "they have it already", by=COMPLIANCE)
    assert notice_of(world, key).state == "withdrawn"
    with pytest.raises(DecisionRefused, match="law asks"):
        acts.withdraw_notice(world.notices(incident)["regulator"]["id"], "x", by=COMPLIANCE)


SAID = {"type": "attempt", "stage": "application", "executed": "nobody knows yet"}
"""What an officer says of what no event shows."""


def test_a_fraud_has_a_message_for_the_anti_fraud_centre(world: World, post: Post) -> None:
    import orjson

    world.feed(
        world.event("fraud.complaint.received", mfo__client__id="c-3", mfo__loan__id="L-3", mfo__complaint__id="q",
                    mfo__channel="call")
    )  # fmt: skip
    incident = world.incidents()[0]["id"]
    key = world.notices(incident)["afc"]["id"]
    world.container.acts.edit_notice(key, "json", {"police_reference": "КУИ 5", **SAID}, None, by=ANALYST)
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    assert notice_of(world, key).state == "sent"
    mail = next(mail for mail in post.mails if mail["To"] == "antifraud-centre@localhost")
    attached = next(part for part in mail.walk() if part.get_content_type() == "application/json")
    document = orjson.loads(attached.get_payload(decode=True))  # type: ignore[arg-type]
    assert (document["clients"], document["loans"], document["police_reference"]) == (["c-3"], ["L-3"], "КУИ 5")


def test_without_its_number_the_organisation_cannot_write_to_the_centre(tmp_path: Path) -> None:
    world = World(tmp_path, organisation_bin="")
    world.feed(
        world.event("fraud.complaint.received", mfo__client__id="c-3", mfo__loan__id="L-3", mfo__complaint__id="q",
                    mfo__channel="call")
    )  # fmt: skip
    key = world.notices(world.incidents()[0]["id"])["afc"]["id"]
    with pytest.raises(DecisionRefused, match="participant"):
        world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.container.acts.edit_notice(key, "json", {"participant": "123456789012", **SAID}, None, by=ANALYST)
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.container.close()


def test_no_language_of_a_notice_names_whom_the_incident_was_found_at(tmp_path: Path) -> None:
    world = World(tmp_path, notice_languages=("ru", "kk", "en"))
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="client-a", mfo__change__field="iin"))
    incident = world.incidents()[0]
    assert "client-a" in world.held(IncidentRow)[0].title
    world.container.acts.name_clients(incident["id"], ("client-b",), (), "she called", by=ANALYST)
    world.work()
    assert world.people().told(incident["id"]) == {"client-a", "client-b"}
    for row in world.held(NoticeRow, incident_id=incident["id"]):
        notice = load_notice(world.container, row.id)
        for fields in (notice.content[language] for language in ("ru", "kk", "en") if language in notice.content):
            told = " ".join(fields.values())
            others = {"client-a", "client-b"} - {notice.subject}
            assert not any(other in told for other in others), (row.kind, told)
    assert sorted(row.subject for row in world.held(NoticeRow, kind="client")) == ["", "client-a", "client-b"]
    world.container.close()
