"""The one place that judges an answer to an order: what it says was done, of each subject the order names.

A duty is done by evidence that names what was done, to whom and by which system, and that is no refusal. Whatever is
not known here is unclear, and unclear is not done (docs/decisions/0028-done-is-proven.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from engine.kernel.facts import Record

SubjectType = Literal[
    "client", "loan", "user", "session", "device", "address", "workstation", "account", "host", "message",
]  # fmt: skip
Said = Literal["done", "refused", "pending", "unclear"]
DONE = frozenset({"done", "already-done", "applied", "completed", "success"})
REFUSED = frozenset({
    "refused", "rejected", "failed", "failure", "error", "denied", "declined", "not-done", "not-found", "unknown",
    "unknown-loan", "unknown-client", "not-applied", "false", "no",
})  # fmt: skip
PENDING = frozenset({
    "queued", "pending", "accepted", "received", "in-progress", "processing", "scheduled", "handed-over",
})  # fmt: skip
LONGEST = 300


class Subject(Record):
    """Whom or what an order is about."""

    type: SubjectType
    id: str

    @property
    def name(self) -> str:
        """Type and id in one word."""
        return f"{self.type}:{self.id}"


class SubjectOutcome(Record):
    """What an answer says of one subject (``type:id``)."""

    subject: str
    outcome: Said
    detail: str = ""


class Judged(Record):
    """An answer, judged: one outcome for every subject of the order, and the reference it goes by."""

    outcomes: tuple[SubjectOutcome, ...] = ()
    reference: str = ""
    detail: str = ""

    def of(self, outcome: Said) -> tuple[str, ...]:
        """Return the subjects with an outcome."""
        return tuple(it.subject for it in self.outcomes if it.outcome == outcome)

    @property
    def verdict(self) -> Said:
        """Say it in one word: done only where there are subjects and all are done; a refusal goes before a doubt."""
        said = {it.outcome for it in self.outcomes}
        if said == {"done"}:
            return "done"
        for outcome in ("refused", "unclear", "pending"):
            if outcome in said:
                return outcome
        return "unclear"


def subjects_of(kind: SubjectType, ids: Iterable[str]) -> tuple[Subject, ...]:
    """Return subjects of one type, each once; blank names are no subjects."""
    return tuple(Subject(type=kind, id=it) for it in dict.fromkeys(ids) if it.strip())


def word_of(value: object) -> Said:
    """Read the word for an outcome. What is none of the known words is unclear."""
    if not isinstance(value, str):
        return "unclear"
    word = value.strip().lower().replace("_", "-").replace(" ", "-")
    if word in DONE:
        return "done"
    if word in REFUSED:
        return "refused"
    return "pending" if word in PENDING else "unclear"


def all_of(subjects: Sequence[Subject], outcome: Said, detail: str, reference: str = "") -> Judged:
    """Say the same of every subject."""
    said = tuple(SubjectOutcome(subject=it.name, outcome=outcome, detail=detail[:LONGEST]) for it in subjects)
    return Judged(outcomes=said, reference=reference, detail=detail[:LONGEST])


def judge(status: int, document: object, subjects: Sequence[Subject]) -> Judged:
    """Judge an HTTP answer with status 2xx and what its body holds as JSON (None for a body that is none)."""
    if not isinstance(document, Mapping):
        outcome: Said = "pending" if status == 202 else "unclear"
        return all_of(subjects, outcome, f"HTTP {status} without a JSON object: it says nothing of the subjects")
    reference = reference_of(document.get("reference"))
    refusal = _refusal(document)
    if refusal:
        return all_of(subjects, "refused", refusal, reference)
    if status == 202:
        return all_of(subjects, "pending", "HTTP 202: taken, not yet done", reference)
    found = _listed(document.get("outcomes"), subjects)
    if not found and len(subjects) == 1 and "outcomes" not in document:
        found = {subjects[0].name: (word_of(document.get("outcome")), _text(document.get("detail")))}
        if found[subjects[0].name][0] == "unclear" and word_of(document.get("status")) == "pending":
            found = {subjects[0].name: ("pending", _text(document.get("status")))}
    if not found and "pending" in (word_of(document.get("status")), word_of(document.get("outcome"))):
        return all_of(subjects, "pending", "the system says that it is not done yet", reference)
    return _judged(subjects, found, reference)


def judge_event(
    fields: Mapping[str, Any], subjects: Sequence[Subject], *, says: Sequence[str], denies: Sequence[str] = (),
    by_name: bool = False, reference: str,
) -> Judged:  # fmt: skip
    """Judge an event that answers an order. ``says`` names the fields that state what was done (a flag, an instant),
    ``denies`` those that deny it when they are no; ``by_name``: the type of the event states it already.

    It counts for the loans it names; where it names none, for the only subject of an order.
    """
    said, detail = _event_said(fields, says, denies, by_name)
    named = _named(fields)
    if named or len(subjects) == 1:
        found = [it for it in subjects if not named or it.id in named]
        if found:
            outcomes = tuple(SubjectOutcome(subject=it.name, outcome=said, detail=detail) for it in found)
            return Judged(outcomes=outcomes, reference=reference, detail=detail)
        return all_of(subjects, "unclear", "it names none of the order's subjects", reference)
    return all_of(subjects, "refused" if said == "refused" else "unclear", detail or "it names no loan", reference)


def _event_said(
    fields: Mapping[str, Any], says: Sequence[str], denies: Sequence[str], by_name: bool
) -> tuple[Said, str]:
    against = next((name for name in (*says, *denies) if _is_no(fields.get(name))), "")
    if against:
        return "refused", f"{against} is {str(fields[against]).lower()}"
    outcomes = [fields[name] for name in ("mfo.outcome", "event.outcome") if fields.get(name) is not None]
    words = {word_of(it) for it in outcomes}
    for said in ("refused", "unclear", "pending"):
        if said in words:
            return said, f"outcome {', '.join(str(it)[:80] for it in outcomes)}"
    stated = by_name or any(fields.get(name) not in (None, "") for name in says)
    return ("done", "") if stated or words else ("unclear", "it says no outcome")


def _is_no(value: object) -> bool:
    return value is False or (isinstance(value, str) and word_of(value) == "refused")


def _named(fields: Mapping[str, Any]) -> frozenset[str]:
    found: list[str] = []
    for name in ("mfo.loan.id", "mfo.loan.ids"):
        value = fields.get(name)
        found += [str(it) for it in value] if isinstance(value, list | tuple) else [str(value)] if value else []
    return frozenset(found)


def says_something(text: str) -> bool:
    """Say whether a text can be somebody's own words: a dot or a dash vouches for nothing."""
    return sum(letter.isalnum() for letter in text) >= 2


