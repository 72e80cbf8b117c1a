"""The Anti-Fraud Centre, both ways: what it names is matched with what was paid, and only what it accepted is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.incidents.incident import Incident
from engine.notices.notice import Notice
from engine.rule_life.lists import ListLife, list_id
from infra.app.container import Outside, stages_of
from infra.outbound.mail import transport_for
from infra.outbound.orders import MAX_ANSWER, Answer, HttpPost
from tests.support import COMPLIANCE, COMPLIANCE_2, MovingClock, World

ANSWERS = [
    pytest.param(200, {"status": "accepted", "reference": "afc-1"}, "sent", "satisfied", id="accepted"),
    pytest.param(200, {"outcome": "accepted", "reference": "afc-1"}, "sent", "satisfied", id="outcome"),
    pytest.param(200, {"status": "accepted"}, "handed-over", "running", id="accepted without a reference"),
    pytest.param(202, {"status": "accepted", "reference": "q-1"}, "handed-over", "running", id="202"),
    pytest.param(202, {"status": "queued"}, "handed-over", "running", id="queued"),
    pytest.param(200, {"reference": "r"}, "handed-over", "running", id="a bare reference"),
    pytest.param(200, None, "handed-over", "running", id="no body"),
    pytest.param(200, "<html>sign in</html>", "handed-over", "running", id="a sign-in page"),
    pytest.param(200, {"status": "rejected", "error": "no IIN"}, "refused", "running", id="rejected"),
    pytest.param(200, {"error": "bad schema"}, "refused", "running", id="an error"),
    pytest.param(200, {"outcome": "accepted", "status": "rejected", "reference": "r"}, "refused", "running", id="both"),
    pytest.param(
        200, {"status": "accepted", "error": "unknown IIN", "reference": "r"}, "refused", "running", id="and an error"
    ),
    pytest.param(
        200, {"status": "accepted", "outcome": "queued", "reference": "r"}, "handed-over", "running", id="two words"
    ),
    pytest.param(200, {"status": "accepted", "reference": "-"}, "handed-over", "running", id="a dash for a reference"),
    *(
        pytest.param(200, {"status": "accepted", "reference": "R", **more}, "handed-over", "running", id=str(more))
        for more in (
            {"warnings": ["no IIN"]},
            {"test": True},
            {"dry_run": True},
            {"partial": True},
            {"environment": "draft"},
            {"message_id": "00000000-0000-4000-8000-000000000009"},
            {"id": "00000000-0000-4000-8000-000000000009"},
            {"message": "принято: в очереди"},
            {"state": "queued"},
            {"data": {"status": "queued"}},
        )
    ),
    *(
        pytest.param(200, {"status": "accepted", "reference": "R", **more}, "refused", "running", id=str(more))
        for more in (
            {"valid": False},
            {"accepted": 0, "failed": 1},
            {"message": "rejected: no IIN"},
            {"detail": "отклонено"},
            {"success": False},
            {"rejected": ["L-3"]},
            {"errors": ["x"]},
            {"decision": "бас тартылды"},
            {"message": "принято. Отклонено: нет ИИН"},
            {"result": "withdrawn"},
            {"registered": "нет"},
        )
    ),
    *(
        pytest.param(200, {"status": said, "reference": "R", **more}, "sent", "satisfied", id=f"{said} {more}")
        for said, more in (
            ("принято", {}),
            ("Қабылданды", {"message": "Қабылданды"}),
            ("registered", {"errors": []}),
            ("ok", {}),
            ("accepted", {"message": "accepted", "code": 200, "success": True, "id": 12345}),
            ("accepted", {"accepted": 1, "failed": 0, "received_at": "2026-11-23T05:00:00Z"}),
            ("accepted", {"accepted": True, "warnings": [], "trace_id": "7f"}),
        )
    ),
    pytest.param(
        200, '{"reference": "R", "status": "rejected", "status": "accepted"}', "handed-over", "running", id="twice"
    ),
    pytest.param(200, {"status": "отклонено", "reference": "R"}, "refused", "running", id="отклонено"),
    pytest.param(422, {"status": "rejected"}, "refused", "running", id="422"),
    pytest.param(503, None, "approved", "running", id="away"),
]


class Centre(HttpPost):
    """A Centre that answers as it is told."""

    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.answer = Answer(200, b"")
        self.got: list[dict[str, object]] = []

    def ask(
        self, address: str, key: str, body: bytes, more: Mapping[str, str] | None = None, most: int = MAX_ANSWER
    ) -> Answer:
        self.got.append(orjson.loads(body))
        return self.answer


ACCEPTED_R = orjson.dumps({"status": "accepted", "reference": "afc-1"})


def acknowledged(world: World, key: str, said: str, **more: object) -> bytes:
    """What the Centre's system tells of one message."""
    event = orjson.loads(world.event("afc.message.acknowledged", mfo__message__id=key, mfo__message__status=said,
                                     mfo__afc__reference="R-1"))  # fmt: skip
    return orjson.dumps(event | more)


