"""Signs in an answer that speak against done: a refusal, a doubt, not yet, a trial, another order, client or subject.

An answer is read wholly, also what stands inside what. Keys for text people write are few; of an unknown key a plain
value harms nothing as long as it says nothing against done. What cannot be told apart is unclear, and so is not done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, get_args

from engine.kernel.answer_words import Said, against, is_no, is_nothing, is_yes, normal, verdict_word
from engine.kernel.outcomes import Asked, Subject, SubjectType
from engine.kernel.timestamps import SKEW, NotAnInstant, parse_rfc3339

DEEPEST = 8
TEXTS = frozenset({
    "detail", "details", "message", "msg", "note", "notes", "comment", "comments", "description", "title", "text",
    "info",
    "remark", "remarks", "explanation", "reason", "reason_text", "summary", "сообщение", "комментарий", "примечание",
    "причина", "хабарлама", "түсініктеме", "ескерту", "себеп",
})  # fmt: skip
"""Keys whose text people write."""
_VERDICTS = frozenset({
    "status", "state", "result", "outcome", "verdict", "decision", "code", "http_status", "http_code", "status_code",
    "result_code", "response_code", "return_code", "response", "answer", "conclusion", "resolution", "phase", "stage",
    "статус", "результат", "состояние", "решение", "итог", "код", "нәтиже", "күй", "мәртебе", "шешім",
})  # fmt: skip
_AFFIRMS = frozenset({
    "success", "ok", "succeeded", "successful", "done", "applied", "completed", "complete", "executed", "performed",
    "stopped", "confirmed", "blocked", "held", "released", "processed", "valid", "found", "exists", "final", "finished",
    "acknowledged", "effective", "matched", "permitted", "allowed", "written_off", "corrected", "flagged",
    "успех", "успешно", "выполнено", "исполнено", "сәтті", "орындалды",
})  # fmt: skip
_COUNTS = re.compile(r"^(?:num_|n_|count_|total_)?(\w+?)(?:_count|_total|_number|_loans|_subjects)?$")
_PROGRESS = frozenset({"progress", "percent", "percentage", "percent_complete", "прогресс"})
_DOINGS = frozenset({"order_type", "order_kind", "kind", "action", "operation", "command", "method", "действие"})
_KINDS = re.compile(r"(?:collection|accrual|bureau|client|access|payout|write)-\w+$")
_LIFTS = re.compile(r"resum|releas|restor|unflag|unblock|возобнов|разблок")
_HARMLESS_FLAGS = frozenset({
    "replay", "replayed", "duplicate", "duplicated", "idempotent", "idempotent_replay", "cached", "signed", "secure",
    "notified", "logged", "audited", "authenticated", "already", "already_done", "has_more",
})  # fmt: skip
_REFUSING = re.compile(
    r"(?:^|_)(?:err|error|errors|fail\w*|failure\w*|reject\w*|refus\w*|declin\w*|den(?:y|ied|ial)\w*|invalid\w*|missing|"
    r"unknown\w*|unmatched|not|un(?:done|able|applied|processed|successful)|skip\w*|ignor\w*|cancel\w*|revert\w*|"
    r"roll(?:ed)?_?back|abort\w*|exception\w*|fault\w*|problem\w*|expired|revoked|withdrawn|undone|ошибк\w*|отказ\w*|"
    r"отклон\w*|отмен\w*|қате\w*)(?:_|$)"
)
_LATER = re.compile(
    r"(?:^|_)(?:pending|queue\w*|remaining|retry|retries|defer\w*|postpon\w*|delay\w*|schedul\w*|plan|planned|waiting|"
    r"awaiting|later|next_attempt|todo)(?:_|$)"
)
_DOUBTING = re.compile(
    r"(?:^|_)(?:dry|dryrun|simulat\w*|test|testing|sandbox|mock|preview|draft|trial|partial\w*|warn\w*|doubt\w*|"
    r"uncertain\w*|conflict\w*|mismatch\w*|except|excluded|exclud\w*|only|validate_only|what_if)(?:_|$)"
)
_TYPES: dict[str, SubjectType | None] = {
    **{name: kind for kind in get_args(SubjectType) if kind != "message"
       for name in (kind, f"{kind}s", f"{kind}es", f"{kind}_id", f"{kind}_ids", f"{kind}id", f"{kind}ids")},
    **dict.fromkeys(
        ("contract", "contracts", "contract_id", "contract_ids", "contract_number", "contract_no", "agreement",
         "agreements", "agreement_id", "agreement_number", "loan_number", "loan_no", "credit", "credits", "credit_id",
         "microcredit", "microloan", "договор", "номер_договора", "заем", "заём", "займ", "кредит", "шарт", "қарыз"),
        "loan",
    ),
    **dict.fromkeys(
        ("customer", "customers", "customer_id", "borrower", "borrowers", "borrower_id", "debtor", "debtor_id",
        "person",
         "person_id", "iin", "client_iin", "клиент", "заемщик", "заёмщик", "иин", "жсн"),
        "client",
    ),
    **dict.fromkeys(("subject", "subjects", "subject_id", "subject_ids", "target_id", "object_id", "entity_id"), None),
}  # fmt: skip
_ORDER = frozenset({"order_id", "orderid", "order_ids", "order_number", "order_no", "order_ref", "idempotency_key"})
_TARGETS = frozenset({"target", "bureau", "bureau_name"})
BUREAUS = {"пкб": "pkb", "гкб": "gkb", "1cb": "pkb", "scb": "gkb"}
_OF_THEIRS = frozenset({
    "trace", "span", "request", "meta", "metadata", "links", "server", "service", "operator", "agent", "author", "by",
    "performed_by", "done_by", "employee", "job", "ticket", "case", "event",
})  # fmt: skip
"""What an answer may tell of the other system itself: an id in there names nothing of the order."""
_LIFTING = ("resume", "restore", "unflag", "release")
_WHEN = re.compile(r"_(?:at|on|time|date|from|since)$|^(?:date|time|timestamp|when|at)$|^effective_")
_DONE_WHEN = frozenset({
    "done_at", "completed_at", "applied_at", "executed_at", "stopped_at", "blocked_at", "performed_at", "finished_at",
    "effective_at", "effective_from", "held_at", "released_at",
})  # fmt: skip
_ENDS = re.compile(r"^(?:expires|expiry|expiration|valid_until|valid_to|until|ends)(?:_|$)")


class Sign(NamedTuple):
    """What speaks against done: how an answer with it is to be read, and why."""

    said: Said
    why: str


def name_of(key: object) -> str:
    """Write a key in one way: ``orderId``, ``Order-ID`` and ``order_id`` are one."""
    split = re.sub(r"(?<=[a-zа-яё0-9])(?=[A-ZА-ЯЁ])", "_", str(key))
    return re.sub(r"[^\w]+|_+", "_", split).strip("_").casefold()


def speaks(name: str) -> bool:
    """Say whether a key of an event can speak against done by itself: a state, a failure, a trial, not yet."""
    if name in ("status", "state", "result", "dry_run"):
        return True
    return any(it.search(name) for it in (_REFUSING, _LATER, _DOUBTING))


def bureau_of(name: object) -> str:
    """Return the id of a bureau by the name it is called."""
    word = normal(str(name))
    return BUREAUS.get(word, word)


def future(value: object, now: datetime | None) -> bool:
    """Say whether a value names an instant or a day that is still to come."""
    if now is None or not isinstance(value, str):
        return False
    try:
        return parse_rfc3339(value.strip()) > now + SKEW
    except NotAnInstant:
        pass
    try:
        text = value.strip()
        day = date.fromisoformat(text[:10]) if re.match(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return False
    return day is not None and day > (now + SKEW).astimezone(UTC).date()


class Signs:
    """Looks for what speaks against done, of an answer or of one entry in it."""

    def __init__(self, asked: Asked, subjects: Sequence[Subject], reference: str = "") -> None:
        self.asked = asked
        self.subjects = subjects
        self.reference = reference

    def found(
        self, document: Mapping[str, Any], known: frozenset[str] = frozenset(), depth: int = 0, inside: str = ""
    ) -> Iterator[Sign]:
        """Yield the signs in a document; ``known`` are the keys that the contract reads by itself."""
        for key, value in document.items():
            if key in known and not depth:
                continue
            name = name_of(key)
            if name in known and not depth:
                yield Sign("unclear", f"{key} is a key of the contract spelt otherwise")
            if name != "id" or inside not in _OF_THEIRS:
                yield from self.look(name, value, depth)

    def look(self, name: str, value: Any, depth: int = 0) -> Iterator[Sign]:
        """Yield what one value says against done."""
        if depth > DEEPEST:
            yield Sign("unclear", f"{name} lies too deep to be read")
        elif value is None or (isinstance(value, str) and not value.strip()) or value in ([], {}):
            return
        elif (sign := self._told_of(name, value, depth)) is not None:
            yield from sign
        else:
            yield from self._said(name, value, depth)

    def _told_of(self, name: str, value: Any, depth: int) -> list[Sign] | None:
        """Read what names an order, a client or a subject; None where the key names none of these."""
        asked = self.asked
        if name in ("demands", "due_at", "term"):
            return []
        if name in _ORDER or name == "order":
            expected = {asked.order_id} if name != "order" else {asked.order_id, asked.order}
            return self._same(name, value, expected - {""}, depth, "another order")
        if name in _TARGETS:
            if isinstance(value, str) and asked.target and bureau_of(value) == bureau_of(asked.target):
                return []
            return [Sign("unclear", f"{name} is not whom the order went to")]
        if name == "contract" and value in (1, 2) and not isinstance(value, bool):
            return []
        if name == "id":
            own = {it.id for it in self.subjects} if len(self.subjects) == 1 else set()
            return self._same(name, value, (own | {asked.order_id, self.reference}) - {""}, depth, "something else")
        if name == "type" and value in get_args(SubjectType):
            return [] if any(it.type == value for it in self.subjects) else [Sign("unclear", f"it is about a {value}")]
        return self._subjects(name, value, depth) if self._is_subject(name) else None

    def _is_subject(self, name: str) -> bool:
        """Say whether a key names subjects: loans and clients always, another type where the order is about such."""
        if name not in _TYPES:
            return False
        kind = _TYPES[name]
        return kind in (None, "loan", "client") or any(it.type == kind for it in self.subjects)

    def _same(self, name: str, value: Any, expected: set[str], depth: int, other: str) -> list[Sign]:
        if isinstance(value, Mapping):
            return list(self.found(value, depth=depth + 1))
        values = value if isinstance(value, list) else [value]
        if all(isinstance(it, str) and it in expected for it in values):
            return []
        return [Sign("unclear", f"{name} names {other}")]

    def _subjects(self, name: str, value: Any, depth: int) -> list[Sign]:
        """Read a key that names subjects of a type: they must be subjects of the order, and all where it is a list."""
        kind = _TYPES[name]
        own = {it.id for it in self.subjects if kind in (None, it.type)}
        if kind == "client" and self.asked.client:
            own.add(self.asked.client)
        found: list[Sign] = []
        named: set[str] = set()
        for it in value if isinstance(value, list) else [value]:
            if isinstance(it, Mapping):
                ids = [it[key] for key in it if name_of(key) in ("id", "number", f"{kind}_id")]
                rest = {
                    key: more for key, more in it.items() if name_of(key) not in ("id", "number", f"{kind}_id", "type")
                }
                named.update(str(one) for one in ids)
                found += self.found(rest, depth=depth + 1)
                found += [] if ids else [Sign("unclear", f"{name} names nobody")]
            else:
                named.add(it if isinstance(it, str) else f"{it!r}")
        if kind is None:
            named = {it.split(":", 1)[1] if it.split(":", 1)[0] in get_args(SubjectType) else it for it in named}
        if not named <= own or not (kind == "client" or own <= named):
            found.append(Sign("unclear", f"{name} is not what the order names"))
        return found

    def _said(self, name: str, value: Any, depth: int) -> Iterator[Sign]:
        """Read what a value says by its key: a verdict, a flag, a text, an instant, or a key nobody knows."""
        refusing, later, doubting = (it.search(name) for it in (_REFUSING, _LATER, _DOUBTING))
        if name in _VERDICTS and not isinstance(value, list | dict):
            yield from self._verdict(name, value)
        elif (refusing or later or doubting) and name not in TEXTS:
            if not _only_nothing(value):
                yield Sign("refused" if refusing else "pending" if later else "unclear", f"{name}: {_short(value)}")
        elif isinstance(value, Mapping):
            yield from self.found(value, depth=depth + 1, inside=name)
        elif isinstance(value, list | tuple):
            for it in value:
                yield from self.look(name, it, depth + 1)
        elif name in _AFFIRMS:
            yield from self._affirmed(name, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from self._number(name, value)
        elif isinstance(value, bool):
            if name not in _HARMLESS_FLAGS:
                yield Sign("unclear", f"{name} is {str(value).lower()}, and nobody knows what that means")
        elif isinstance(value, str):
            yield from self._text(name, value)

    def _verdict(self, name: str, value: Any) -> Iterator[Sign]:
        text = str(value).strip()
        number = int(text) if not isinstance(value, bool) and re.fullmatch(r"\d{1,5}", text) else None
        if isinstance(value, bool):
            said: Said = "done" if value else "refused"
        elif number is not None:
            agreed = number in (200, 201, 204) or (number == 0 and name.endswith(("code", "код")))
            said = "done" if agreed else "pending" if number == 202 else "refused" if number >= 400 else "unclear"
        else:
            said = verdict_word(value)
            stays = normal(text) in ("stopped", "blocked", "held", "suspended", "flagged", "остановлено", "тоқтатылды")
            if said == "done" and stays and self.asked.order.endswith(_LIFTING):
                said = "unclear"
            if said == "unclear" and normal(text) in ("resumed", "released") and self.asked.order.endswith(_LIFTING):
                said = "done"
        if said != "done":
            yield Sign(said, f"{name} {_short(value)}")

    def _affirmed(self, name: str, value: Any) -> Iterator[Sign]:
        been = isinstance(value, str) and _instant(value) and not future(value, self.asked.now)
        counted = isinstance(value, int | float) and not isinstance(value, bool) and value >= len(self.subjects)
        if is_no(value):
            yield Sign("refused", f"{name} is {_short(value)}")
        elif not (been or counted or (is_yes(value) and not (value == 1 and type(value) is int and not counted))):
            yield Sign("unclear", f"{name} is {_short(value)}")

    def _text(self, name: str, value: str) -> Iterator[Sign]:
        if name in _DOINGS and self._another_doing(normal(value)):
            yield Sign("unclear", f"{name} is {_short(value)}")
        elif name in _DONE_WHEN and not _instant(value):
            yield Sign("unclear", f"{name} is no instant")
        elif future(value, self.asked.now):
            yield Sign("unclear", f"{name} lies in the future")
        elif _ENDS.search(name):
            yield Sign("unclear", f"{name}: it is not for good")
        elif (said := against(value)) is not None and not (name not in TEXTS and is_nothing(value)):
            yield Sign(said[0], f"{name}: {_short(said[1])}")

    def _another_doing(self, word: str) -> bool:
        """Say whether a word names another order than was given, or the opposite of it."""
        lifts = _LIFTS.search(word) is not None and not self.asked.order.endswith(_LIFTING)
        return lifts or (_KINDS.match(word) is not None and word != self.asked.order)

    def _number(self, name: str, value: float) -> Iterator[Sign]:
        """Read a number: how many were done, how far it has come, or when it was."""
        counted = _COUNTS.match(name)
        if counted is not None and counted[1] in _AFFIRMS:
            yield from self._affirmed(name, value)
        elif name in _PROGRESS and value not in (1, 100):
            yield Sign("pending", f"{name} is {_short(value)}")
        elif _WHEN.search(name) and self._ahead(value):
            yield Sign("unclear", f"{name} lies in the future")

    def _ahead(self, value: Any) -> bool:
        """Say whether a number of seconds or milliseconds since 1970 lies in the future."""
        if self.asked.now is None or not isinstance(value, int | float) or value < 1e9:
            return False
        seconds = value / 1000 if value > 1e11 else value
        return bool(seconds > (self.asked.now + SKEW).timestamp())


def _only_nothing(value: Any) -> bool:
    """Say whether all that a value holds says nothing."""
    if isinstance(value, Mapping):
        return all(_only_nothing(it) for it in value.values())
    if isinstance(value, list | tuple):
        return all(_only_nothing(it) for it in value)
    return is_nothing(value)


def _instant(value: str) -> bool:
    try:
        parse_rfc3339(value.strip())
    except NotAnInstant:
        return False
    return True


def _short(value: object) -> str:
    return str(value)[:120]