def reference_of(value: object) -> str:
    """Return the reference an answer goes by, empty where it gives none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()[:200]


def _refusal(document: Mapping[str, Any]) -> str:
    """Say why an answer refuses as a whole, empty where it does not."""
    error = document.get("error") or document.get("errors")
    if error:
        return f"error: {_text(error)}"
    if document.get("success") is False or document.get("ok") is False:
        return f"it says that it did not succeed {_text(document.get('detail'))}".strip()
    for name in ("status", "outcome", "result"):
        if word_of(document.get(name)) == "refused":
            return f"{name} {document[name]} {_text(document.get('detail'))}".strip()
    return ""


def _listed(value: object, subjects: Sequence[Subject]) -> dict[str, tuple[Said, str]]:
    """Read the list of outcomes: of each subject what it says; a subject told of twice, differently, is unclear."""
    found: dict[str, tuple[Said, str]] = {}
    by_id: dict[str, list[str]] = {}
    for it in subjects:
        by_id.setdefault(it.id, []).append(it.name)
    known = {it.name for it in subjects}
    for entry in value if isinstance(value, list) else ():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("id"), str):
            continue
        named = [f"{entry['type']}:{entry['id']}"] if entry.get("type") else by_id.get(entry["id"], [])
        if len(named) != 1 or named[0] not in known:
            continue
        said = word_of(entry.get("outcome")), _text(entry.get("detail") or entry.get("outcome"))
        held = found.get(named[0])
        found[named[0]] = said if held is None or held[0] == said[0] else ("unclear", "told of twice, differently")
    return found


def _judged(subjects: Sequence[Subject], found: Mapping[str, tuple[Said, str]], reference: str) -> Judged:
    outcomes = []
    for it in subjects:
        said, detail = found.get(it.name, ("unclear", "the answer says no outcome for it"))
        if said == "done" and not reference:
            said, detail = "unclear", "done without a reference"
        outcomes.append(SubjectOutcome(subject=it.name, outcome=said, detail="" if said == "done" else detail))
    first = next((it for it in outcomes if it.outcome != "done"), None)
    return Judged(
        outcomes=tuple(outcomes), reference=reference, detail=f"{first.subject}: {first.detail}" if first else ""
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST]
