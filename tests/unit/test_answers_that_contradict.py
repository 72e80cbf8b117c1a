"""An answer is read wholly: what in it says no, not yet, a trial, another order or subject keeps it from done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from engine.governance import words
from engine.kernel.answer_words import AGREES, against, is_no, normal, word_of
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


NOT_FOR_GOOD: list[dict[str, Any]] = [
    {"expires_in": 3600}, {"ttl_minutes": 30}, {"ttl": 600}, {"block_minutes": 15}, {"duration": "PT1H"},
    {"duration_days": 30}, {"hold_days": 5}, {"period": "30 days"}, {"locked_until": "01.12.2026"},
    {"start_date": "01.12.2026"}, {"date": "01.12.2027"}, {"resumes_on": "01.12.2026"}, {"end_date": "2026-12-01"},
    {"term": "until 2026-12-01"}, {"temporary": "yes"}, {"message": "остановлено до 01.12.2026"},
    {"message": "stopped until 2026-12-01"}, {"comment": "временно приостановлено"}, {"note": "blocked for 2 hours"},
]  # fmt: skip
A_PART: list[dict[str, Any]] = [
    {"affected": 0}, {"rows_updated": 0}, {"affected_rows": "0"}, {"updated": 0}, {"updated": 1}, {"accepted": 0},
    {"stopped_loans": ["L-1"]}, {"loans_stopped": 1}, {"loans": 1}, {"stopped_loans": []}, {"progress": "50%"},
    {"percent": "50"}, {"completion": 0.5}, {"omitted": ["L-2"]}, {"unstopped": ["L-2"]}, {"outstanding": ["L-2"]},
    {"open": ["L-2"]}, {"не_найдены": ["L-2"]}, {"неНайдено": ["L-2"]}, {"пропущено": ["L-2"]},
    {"leftover": "L-2"}, {"scope": "sms only"}, {"message": "only L-1 was stopped"},
    {"message": "кроме договора L-2"}, {"comment": "остановлено только по L-1"}, {"note": "calls only"},
    {"demands": {"refused": ["block sessions"]}}, {"demands": [{"text": "stop contacts", "met": False}]},
]  # fmt: skip
FAILURES: list[dict[str, Any]] = [
    {"rc": 5}, {"rc": -1}, {"exit_code": 1}, {"errno": 5}, {"retcode": 5}, {"sqlcode": -803}, {"traceback": "at x"},
    {"stackTrace": ["at x"]}, {"violations": ["x"]}, {"issues": ["L-2"]}, {"body": '{"status":"rejected"}'},
    {"response": '{"error":"unknown loan"}'}, {"raw": "<html>Login</html>"}, {"body": "[1, {"},
    {"message": "op-evil: отказ"}, {"message": "L-2: rejected"}, {"message": "L-2 is not in our system"},
    {"message": "an error occurred"}, {"message": "произошла ошибка"}, {"message": "Ошибка при записи в АБС"},
    {"message": "Остановка не произведена"}, {"message": "взыскание по L-2 не прекращено"},
    {"message": "calls continue"}, {"message": "звонки по L-2 продолжаются"}, {"message": "HTTP 500 from core"},
    {"message": "no action taken for L-2"}, {"message": "L-2 has not been stopped"}, {"message": "L-2 табылған жоқ"},
    {"collection": "active"}, {"active": "yes"}, {"collectionStatus": "running"},
]  # fmt: skip
NOT_HERE_OR_NOW: list[dict[str, Any]] = [
    {"environment": "staging"}, {"environment": "UAT"}, {"env": "pre-prod"}, {"mode": "read-only"},
    {"mode": "readonly"}, {"mode": "shadow"}, {"mode": "validation"}, {"message": "Stopped in test environment"},
    {"message": "Тестовый контур: взыскание остановлено"}, {"message": "ожидает согласования"},
    {"message": "остановим завтра"}, {"message": "waiting for approval"}, {"message": "передано в обработку"},
    {"message": "calls will stop from 1 December"}, {"requires_approval": "yes"}, {"approval": "required"},
    {"eta": "2h"}, {"next_step": "manager must confirm"}, {"operation": "start"},
]  # fmt: skip
STILL_DONE: list[dict[str, Any]] = [
    {"client": {"id": "c-9", "iin": "850101300005"}}, {"loans": 2}, {"contracts": 2}, {"id": 12345},
    {"status": "processed"}, {"status": "updated"}, {"status": "closed"}, {"status": "final"}, {"status": "DONE."},
    {"status": "остановлен"}, {"status": "прекращено"}, {"status": "Исполнен"}, {"status": "Выполнен"},
    {"code": "S0000"}, {"code": "00"}, {"error": "no errors"}, {"errorMessage": "нет ошибок"}, {"rc": 0},
    {"error_code": "SUCCESS"}, {"cancelled_calls": 3}, {"cancelled": {"calls": 3}}, {"cancelledTasks": ["call 1"]},
    {"scheduled_calls_cancelled": 4}, {"removed_from_queue": 2}, {"queue": "dialer-1"}, {"queue_id": "7"},
    {"_links": {"self": {"href": "https://x"}, "cancel": {"href": "https://x"}}}, {"in_stop_list": True},
    {"claims_stopped": True}, {"agency_notified": True}, {"accepted": True}, {"isSuccess": True}, {"changed": True},
    {"active": False}, {"calls_allowed": False}, {"in_collection": False}, {"done_at": "2026-11-23"},
    {"done_at": "23.11.2026"}, {"stopped_loans": ["L-1", "L-2"]}, {"loans_stopped": 2}, {"rows_affected": 4},
    {"progress": "100%"}, {"environment": "production"}, {"mode": "live"}, {"duration_ms": 12}, {"duration": 7},
    {"valid_until": ""}, {"expires": "never"}, {"until": "бессрочно"}, {"token_expires_at": LATER},
    {"retention_until": LATER}, {"next_review_at": LATER}, {"due_at": LATER}, {"manager": {"id": "5"}},
    {"demands": ["stop contacts with the client"]}, {"decision": "stop"}, {"body": '{"status":"ok"}'},
    {"message": "Взыскание невозможно: стоп-лист"}, {"message": "Отменено взыскание по двум договорам"},
    {"message": "Отказано в дальнейшем взыскании"}, {"message": "calls cannot be made any more"},
    {"message": "client did not object"}, {"message": "Calls were cancelled"}, {"message": "Warnings: no"},
    {"note": "остановлено до особого распоряжения"}, {"note": "blocked until further notice"},
    {"comment": "Взыскание по-договору прекращено, звонки не ведутся"}, {"message": "Выполнено без ошибок"},
]  # fmt: skip
ENTRIES: list[dict[str, Any]] = [
    {"type": "LOAN"}, {"type": "Loan"}, {"type": "credit"}, {"contract_number": "Д-77/2026"}, {"status": "closed"},
    {"loan_number": "Д-77/2026"}, {"done_at": "2026-11-23"}, {"detail": "отменено 3 звонка"},
]  # fmt: skip


@pytest.mark.parametrize("more", [*NOT_FOR_GOOD, *A_PART, *FAILURES, *NOT_HERE_OR_NOW], ids=str)
def test_what_speaks_against_done_in_any_way_keeps_it_from_done(more: dict[str, Any]) -> None:
    assert of_two(**more).of("done") == ()


@pytest.mark.parametrize("more", STILL_DONE, ids=str)
def test_what_an_honest_system_adds_keeps_nothing_from_done(more: dict[str, Any]) -> None:
    found = of_two(**more)
    assert (found.verdict, found.detail) == ("done", "")


@pytest.mark.parametrize("more", ENTRIES, ids=str)
def test_an_entry_may_be_spelt_in_its_system_s_own_way(more: dict[str, Any]) -> None:
    entries = [DONE[0], {**DONE[1], **more}]
    found = judge(200, {"reference": "R-1", "outcomes": entries}, TWO, ASKED)
    assert (found.verdict, found.detail) == ("done", "")


@pytest.mark.parametrize("more", [
    {"contract_number": "L-7"}, {"type": "client"}, {"type": "letter"}, {"iin": "850101300005"},
    {"note": "звонки продолжаются"}, {"detail": "взыскание не прекращено"}, {"collection_status": "active"},
])  # fmt: skip
def test_an_entry_that_tells_of_another_or_of_more_is_not_done(more: dict[str, Any]) -> None:
    entries = [DONE[0], {**DONE[1], **more}]
    assert "loan:L-2" not in judge(200, {"reference": "R-1", "outcomes": entries}, TWO, ASKED).of("done")


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
        ("user", "access-release", {"blocked": True}, "unclear"),
        ("user", "access-block", {"user": "administrator"}, "done"),
        ("user", "access-block", {"block_minutes": 15}, "unclear"),
        ("user", "access-block", {"message": "u-1: отказ"}, "refused"),
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


def test_a_word_for_done_refuses_nowhere() -> None:
    """The words of answers and those of evidence (``engine.governance.words``) never say the opposite."""
    assert not [it for it in sorted(AGREES) if word_of(it) == "refused"]
    assert not [it for it in sorted(words.DONE) if word_of(it) == "refused"]
    assert not [it for it in sorted(words.FAILED) if word_of(it) == "done" or normal(it) in AGREES]
    assert not [it for it in sorted(AGREES) if words.word(it) in words.FAILED]


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
