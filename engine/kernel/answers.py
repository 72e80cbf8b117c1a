"""The one place that judges an answer to an order: what it says was done, of each subject the order names.

A duty is done by evidence that names what was done, to whom and by which system, and that is no refusal. Whatever is
not known here is unclear, and unclear is not done (docs/decisions/0028-done-is-proven.md). The words are in
``answer_words``, what speaks against done in ``answer_signs``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from engine.kernel.answer_signs import Sign, Signs, bureau_of, name_of, speaks, type_of
from engine.kernel.answer_words import (
    DONE,
    PENDING,
    REFUSED,
    TEXTS,
    Said,
    against,
    calm,
    doubts,
    is_no,
    is_nothing,
    is_yes,
    names_something,
    normal,
    word_of,
)
from engine.kernel.outcomes import (
    LONGEST,
    Asked,
    Judged,
    Subject,
    SubjectOutcome,
    SubjectType,
    all_of,
    subjects_of,
)
from engine.kernel.timestamps import SKEW, future, instant_or_day

__all__ = [
    "DONE", "NOBODY", "PENDING", "REFUSED", "Asked", "Judged", "Said", "Subject", "SubjectOutcome", "SubjectType",
    "all_of",
    "judge", "judge_event", "reference_of", "subjects_of", "word_of",
]  # fmt: skip
_TOP = frozenset({"reference", "outcomes", "outcome", "done_at"})
_ENTRY = frozenset({"type", "id", "outcome", "done_at"})
_WHOLE = frozenset({200, 201, 207, 208})
"""The statuses whose body is the answer: not a part of it, nor what somebody on the way made of it."""
_FLAGS = ("stopped", "claims_stopped")
_SINCE_ORDERED = ("mfo.correction.applied_at",)
"""Instants that cannot lie before the order: a bureau applies the correction that it was sent."""
_FAILING = frozenset({"denied", "error", "failure", "pipeline-error", "err", "critical", "fatal", "alert", "emergency"})
"""Words of ``event.type``, ``event.kind`` and ``log.level`` of an event that tells of a failure."""
_CLOCKS = timedelta(minutes=1)
"""By how much the clock of another system may be behind ours."""
NOBODY = Asked()


def judge(
    status: int, document: object, subjects: Sequence[Subject], asked: Asked = NOBODY, *, fault: str = ""
) -> Judged:
    """Judge an HTTP answer with status 2xx and what its body holds as JSON (None for a body that is none).

    ``asked`` is the order that it answers; ``fault`` says why a body cannot be taken at its word (a key stands twice).
    """
    if fault or not isinstance(document, Mapping):
        outcome: Said = "pending" if status == 202 and not fault else "unclear"
        return all_of(
            subjects, outcome, fault or f"HTTP {status} without a JSON object: it says nothing of the subjects"
        )
    reference = reference_of(document.get("reference"))
    signs = [*Signs(asked, subjects, reference).found(document, _TOP), *_done_at(document.get("done_at"), asked)]
    refusal = next((it.why for it in signs if it.said == "refused"), "")
    if not refusal and word_of(document.get("outcome")) == "refused":
        refusal = f"outcome {document['outcome']} {_text(document.get('detail'))}".strip()
    if refusal:
        return all_of(subjects, "refused", f"{refusal} {_text(document.get('detail'))}".strip(), reference)
    if status not in _WHOLE and status != 202:
        return all_of(subjects, "unclear", f"HTTP {status} is no whole answer", reference)
    if status == 202:
        return all_of(subjects, "pending", "HTTP 202: taken, not yet done", reference)
    found, strangers = _outcomes(document, subjects, asked)
    later = any(it.said == "pending" for it in signs) or word_of(document.get("outcome")) == "pending"
    if not found and later:
        return all_of(subjects, "pending", "the system says that it is not done yet", reference)
    doubt = next((it.why for it in signs if it.said == "unclear"), "") or strangers
    return _judged(subjects, found, reference, doubt=doubt, later=later)


def _outcomes(
    document: Mapping[str, Any], subjects: Sequence[Subject], asked: Asked
) -> tuple[dict[str, tuple[Said, str]], str]:
    """Read the outcomes of subjects; and say what in the list makes the whole of it doubtful."""
    if "outcomes" in document:
        if "outcome" in document and word_of(document["outcome"]) != "done":
            return {}, f"outcome {_text(document['outcome'])}"
        return _listed(document["outcomes"], subjects, asked)
    if len(subjects) == 1 and "outcome" in document:
        said = word_of(document["outcome"])
        return {subjects[0].name: (said, _text(document.get("detail") or document["outcome"]))}, ""
    return {}, ""


def _listed(value: object, subjects: Sequence[Subject], asked: Asked) -> tuple[dict[str, tuple[Said, str]], str]:
    """Read the list of outcomes: of each subject what it says; a subject told of twice, differently, is unclear, and
    an entry that names no subject of the order makes the whole of it doubtful."""
    found: dict[str, tuple[Said, str]] = {}
    strangers = ""
    for entry in value if isinstance(value, list) else ():
        named = _named_by(entry, subjects)
        if named is None:
            strangers = strangers or "an entry names no subject of the order"
            continue
        said = _entry(entry, named, asked)
        held = found.get(named.name)
        found[named.name] = said if held is None or held[0] == said[0] else ("unclear", "told of twice, differently")
    return found, strangers


def _named_by(entry: object, subjects: Sequence[Subject]) -> Subject | None:
    """Return the subject that an entry names, letter for letter; None for any other."""
    if not isinstance(entry, Mapping):
        return None
    fits = [it for it in subjects if it.id == entry.get("id") and type_of(entry.get("type")) in (None, it.type)]
    return fits[0] if len(fits) == 1 else None


def _entry(entry: Mapping[str, Any], named: Subject, asked: Asked) -> tuple[Said, str]:
    """Read one entry: its outcome, unless the rest of it says otherwise."""
    said, detail = word_of(entry.get("outcome")), _text(entry.get("detail") or entry.get("outcome"))
    signs = [*Signs(asked, (named,)).found(entry, _ENTRY), *_done_at(entry.get("done_at"), asked)]
    if said == "done":
        for against_it in ("refused", "unclear", "pending"):
            why = next((it.why for it in signs if it.said == against_it), "")
            if why:
                return against_it, why
    return said, detail


def _done_at(value: object, asked: Asked) -> Iterator[Sign]:
    """Read when it was done, where an answer says it: an instant or a day that has been."""
    if value is None:
        return
    if instant_or_day(value) is None:
        yield Sign("unclear", f"done_at is no instant: {_text(value)[:60]}")
    elif future(value, asked.now):
        yield Sign("unclear", "done_at lies in the future")


def judge_event(
    fields: Mapping[str, Any], subjects: Sequence[Subject], *, says: Sequence[str], denies: Sequence[str] = (),
    by_name: bool = False, reference: str, asked: Asked = NOBODY, at: datetime | None = None,
    since: Mapping[str, datetime] = MappingProxyType({}),
) -> Judged:  # fmt: skip
    """Judge an event that answers an order. ``says`` names the fields that state what was done (a flag, an instant),
    ``denies`` those that deny it when they are no; ``by_name``: the type of the event states it already. ``at`` is when
    the event says that it happened, ``asked.now`` when it came in; ``since``: until when more is known of a subject.

    It counts for the loans it names; where it names none, for the only subject of an order. One that names another
    client, loan or bureau, or is dated before the order or after its receipt, does not speak of the order at all.
    """
    named = _named(fields)
    other = _other(fields, named, subjects, asked, at)
    if other:
        return all_of(subjects, "unclear", other, reference, foreign=True)
    said, detail, worded = _event_said(fields, says, denies, by_name, Signs(asked, subjects, reference))
    if named or len(subjects) == 1:
        found = [it for it in subjects if not named or it.id in named or it.type != "loan"]
        if found and at is not None and any(at < since[it.name] - _CLOCKS for it in found if it.name in since):
            return all_of(subjects, "unclear", "it is older than what was said since", reference, foreign=True)
        if found:
            outcomes = tuple(SubjectOutcome(subject=it.name, outcome=said, detail=detail) for it in found)
            told = tuple(it.name for it in found) if worded else ()
            return Judged(outcomes=outcomes, reference=reference, detail=detail, told=told)
        return all_of(subjects, "unclear", "it names none of the order's subjects", reference, foreign=True)
    return all_of(subjects, "refused" if said == "refused" else "unclear", detail or "it names no loan", reference)


def _other(
    fields: Mapping[str, Any], named: frozenset[str], subjects: Sequence[Subject], asked: Asked, at: datetime | None
) -> str:
    """Say why an event does not speak of the order, empty where it does."""
    client = fields.get("mfo.client.id")
    clients = {it.id for it in subjects if it.type == "client"} | ({asked.client} if asked.client else set())
    if client is not None and clients and str(client) not in clients:
        return "it names another client"
    loans = {it.id for it in subjects if it.type == "loan"} | set(asked.loans)
    if loans and not named <= loans:
        return "it names a loan that is none of the order's"
    bureau = fields.get("mfo.bureau.name")
    if bureau is not None and asked.target and bureau_of(bureau) != bureau_of(asked.target):
        return "it comes from a bureau that the order did not go to"
    if at is not None and asked.issued_at is not None and at < asked.issued_at - _CLOCKS:
        return "it is dated before the order"
    if at is not None and asked.now is not None and at > asked.now + SKEW:
        return "it is dated in the future"
    return ""


def _event_said(
    fields: Mapping[str, Any], says: Sequence[str], denies: Sequence[str], by_name: bool, signs: Signs
) -> tuple[Said, str, bool]:
    """Return what an event says, why, and whether it says so in a word of its own: one nobody knows says nothing."""
    for name in (*says, *denies):
        if _denied(name, fields.get(name)):
            return "refused", f"{name} is {str(fields[name]).lower()}", True
    found = [*_stated(fields, (*says, *denies), signs.asked), *_against(fields, {*says, *denies}, signs)]
    outcomes = [fields[name] for name in ("mfo.outcome", "event.outcome") if fields.get(name) is not None]
    words = {signs.event_word(it, by_name=by_name) for it in outcomes}
    told = f"outcome {', '.join(str(it)[:80] for it in outcomes)}"
    for said in ("refused", "unclear", "pending"):
        why = next((it.why for it in found if it.said == said), "")
        if said in words:
            return said, told, said != "unclear" or bool(why) or any(doubts(it) for it in outcomes)
        if why:
            return said, why, True
    stated = by_name or any(fields.get(name) not in (None, "") for name in says)
    return ("done", "", True) if stated or words else ("unclear", "it says no outcome", False)


def _denied(name: str, value: object) -> bool:
    """Say whether a field denies that it was done. What is accrued is a sum, not a flag: it may be zero."""
    if name.startswith("mfo.accrual.") and (not isinstance(value, bool | str) or _zero(value)):
        return False
    return value is not None and is_no(value)


def _zero(value: object) -> bool:
    """Say whether a sum is zero, as a number or as text."""
    if isinstance(value, str):
        return bool(re.fullmatch(r"0+(?:[.,]0+)?", value.strip()))
    return not isinstance(value, bool) and value == 0


def _stated(fields: Mapping[str, Any], names: Sequence[str], asked: Asked) -> Iterator[Sign]:
    """Read the fields that state what was done: an instant or a day that has been, a flag that is yes, no accrual."""
    for name in names:
        value = fields.get(name)
        if value is None or value == "":
            continue
        if name.endswith("_at"):
            when = instant_or_day(value)
            if when is None:
                yield Sign("unclear", f"{name} is no instant")
            elif future(value, asked.now):
                yield Sign("unclear", f"{name} lies in the future")
            elif name in _SINCE_ORDERED and asked.issued_at is not None and when < asked.issued_at - _CLOCKS:
                yield Sign("unclear", f"{name} lies before the order")
        elif name.startswith("mfo.accrual.") and not _zero(value) and (isinstance(value, bool) or not is_yes(value)):
            yield Sign("unclear", f"{name} is {str(value)[:80]}: it goes on")
        elif name.endswith(_FLAGS) and not is_yes(value):
            yield Sign("unclear", f"{name} is {str(value)[:80]}")
    reference = fields.get("mfo.bureau.reference")
    if reference not in (None, "") and not reference_of(reference):
        yield Sign("unclear", f"mfo.bureau.reference {str(reference)[:80]} names nothing")


def _against(fields: Mapping[str, Any], read: Collection[str], signs: Signs) -> Iterator[Sign]:
    """Read what else in an event speaks against done: an error, a reason that refuses, a status, a flag, a tag."""
    for name, value in fields.items():
        first, last = name.split(".", 1)[0], name_of(name.rsplit(".", 1)[-1])
        if name in read or name in ("mfo.outcome", "event.outcome"):
            continue
        if first == "error":
            if not is_nothing(value) and not calm(value):
                yield Sign("refused", f"{name}: {str(value)[:120]}")
        elif name in ("event.type", "event.kind", "log.level"):
            if any(normal(str(it)) in _FAILING for it in (value if isinstance(value, list | tuple) else [value])):
                yield Sign("refused", f"{name} is {str(value)[:80]}")
        elif last in TEXTS or first == "tags":
            for text in value if isinstance(value, list | tuple) else [value]:
                found = against(text) if isinstance(text, str) else None
                if found is not None and (first != "tags" or found[0] != "pending"):
                    yield Sign(found[0], f"{name}: {text[:120]}")
        elif first in ("mfo", "labels") and speaks(last):
            yield from signs.look(last, value)


def _named(fields: Mapping[str, Any]) -> frozenset[str]:
    found: list[str] = []
    for name in ("mfo.loan.id", "mfo.loan.ids"):
        value = fields.get(name)
        found += [str(it) for it in value] if isinstance(value, list | tuple) else [str(value)] if value else []
    return frozenset(found)


def reference_of(value: object) -> str:
    """Return the reference an answer goes by, empty where it gives none, or one that says nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and value < 1):
        return ""
    text = str(value).strip()[:200]
    return text if names_something(text) else ""


def _judged(
    subjects: Sequence[Subject], found: Mapping[str, tuple[Said, str]], reference: str, *, doubt: str, later: bool
) -> Judged:
    outcomes = []
    for it in subjects:
        said, detail = found.get(it.name, ("unclear", "the answer says no outcome for it"))
        if said == "done" and (doubt or later):
            said, detail = ("unclear", doubt) if doubt else ("pending", "the system says that it is not done yet")
        elif said == "done" and not reference:
            said, detail = "unclear", "done without a reference"
        outcomes.append(
            SubjectOutcome(subject=it.name, outcome=said, detail="" if said == "done" else detail[:LONGEST])
        )
    first = next((it for it in outcomes if it.outcome != "done"), None)
    return Judged(
        outcomes=tuple(outcomes),
        reference=reference,
        detail=f"{first.subject}: {first.detail}" if first else "",
        told=() if doubt else tuple(found),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST]
