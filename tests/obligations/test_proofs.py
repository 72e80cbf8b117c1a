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