def given_a_house(folder: Path, **settings: Any) -> tuple[World, Centre]:
    world = World(folder, afc_url="https://afc.example.kz/messages", **settings).people()
    centre = Centre(world.clock)
    world.stages = stages_of(world.container, Outside(transport_for(world.settings), centre))
    return world, centre


def given_a_paid_fraud(world: World) -> str:
    world.feed(
        world.event("loan.disbursement.executed", mfo__client__id="c-3", mfo__loan__id="L-3", mfo__amount=400_000,
                    mfo__payout__account_hash="h-9"),
        world.event("afc.message.received", mfo__afc__reference="r-1", mfo__subject="account",
                    mfo__message__action="refuse", mfo__payout__account_hash="h-9"),
    )  # fmt: skip
    (row,) = [it for it in world.incidents() if it["rule_name"] == "named-after-payout"]
    return str(row["id"])


def when_it_is_approved(world: World, incident: str) -> str:
    key = str(world.notices(incident)["afc"]["id"])
    said = world.container.decisions.load(Notice, key).content["json"]
    unknown = {name: "nobody knows" for name, text in said.items() if text == "unknown"}
    if unknown:
        world.container.acts.edit_notice(key, "json", unknown, None, by=COMPLIANCE_2)
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    return key


def then(world: World, incident: str) -> tuple[str, str]:
    return world.notices(incident)["afc"]["state"], world.clocks(incident)["antifraud-centre-message"]["state"]


def test_a_payout_of_the_last_days_to_an_account_that_is_named_now_is_found(tmp_path: Path) -> None:
    world, _ = given_a_house(tmp_path)
    incident = world.container.decisions.load(Incident, given_a_paid_fraud(world))
    assert (incident.entities.clients, incident.entities.loans) == (("c-3",), ("L-3",))
    assert incident.notifiable


@pytest.mark.parametrize(("status", "body", "state", "clock"), ANSWERS)
def test_only_what_the_centre_accepted_is_done(
    tmp_path: Path, status: int, body: object, state: str, clock: str
) -> None:
    world, centre = given_a_house(tmp_path)
    centre.answer = Answer(
        status, b"" if body is None else body.encode() if isinstance(body, str) else orjson.dumps(body)
    )
    incident = given_a_paid_fraud(world)
    when_it_is_approved(world, incident)
    assert then(world, incident) == (state, clock)


def test_a_rejection_that_comes_later_owes_the_message_again(tmp_path: Path) -> None:
    world, centre = given_a_house(tmp_path)
    centre.answer = Answer(200, orjson.dumps({"status": "accepted", "reference": "afc-1"}))
    incident = given_a_paid_fraud(world)
    key = when_it_is_approved(world, incident)
    world.feed(world.event("afc.message.acknowledged", mfo__message__id=key, mfo__message__status="rejected",
                           mfo__afc__reference="REJ-1"))  # fmt: skip
    assert then(world, incident) == ("bounced", "running")


@pytest.mark.parametrize(("said", "reference", "state"), [
    ("accepted", "afc-7", "sent"), ("accepted", "", "handed-over"), ("rejected", "x", "refused"),
    ("queued", "x", "handed-over"),
])  # fmt: skip
def test_what_was_handed_over_waits_for_the_word_of_the_centre(
    tmp_path: Path, said: str, reference: str, state: str
) -> None:
    world, centre = given_a_house(tmp_path)
    centre.answer = Answer(202, b"")
    incident = given_a_paid_fraud(world)
    key = when_it_is_approved(world, incident)
    world.feed(world.event("afc.message.acknowledged", mfo__message__id=key, mfo__message__status=said,
                           mfo__afc__reference=reference))  # fmt: skip
    assert then(world, incident) == (state, "satisfied" if state == "sent" else "running")


