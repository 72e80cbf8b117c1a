"""An answer is read wholly: what in it says no, not yet, a trial, another order or subject keeps it from done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from engine.kernel.answer_words import against, is_no, word_of
from engine.kernel.answers import Asked, Judged, judge, reference_of, subjects_of
from infra.outbound.orders import Answer, HttpPost, asked_in
from tests.support import MONDAY, MovingClock

TWO = subjects_of("loan", ("L-1", "L-2"))
ONE = TWO[:1]
ORDER = {
    "contract": 2, "order": "collection-stop", "order_id": "o-1", "issued_at": "2026-11-23T04:00:00Z",
    "due_at": "2026-11-26T05:00:00Z", "target": "collections", "client": "c-9", "loans": ["L-1", "L-2"],
    "subjects": [it.model_dump() for it in TWO], "demands": ["stop contacts with the client"],
    "basis": {"kind": "victim_resolution", "issuer": "УП", "number": "17", "received_at": "2026-11-23T04:00:00Z"},
}  # fmt: skip
ASKED = asked_in(ORDER).model_copy(update={"now": MONDAY})
DONE: list[dict[str, Any]] = [{"type": "loan", "id": it.id, "outcome": "done"} for it in TWO]
LATER = (MONDAY + timedelta(days=365)).isoformat()


def of_two(**more: Any) -> Judged:
    return judge(200, {"reference": "CRM-5", "outcomes": DONE, **more}, TWO, ASKED)


def of_one(**more: Any) -> Judged:
    return judge(200, {"reference": "CRM-5", "outcome": "done", **more}, ONE, ASKED)


REFUSALS: list[dict[str, Any]] = [
    {"success": "false"}, {"success": 0}, {"ok": "no"}, {"Success": False}, {"applied": False}, {"stopped": "нет"},
    {"error": "unknown loan"}, {"errors": [{"loan": "L-1"}]}, {"errorCode": "E7"}, {"failures": ["L-2"]},
    {"rejected": 1}, {"failed_count": 2}, {"not_found": ["L-1"]}, {"ошибка": "нет договора"},
    {"status": "cancelled"}, {"status": "rolled-back"}, {"status": "ROLLED_BACK"}, {"status": "отказано"},
    {"status": 404}, {"status": "500"}, {"code": 422}, {"http_status": 403}, {"state": "жоқ"},
    {"status": "не выполнено"},
    {"status": "орындалмады"}, {"result": "unable"}, {"result": {"status": "rejected"}}, {"result": False},
    {"data": {"meta": {"state": "expired"}}}, {"outcome": "rejected"}, {"Outcome": "rejected"},
    {"answer": "бас тартылды"},
    {"applied_count": 0}, {"message": "refused: unknown loan"},
    {"detail": "Отказано: договор не найден"}, {"verdict": "denied (no right)"},
]  # fmt: skip
NOT_YET: list[dict[str, Any]] = [
    {"status": "queued"}, {"status": 202}, {"state": "в очереди"}, {"retry_after": 30}, {"pending": ["L-2"]},
    {"progress": 40}, {"scheduled_at": LATER}, {"message": "not yet"}, {"result": {"status": "in progress"}},
]  # fmt: skip
DOUBTS: list[dict[str, Any]] = [
    {"dry_run": True}, {"dryRun": 1}, {"simulated": True}, {"mode": "dry-run"}, {"environment": "test"},
    {"partial": True}, {"status": "partial"}, {"warnings": ["L-2 not in our list"]}, {"whatever": True},
    {"status": "done?"}, {"stopped_count": 1}, {"processed": 1}, {"action": "resume"}, {"kind": "write-off"},
    {"message": "Collection continues"}, {"note": "взыскание не было остановлено"}, {"text": "өндіріп алу жалғасуда"},
    {"order_id": "o-2"}, {"orderId": "o-2"}, {"order": "write-off"}, {"order": {"id": "o-2"}},
    {"idempotency_key": "x"},
    {"client": "c-1"}, {"clientId": "c-1"}, {"borrower": {"id": "c-1"}}, {"data": {"client": "c-1"}},
    {"iin": "850101300005"},
    {"target": "loans"}, {"loans": ["L-1"]}, {"loans": ["L-1", "L-2", "L-3"]}, {"subjects": ["L-1", "L-9"]},
    {"done_at": LATER}, {"done_at": "tomorrow"}, {"done_at": 1}, {"done_at": "2026-11"}, {"done_at": "24.11.2026"},
    {"applied_at": "tomorrow"},
    {"effective_from": LATER}, {"valid_until": LATER}, {"completed_at": LATER[:10]}, {"stopped_at": "soon"},
    {"message": "The loan was not found in the register"}, {"comment": "Взыскание будет остановлено"},
    {"note": "this is a dry run"}, {"reference": 0}, {"reference": "-"}, {"reference": "null"}, {"reference": "none"},
    {"reference": "0000"}, {"reference": "queued"}, {"reference": True}, {"reference": -3}, {"outcome": "see letter"},
    {"outcomes": [*DONE, {"type": "loan", "id": "L-9", "outcome": "done"}]},
    {"outcomes": [*DONE, {"type": "loan", "id": "l-1", "outcome": "rejected"}]},
    {"outcomes": [*DONE, {"type": "loan", "id": "L-1 ", "outcome": "done"}]},
    {"outcomes": [*DONE, {"type": "client", "id": "L-1", "outcome": "done"}]},
    {"outcomes": [*DONE, {"loan": "L-1", "outcome": "rejected"}]}, {"outcomes": [*DONE, "L-1 rejected"]},
    {"outcomes": {"L-1": "done", "L-2": "done"}}, {"outcomes": []},
]  # fmt: skip
OTHERS: list[dict[str, Any]] = [
    {"loan": "L-2"}, {"id": "L-2"}, {"loanId": "L-7"}, {"contract_number": "L-7"}, {"subject": "loan:L-7"},
    {"subjects": [{"type": "loan", "id": "L-2"}]}, {"loans": ["L-1", "L-2"]}, {"loan_id": 1}, {"type": "client"},
    {"loan": {"id": "L-1", "status": "rejected"}}, {"loan": {}, "id": "x"},
]  # fmt: skip
HARMLESS: list[dict[str, Any]] = [
    {}, {"message": "ok"}, {"message": "No further calls will be made"}, {"note": "звонков больше не будет"},
    {"action": "stop"}, {"stopped_count": 2}, {"progress": 100}, {"kind": "collection-stop"},
    {"message": "Collection stopped, no errors"}, {"message": "No errors"}, {"note": "Қате жоқ"},
    {"comment": "Взыскание остановлено, звонки сняты"}, {"detail": "recalled from the agency"}, {"message": None},
    {"trace_id": "7f", "requestId": "r-1", "timestamp": MONDAY.isoformat()}, {"trace": {"id": "9"}},
    {"version": "2.3.1"},
    {"status": "ok"}, {"status": 200}, {"status": "Success"}, {"state": "stopped"}, {"code": 0}, {"success": True},
    {"success": "true"}, {"error": None}, {"errors": []}, {"error": ""}, {"error": {"code": 0}}, {"dry_run": False},
    {"processed": 2, "failed": 0}, {"duration_ms": 12}, {"operator": "ivanov"}, {"user": "op-5"}, {"warnings": []},
    {"meta": {"host": "crm-1", "links": [{"rel": "self", "href": "/o/1"}]}}, {"idempotent_replay": True},
    {"done_at": "2026-11-23T10:00:00+05:00"}, {"received_at": MONDAY.isoformat()},
    {"completed_at": MONDAY.isoformat()},
    {**ORDER, "status": "completed"}, {"order": {"id": "o-1"}}, {"outcome": "done"}, {"id": "CRM-5"}, {"id": "o-1"},
    {"outcomes": [DONE[0], {**DONE[1], "done_at": MONDAY.isoformat(), "message": "was stopped already",
    "loan": "L-2"}]},
]  # fmt: skip


@pytest.mark.parametrize("more", REFUSALS, ids=str)
def test_what_refuses_anywhere_is_refused(more: dict[str, Any]) -> None:
    assert of_two(**more).verdict == "refused"
    entry = judge(200, {"reference": "R-1", "outcomes": [{**DONE[0], **more}, DONE[1]]}, TWO, ASKED)
    assert entry.of("refused") == ("loan:L-1",)
    assert entry.of("done") == ("loan:L-2",), "what is said of the other stays"


@pytest.mark.parametrize("more", NOT_YET, ids=str)
def test_what_is_not_yet_done_is_pending(more: dict[str, Any]) -> None:
    assert of_two(**more).verdict == "pending"


@pytest.mark.parametrize("more", DOUBTS, ids=str)
def test_what_leaves_a_doubt_is_unclear(more: dict[str, Any]) -> None:
    found = of_two(**more)
    assert found.of("done") == ()
    assert found.verdict == "unclear"


@pytest.mark.parametrize("more", OTHERS, ids=str)
def test_an_answer_about_something_else_is_not_done(more: dict[str, Any]) -> None:
    assert of_one(**more).verdict != "done"


@pytest.mark.parametrize("more", HARMLESS, ids=str)
def test_what_harms_nothing_is_done(more: dict[str, Any]) -> None:
    found = of_two(**more)
    assert (found.verdict, found.detail, found.reference) == ("done", "", "CRM-5")


@pytest.mark.parametrize(("status", "verdict"), [
    (200, "done"), (201, "done"), (207, "done"), (202, "pending"), (203, "unclear"), (204, "unclear"), (206, "unclear"),
])  # fmt: skip
def test_a_part_of_an_answer_is_none(status: int, verdict: str) -> None:
    assert judge(status, {"reference": "R-1", "outcomes": DONE}, TWO, ASKED).verdict == verdict


@pytest.mark.parametrize("more", [{"loan": "L-1"}, {"id": "L-1", "type": "loan"}, {"subjects": [TWO[0].model_dump()]}])
def test_an_answer_may_name_the_one_subject(more: dict[str, Any]) -> None:
    assert of_one(**more).verdict == "done"


@pytest.mark.parametrize(
    ("subjects", "order", "more", "verdict"),
    [
        ("user", "access-block", {"user": "u-1", "session": "s-9"}, "done"),
        ("user", "access-block", {"user": "u-2"}, "unclear"),
        ("user", "access-block", {"loan": "L-1"}, "unclear"),
        ("user", "access-block", {"status": "blocked"}, "done"),
        ("user", "access-release", {"status": "blocked"}, "unclear"),
        ("user", "access-release", {"status": "released"}, "done"),
    ],
)
def test_an_order_about_people_is_read_the_same_way(
    subjects: Any, order: str, more: dict[str, Any], verdict: str
) -> None:
    asked = Asked(order_id="o-1", order=order, target="access", now=MONDAY)
    body = {"reference": "R-1", "outcome": "done", **more}
    assert judge(200, body, subjects_of(subjects, ("u-1",)), asked).verdict == verdict


@pytest.mark.parametrize(
    "body",
    [
        b'{"reference": "R-1", "outcome": "rejected", "outcome": "done"}',
        b'{"reference": "R-1", "outcomes": [{"id": "L-1", "outcome": "rejected", "outcome": "done"}]}',
        b'{"reference": "R-1", "outcome": "done", "meta": {"a": 1, "a": 2}}',
    ],
)
def test_a_key_that_stands_twice_makes_an_answer_unclear(body: bytes) -> None:
    answer = HttpPost(MovingClock()).judged(Answer(200, body), "collections", ONE, 2, ASKED)
    assert answer.outcome == "retry"
    assert answer.judged is not None
    assert "stands twice" in answer.judged.detail


def test_an_answer_that_lies_too_deep_is_unclear() -> None:
    deep: Any = "done"
    for _ in range(12):
        deep = {"more": deep}
    assert of_two(more=deep).verdict == "unclear"
    nested = orjson.dumps({"reference": "R-1", "outcome": "done"})[:-1] + b', "x": ' + b"[" * 900 + b"]" * 900 + b"}"
    assert HttpPost(MovingClock()).judged(Answer(200, nested), "collections", ONE, 2, ASKED).outcome == "retry"


@pytest.mark.parametrize("word", ["cancelled", "reverted", "rolled back", "отказ", "unable", "Expired", "жоқ",
                                  "не найден", "not executed", "тоқтатылмады", "аннулировано",
                                  "no such loan"])  # fmt: skip
def test_many_words_refuse(word: str) -> None:
    assert word_of(word) == "refused"
    assert against(f"{word}: see the letter") == ("refused", f"{word}: see the letter")


@pytest.mark.parametrize(("value", "no"), [
    ("0", True), (0, True), (False, True), ("нет", True), ("жоқ", True), ("No", True), ("1", False), (True, False),
    ("да", False), ("", False), ("agency-1", False), (2, False),
])  # fmt: skip
def test_no_is_said_in_many_ways(value: object, no: bool) -> None:
    assert is_no(value) is no


@pytest.mark.parametrize(("given", "kept"), [
    ("CRM-5", "CRM-5"), (17, "17"), (" R ", "R"), ("№ 5", "№ 5"), ("0", ""), ("—", ""), ("n/a", ""), ("нет", ""),
    ("00000000-0000-0000-0000-000000000000", ""), (1.5, ""), (None, ""), (["R"], ""), ("done", ""),
])  # fmt: skip
def test_a_reference_names_something(given: object, kept: str) -> None:
    assert reference_of(given) == kept
