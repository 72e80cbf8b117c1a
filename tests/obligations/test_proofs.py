"""Every type that may be evidence: of what was done it is; of what failed or was refused, in any language, never."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events.catalogue import builtin_catalogue
from engine.governance.proving import Proofs, ProofSign, proofs

NOT_DONE = (
    "failed", "failure", "FAIL", "refused", "rejected", "denied", "declined", "error", "cancelled", "expired",
    "timeout", "unknown", "queued", "pending", "not_done", "not-applied", "rolled back", "unable", "false", "no", "0",
    "404",
    "отказ", "отказано", "Отклонено", "не выполнено", "ошибка", "сбой", "неизвестно", "нет", "в обработке",
    "бас тартылды", "қабылданбады", "Орындалмады", "сәтсіз", "қате", "белгісіз", "жоқ", "күтуде",
)  # fmt: skip
DONE = ("done", "passed", "Успешно", "орындалды")
SIGNS = [(action, obligation, sign) for action, held in sorted(proofs().signs.items()) for obligation, sign in held]
IDS = [f"{action} {obligation}" for action, obligation, _ in SIGNS]


def fulfilled(sign: ProofSign) -> dict[str, Any]:
    """An event that says all that a sign asks for."""
    event = builtin_catalogue().example(sign.event)
    event.pop("mfo.outcome", None)
    for name, wanted in sign.where.items():
        if isinstance(wanted, dict):
            event[name] = wanted["gte"]
        else:
            event[name] = wanted[0] if isinstance(wanted, tuple) else wanted
    event |= {several.split("|")[0]: words[0] for several, words in sign.like.items()}
    event |= dict.fromkeys(sign.passed, "2026-11-18T10:00:00+05:00")
    for name in sign.needs:
        event.setdefault(name, "something-1")
    if sign.outcome == "done":
        event[sign.said_in] = sign.words[0] if sign.words else "done"
    elif sign.said_in in event:
        del event[sign.said_in]
    return event


@pytest.mark.parametrize(("action", "obligation", "sign"), SIGNS, ids=IDS)
def test_what_was_done_is_evidence(action: str, obligation: str, sign: ProofSign) -> None:
    event = fulfilled(sign)
    assert obligation in proofs().of(event)
    for word in DONE:
        assert obligation in proofs().of(event | {sign.said_in: word}), word


@pytest.mark.parametrize(("action", "obligation", "sign"), SIGNS, ids=IDS)
def test_what_failed_or_was_refused_is_none(action: str, obligation: str, sign: ProofSign) -> None:
    event = fulfilled(sign)
    for name in ("mfo.outcome", "event.outcome", sign.said_in):
        for word in NOT_DONE:
            assert obligation not in proofs().of(event | {name: word}), (name, word)
            assert obligation not in proofs().of(event | {name: ["done", word]}), (name, word)
    for more in (
        {"error.message": "no such client"},
        {"error.code": 17},
        {"event.type": ["denied"]},
        {"mfo.success": False},
    ):
        assert obligation not in proofs().of(event | more), more
    for name in sign.needs:
        for nothing in ("", "-", "n/a", "null", None, [], "нет", "жоқ"):
            assert obligation not in proofs().of(event | {name: nothing}), (name, nothing)
    if "event.reason" not in {*sign.where, *sign.needs, *sign.apart}:
        for reason in ("refused by the owner", "accepted risk", "отказано", "бас тартылды", "not done"):
            assert obligation not in proofs().of(event | {"event.reason": reason}), reason


PUT_OFF = (
    "cancelled", "expired", "not passed", "отменено", "не пройден", "invalid", "нет", "отозвано", "deferred",
    "отложено до пятницы", "exception granted", "mitigated, not patched", "will be done tomorrow", "timeout",
    "not examined", "не проверял", "still vulnerable", "частично", "кейінге қалдырылды", "әлі орындалмады",
    "failed to be done", "error: no connection", "тексерілмеген", "accepted the risk", "будет сделано завтра",
)  # fmt: skip
CONTRADICTIONS: list[dict[str, Any]] = [
    {"message": "failed"}, {"message": "it could not be done"}, {"mfo.dry_run": True}, {"mfo.rejected": True},
    {"mfo.cancelled": True}, {"mfo.state": "failed"}, {"mfo.state": "pending"}, {"mfo.state": "reopened"},
    {"mfo.comment": "не выполнено"}, {"mfo.note": "rejected"}, {"labels.outcome": "rejected"}, {"tags": ["rejected"]},
    {"mfo.environment": "test"}, {"labels.env": "UAT"}, {"mfo.mode": "shadow"}, {"mfo.valid": False},
    {"mfo.failed": 2}, {"labels.dry_run": "true"}, {"mfo.detail": "error"}, {"mfo.simulated": "да"},
]  # fmt: skip
ABOUT_ELSE = (
    "failed disk replaced", "2 rights refused and removed", "no errors", "без ошибок", "0 failed", "қате жоқ",
    "ошибка исправлена", "restored after a failure", "checked by the owner", "плановая проверка", "as scheduled",
    "замечаний нет", "не требуется", "access not needed any more",
)  # fmt: skip


@pytest.mark.parametrize(("action", "obligation", "sign"), SIGNS, ids=IDS)
def test_what_was_put_off_or_says_otherwise_anywhere_is_none(action: str, obligation: str, sign: ProofSign) -> None:
    event = fulfilled(sign)
    asked = {*sign.where, *sign.needs, *sign.apart}
    for text in PUT_OFF:
        for name in ("event.reason", "mfo.reason", "message", "mfo.comment"):
            if name not in asked and not (text in ("cancelled", "отменено") and action.endswith("cancelled")):
                assert obligation not in proofs().of(event | {name: text}), (name, text)
    for more in CONTRADICTIONS:
        assert obligation not in proofs().of(event | more), more
    for name in sign.needs:
        for nothing in ("none given", "none yet", "later", "pending", "not assigned yet", "пока нет", "позже"):
            assert obligation not in proofs().of(event | {name: nothing}), (name, nothing)


@pytest.mark.parametrize(("action", "obligation", "sign"), SIGNS, ids=IDS)
def test_what_was_done_stays_evidence_beside_what_is_about_something_else(
    action: str, obligation: str, sign: ProofSign
) -> None:
    event = fulfilled(sign)
    for text in ABOUT_ELSE:
        for name in ("event.reason", "mfo.reason", "message", "mfo.comment"):
            if name not in sign.where:
                assert obligation in proofs().of(event | {name: text}), (name, text)
    for more in (
        {"mfo.dry_run": False}, {"mfo.failed": 0}, {"mfo.errors": []}, {"mfo.state": "closed"}, {"tags": ["night"]},
        {"labels.env": "production"}, {"mfo.cancelled": "нет"}, {"mfo.valid": True}, {"mfo.mode": "full"},
    ):  # fmt: skip
        assert obligation in proofs().of(event | more), more


@pytest.mark.parametrize(("action", "said"), [
    ("net.av.detection", "quarantine"), ("net.av.detection", "Карантин"), ("host.service.state", "running"),
    ("host.service.state", "работает"), ("veridoc.result", "genuine"), ("verilive.result", "live"),
    ("veriface.match", "Совпадение"), ("coid.result", "сәйкестік"),
])  # fmt: skip
def test_the_words_of_a_type_are_evidence(action: str, said: str) -> None:
    for name, sign in proofs().signs[action]:
        assert name in proofs().of(fulfilled(sign) | {sign.said_in: said}), name


@pytest.mark.parametrize(("value", "target", "reached"), [
    (1, 99, False), ("0%", "100%", False), ("100%", "100%", True), (99, 99, True), ("99,5 %", ">= 99 %", True),
    ("98 %", "не менее 99 %", False), ("3", "<= 5", True), ("7", "не более 5", False), ("0 open ports", "0", True),
    ("2 open ports", "0", False), ("7m", "10m", True), ("40m", "10m", False), ("2h", "90 min", False),
    ("80 min", "2 h", True), ("95%", "at least 97%", False),
    ("enabled", "enabled", True), ("many", "5", False), ("no", "yes", False), ("on", "enabled", True),
])  # fmt: skip
def test_a_measured_control_is_evidence_where_it_reaches_its_target(
    value: object, target: object, reached: bool
) -> None:
    event = {"event.action": "isms.control.measured", "mfo.control.id": "perimeter", "mfo.outcome": "done"}
    found = proofs().of(event | {"mfo.control.value": value, "mfo.control.target": target})
    assert ("perimeter" in found) is reached


@pytest.mark.parametrize(("more", "shown"), [
    ({}, False), ({"mfo.signed_at": "2026-11-20T09:00:00+05:00", "mfo.consent.at": "2026-11-20T09:30:00+05:00"}, False),
    ({"mfo.signed_at": "2026-11-19T09:00:00+05:00"}, False),
    ({"mfo.signed_at": "yesterday", "mfo.consent.at": "-"}, False),
    ({"mfo.signed_at": "2026-11-19T09:00:00+05:00", "mfo.consent.at": "2026-11-20T09:30:00+05:00"}, True),
])  # fmt: skip
def test_a_payout_is_evidence_of_the_cooling_off_where_it_shows_that_the_day_passed(
    more: dict[str, Any], shown: bool
) -> None:
    event = {"event.action": "loan.disbursement.executed", "mfo.loan.id": "L-1", "mfo.amount": 400_000,
             "mfo.payout.type": "card", "mfo.payout.executed_at": "2026-11-20T10:00:00+05:00"}  # fmt: skip
    assert ("cooling-off-24h" in proofs().of(event | more)) is shown


def test_of_errors_less_is_better() -> None:
    event = {"event.action": "isms.control.measured", "mfo.control.id": "document-error-rate", "mfo.outcome": "done"}
    for value, reached in (("1 %", True), ("7 %", False)):
        told = event | {"mfo.control.value": value, "mfo.control.target": "5 %"}
        assert ("document-error-rate" in proofs().of(told)) is reached


@pytest.mark.parametrize(("action", "obligation", "sign"), SIGNS, ids=IDS)
def test_a_type_that_carries_an_outcome_is_evidence_by_it_only(action: str, obligation: str, sign: ProofSign) -> None:
    """``not_failed`` is for what has no outcome to tell, or states by its name that it was done."""
    stated = ("signed", "approved", "completed", "held", "verified", "stopped")
    if "mfo.outcome" in builtin_catalogue().events[action].fields and not action.endswith(stated):
        assert sign.outcome == "done"
    if sign.outcome == "done":
        event = fulfilled(sign)
        del event[sign.said_in]
        assert obligation not in proofs().of(event)


def test_nothing_is_evidence_whatever_its_outcome_without_a_reason() -> None:
    for _, _, sign in SIGNS:
        assert sign.outcome != "any" or sign.why
    with pytest.raises(ValueError, match="its outcome does not matter"):
        ProofSign(event="otp.sent", outcome="any")
    assert ProofSign(event="otp.sent", outcome="any", why="it is sent or not").meets({"event.action": "otp.sent"})


def test_a_packet_that_was_held_off_is_never_evidence() -> None:
    known: Proofs = proofs()
    assert "net.firewall.flow" in known.never
    assert "net.firewall.flow" not in known.signs
