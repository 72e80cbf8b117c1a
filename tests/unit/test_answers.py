"""The rule of the house: no duty is done by a refusal or by what nobody knows, whatever an answer looks like."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernel.answer_words import AGREES, normal
from engine.kernel.answers import DONE, PENDING, REFUSED, Judged, Subject, judge, judge_event, subjects_of, word_of
from engine.policies.act_words import ANSWERS
from engine.protection import orders as orders_of
from engine.protection.facts import OrderAcknowledged
from engine.protection.protection import Protection
from infra.outbound.orders import Answer, HttpPost
from tests.past import NOW, registered
from tests.spec import fold
from tests.support import MONDAY, MovingClock

LOANS = subjects_of("loan", ("l-1", "l-2"))
WORDS = st.one_of(st.sampled_from(sorted(DONE | REFUSED | PENDING)), st.text(max_size=12), st.none(), st.booleans(),
                  st.integers())  # fmt: skip
JSON = st.recursive(WORDS, lambda it: st.one_of(st.lists(it, max_size=3), st.dictionaries(st.text(max_size=8), it)),
                    max_leaves=6)  # fmt: skip
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["l-1", "l-2", "l-3"]), "outcome": WORDS},
        optional={"type": st.sampled_from(["loan", "client"]), "detail": WORDS},
    ),
    max_size=4,
)
BODIES = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {},
        optional={
            "reference": st.one_of(WORDS, st.just("R-1")), "outcomes": st.one_of(ENTRIES, JSON), "outcome": WORDS,
            "status": WORDS, "error": JSON, "errors": JSON, "success": WORDS, "ok": WORDS, "result": WORDS,
        },
    ),
)  # fmt: skip


def proves(body: Any, status: int, subject: str) -> bool:
    """Say, independently of the product, whether an answer proves that a subject of two is done."""
    if status == 202 or not isinstance(body, dict) or not isinstance(body.get("reference"), str | int):
        return False
    if isinstance(body["reference"], bool) or not str(body["reference"]).strip():
        return False
    if body.get("error") or body.get("errors") or body.get("success") is False or body.get("ok") is False:
        return False
    if any(word_of(body.get(name)) == "refused" for name in ("status", "outcome", "result")):
        return False
    if any(word_of(body.get(name)) == "pending" for name in ("status", "outcome", "result")):
        return False
    entries = body.get("outcomes")
    if not isinstance(entries, list) or not all(isinstance(it, dict) for it in entries):
        return False
    if any(it.get("id") not in ("l-1", "l-2") or it.get("type") not in (None, "loan") for it in entries):
        return False
    about = [entry["outcome"] for entry in entries if entry["id"] == subject]
    return bool(about) and all(word_of(it) == "done" for it in about)


@settings(max_examples=600, deadline=None)
@given(body=BODIES, status=st.sampled_from([200, 201, 202, 204]))
def test_no_clock_is_satisfied_by_a_refusal_or_by_the_unknown(body: Any, status: int) -> None:
    """Over all ways of answering: the order of two loans is acknowledged only where the answer proves both."""
    judged = judge(status, body, LOANS)
    assert {it.subject for it in judged.outcomes} == {"loan:l-1", "loan:l-2"}, "every subject has an outcome"
    for name in ("l-1", "l-2"):
        assert f"loan:{name}" not in judged.of("done") or proves(body, status, name)
    assert acknowledged(judged) == (judged.verdict == "done")


def acknowledged(judged: Judged) -> bool:
    """Say whether an answer acknowledges the stop of collection for two loans."""
    state = fold(Protection, registered())
    issued = orders_of.issue_orders(state, due_at=MONDAY + timedelta(days=3), at=MONDAY)
    for fact in issued:
        state.apply(fact)
    facts = orders_of.answered(state, issued[0].order_id, judged, done_at=NOW, at=NOW, actor="system:collections")
    return any(isinstance(fact, OrderAcknowledged) for fact in facts)


FLAGS = st.one_of(st.booleans(), st.none(), st.sampled_from(["no", "false", "2026-11-20T10:00:00+05:00", "b-1"]))


@settings(max_examples=400, deadline=None)
@given(
    action=st.sampled_from(sorted(ANSWERS)), flags=st.lists(FLAGS, min_size=4, max_size=4), outcome=WORDS,
    loans=st.sampled_from([None, "l-1", "l-2", "l-3"]),
)  # fmt: skip
def test_no_event_that_refuses_or_says_nothing_is_an_answer(
    action: str, flags: list[Any], outcome: Any, loans: str | None
) -> None:
    read = ANSWERS[action]
    names = (*read.says, *read.denies)
    fields = dict(zip(names, flags, strict=False))
    if outcome is not None:
        fields["mfo.outcome"] = outcome
    if loans is not None:
        fields["mfo.loan.id"] = loans
    judged = judge_event(fields, LOANS, says=read.says, denies=read.denies, by_name=read.by_name, reference="e-1")
    assert not acknowledged(judged), "it names at most one of two loans"
    if judged.of("done"):
        assert judged.of("done") == (f"loan:{loans}",)
        assert outcome is None or word_of(outcome) == "done" or normal(outcome) in AGREES
        assert not any(fields.get(name) is False or fields.get(name) in ("no", "false") for name in names)


@pytest.mark.parametrize("word", ["done", "DONE", "already_done", "Applied"])
def test_the_words_for_done_are_few(word: str) -> None:
    assert word_of(word) == "done"
    assert word_of(f"not {word}") != "done"


def test_an_order_of_nobody_is_never_done() -> None:
    assert judge(200, {"reference": "R", "outcome": "done", "outcomes": []}, ()).verdict == "unclear"


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"reference": "AFC-1", "outcome": "done"}', "done"),
        (200, b'{"reference": "AFC-1", "status": "rejected"}', "refused"),
        (200, b'{"error": "unknown sender"}', "refused"),
        (202, b'{"reference": "AFC-1"}', "retry"),
        (200, b"", "retry"),
        (200, b"<html>", "retry"),
    ],
)
def test_the_anti_fraud_centre_is_read_the_same_way(status: int, body: bytes, outcome: str) -> None:
    http = HttpPost(MovingClock())
    message = (Subject(type="message", id="n-1"),)
    assert http.judged(Answer(status, body), "afc", message).outcome == outcome


def test_the_first_contract_hands_over_and_never_proves() -> None:
    http = HttpPost(MovingClock())
    said = {body: http.judged(Answer(200, body), "loans", LOANS, 1).outcome for body in (b"", b"{}", b"<html>", b"[]")}
    assert said == {b"": "handed-over", b"{}": "handed-over", b"<html>": "retry", b"[]": "retry"}
    assert http.judged(Answer(200, b'{"status": "error"}'), "loans", LOANS, 1).outcome == "refused"


@settings(max_examples=300, deadline=None)
@given(
    reference=st.sampled_from(["CRM-5", "17", 5]),
    words=st.lists(st.sampled_from(sorted(DONE)), min_size=2, max_size=2),
    more=st.dictionaries(
        st.sampled_from(["trace_id", "duration_ms", "operator", "server_name", "build"]),
        st.one_of(st.sampled_from(["a-1", "7f3e", "Ivanov A."]), st.integers(1, 10**6)),
        max_size=3,
    ),
)
def test_whatever_harmless_stands_beside_it_what_is_done_is_done(
    reference: Any, words: list[str], more: dict[str, Any]
) -> None:
    outcomes = [{"id": it.id, "outcome": word} for it, word in zip(LOANS, words, strict=True)]
    assert judge(200, {"reference": reference, "outcomes": outcomes, **more}, LOANS).verdict == "done"