@pytest.mark.parametrize("more", [
    {"mfo.outcome": "rejected"}, {"error.message": "no IIN"}, {"event.outcome": "failure"},
    {"mfo.reason": "refused: no IIN"}, {"mfo.success": False}, {"message": "отклонено"}, {"mfo.result": "declined"},
    {"event.type": ["denied"]}, {"tags": ["rejected"]}, {"labels.outcome": "rejected"}, {"mfo.state": "cancelled"},
    {"mfo.accepted": "нет"}, {"mfo.rejected": True}, {"mfo.comment": "rejected afterwards"},
])  # fmt: skip
@pytest.mark.parametrize("before", ["handed-over", "sent"])
def test_an_acceptance_that_says_otherwise_is_a_refusal_before_and_after(
    tmp_path: Path, more: dict[str, object], before: str
) -> None:
    world, centre = given_a_house(tmp_path)
    centre.answer = Answer(202, b"") if before == "handed-over" else Answer(200, ACCEPTED_R)
    incident = given_a_paid_fraud(world)
    key = when_it_is_approved(world, incident)
    assert then(world, incident)[0] == before
    world.feed(acknowledged(world, key, "accepted", **more))
    assert then(world, incident) == ("refused" if before == "handed-over" else "bounced", "running")


@pytest.mark.parametrize("said", [
    "отклонено", "бас тартылды", "cancelled", "denied", "not accepted", "returned", "withdrawn", "expired", "failure",
    "rejected: no IIN", "Отказано", "қабылданбады", "не принято",
])  # fmt: skip
def test_every_word_of_a_refusal_owes_the_message_again(tmp_path: Path, said: str) -> None:
    world, centre = given_a_house(tmp_path)
    centre.answer = Answer(200, ACCEPTED_R)
    incident = given_a_paid_fraud(world)
    key = when_it_is_approved(world, incident)
    world.feed(acknowledged(world, key, said))
    assert then(world, incident) == ("bounced", "running")


@pytest.mark.parametrize("said", ["принято", "Қабылданды", "Accepted", "success", "completed", "зарегистрировано"])
def test_every_word_of_an_acceptance_is_one(tmp_path: Path, said: str) -> None:
    world, centre = given_a_house(tmp_path)
    centre.answer = Answer(202, b"")
    incident = given_a_paid_fraud(world)
    key = when_it_is_approved(world, incident)
    world.feed(acknowledged(world, key, said, **{"event.reason": "Принято"}))
    assert then(world, incident) == ("sent", "satisfied")


@pytest.mark.parametrize("more", [
    {"mfo.afc.reference": "-"}, {"mfo.afc.reference": "нет"}, {"mfo.dry_run": True}, {"mfo.warnings": ["no IIN"]},
    {"mfo.state": "queued"}, {"@timestamp": "2026-10-14T05:00:00Z"},
    {"@timestamp": "2026-10-14T05:00:00Z", "mfo.message.status": "rejected"}, {"mfo.message.status": "strange"},
])  # fmt: skip
def test_what_does_not_say_that_this_message_was_accepted_leaves_it_owed(
    tmp_path: Path, more: dict[str, object]
) -> None:
    world, centre = given_a_house(tmp_path)
    centre.answer = Answer(202, b"")
    incident = given_a_paid_fraud(world)
    key = when_it_is_approved(world, incident)
    world.feed(acknowledged(world, key, "accepted", **more))
    assert then(world, incident) == ("handed-over", "running")


def test_only_a_source_that_is_believed_speaks_for_the_centre(tmp_path: Path) -> None:
    world, centre = given_a_house(tmp_path, evidence_sources={"afc.": ("afc",)})
    centre.answer = Answer(202, b"")
    incident = given_a_paid_fraud(world)
    key = when_it_is_approved(world, incident)
    world.feed(acknowledged(world, key, "accepted"), source="portal")
    assert then(world, incident) == ("handed-over", "running")
    world.feed(acknowledged(world, key, "accepted"), source="afc")
    assert then(world, incident) == ("sent", "satisfied")


def test_the_message_says_stage_money_and_whom(tmp_path: Path) -> None:
    world, centre = given_a_house(tmp_path)
    world.feed(
        world.event("fraud.complaint.received", mfo__client__id="c-3", mfo__loan__id="L-3", mfo__complaint__id="q",
                    mfo__channel="call", mfo__amount=250_000)
    )  # fmt: skip
    incident = str(world.incidents()[0]["id"])
    key = when_it_is_approved(world, incident)
    (sent,) = centre.got
    assert sent["message_id"] == key
    assert (sent["clients"], sent["loans"]) == (["c-3"], ["L-3"])
    assert (sent["amounts"], sent["executed"]) == (["250000"], "nobody knows"), "a complaint shows no payout"


def test_the_message_about_an_account_that_was_paid_says_so(tmp_path: Path) -> None:
    world, centre = given_a_house(tmp_path)
    account = {"mfo__payout__account_hash": "h9"}
    world.feed(world.event("loan.disbursement.executed", mfo__client__id="c-4", mfo__loan__id="L-4", **account))
    world.clock.forward(days=1)
    named = {"mfo__subject": "account", "mfo__message__action": "refuse", "mfo__afc__reference": "AFC-1"}
    world.feed(world.event("afc.message.received", **named, **account))
    incident = next(str(row["id"]) for row in world.incidents() if row["rule_name"] == "named-after-payout")
    when_it_is_approved(world, incident)
    sent = centre.got[-1]
    assert (sent["stage"], sent["executed"], sent["type"]) == ("after payout", "yes", "event")


def test_the_message_has_an_hour(tmp_path: Path) -> None:
    world, _ = given_a_house(tmp_path)
    incident = given_a_paid_fraud(world)
    clock = world.clocks(incident)["antifraud-centre-message"]
    assert (clock["state"], clock["anchor_at"][:16], clock["due_at"][:16]) == (
        "running", "2026-11-23T05:00", "2026-11-23T06:00",
    )  # fmt: skip
    world.clock.forward(minutes=61)
    world.sweep()
    assert world.clocks(incident)["antifraud-centre-message"]["state"] == "breached"


def test_what_the_centre_refuses_stands_on_the_list_at_once(tmp_path: Path) -> None:
    world, _ = given_a_house(tmp_path)
    given_a_paid_fraud(world)
    book = world.container.rulebook
    life = world.container.decisions.load(ListLife, list_id("afc_accounts"))
    assert (life.in_force, life.count) == (1, 1)
    assert "h-9" in book.entries("afc_accounts", life.in_force)
    world.feed(world.event("loan.disbursement.requested", mfo__client__id="c-8", mfo__loan__id="L-8",
                           mfo__payout__account_hash="h-9"))  # fmt: skip
    assert "listed-payout" in {it["rule_name"] for it in world.incidents()}
    world.feed(world.event("afc.message.received", mfo__afc__reference="r-2", mfo__subject="account",
                           mfo__message__action="refuse", mfo__payout__account_hash="h-9"))  # fmt: skip
    again = world.container.decisions.load(ListLife, list_id("afc_accounts"))
    assert again.in_force == 1, "what stands there already makes no version"


def test_a_message_that_refuses_nothing_changes_no_list(tmp_path: Path) -> None:
    world, _ = given_a_house(tmp_path)
    world.feed(world.event("afc.message.received", mfo__afc__reference="r-1", mfo__subject="account",
                           mfo__message__action="release", mfo__payout__account_hash="h-9"))  # fmt: skip
    assert world.container.decisions.load(ListLife, list_id("afc_accounts")).in_force == 0


def test_the_message_names_iin_telephone_and_account_from_the_events_and_the_log_keeps_none(tmp_path: Path) -> None:
    world, centre = given_a_house(tmp_path)
    named = {"mfo__client__id": "c-5", "mfo__loan__id": "L-5"}
    account = {"mfo__payout__account_hash": "h9", "mfo__payout__account": "KZ868560000000000001"}
    person = {"mfo__client__iin": "850101300005", "mfo__client__phone": "+77010000001"}
    told = {"mfo__subject": "account", "mfo__message__action": "refuse", "mfo__afc__reference": "AFC-1"}
    world.feed(world.event("afc.message.received", mfo__payout__account_hash="h9", **told))
    world.clock.forward(days=1)
    world.feed(world.event("loan.disbursement.executed", **named, **account, **person))
    incident = next(str(row["id"]) for row in world.incidents() if row["rule_name"] == "listed-payout")
    key = when_it_is_approved(world, incident)
    (entry,) = [it for it in centre.got[-1]["identifiers"] if it.get("client") == "c-5"]  # type: ignore[attr-defined]
    assert (entry["iin"], entry["phone"], entry["account"]) == ("850101300005", "+77010000001", "KZ868560000000000001")
    assert "850101300005" not in str(world.container.decisions.load(Notice, key).content)
